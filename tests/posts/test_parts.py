"""The one reader of fences: what check, notebook, script and lists take for prose and for a fence."""

import pytest
from repository import Repository

from blog_code.posts.post import Fence, split_parts


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("a\n\n``` { .text .output }\n  b\n```\nc", ["a\n", (3, ["text", "output"], ["  b"]), "c"]),
        ("> ~~~ text\n> b\n> ~~~\n", ["", (1, ["text"], ["b"]), ""]),
        ("- a\n\n    ``` text title=b.c\n    d\n    ```\n", ["- a\n", (3, ["text"], ["d"]), ""]),
        ("```` text\n```\n````\n", ["", (1, ["text"], ["```"]), ""]),
        ("```code``` in a line\n", ["```code``` in a line\n"]),
    ],
)
def test_a_page_is_prose_and_fences(body: str, parts: list[object]) -> None:
    """A fence is what Markdown takes for one, with what its author wrote between its two lines."""
    read = [
        (part.line, part.classes, part.lines) if isinstance(part, Fence) else "\n".join(part.lines)
        for part in split_parts(body)
    ]

    assert read == parts


def test_check_and_editions_read_the_same(repo: Repository) -> None:
    """Three backticks within a line begin no fence, so nothing below them is lost."""
    repo.post(first="print(1)", second="print(2)", flags={"second": ".quiet"})
    repo.edit("docs/posts/x.md", "Prose.", "Prose, and\n```code``` in it.")

    folder = repo.accept()

    cells = "\n\n# %% first\nprint(1)\n\n# %% second\nprint(2)\n"
    assert f"# Prose, and\n# ```code``` in it.{cells}" in (folder / "x.py").read_text()
