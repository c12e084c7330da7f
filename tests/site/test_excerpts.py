"""Lists of posts: the same to the last byte, though of each post only the excerpt is converted."""

from pathlib import Path

import pymdownx.highlight
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

POST = """\
---
date: 2024-01-01
categories: [Measured]
---

# A post

Prose with [a link][below], a note[^1], [another][second], [a third][third] and a divider in code:

``` { .html }
<!-- more -->
```

<!-- more -->

## Behind

[below]: https://example.org/right
  "a title on a line of its own"
[second]:
  https://example.org/second

``` { .text }
[below]: https://example.org/wrong
```

[^1]: What the note says.
<div>
</div>

[third]: https://example.org/third
"""
SETTINGS = """
site_name: Lists
site_url: https://example.org/
theme: {name: material, font: false}
plugins: [{blog: {blog_dir: .}}]
markdown_extensions: [%s footnotes, pymdownx.superfences, pymdownx.highlight]
"""


def build_lists(folder: Path, extension: str) -> dict[str, str]:
    """The pages of a site of two posts, by their places."""
    (folder / "docs" / "posts").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text("# Posts\n")
    for name in ("one", "two"):
        (folder / "docs" / "posts" / f"{name}.md").write_text(POST.replace("A post", f"Post {name}"))
    (folder / "mkdocs.yml").write_text(SETTINGS % extension)
    build(load_config(str(folder / "mkdocs.yml")))
    found = (folder / "site").rglob("*.html")
    return {path.relative_to(folder / "site").as_posix(): path.read_text("utf-8") for path in found}


def test_lists_are_as_without_the_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind the divider is converted once, for the page of its post; no list looks otherwise."""
    highlighted = []
    highlight = pymdownx.highlight.Highlight.highlight

    def counted(self: pymdownx.highlight.Highlight, src: str, *rest: object, **named: object) -> object:
        highlighted.append(src)
        return highlight(self, src, *rest, **named)

    monkeypatch.setattr(pymdownx.highlight.Highlight, "highlight", counted)
    whole = build_lists(tmp_path / "whole", "")
    times_whole = sum("wrong" in code for code in highlighted)
    highlighted.clear()
    cut = build_lists(tmp_path / "cut", "blog_code.site.excerpts,")
    times_cut = sum("wrong" in code for code in highlighted)

    assert "https://example.org/right" in whole["index.html"], "the excerpt uses what is defined behind it"
    assert "https://example.org/second" in whole["index.html"]
    assert "https://example.org/third" in whole["index.html"]
    assert "Continue reading" in whole["index.html"]
    assert cut == whole
    assert times_cut == 2 < times_whole
