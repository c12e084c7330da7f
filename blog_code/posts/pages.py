"""Find what is wrong with the files of docs/ beside the posts themselves, and between posts."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

import yaml
from pymdownx.slugs import slugify

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.front_matter import split_front_matter
from blog_code.posts.lint import RESERVED
from blog_code.posts.pictures import DRAWN, what_is_wrong
from blog_code.posts.post import RUNS, Post, Prose, split_parts
from blog_code.posts.prose import refused, unprintable
from blog_code.posts.values import quoted

PAGES = {".md", ".markdown", ".mdown", ".mkdn", ".mkd"}  # what MkDocs takes for a page
type Values = dict[str, dict[str, str]]


def slug_of(name: str) -> str:
    """Return what the theme calls a tag or a category in addresses."""
    return str(slugify(case="lower")(name, "-"))


def lint_docs(root: Path, packages: Collection[str], values: Values) -> Iterator[Finding]:
    """Yield what is wrong with the files of docs/ but for posts and runs; pages may quote `values`."""
    runs = str(root / RUNS)
    for folder, folders, names in os.walk(root / "docs"):
        of_runs = folder == runs or folder.startswith(f"{runs}/")
        for name in sorted([*names, *folders]):
            if of_runs and PurePosixPath(name).suffix not in PAGES - {".md"}:
                continue  # there are many
            path = Path(folder, name)
            place = path.relative_to(root)
            if of_runs:
                yield Finding(place.as_posix(), 1, "would be a page of its own", "give it another suffix")
            elif path.is_symlink() and not path.resolve().is_relative_to((root / "docs").resolve()):
                message = "is a symbolic link, and what it leads to would be published"
                yield Finding(place.as_posix(), 1, message, "copy what the site needs")
            elif path.suffix in PAGES and not path.is_dir():
                yield from _lint_page(root, PurePosixPath(place), packages, values)
            elif path.suffix.lower() in DRAWN and (wrong := what_is_wrong(path)):
                yield Finding(place.as_posix(), 1, wrong, "save it as a plain picture, or leave it out")
            elif name == ".meta.yml":
                yield from _lint_defaults(root, path, packages)


def _lint_page(
    root: Path, place: PurePosixPath, packages: Collection[str], values: Values
) -> Iterator[Finding]:
    """Find pages that are posts and no run sees, and what no page may hold."""
    name, posts = str(place), PurePosixPath("docs/posts")
    if place.parent == posts and place.suffix != ".md":
        yield Finding(name, 1, "is a post that no run sees", f"git mv {name} {place.with_suffix('.md')}")
    elif place.parent != posts and place.is_relative_to(posts):
        fix = "move it to docs/posts/, or exclude it in mkdocs.yml"
        yield Finding(name, 1, "is a post in a folder, which no run sees", fix)
    elif place.parent != posts:
        yield from _lint_text(root, name, packages, values)


def _lint_text(root: Path, name: str, packages: Collection[str], values: Values) -> Iterator[Finding]:
    """Find scripts on a page, values that no run has, and keys of its front matter that hide values."""
    try:
        text = read_text(root / name, root)
        parts = split_front_matter(text, name) if text.startswith("---") else ({}, {}, text, 1)
    except PostError as error:
        yield from error.findings
        return
    _, keys, body, first_line = parts
    yield from _lint_keys(name, {key[0]: line for key, line in keys.items()}, packages)
    for problem in unprintable(text):
        yield Finding(name, *problem)
    for part in split_parts(body, first_line):
        for problem in refused(part.text, part.line) if isinstance(part, Prose) else ():
            yield Finding(name, *problem)
    for line, value, package in quoted(body, first_line):
        if value not in values.get(package, {}):
            message = f"{package}.{value} is no value of a run" if value else f"{package} is no value"
            yield Finding(name, line, message, "quote values as {{= post.name }}")


def _lint_keys(name: str, lines: dict[str, int], packages: Collection[str]) -> Iterator[Finding]:
    """Find keys that the macros plugin would read instead of the values of a run."""
    for key in lines.keys() & {*packages, *RESERVED}:
        yield Finding(name, lines[key], f"{key} would change what pages quote or show", "leave it out")


def _lint_defaults(root: Path, path: Path, packages: Collection[str]) -> Iterator[Finding]:
    """Find such keys where a folder gives them to all of its pages."""
    name = path.relative_to(root).as_posix()
    try:
        read = yaml.safe_load(read_text(path, root))
    except PostError as error:
        yield from error.findings
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield Finding(name, 1, f"is no YAML: {getattr(error, 'problem', None) or error}")
    else:
        yield from _lint_keys(name, dict.fromkeys(map(str, read or {}), 1), packages)


def lint_names(posts: Iterable[Post]) -> Iterator[Finding]:
    """Find tags and categories of one address, and posts whose keys hide the values of another."""
    known: dict[tuple[str, str], str] = {}
    posts = list(posts)
    for post in posts:
        for key, names in {"tags": post.meta.tags, "categories": post.meta.categories}.items():
            for name in names:
                other = known.setdefault((key, slug_of(name)), name)
                if other != name or not slug_of(name):
                    said = f"{other} and {name} have" if other != name else f"{name} has"
                    message = f"{key}: {said} the address “{slug_of(name)}”"
                    yield post.finding(post.line_of(key), message, "spell one as the other, or in words")
    packages = {post.package for post in posts if post.meta.values}
    for post in posts:
        yield from _lint_keys(post.name, {keys[0]: line for keys, line in post.lines.items()}, packages)
