"""Let the author's own text stand, its addresses led to where they lead here."""

import re

from markdown_it import MarkdownIt

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.blocks import Piece, outermost
from blog_code.hugo.divider import DIVIDER, MORE
from blog_code.hugo.pages import Page
from blog_code.hugo.units import Element

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]
_IN_HTML = re.compile(r"""<(a|img|source|video|audio)\b[^>]*?\s(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
# An include, an inline style, a fence of output, an image without alt text: each is written anew.
_CANNOT_STAND = re.compile(
    r"(?m)^[ \t]*-+8<-+|<[A-Za-z][^<>]*\sstyle\s*=|!\[\s*\]"
    r"|^[ \t>]*(?:`{3,}|~{3,})[ \t]*(?:output\b|[^\n]*\{)"
)

type Destination = tuple[
    str, str, bool
]  # in the author's text: a, img, auto or a tag; the address; whether in HTML
type Found = tuple[str, str]  # in Hugo's HTML: the tag, the address


def own_text(piece: Piece, html: Element, page: Page, addresses: Addresses) -> str | None:
    """Return the author's text of a piece, or None where it cannot stand."""
    codes = {name for block in piece.blocks for name in block.shortcodes}
    if not piece.blocks or codes - {"ref", "relref"} or _CANNOT_STAND.search(piece.source):
        return None
    text = piece.source
    for number, code in enumerate(reversed(outermost(text))):
        text = f"{text[: code.start]}hgref{number}x{text[code.end :]}"
    text = DIVIDER.sub(MORE, text)
    wanted, found = _destinations(text), _found(html)
    if len(found) == len(wanted):
        text = _with_addresses(text, list(zip(wanted, found, strict=True)), page, addresses)
    return text


def _destinations(text: str) -> list[Destination]:
    """Return the addresses of a text, in order."""
    out: list[Destination] = []
    tokens = _PARSER.parse(text, {})
    for part in (part for token in tokens for part in [token, *(token.children or [])]):
        if part.type == "link_open":
            out.append(("auto" if part.info == "auto" else "a", str(part.attrs["href"]), False))
        elif part.type == "image":
            out.append(("img", str(part.attrs["src"]), False))
        elif part.type in ("html_inline", "html_block"):
            out += [(found[1], found[2] or found[3] or "", True) for found in _IN_HTML.finditer(part.content)]
    return out


def _found(html: Element) -> list[Found]:
    """Return the addresses of Hugo's HTML, in order."""
    out: list[Found] = []
    for node in html.iter("a", "img", "source", "video", "audio"):
        address = node.get("href") if node.tag == "a" else node.get("src")
        if address is not None and "footnote" not in (node.get("class") or ""):
            out.append((node.tag, address))
    return out


def _with_addresses(
    text: str, pairs: list[tuple[Destination, Found]], page: Page, addresses: Addresses
) -> str:
    """Put what it is here in the place of each address; an image that is a link now loses its mark."""
    position = 0
    for (kind, old, in_html), (tag, new) in pairs:
        at = text.find(old, position) if old else -1
        while at > 0 and text[at - 1] not in "(<\"' =:\n":
            at = text.find(old, at + 1)
        if at < 0:
            continue
        place = addresses.place(new, page)
        is_same = kind == "auto" or (place.kind == "out" and old == new)
        written = old if is_same else addresses.write(place, page, raw=in_html)
        if not in_html and re.search(r"[\s()]", written) and text[at - 1] != "<":
            written = f"<{written}>"
        text, position = text[:at] + written + text[at + len(old) :], at + len(written)
        start = text.rfind("![", 0, at)
        if kind == "img" and tag == "a" and not in_html and start >= 0:
            text, position = text[:start] + text[start + 1 :], position - 1
    return text
