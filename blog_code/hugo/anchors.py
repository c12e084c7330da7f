"""The ids that Hugo gives to headings, and those that Python-Markdown would give."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from markdown.extensions.toc import unique
from markdown_it.token import Token
from pymdownx.slugs import slugify

_SLUG = slugify(case="lower")


class Anchors:
    """Makes the ids of one page, each once: a second `notes` is `notes-1`."""

    def __init__(self, kind: str = "github") -> None:
        self.kind = kind
        self.taken: set[str] = set()

    def add(self, text: str) -> str:
        """Return the id of the next heading."""
        base = anchor(text.strip(), self.kind) or "heading"
        name, number = base, 0
        while name in self.taken:
            number += 1
            name = f"{base}-{number}"
        self.taken.add(name)
        return name


def anchor(text: str, kind: str = "github") -> str:
    """Return the id of a heading's text as Hugo forms it."""
    if kind == "blackfriday":
        return re.sub(r"[\W_]+", "-", text.lower()).strip("-")
    if kind == "github-ascii":
        text = unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()
    letters = []
    for character in text:
        if character in " -":
            letters.append("-")
        elif character == "_" or character.isalpha() or unicodedata.category(character) == "Nd":
            letters.append(character.lower())
    return "".join(letters)


def heading_text(tokens: Sequence[Token]) -> str:
    """Return the text from which Hugo makes an id.

    Raw HTML, protected maths and bare addresses drop out; of a heading of several lines the last one counts.
    """
    parts: list[str] = []
    depth, in_address, after_break = 0, False, False
    for token in tokens:
        depth += token.nesting
        after_break = after_break and depth > 0
        if token.info == "auto":
            in_address = token.nesting == 1
        elif token.type in ("softbreak", "hardbreak"):
            parts, after_break = [], depth > 0
        elif in_address or after_break or token.type == "html_inline" or token.markup == "passthrough":
            continue
        else:
            shown = token.markup if token.type == "emoji" else token.content
            parts.append(heading_text(token.children) if token.children else shown)
    return "".join(parts)


def _shown(tokens: Sequence[Token]) -> str:
    """Return the text from which the table of contents makes an id: what is read, images aside."""
    parts = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type not in ("image", "html_inline"):
            parts.append(_shown(token.children) if token.children else token.content)
    return "".join(parts)


def mark_ids_to_write(tokens: Sequence[Token]) -> None:
    """Mark the headings to which the table of contents extension would give another id than Hugo did."""
    given: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and "id" in opening.attrs:
            wanted = str(opening.attrs["id"])
            shown = " ".join(_shown(inline.children or []).split())
            opening.meta["write id"] = unique(_SLUG(shown, "-"), set(given)) != wanted
            given.add(wanted)
