"""What the policy of this site's pages refuses: whatever another host would send, frames, and inline styles.

A browser would leave such things out without a word. Here they become links, and the report says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape, unescape

from markdown_it.token import Token

from blog_code.hugo.escapes import attribute, destination, entities
from blog_code.hugo.goldmark import plain_text

_FRAMES = frozenset({"iframe", "embed", "object"})
_LOADS = _FRAMES | {"img", "video", "audio", "source", "track", "script"}
_HOLDS = frozenset({"iframe", "object", "video", "audio", "script"})
_PIECE = re.compile(
    r"<!--.*?-->|<(?P<verbatim>script|style|textarea)\b(?![^>]*\ssrc\s*=)[^>]*>.*?</(?P=verbatim)\s*>"
    r"|<(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"\s+(?P<key>[\w:-]+)(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+)))?"
)
_IMAGE = re.compile(r"(?P<in_link>\[?)!\[(?P<alt>[^\]]*)\]\((?P<address>[^)\s]+)[^)]*\)(?:\{[^{}]*\})?")
_ALIGNED = re.compile(r"\s*text-align:\s*(left|right|center);?\s*")
# Addresses that only a frame or a script can use, and what a reader can open instead.
_TO_READ = (
    (r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+).*", r"https://www.youtube.com/watch?v=\1"),
    (r"(?:https?:)?//player\.vimeo\.com/video/(\d+).*", r"https://vimeo.com/\1"),
    (r"(?:https?:)?(//gist\.github\.com/[^?]+)\.js(?:\?.*)?", r"https:\1"),
    (r"(//.*)", r"https:\1"),
)  # fmt: skip


def is_outside(address: str) -> bool:
    """Whether an address is on another host."""
    return bool(re.match(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", address, re.IGNORECASE))


def to_read(address: str) -> str:
    """Return the address that a reader opens for one that a page would load."""
    for loaded, read in _TO_READ:
        if re.fullmatch(loaded, address.strip()):
            return re.sub(loaded, read, address.strip())
    return address.strip()


@dataclass(frozen=True)
class _Link:
    """What stands in the place of something that cannot be loaded; without an address only its words do."""

    address: str
    label: str

    def html(self) -> str:
        words = entities(self.label or self.address)
        return f'<a href="{escape(self.address)}">{words}</a>' if self.address else words

    def tokens(self) -> list[Token]:
        text = Token("text", "", 0, content=self.label or self.address)
        if not self.address:
            return [text]
        auto = "" if self.label else "auto"
        return [
            Token("link_open", "a", 1, attrs={"href": self.address}, info=auto),
            text,
            Token("link_close", "a", -1, info=auto),
        ]


@dataclass
class Policy:
    """Holds the tokens of a page to the policy, and remembers what had to change, each with its line."""

    changes: list[tuple[int, str]] = field(default_factory=list)
    # How many links are open around what is looked at: a link cannot stand in another.
    _links: int = 0
    _line: int = 0

    def obey(self, tokens: list[Token]) -> None:
        """Change what the policy refuses."""
        found: list[Token] = []
        for token in tokens:
            self._line = token.map[0] if token.map else self._line
            self._drop_style(token)
            if token.type == "html_block":
                found += self._html_block(token)
                continue
            if token.children:
                token.children = self._inline(token.children)
            found.append(token)
        tokens[:] = found

    def html(self, html: str) -> str:
        """Return a piece of HTML without what the policy refuses."""
        return _written(self._pieces(html))

    def _pieces(self, html: str) -> list[str | _Link]:
        out: list[str | _Link] = []
        position = 0
        while piece := _PIECE.search(html, position):
            rest = html[piece.end() :]
            closing = _closing(piece, rest)
            became = self._instead(piece, rest[:closing])
            out += [html[position : piece.start()], became]
            position = piece.end() + (closing if isinstance(became, _Link) or not became else 0)
        return [*out, html[position:]]

    def markdown(self, text: str) -> str:
        """Return Markdown of a mapping file without what the policy refuses."""

        def image(found: re.Match[str]) -> str:
            if not is_outside(found["address"]):
                return found[0]
            self._note("the image", found["address"])
            if found["in_link"]:
                return f"[{found['alt'] or found['address']}"
            return f"[{found['alt']}]({found['address']})" if found["alt"] else f"<{found['address']}>"

        return self.html(_IMAGE.sub(image, text))

    def _html_block(self, token: Token) -> list[Token]:
        """Change a block of HTML; one that was only loaded from elsewhere becomes a link in a paragraph."""
        pieces = self._pieces(token.content)
        shown = [piece for piece in pieces if isinstance(piece, _Link) or piece.strip()]
        if len(shown) == 1 and isinstance(shown[0], _Link):
            return _paragraph(shown[0].tokens(), token)
        token.content = _written(pieces)
        return [token] if token.content.strip() else []

    def _inline(self, children: Sequence[Token]) -> list[Token]:
        found: list[Token] = []
        skip = 0
        for index, token in enumerate(children):
            if index < skip:
                continue
            self._drop_style(token)
            self._links += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            became: str | _Link = token.content
            if token.type == "image" and is_outside(str(token.attrs.get("src", ""))):
                words = plain_text(token.children or []) or str(token.attrs.get("title", ""))
                became = self._link("the image", str(token.attrs["src"]), words)
            elif token.type == "html_inline" and (piece := _PIECE.fullmatch(token.content)):
                end = _end_of(piece, children, index)
                inside = "".join(child.content for child in children[index + 1 : end])
                became = self._instead(piece, inside)
                skip = end if isinstance(became, _Link) or not became else skip
            if isinstance(became, _Link):
                found += became.tokens()
            elif became or not token.content:
                token.content = became
                found.append(token)
        return found

    def _instead(self, piece: re.Match[str], inside: str) -> str | _Link:
        """Return what stands for a tag: a link, nothing, or the tag itself without its style."""
        name = (piece["name"] or "").lower()
        if name == "a":
            self._links += -1 if piece["close"] else 1
        if not name or piece["close"]:
            return piece[0] if name not in _FRAMES else ""
        values = _attributes(piece["attributes"])
        address = values.get("src") or values.get("data") or _source_in(inside)
        if name in _LOADS and address and (is_outside(address) or name in _FRAMES):
            if name == "script" and "gist.github.com" not in address:
                self._note("the script", address, "is left out")
                return ""
            words = values.get("title") or values.get("alt") or ""
            return self._link(f"the {name}" if name != "img" else "the image", address, words)
        return self._without_refused(piece[0], values)

    def _link(self, what: str, address: str, words: str) -> _Link:
        self._note(what, address)
        shown = to_read(address)
        label = re.sub(r"\s+", " ", words).strip()
        return _Link("", label or shown) if self._links > 0 else _Link(shown, label)

    def _without_refused(self, tag: str, values: dict[str, str]) -> str:
        for key in ("style", "srcset", "poster"):
            value = values.get(key, "")
            refused = not _ALIGNED.fullmatch(value) if key == "style" else "//" in value
            if value and refused:
                self._note(f"`{key}`", value, "is left out")
                tag = _without(key, tag)
        return tag

    def _drop_style(self, token: Token) -> None:
        style = str(token.attrs.get("style", ""))
        if style and not _ALIGNED.fullmatch(style):
            del token.attrs["style"]
            self._note("`style`", style, "is left out")

    def _note(self, what: str, value: str, became: str = "is a link") -> None:
        note = f"{what} {value} {became} here: the policy of the pages refuses it"
        self.changes.append((self._line, note))


def _paragraph(children: list[Token], of: Token) -> list[Token]:
    """Return inline tokens as a paragraph in the place of another block."""
    return [
        Token("paragraph_open", "p", 1, map=of.map, level=of.level, block=True),
        Token("inline", "", 0, map=of.map, level=of.level + 1, children=children, block=True),
        Token("paragraph_close", "p", -1, level=of.level, block=True),
    ]


def link(address: str, label: str) -> str:
    """Return a link as Markdown, or a bare address where it has no label."""
    return f"[{attribute(label)}]({destination(address)})" if label else f"<{destination(address)}>"


def _written(pieces: Sequence[str | _Link]) -> str:
    return "".join(piece.html() if isinstance(piece, _Link) else piece for piece in pieces)


def _is_loaded(piece: re.Match[str]) -> bool:
    return bool(piece["name"]) and not piece["close"] and piece["name"].lower() in _LOADS


def _closing(piece: re.Match[str] | None, rest: str) -> int:
    """Return where in the rest the element of a tag ends, or 0 where it does not."""
    if piece is None or not _is_loaded(piece) or piece["name"].lower() not in _HOLDS:
        return 0
    found = re.search(rf"</{piece['name']}\s*>", rest, re.IGNORECASE)
    return found.end() if found else 0


def _end_of(piece: re.Match[str], children: Sequence[Token], index: int) -> int:
    """Return the index behind the token that closes the element of a tag, or behind the tag itself."""
    for number in range(index + 1, len(children)):
        if _closing(piece, children[number].content) and children[number].type == "html_inline":
            return number + 1
    return index + 1


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(text):
        value = next((one[key] for key in ("double", "single", "bare") if one[key] is not None), "")
        found.setdefault(one["key"].lower(), unescape(value))
    return found


def _without(key: str, tag: str) -> str:
    return _ATTRIBUTE.sub(lambda one: "" if one["key"].lower() == key else one[0], tag)


def _source_in(inside: str) -> str:
    """Return the first address from which an element would load by what stands inside it."""
    sources = (_attributes(piece["attributes"] or "").get("src") for piece in _PIECE.finditer(inside))
    return next((source for source in sources if source), "")
