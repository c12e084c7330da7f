"""Let the author's own text stand: its addresses led to where they lead here, and small things mended."""

import re
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


type Destination = tuple[
    str, str, bool
]  # in the author's text: a, img, auto or a tag; the address; whether in HTML
type Found = tuple[str, str, str]  # in Hugo's HTML: the tag, the address, the words of a link


def own_text(piece: Piece, html: Element, page: Page, addresses: Addresses, *, mended: bool) -> str | None:
    """Return the author's text of a piece, or None where it cannot stand."""
    codes = {name for block in piece.blocks for name in block.shortcodes}
    if not piece.blocks or codes - {"ref", "relref"} or _NO_ALT.search(piece.source):
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
    wanted, found = _destinations(text), _found(html)
    linkified: list[Found] = []
    if len(found) != len(wanted):
        known = {address for _, address, _ in wanted}
        linkified = [one for one in found if one[0] == "a" and one[1] not in known and _is_bare(*one[1:])]
        found = [one for one in found if one not in linkified]
    if len(found) == len(wanted):
        text = _with_addresses(text, list(zip(wanted, found, strict=True)), page, addresses)
    for _, address, words in linkified if mended else ():
        link = f"<{address}>" if address == words else f"[{words}]({address})"
        bare = rf"(?<![<(\[\"'\w/]){re.escape(words)}(?![\w/>])"
        text = re.sub(bare, link.replace("\\", r"\\"), text, count=1)
    return text


def _is_bare(address: str, words: str) -> bool:
    return words in (address, address.partition("://")[2])


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
            out.append((node.tag, address, node.text_content() if node.tag == "a" else ""))
    return out


def _with_addresses(
    text: str, pairs: list[tuple[Destination, Found]], page: Page, addresses: Addresses
) -> str:
    """Put what it is here in the place of each address; an image that is a link now loses its mark."""
    position = 0
    for (kind, old, in_html), (tag, new, _) in pairs:
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
