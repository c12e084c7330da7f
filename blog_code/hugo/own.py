"""Let the author's own text stand: its addresses led to where they lead here, and small things mended."""

import re
from dataclasses import dataclass
from html import unescape

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
_FENCE = re.compile(r"(?m)^([ \t>]*)(`{3,}|~{3,})[ \t]*([\w+#.-]*)[ \t]*(?:\{([^}\n]*)\})?[ \t]*$")
_SNIPPET = re.compile(r"(?m)^([ \t]*)(-+8<-+)")
_STYLED = re.compile(r"<[A-Za-z][^<>]*\sstyle\s*=")
_OUTPUT = re.compile(r"(?m)^[ \t>]*(`{3,}|~{3,})[ \t]*output\b")
_NO_ALT = re.compile(r"!\[\s*\]")
_ESCAPED = re.compile(r"\{\{([<%])/\*(.*?)\*/([>%])\}\}")


@dataclass(frozen=True)
class Destination:
    """An address in the author's text."""

    kind: str  # a, img, auto, or a tag of HTML
    address: str
    in_html: bool


@dataclass(frozen=True)
class Found:
    """An address in Hugo's HTML, and the words of the link."""

    tag: str
    address: str
    words: str


def own_text(piece: Piece, html: Element, page: Page, addresses: Addresses, *, mended: bool) -> str | None:
    """Return the author's text of a piece, or None where it cannot stand."""
    names = [name for block in piece.blocks for name in block.shortcodes]
    if (
        not piece.blocks
        or any(name not in ("ref", "relref") for name in names)
        or _NO_ALT.search(piece.source)
    ):
        return None
    text = piece.source
    for number, code in enumerate(reversed(outermost(text))):
        text = f"{text[: code.start]}hgref{number}x{text[code.end :]}"
    text = DIVIDER.sub(MORE, text)
    if _STYLED.search(text) or (_OUTPUT.search(text) and not mended):
        return None
    if _SNIPPET.search(text) and not (mended and all(block.kind == "fence" for block in piece.blocks)):
        return None
    if mended:
        text = _SNIPPET.sub(r"\1;\2", text)
        text = _FENCE.sub(_mended_fence, text)
        text = _ESCAPED.sub(r"{{\1\2\3}}", text)
        text = _with_id(text, piece)
    wanted = list(_destinations(text))
    found = list(_found(html))
    linkified: list[Found] = []
    if len(found) != len(wanted):
        known = {one.address for one in wanted}
        linkified = [one for one in found if one.tag == "a" and one.address not in known and _is_bare(one)]
        found = [one for one in found if one not in linkified]
    if len(found) == len(wanted):
        text = _with_addresses(text, wanted, found, page, addresses)
    for one in linkified if mended else ():
        link = f"<{one.address}>" if one.address == one.words else f"[{one.words}]({one.address})"
        bare = rf"(?<![<(\[\"'\w/]){re.escape(one.words)}(?![\w/>])"
        text = re.sub(bare, link.replace("\\", r"\\"), text, count=1)
    return text


def _is_bare(found: Found) -> bool:
    return found.words in (found.address, found.address.partition("://")[2])


def _destinations(text: str) -> "list[Destination]":
    """Return the addresses of a text, in order."""
    out = []
    for token in _PARSER.parse(text, {}):
        for part in [token, *(token.children or [])]:
            if part.type == "link_open":
                out.append(
                    Destination("auto" if part.info == "auto" else "a", str(part.attrs["href"]), False)
                )
            elif part.type == "image":
                out.append(Destination("img", str(part.attrs["src"]), False))
            elif part.type in ("html_inline", "html_block"):
                out += [Destination(m[1], m[2] or m[3] or "", True) for m in _IN_HTML.finditer(part.content)]
    return out


def _found(html: Element) -> "list[Found]":
    """Return the addresses of Hugo's HTML, in order."""
    out = []
    for node in html.iter("a", "img", "source", "video", "audio"):
        address = node.get("href") if node.tag == "a" else node.get("src")
        if address is not None and "footnote" not in (node.get("class") or ""):
            out.append(Found(node.tag, address, node.text_content() if node.tag == "a" else ""))
    return out


def _with_addresses(
    text: str, wanted: list[Destination], found: list[Found], page: Page, addresses: Addresses
) -> str:
    """Put what it is here in the place of each address; an image that is a link now loses its mark."""
    position = 0
    for old, new in zip(wanted, found, strict=True):
        at = text.find(old.address, position) if old.address else -1
        while at > 0 and text[at - 1] not in "(<\"' =:\n":
            at = text.find(old.address, at + 1)
        if at < 0:
            continue
        place = addresses.place(new.address, page)
        is_same = old.kind == "auto" or (place.kind == "out" and old.address == new.address)
        written = old.address if is_same else addresses.write(place, page, raw=old.in_html)
        if not old.in_html and re.search(r"[\s()]", written) and text[at - 1] != "<":
            written = f"<{written}>"
        text = text[:at] + written + text[at + len(old.address) :]
        position = at + len(written)
        if old.kind == "img" and new.tag == "a" and not old.in_html:
            start = text.rfind("![", 0, at)
            if start >= 0:
                text, position = text[:start] + text[start + 1 :], position - 1
    return text


def _mended_fence(found: re.Match[str]) -> str:
    """Write the header of a fence as Material reads it; what nobody here knows of it is left out."""
    options, language = found[4] or "", {"output": "text"}.get(found[3], found[3])
    out = language
    if lines := re.search(r"hl_lines\s*=\s*(?:\[([^\]]*)\]|\"([^\"]*)\"|([\d-]+))", options):
        numbers = re.findall(r"[\d-]+", lines[1] or lines[2] or lines[3])
        out = f'{out or "text"} hl_lines="{" ".join(numbers)}"'
    if re.search(r"line[nN]os\s*=\s*(?!false|\"?false)", options):
        first = re.search(r"linenostart\s*=\s*(\d+)", options)
        out = f'{out or "text"} linenums="{first[1] if first else 1}"'
    return f"{found[1]}{found[2]}{out}"


def _with_id(text: str, piece: Piece) -> str:
    """Give a heading the id that Hugo gave it."""
    found = re.search(r'<h([1-6]) id="([^"]*)"', piece.html)
    if len(piece.blocks) != 1 or piece.blocks[0].kind not in ("heading", "lheading") or not found:
        return text
    line = re.sub(r"\s+#+$", "", text.split("\n")[0].rstrip())
    line = re.sub(r"\s*\{\s*[#.][^{}]*\}$", "", line)
    line = line if line.startswith("#") else f"{'#' * int(found[1])} {line}"
    return f"{line} {{ #{unescape(found[2])} }}"
