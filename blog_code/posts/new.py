"""Begin a post: its page, and its module with one region."""

import datetime
import keyword
from pathlib import Path

from blog_code.errors import Finding, PostError, writing
from blog_code.posts.post import SLUG

PAGE = """\
---
title: {title}
description: What a reader gets, in one sentence.
date: {date}
draft: true # until the post is ready: it is checked, and not published
---

The first paragraph, which lists of posts show too.

<!-- more -->

``` {{ .python }}
--8<-- "{package}/story.py:greet"
```
--8<-- "{slug}/greet.out.html"
"""
STORY = '''\
"""The code of the post {slug}, a region for each block of the page, in its order."""

# --8<-- [start:greet]
def greet(name: str) -> str:
    return f"Hello, {{name}}."


print(greet("reader"))
# --8<-- [end:greet]
'''


def new_post(root: Path, slug: str, today: datetime.date) -> list[Path]:
    """Write the page and the module of a post; raise PostError where that is no name, or one that is taken.

    Returns the files that were written.
    """
    package = slug.replace("-", "_")
    page, folder = root / "docs" / "posts" / f"{slug}.md", root / "blog_code" / package
    if wrong := why_not(slug, package, page, folder):
        raise PostError(Finding(f"docs/posts/{slug}.md", 1, wrong, "take another name: blog new my-post"))
    title = slug.replace("-", " ").capitalize()
    files = {
        page: PAGE.format(title=title, date=today.isoformat(), slug=slug, package=package),
        folder / "story.py": STORY.format(slug=slug),
    }
    with writing("the post", root, f"blog new {slug}"):
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return list(files)


def why_not(slug: str, package: str, page: Path, folder: Path) -> str:
    """Say why a post cannot have a name; empty where it can."""
    if not SLUG.fullmatch(slug):
        return f"{slug} is no name of a post: use a-z, 0-9 and single hyphens"
    if not package.isidentifier() or keyword.iskeyword(package):
        return f"{package} is no name of a package: begin with a letter, and take no word of Python's"
    if folder.exists() or folder.with_suffix(".py").exists():
        return f"blog_code/{package} is there already"
    return "the post is there already" if page.exists() else ""
