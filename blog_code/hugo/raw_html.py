"""Raw HTML: what Goldmark leaves open around Markdown, and what Python-Markdown must be told about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown.util import BLOCK_LEVEL_ELEMENTS
from mdformat.renderer import RenderTreeNode

from blog_code.hugo.escapes import entities

_PIECE = re.compile(
    r"<!--.*?-->|<(?P<verbatim>script|style|pre|textarea)\b.*?</(?P=verbatim)\s*>"
    r"|<(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)


@dataclass
class Container:
    """HTML blocks that open and close around Markdown."""

    opening: RenderTreeNode
    children: list[RenderTreeNode]
    closing: str
    type: str = "html_block"


def still_open(html: str, before: Sequence[str] = ()) -> list[str]:
    """Return the names of the elements that a piece of HTML leaves open, outermost first."""
    stack = list(before)
    for piece in _PIECE.finditer(html):
        name = (piece["name"] or "").lower()
        if not name or name in _VOID or (piece["attributes"] or "").endswith("/"):
            continue
        if not piece["close"]:
            stack.append(name)
        elif name in stack:
            while stack.pop() != name:
                pass
    return stack


def is_block_element(name: str) -> bool:
    """Whether Python-Markdown takes an element for a block."""
    return name.lower() in BLOCK_LEVEL_ELEMENTS or name.lower() in ("details", "summary", "center", "figure")


def _block_elements(names: Sequence[str]) -> list[str]:
    return [name for name in names if is_block_element(name)]


def open_blocks(html: str, before: Sequence[str] = ()) -> list[str]:
    """Return the block elements that a piece of HTML leaves open."""
    return _block_elements(still_open(html, before))


def with_containers(nodes: Sequence[RenderTreeNode]) -> list[RenderTreeNode | Container]:
    """Group siblings so that what stands in an element that was left open belongs to it."""
    found: list[RenderTreeNode | Container] = []
    index = 0
    while index < len(nodes):
        node = nodes[index]
        stack = open_blocks(node.content) if node.type == "html_block" else []
        if not stack:
            found.append(node)
            index += 1
            continue
        end, closing = _closing(nodes, index, stack)
        found.append(Container(node, list(nodes[index + 1 : end]), closing))
        index = end + 1
    return found


def _closing(nodes: Sequence[RenderTreeNode], start: int, stack: list[str]) -> tuple[int, str]:
    for end in range(start + 1, len(nodes)):
        if nodes[end].type == "html_block":
            stack = open_blocks(nodes[end].content, stack)
            if not stack:
                return end, nodes[end].content
    return len(nodes), "\n".join(f"</{name}>" for name in reversed(stack))


def with_markdown(html: str) -> str:
    """Mark the elements that HTML leaves open as holding Markdown, and its own text as holding none."""
    depth, last, out = 0, 0, ""
    stack: list[str] = []
    opened = []
    for piece in _PIECE.finditer(html):
        name = (piece["name"] or "").lower()
        if (
            name
            and not piece["close"]
            and name not in _VOID
            and not (piece["attributes"] or "").endswith("/")
        ):
            stack.append(name)
            opened.append((len(stack), piece))
        elif name in stack:
            while stack.pop() != name:
                pass
            opened = [(level, start) for level, start in opened if level <= len(stack)]
    lasting = {start.start() for _, start in opened}
    for piece in _PIECE.finditer(html):
        out += _text(html[last : piece.start()], depth)
        tag = piece[0]
        if piece.start() in lasting:
            tag = f'{_without_markdown(tag)[:-1].rstrip()} markdown="block">'
            depth += 1
        out += ("\n" if out and not out.endswith("\n") and piece.start() in lasting else "") + tag
        last = piece.end()
    out += _text(html[last:], depth)
    return re.sub(r"(?m)^[ \t]+", "", out).strip()


def _text(text: str, depth: int) -> str:
    return entities(text) if depth and text.strip() else text


def _without_markdown(tag: str) -> str:
    return re.sub(r"\s+markdown(?:=(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?(?=[\s>/])", "", tag)


def escaped_text(html: str) -> str:
    """Return HTML whose text cannot be read as Markdown."""
    out, last = "", 0
    for piece in _PIECE.finditer(html):
        out += _text(html[last : piece.start()], 1) + piece[0]
        last = piece.end()
    return out + _text(html[last:], 1)


def block(html: str, *, careful: bool) -> str:
    """Return a balanced piece of HTML as a block of its own."""
    html = _PIECE.sub(lambda piece: _without_markdown(piece[0]) if piece["name"] else piece[0], html.strip())
    if not careful:
        return re.sub(r"(?m)^[ \t]+(?=<)", "", html) if not _PIECE.match(html) or "<pre" not in html else html
    return html_block(html)


def html_block(html: str) -> str:
    """Return any HTML so that Python-Markdown hands it through untouched."""
    return f"<div>\n{html.strip()}\n</div>"
