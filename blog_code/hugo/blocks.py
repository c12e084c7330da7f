"""Split a post into its top-level blocks, and Hugo's HTML of it into the same blocks.

A second run of Hugo has a paragraph with a mark before each block; its HTML is split there, and the pieces
are found
again on the page without marks, which is so divided without a gap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from blog_code.hugo.problems import listed

MARK = "hgmk{:05d}x"
MARKED = re.compile(r"<p[^>]*>hgmk(\d{5})x</p>\n?")
_WORD = "hgsc{}x"  # stands for a shortcode while blocks are looked for
_OPENING = re.compile(r"\{\{([<%])(?!/\*)\s*(/?)\s*([A-Za-z][\w./-]*)")
_ENDING = {
    sign: re.compile(rf'(?:"(?:\\.|[^"\\])*"|`[^`]*`|(?!{end}\}}\}}|"|`).)*?(/?){end}\}}\}}', re.S)
    for sign, end in {"<": ">", "%": "%"}.items()
}
_NOTES = re.compile(r'<div class="footnotes" role="doc-endnotes">.*\Z', re.S)
_LASTING = listed(
    "div section details table ul ol dl blockquote figure center article aside main header footer nav "
    "form fieldset pre iframe video audio object picture svg"
)
_TAG = re.compile(
    r"<!--.*?-->|<(script|style|textarea)\b[^>]*>.*?</\1\s*>"
    r"|<(/?)([a-zA-Z][\w:-]*)((?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.S,
)
_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(footnote_plugin).use(deflist_plugin)
SHORTEST = 12  # characters of a piece that is looked for on the page


@dataclass(frozen=True)
class Tag:
    """A tag of a shortcode, where it stands in a text."""

    start: int
    end: int
    name: str
    closing: bool
    self_closing: bool


@dataclass(frozen=True)
class Shortcode:
    """An outermost shortcode, with all that it encloses."""

    start: int
    end: int
    name: str


@dataclass
class Block:
    """Some lines of a body that stand for themselves."""

    start: int  # number of its first line
    end: int  # and of the line behind it
    kind: str  # as markdown-it calls its rule
    shortcodes: list[str] = field(default_factory=list)


@dataclass
class Piece:
    """Blocks that cannot be told apart, and the HTML that Hugo made of them."""

    blocks: list[Block]
    html: str
    source: str = ""

    @property
    def is_definitions(self) -> bool:
        """Whether there is nothing but definitions of references and notes in it."""
        return bool(self.blocks) and all(block.kind in ("reference", "footnote_def") for block in self.blocks)


def shortcode_tags(text: str) -> Iterator[Tag]:
    """Yield the tags of shortcodes in a text, those in code too, as Hugo does."""
    position = 0
    while found := _OPENING.search(text, position):
        end = _ENDING[found[1]].match(text, found.end())
        position = end.end() if end else found.end()
        if end:
            yield Tag(found.start(), position, found[3], bool(found[2]), bool(end[1]))


def outermost(text: str) -> list[Shortcode]:
    """Return the outermost shortcodes of a text."""
    tags = list(shortcode_tags(text))
    found, index = [], 0
    while index < len(tags):
        last = index if tags[index].closing or tags[index].self_closing else _closing(tags, index)
        found.append(Shortcode(tags[index].start, tags[last].end, tags[index].name))
        index = last + 1
    return found


def _closing(tags: list[Tag], opening: int) -> int:
    """Return which tag closes another; that itself where none does."""
    name, depth = tags[opening].name, 0
    same = [number for number in range(opening + 1, len(tags)) if tags[number].name == name]
    for place, number in enumerate(same):
        if tags[number].closing:
            if not depth:
                return number
            depth -= 1
        elif not tags[number].self_closing and any(tags[later].closing for later in same[place + 1 :]):
            depth += 1
    return opening


def split(raw: str) -> list[Block]:
    """Return the blocks of a body."""
    codes = outermost(raw)
    text, lines = _with_words(raw, codes)
    state = StateBlock(text, _PARSER, {}, [])
    rules, blocks = _PARSER.block.ruler.getRules(""), []
    total, written = raw.count("\n") + 1, text.split("\n")
    number = 0
    while number < state.lineMax:
        state.line = number = state.skipEmptyLines(number)
        if number >= state.lineMax:
            break
        rule = next(rule for rule in rules if rule(state, number, state.lineMax, False))
        start = lines[min(number, len(lines) - 1)]
        end = lines[state.line] if state.line < len(lines) else total
        words = re.findall(r"hgsc(\d+)x", "\n".join(written[number : state.line]))
        names = [codes[int(word)].name for word in words if int(word) < len(codes)]
        blocks.append(Block(start, max(end, start + 1), rule.__name__, names))
        number = state.line
    return blocks


def _with_words(raw: str, codes: list[Shortcode]) -> tuple[str, list[int]]:
    """Put a word in the place of each shortcode; return for each line which one of the body it is."""
    text, position, current, lines = [], 0, 0, [0]
    for number, code in enumerate([*codes, Shortcode(len(raw), len(raw), "")]):
        between = raw[position : code.start]
        text += [between, _WORD.format(number) if number < len(codes) else ""]
        lines += range(current + 1, current + between.count("\n") + 1)
        current += between.count("\n") + raw.count("\n", code.start, code.end)
        position = code.end
    joined = (
        "".join(text).replace("\r\n", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\r", "\n")
    )
    return joined, lines


def with_marks(raw: str, blocks: list[Block]) -> str:
    """Return the body with a mark before each block."""
    lines, out, position = raw.split("\n"), [], 0
    for number, block in enumerate(blocks):
        out += [*lines[position : block.start], "", MARK.format(number), ""]
        position = block.start
    return "\n".join(out + lines[position:])


def align(raw: str, blocks: list[Block], marked: str, plain: str) -> tuple[list[Piece], str]:
    """Divide the page without marks into the pieces that its blocks became; return them and the notes."""
    plain, notes = _without_notes(plain)
    parts = MARKED.split(_without_notes(marked)[0])
    numbers = [int(number) for number in parts[1::2]]
    found = dict(zip(numbers, parts[2::2], strict=True))
    keys = numbers if numbers == sorted(set(numbers)) else []
    pieces = _divide(blocks, plain, parts[0], keys, found)
    pieces = _joined_where_open(pieces)
    lines = raw.split("\n")
    for piece in pieces:
        if piece.blocks:
            source = "\n".join(lines[piece.blocks[0].start : piece.blocks[-1].end])
            piece.source = source.replace("\r\n", "\n").strip("\n").rstrip()
    return pieces, notes


def _without_notes(html: str) -> tuple[str, str]:
    found = _NOTES.search(html)
    return (html[: found.start()], found[0]) if found else (html, "")


def _divide(
    blocks: list[Block], plain: str, head: str, keys: list[int], found: dict[int, str]
) -> list[Piece]:
    """Find each marked piece on the page; what lies between two that are found belongs to the first."""
    if not keys:
        return [Piece(blocks, plain)]
    pieces, position = [], 0
    if head.strip() and plain.startswith(head):
        pieces, position = [Piece([], head)], len(head)
    ends, index = [*keys[1:], len(blocks)], 0
    while index < len(keys):
        html, is_last = found[keys[index]], index == len(keys) - 1
        if (
            plain.startswith(html, position)
            and "hgmk" not in html
            and not (is_last and position + len(html) != len(plain))
        ):
            pieces.append(Piece(blocks[keys[index] : ends[index]], html))
            position, index = position + len(html), index + 1
            continue
        after, at = _next_found(plain, position, [found[key] for key in keys[index + 1 :]])
        last = index + 1 + after if after is not None else len(keys)
        end = keys[last] if last < len(keys) else len(blocks)
        pieces.append(Piece(blocks[keys[index] : end], plain[position:at]))
        position, index = at, last
    if position < len(plain):
        pieces[-1].html += plain[position:]
    if keys[0]:
        pieces[0].blocks = blocks[: keys[0]] + pieces[0].blocks
    return pieces


def _next_found(plain: str, position: int, pieces: list[str]) -> tuple[int | None, int]:
    for number, piece in enumerate(pieces):
        if (
            len(piece.strip()) >= SHORTEST
            and "hgmk" not in piece
            and (at := plain.find(piece, position)) >= 0
        ):
            return number, at
    return None, len(plain)


def _joined_where_open(pieces: list[Piece]) -> list[Piece]:
    """Join the pieces between which an element stays open."""
    joined: list[Piece] = []
    stack: list[str] = []
    for piece in pieces:
        if stack:
            joined[-1] = Piece(joined[-1].blocks + piece.blocks, joined[-1].html + piece.html)
        else:
            joined.append(piece)
        stack = still_open(piece.html, stack)
    return joined


def still_open(html: str, stack: list[str]) -> list[str]:
    """Return which elements are open behind a piece of HTML; those that are unknown may be none at all."""
    stack = list(stack)
    for found in _TAG.finditer(html):
        name = (found[3] or "").lower()
        if name not in _LASTING or (found[4] or "").endswith("/"):
            continue
        if not found[2]:
            stack.append(name)
        elif name in stack:
            while stack.pop() != name:
                pass
    return stack
