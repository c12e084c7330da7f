"""Find links and pictures of a post that lead nowhere, before MkDocs does."""

import re
from collections.abc import Callable, Iterator
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blog_code.errors import Finding
from blog_code.posts.pictures import what_is_wrong
from blog_code.posts.post import Post, Prose
from blog_code.posts.prose import without_code

LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
CELL = "cell-"  # begins the address of a cell on its page


def lint_links(post: Post, read: Callable[[Path], Post | None]) -> Iterator[Finding]:
    """Yield pictures that cannot be shown, files that are not there, and addresses that no cell has.

    `read` returns the post that lies at a path, if there is one.
    """
    yield from _lint_picture(post, post.line_of("image"), post.root / "docs" / post.meta.image)
    for part in post.parts:
        text = without_code(part.text) if isinstance(part, Prose) else ""
        for found in LINK.finditer(text):
            line, parts = part.line + text.count("\n", 0, found.start()), urlsplit(found[2])
            if parts.scheme or parts.netloc or parts.path.startswith(("/", "{")):
                continue
            path = Path(normpath(post.path.parent / unquote(parts.path))) if parts.path else post.path
            run = path.is_relative_to(post.run_folder)
            if not run and not path.exists():
                fix = "write it, or fix the address"
                yield post.finding(line, f"there is no {parts.path} beside the post", fix)
            elif found[1] and (not run or path.name in post.meta.files):
                yield from _lint_picture(post, line, path)
            elif parts.fragment.startswith(CELL) and (there := read(path)):
                yield from _lint_anchor(post, line, there, parts.fragment)


def _lint_picture(post: Post, line: int, path: Path) -> Iterator[Finding]:
    """Find a picture that is none, or none for a page."""
    if path.is_file() and (wrong := what_is_wrong(path)):
        yield post.finding(line, f"{path.name} {wrong}", "save it as a plain picture, or leave it out")


def _lint_anchor(post: Post, line: int, there: Post, fragment: str) -> Iterator[Finding]:
    """Find the address of a cell that its page has not."""
    if fragment.removeprefix(CELL) not in {cell.name for cell in there.cells}:
        yield post.finding(
            line, f"{there.name} has no cell {fragment.removeprefix(CELL)}", "name one that it has"
        )
