"""Hold two pieces of HTML against each other, unit by unit.

A unit is what a reader would miss: a run of words, a heading with its id, a list item, a link, an image,
code with its
exact text and the lines that stand out, a table cell, a footnote, maths, emphasis, a quote, a task box, a
class.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

import lxml.etree
import lxml.html

from blog_code.hugo.problems import listed

type Unit = tuple[str, ...]
type Element = Any  # lxml names no types
type Canonical = Callable[[str], str]  # an address as both sides would call what it leads to

_SPACE = re.compile(r"\s+")
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_INLINE = {
    **{"em": "emphasis", "i": "emphasis", "strong": "strong", "b": "strong", "del": "struck", "s": "struck"},
    **{name: name for name in ("ins", "u", "mark", "sub", "sup", "kbd", "q", "abbr", "cite", "small")},
}
_BLOCKS = {
    **{"blockquote": "quote", "dt": "term", "dd": "definition", "figure": "figure", "figcaption": "caption"},
    **{"summary": "summary", "table": "table", "tr": "row", "ul": "list", "video": "video", "audio": "audio"},
}
_ENDED = listed("quote definition item list cell details admonition figure")
# Elements that run on with the words around them; every other element ends a run of words.
_PHRASING = frozenset(_INLINE) | listed(
    "a bdi bdo big br code dfn font img input label rp rt ruby samp span time tt var wbr"
)
_GENERATED = re.compile(
    r"admonition.*|arithmatex|chroma|code-?block|content|footnotes?.*|headerlink|highlight.*|language-.*|linenos|md-.*|"
    r"mermaid|task-list.*|toclink|twitter-tweet"
)
_TYPOGRAPHY = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "‘": "'",
        "’": "'",
        "–": "-",
        "—": "-",
        "«": "<",
        "»": ">",
        "\xa0": " ",
        "…": "\1",
    }
)
_ASIDE = frozenset(("headerlink", "footnote-backref", "linenos", "linenodiv"))


def parse(html: str) -> Element:
    """Return the body of a piece of HTML."""
    return lxml.html.document_fromstring(f"<!doctype html><html><body>{html}</body></html>").find("body")


def units(root: Element, canonical: Canonical, notes: dict[str, str]) -> list[Unit]:
    """Return the units of a tree in the order of reading; notes are called by their numbers."""
    walk = _Walk(canonical, notes)
    walk.inside(root, "div")
    return walk.units


def first_difference(expected: list[Unit], found: list[Unit]) -> tuple[Unit | None, Unit | None] | None:
    """Return the first pair of units that are not the same, or nothing where all agree."""
    for one, other in zip_longest(expected, found):
        if one != other and not _only_gains_id(one, other):
            return one, other
    return None


def _only_gains_id(one: Unit | None, other: Unit | None) -> bool:
    """Whether a heading to which Hugo gives no id has one here, so that the contents can name it."""
    return one is not None and other is not None and other[0] == "heading" and one == (*other[:2], "")


def described(unit: Unit | None) -> str:
    """Return a unit as a message shows it."""
    if unit is None:
        return "nothing more"
    shown = " ".join(part for part in unit[1:] if part)
    return f"{unit[0]} {shown!r}" if shown else unit[0]


def typed(text: str) -> str:
    """Return text as it is typed, before any typographer set it."""
    text = re.sub("-{2,}", "-", text.translate(_TYPOGRAPHY).replace("\1", "..."))
    return text.replace("<<", "<").replace(">>", ">")


@dataclass
class _Walk:
    """Collects the units of a tree."""

    canonical: Canonical
    notes: dict[str, str]
    units: list[Unit] = field(default_factory=list)
    words: str = ""

    def flush(self) -> None:
        if text := _SPACE.sub("", typed(self.words)):
            self.units.append(("words", text))
        self.words = ""

    def element(self, node: Element) -> None:
        tail = node.tail or ""
        if isinstance(node.tag, str):
            classes = set((node.get("class") or "").split())
            runs_on = node.tag in _PHRASING and not ("arithmatex" in classes and node.tag == "div")
            if not runs_on:
                self.flush()
            self._enter(node, classes)
            if not runs_on:
                self.flush()
        self.words += tail

    def _enter(self, node: Element, classes: set[str]) -> None:
        if classes & _ASIDE or node.tag in ("script", "style") or _is_rule_of_notes(node):
            self.words = self.words.rstrip("\xa0 ") if "footnote-backref" in classes else self.words
        elif "arithmatex" in classes:
            self.units.append(("maths", tex_of(node)))
        elif node.tag == "pre" or classes & {"highlighttable", "lntable"}:
            self.units.append(_code(node))
        elif "footnote-ref" in classes or "footnote-reference" in classes:
            note = unquote((node.get("href") or "").rpartition("#")[2])
            self.units.append(("note", self.notes.get(note, note)))
        else:
            self._plain(node, node.tag)

    def _plain(self, node: Element, tag: str) -> None:
        if tag == "code":
            self.units.append(("inline code", node.text_content()))
            self.words += "\N{OBJECT REPLACEMENT CHARACTER}"
        elif tag == "input":
            self.units.append(("task", str(node.get("checked") is not None)))
        elif tag == "br":
            self.units.append(("line break",))
        elif tag == "hr":
            self.units.append(("rule",))
        elif tag == "img":
            size = " ".join(node.get(key) or "" for key in ("width", "height")).strip()
            words = [_squeezed(node.get(key)) for key in ("alt", "title")]
            self.units.append(("image", self.canonical(node.get("src") or ""), *words, size))
        else:
            self._container(node, tag)

    def _container(self, node: Element, tag: str) -> None:
        start = len(self.units)
        self.inside(node, tag)
        opening = self._opening(node, tag)
        classes = " ".join(
            sorted(c for c in (node.get("class") or "").split() if not _GENERATED.fullmatch(c))
        )
        if classes and tag not in ("a", "span", "summary"):
            self.units.insert(start, ("class", tag, classes))
        if opening:
            self.units.insert(start, opening)
            if opening[0] in _ENDED:
                self.units.append((f"end of {opening[0]}",))

    def inside(self, node: Element, tag: str) -> None:
        """Collect what stands in an element."""
        before, self.words = (self.words, "") if tag in _PHRASING else ("", "")
        self.words = before + (node.text or "")
        for child in node:
            self.element(child)
        if tag not in _PHRASING:
            self.flush()

    def _opening(self, node: Element, tag: str) -> Unit | None:
        if tag in _HEADINGS:
            return ("heading", tag, node.get("id") or "")
        if tag == "a":
            href, text = node.get("href"), _SPACE.sub("", typed(node.text_content()))
            return (
                ("link", self.canonical(href), _squeezed(node.get("title")), text)
                if href is not None
                else None
            )
        if tag == "sup" and node.xpath("a[contains(@class, 'footnote-ref')]"):
            return None
        if tag in _INLINE:
            return (_INLINE[tag], _squeezed(node.text_content()))
        if tag == "li":
            return ("item",)
        if tag in ("td", "th"):
            return ("cell", tag, _alignment(node), node.get("colspan") or "", node.get("rowspan") or "")
        if tag == "ol":
            return ("list", "ol", "" if node.get("start") in (None, "1") else str(node.get("start")))
        if "admonition" in (node.get("class") or "").split():
            return ("admonition",)
        if tag == "details":
            return ("details", "open" if node.get("open") is not None else "closed")
        if tag in _BLOCKS:
            source = node.get("src")
            return (_BLOCKS[tag], self.canonical(source)) if source else (_BLOCKS[tag], tag)
        return ("source", self.canonical(node.get("src") or "")) if tag == "source" else None


def _is_rule_of_notes(node: Element) -> bool:
    return node.tag == "hr" and (node.getparent().get("class") or "") in ("footnote", "footnotes")


def _code(node: Element) -> Unit:
    """Return the unit of code: its text without blanks that nobody sees, and the lines that stand out."""
    if node.tag != "pre":
        node = node.xpath("(.//td[last()]//pre)[last()]")[0]
    lines = highlighted_lines(node)
    text = re.sub(r"(?m)[ \t]+$", "", _without_numbers(node)).rstrip().lstrip("\n")
    return ("code", text, " ".join(map(str, lines)))


def _without_numbers(node: Element) -> str:
    for number in node.xpath(".//span[@class='ln' or @class='lnt' or contains(@class, 'linenos')]"):
        number.drop_tree()
    return str(node.text_content())


def highlighted_lines(node: Element) -> list[int]:
    """Return the numbers of the lines that stand out in a block of code, however it was rendered."""
    if node.get("data-fence"):
        options = {key.lower(): value for key, value in (fence_of(node).get("options") or {}).items()}
        return _ranges(options.get("hl_lines"))
    found = node.xpath(".//span[contains(concat(' ', @class, ' '), ' hll ')]")
    if found:
        return [number for span in found for number in _lines_of(span, node)]
    rows = node.xpath(".//span[contains(concat(' ', @class, ' '), ' line ')]")
    return [number for number, row in enumerate(rows, 1) if "hl" in row.get("class").split()]


def _lines_of(span: Element, node: Element) -> list[int]:
    first = _text_before(span, node).count("\n") + 1
    return list(range(first, first + max(1, span.text_content().rstrip("\n").count("\n") + 1)))


def _text_before(span: Element, node: Element) -> str:
    """Return the text of a block of code that stands before an element in it."""
    text = []
    for event, element in lxml.etree.iterwalk(node, events=("start", "end")):
        if element is span:
            break
        text.append((element.text if event == "start" else element.tail if element is not node else "") or "")
    return "".join(text)


def fence_of(node: Element) -> dict[str, Any]:
    """Return what our render hook says of a fence: its language, options and attributes."""
    try:
        found = json.loads(node.get("data-fence") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _ranges(value: Any) -> list[int]:
    """Return the lines of Hugo's `hl_lines`, which it counts from 0, in pairs of the first and the last."""
    lines: set[int] = set()
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, int) for end in pair):
            lines |= set(range(pair[0] + 1, min(pair[1], pair[0] + 5000) + 2))
    return sorted(lines)


def tex_of(node: Element) -> str:
    """Return the TeX of a formula without its marks and without white space."""
    text = (node.text_content() or "").strip()
    for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing):
            text = text[2:-2]
    return _SPACE.sub("", text)


def _squeezed(text: str | None) -> str:
    return _SPACE.sub(" ", typed(text or "")).strip(" ")


def _alignment(node: Element) -> str:
    style = re.search(r"text-align:\s*(\w+)", node.get("style") or "")
    return style[1] if style else node.get("align") or ""
