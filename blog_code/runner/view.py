"""The notebook as a page: `notebook.md`, made once for each notebook, and the same under every generator.

Its front matter names what it was made of and by what, so that a check need not make it again to judge it.
"""

import contextlib
import json
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from blog_code.errors import PostError
from blog_code.posts.post import Post
from blog_code.runner.lock import read_lock
from blog_code.runner.outputs import Output
from blog_code.runner.record import digest

VIEW = "notebook.md"
SCRIPT = Path(__file__).with_name("converter.py")
PACKAGES = ("mkdocs-jupyter", "nbconvert", "mistune", "pygments")  # on which its bytes depend
PAGE = """\
---
title: {title}
hide: [toc]
search: {{exclude: true}}
made: {made}
---

{body}
"""


def make_view(post: Post, notebook: bytes) -> bytes:
    """Convert the notebook of a post's run to a page; raise PostError where the converter fails."""
    body = start_converter().convert(post, notebook)
    made = {**_made_of(post, notebook), "page": digest(body)}
    title = json.dumps(f"{post.meta.title}, as a notebook", ensure_ascii=False)
    return PAGE.format(title=title, made=json.dumps(made), body=body).encode()


def is_whole(post: Post) -> bool:
    """Say whether the page is there, and as it was made."""
    made, body = _read(post)
    return made.get("page") == digest(body)


def is_current(post: Post) -> bool:
    """Say whether the page is of the accepted notebook, and as it would be made today."""
    made, _ = _read(post)
    with contextlib.suppress(OSError):
        notebook = (post.run_folder / f"{post.slug}.ipynb").read_bytes()
        return {**made, **_made_of(post, notebook)} == made
    return False


def _read(post: Post) -> tuple[dict[str, str], str]:
    """Return what the page says that it was made of, and its body."""
    with contextlib.suppress(OSError, ValueError):
        head, _, body = (post.run_folder / VIEW).read_text("utf-8").removeprefix("---\n").partition("---\n")
        made = json.loads(head.partition("\nmade: ")[2])
        return made if isinstance(made, dict) else {}, body.strip("\n")
    return {}, ""


def _made_of(post: Post, notebook: bytes) -> dict[str, str]:
    """Return the checksums of what goes into the page: the notebook, what the post says, the converter."""
    pins = read_lock(post.root).pins
    code = [digest(path.read_bytes()) for path in (SCRIPT, SCRIPT.with_name("notebook.html.j2"))]
    return {
        "notebook": digest(notebook),
        "post": digest([post.meta.title, _alt_texts(post)]),
        "converter": digest([code, *(pins.get(name, []) for name in PACKAGES)]),
    }


def _alt_texts(post: Post) -> dict[str, str]:
    return {mention.file: mention.alt for mention in post.mentions if mention.alt}


def _pictures(post: Post, notebook: bytes) -> dict[str, list[tuple[str, str]]]:
    """Map each cell to the pictures that it drew, a file and an alt text each."""
    cells = {cell.name: cell for cell in post.cells}
    alt, drawn = _alt_texts(post), {}
    for made in json.loads(notebook)["cells"]:
        outputs: list[Output] = made.get("outputs", [])
        kinds = [kind for out in outputs for kind in (".svg", ".png") if _draws(out, kind)]
        names = [f"{cells[made['id']].output(n)}{kind}" for n, kind in enumerate(kinds, 1)]
        drawn[made["id"]] = [(name, alt.get(name, "")) for name in names]
    return drawn


def _draws(output: Output, kind: str) -> bool:
    data = output.get("data", {})
    return "image/svg+xml" in data if kind == ".svg" else "image/png" in data


@cache
def start_converter() -> "Converter":
    """Return the process that converts for as long as this one lives; its imports take seconds."""
    return Converter()


class Converter:
    """Asks the converter, one notebook at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, "-P", str(SCRIPT)], text=True, **pipes)

    def convert(self, post: Post, notebook: bytes) -> str:
        """Return a notebook as one line of HTML."""
        request = json.dumps({"notebook": notebook.decode(), "pictures": _pictures(post, notebook)})
        with self._turn, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
            return str(json.loads(self._process.stdout.readline()))
        message = "the notebook could not be made a page, see above"
        raise PostError(post.finding(1, message, f"make site, then: blog run {post.slug}"))
