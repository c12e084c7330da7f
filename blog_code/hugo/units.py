"""Hold two pieces of HTML against each other, unit by unit.

A unit is what a reader would miss: words, a heading with its id, a list item, a link, an image, code with its
exact text and the lines that stand out, a table cell, a note, maths, emphasis, a quote, a task box, a class.
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
_INLINE = {name: name for name in ("ins", "u", "mark", "sub", "sup", "kbd", "q", "abbr", "cite", "small")}
_INLINE |= {"em": "em", "i": "em", "strong": "strong", "b": "strong", "del": "del", "s": "del"}
_BLOCKS = listed("audio blockquote dd dt figcaption figure li source summary table tr ul video")
_ENDED = listed("admonition blockquote cell dd details figure li list ul")
# Elements that run on with the words around them; every other element ends a run of words.
_PHRASING = listed("a bdi bdo big br code dfn font img input label rp rt ruby samp span time tt var wbr")
_PHRASING |= set(_INLINE)
_GENERATED = re.compile(
    r"admonition.*|arithmatex|chroma|code-?block|content|footnotes?.*|headerlink|highlight.*|language-.*|linenos|"
    r"md-.*|mermaid|task-list.*|toclink|twitter-tweet"
)
_TYPOGRAPHY = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "«": "<", "»": ">", "\xa0": " "}
)
_ASIDE = listed("headerlink footnote-backref linenos linenodiv")
_NUMBERS = ".//span[@class='ln' or @class='lnt' or contains(@class, 'linenos')]"


def parse(html: str) -> Element:
    """Return the body of a piece of HTML."""
    return lxml.html.document_fromstring(f"<!doctype html><html><body>{html}</body></html>").find("body")


def units(root: Element, canonical: Canonical, notes: dict[str, str]) -> list[Unit]:
    """Return the units of a tree in the order of reading; notes are called by their numbers."""
    walk = _Walk(canonical, notes)
    walk.inside(root, "div")
    return walk.units


def first_difference(expected: list[Unit], found: list[Unit]) -> tuple[Unit | None, Unit | None] | None:
    """Return the first pair of units that are not the same, or nothing where all agree.

    A heading to which Hugo gives no id has one here, so that the contents can name it.
    """
    for one, other in zip_longest(expected, found):
        gains_id = one and other and other[0] == "heading" and one == (*other[:2], "")
        if one != other and not gains_id:
            return one, other
    return None


def described(unit: Unit | None) -> str:
    """Return a unit as a message shows it."""
    shown = " ".join(part for part in unit[1:] if part) if unit else ""
    return (f"{unit[0]} {shown!r}" if shown else unit[0]) if unit else "nothing more"


def typed(text: str) -> str:
    """Return text as it is typed, before any typographer set it."""
    text = re.sub("-{2,}", "-", text.translate(_TYPOGRAPHY).replace("…", "..."))
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
        tag, holder = node.tag, (node.getparent().get("class") or "") if node.tag == "hr" else ""
        if classes & _ASIDE or tag in ("script", "style") or holder.startswith("footnote"):
            return
        if "arithmatex" in classes:
            self.units.append(("maths", _SPACE.sub("", tex_of(node))))
        elif tag == "pre" or classes & {"highlighttable", "lntable"}:
            self.units.append(_code(node))
        elif "footnote-ref" in classes or "footnote-reference" in classes:
            note = unquote((node.get("href") or "").rpartition("#")[2])
            self.units.append(("note", self.notes.get(note, note)))
        elif tag == "code":
            self.units.append(("inline code", node.text_content()))
            self.words += "\N{OBJECT REPLACEMENT CHARACTER}"
        elif tag in ("input", "br", "hr"):
            self.units.append((tag, str(node.get("checked") is not None)))
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
        classes = [name for name in (node.get("class") or "").split() if not _GENERATED.fullmatch(name)]
        if classes and tag not in ("a", "span", "summary"):
            self.units.insert(start, ("class", tag, " ".join(sorted(classes))))
        if opening:
            self.units.insert(start, opening)
            self.units += [(f"end of {opening[0]}",)] if opening[0] in _ENDED else []

    def inside(self, node: Element, tag: str) -> None:
        """Collect what stands in an element."""
        before, self.words = (self.words, "") if tag in _PHRASING else ("", "")
        self.words = before + (node.text or "")
        for child in node:
            self.element(child)
        if tag not in _PHRASING:
            self.flush()

    def _opening(self, node: Element, tag: str) -> Unit | None:
        """Return what an element is to a reader, if it is anything."""
        if re.fullmatch("h[1-6]", tag):
            return ("heading", tag, node.get("id") or "")
        if tag == "a":
            href, text = node.get("href"), _SPACE.sub("", typed(node.text_content()))
            unit = ("link", self.canonical(href or ""), _squeezed(node.get("title")), text)
            return unit if href is not None else None
        if tag == "sup" and node.xpath("a[contains(@class, 'footnote-ref')]"):
            return None
        if tag in _INLINE:
            return (_INLINE[tag], _squeezed(node.text_content()))
        if tag in ("td", "th"):
            return ("cell", tag, _alignment(node), node.get("colspan") or "", node.get("rowspan") or "")
        if tag == "ol":
            return ("list", "" if node.get("start") in (None, "1") else str(node.get("start")))
        if "admonition" in (node.get("class") or "").split():
            return ("admonition",)
        if tag == "details":
            return ("details", "open" if node.get("open") is not None else "closed")
        return (tag, self.canonical(node.get("src")) if node.get("src") else "") if tag in _BLOCKS else None


def _code(node: Element) -> Unit:
    """Return the unit of code: its text without blanks that nobody sees, and the lines that stand out."""
    if node.tag != "pre":
        node = node.xpath("(.//td[last()]//pre)[last()]")[0]
    lines = " ".join(map(str, highlighted_lines(node)))
    for number in node.xpath(_NUMBERS):
        number.drop_tree()
    return ("code", re.sub(r"(?m)[ \t]+$", "", node.text_content()).rstrip().lstrip("\n"), lines)


def highlighted_lines(node: Element) -> list[int]:
    """Return the numbers of the lines that stand out in a block of code, however it was rendered."""
    if node.get("data-fence"):
        pairs = re.findall(r"\[(\d+), (\d+)\]", str(options_of(node).get("hl_lines")))  # from 0
        ranges = (range(int(first) + 1, min(int(last), 9999) + 2) for first, last in pairs)
        return sorted({line for lines in ranges for line in lines})
    rows = node.xpath(".//span[contains(concat(' ', @class, ' '), ' line ')]")
    lines = [number for number, row in enumerate(rows, 1) if "hl" in row.get("class").split()]
    for span in node.xpath(".//span[contains(concat(' ', @class, ' '), ' hll ')]"):
        first = _text_before(span, node).count("\n") + 1
        lines += range(first, first + span.text_content().rstrip("\n").count("\n") + 1)
    return lines


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


def options_of(node: Element) -> dict[str, Any]:
    """Return the options of a fence, which Hugo reads in any case."""
    options = fence_of(node).get("options")
    return {str(key).lower(): value for key, value in options.items()} if isinstance(options, dict) else {}


def tex_of(node: Element) -> str:
    """Return the TeX of a formula without its marks."""
    return re.sub(r"^\\[(\[]|\\[)\]]$", "", (node.text_content() or "").strip()).strip()


def _squeezed(text: str | None) -> str:
    return _SPACE.sub(" ", typed(text or "")).strip(" ")


def _alignment(node: Element) -> str:
    style = re.search(r"text-align:\s*(\w+)", node.get("style") or "")
    return style[1] if style else node.get("align") or ""
