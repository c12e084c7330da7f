"""Hold two pieces of HTML against each other, unit by unit.

A unit is what a reader would miss: a run of words, a heading with its id, a list item, a link, an image,
code with its exact text, a table cell, a footnote, maths, emphasis, a quote, a task box, a term and its
definition, an embed.
"""

import re
from dataclasses import dataclass, field
from itertools import zip_longest
from urllib.parse import unquote

import lxml.html
from lxml.html import HtmlElement

Unit = tuple[str, ...]

_SPACE = re.compile(r"[ \t\n\r\f]+")
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_INLINE = {
    "em": "emphasis",
    "i": "emphasis",
    "strong": "strong",
    "b": "strong",
    "del": "struck",
    "s": "struck",
    "ins": "inserted",
    "u": "underlined",
    "mark": "marked",
    "sub": "sub",
    "sup": "sup",
    "kbd": "kbd",
    "q": "quoted",
    "abbr": "abbr",
    "cite": "cite",
    "small": "small",
}
_BLOCKS = {
    "blockquote": "quote",
    "dt": "term",
    "dd": "definition",
    "figure": "figure",
    "figcaption": "caption",
    "summary": "summary",
    "table": "table",
    "tr": "row",
    "ul": "list",
    "ol": "list",
}
_EMBEDS = {
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "source": "src",
    "embed": "src",
    "object": "data",
    "script": "src",
    "input": "type",
    "svg": "viewbox",
}
# Elements that run on with the words around them; every other element ends a run of words.
_PHRASING = frozenset(_INLINE) | {
    "a",
    "span",
    "img",
    "code",
    "br",
    "font",
    "label",
    "button",
    "time",
    "var",
    "samp",
    "input",
    "wbr",
    "tt",
    "big",
}


@dataclass
class _Walk:
    """Collects the units of a tree in the order of reading."""

    units: list[Unit]
    # The number of each footnote by its id; without a list of notes they go by their names.
    notes: dict[str, str] = field(default_factory=dict)
    words: str = ""

    def flush(self) -> None:
        if text := _SPACE.sub(" ", self.words).strip(" "):
            self.units.append(("words", text))
        self.words = ""

    def element(self, node: HtmlElement) -> None:
        if not isinstance(node.tag, str):
            self.words += node.tail or ""
            return
        tag, classes = node.tag, set((node.get("class") or "").split())
        phrasing = tag in _PHRASING or ("arithmatex" in classes and tag == "span")
        if not phrasing:
            self.flush()
        self._enter(node, tag, classes)
        if not phrasing:
            self.flush()
        self.words += node.tail or ""

    def _enter(self, node: HtmlElement, tag: str, classes: set[str]) -> None:
        if classes & {"headerlink", "footnote-backref", "linenos", "linenodiv"} or (
            tag in ("style", "hr")
            and (tag == "style" or node.getparent().get("class") in ("footnote", "footnotes"))
        ):
            self.words = self.words.rstrip("\xa0 ") if "footnote-backref" in classes else self.words
            return
        if "arithmatex" in classes:
            self.units.append(("maths", _tex(node)))
        elif tag == "pre":
            self.units.append(("code", _code(node.text_content())))
        elif tag == "code":
            self.units.append(("inline code", node.text_content()))
            self.words += "\N{OBJECT REPLACEMENT CHARACTER}"
        elif "footnote-ref" in classes or "footnote-reference" in classes:
            note = _fragment(node.get("href"))
            self.units.append(("footnote reference", self.notes.get(note, note)))
        elif tag == "input" and node.get("type") == "checkbox":
            self.units.append(("task", str(node.get("checked") is not None)))
        elif tag == "br":
            self.units.append(("line break",))
            self.words += " "
        elif tag == "hr":
            self.units.append(("rule",))
        elif tag == "img":
            self.units.append(
                ("image", _address(node.get("src")), _squeezed(node.get("alt")), _squeezed(node.get("title")))
            )
        else:
            self._container(node, tag, classes)

    def _container(self, node: HtmlElement, tag: str, classes: set[str]) -> None:
        start = len(self.units)
        before = self.words
        self.words = before if tag in _PHRASING else ""
        self.words += node.text or ""
        for child in node:
            self.element(child)
        if tag not in _PHRASING:
            self.flush()
        opening = self._opening(node, tag, classes)
        if opening:
            self.units.insert(start, opening)
            if opening[0] in ("quote", "definition", "item", "list", "cell", "details"):
                self.units.append((f"end of {opening[0]}",))

    def _opening(self, node: HtmlElement, tag: str, classes: set[str]) -> Unit | None:
        text = _squeezed(node.text_content())
        if tag in _HEADINGS:
            return ("heading", tag, node.get("id") or "")
        if tag == "a":
            href = node.get("href")
            return ("link", _address(href), _squeezed(node.get("title")), text) if href is not None else None
        if (tag == "sup" and not text and node.find("a") is not None) or (
            tag == "sup" and "fnref" in (node.get("id") or "")
        ):
            return None
        if tag in _INLINE:
            return (_INLINE[tag], text)
        if tag == "li":
            return ("item",)
        if tag in ("td", "th"):
            return ("cell", tag, _alignment(node))
        if tag == "ol":
            return ("list", "ol", "" if node.get("start") in (None, "1") else str(node.get("start")))
        if "admonition" in classes and tag in ("div", "blockquote"):
            return ("details", "admonition")
        if tag == "details":
            return ("details", "open" if node.get("open") is not None else "closed")
        if tag in _BLOCKS:
            return (_BLOCKS[tag], tag)
        if tag in _EMBEDS:
            return ("embed", tag, _address(node.get(_EMBEDS[tag])))
        return None


def units(html: str) -> list[Unit]:
    """Return the units of a piece of HTML in the order of reading."""
    root = lxml.html.document_fromstring(f"<!doctype html><html><body>{html}</body></html>").find("body")
    _without_line_numbers(root)
    for number in root.xpath(".//a[contains(@class, 'footnote-ref')]"):
        number.text = ""
    notes = root.xpath(".//div[@class='footnote' or @class='footnotes']/ol/li/@id")
    walk = _Walk([], {unquote(note): str(number) for number, note in enumerate(notes, start=1)})
    walk._container(root, "div", set())
    return walk.units


def _without_line_numbers(root: HtmlElement) -> None:
    """Keep of numbered code only the code: each side prints the numbers in a way of its own."""
    for table in root.xpath('.//table[@class="highlighttable" or @class="lntable"]'):
        code = table.xpath("(.//td[last()]//pre)[last()]")
        if code:
            code[-1].tail = table.tail
            table.getparent().replace(table, code[-1])
    for number in root.xpath('.//span[@class="ln" or @class="lnt"]'):
        number.drop_tree()


def first_difference(expected: list[Unit], found: list[Unit]) -> tuple[Unit | None, Unit | None] | None:
    """Return the first pair of units that are not the same, or nothing where all agree."""
    for one, other in zip_longest(expected, found):
        if one != other and not _only_gains_id(one, other):
            return one, other
    return None


def _only_gains_id(one: Unit | None, other: Unit | None) -> bool:
    """Whether a heading to which Hugo gives no id has one here, so that the contents can name it."""
    return (
        one is not None and other is not None and one[0] == other[0] == "heading" and one == (*other[:2], "")
    )


def described(unit: Unit | None) -> str:
    """Return a unit as a message shows it."""
    if unit is None:
        return "nothing more"
    shown = " ".join(part for part in unit[1:] if part)
    return f"{unit[0]} {shown[:100]!r}" if shown else unit[0]


def _squeezed(text: str | None) -> str:
    return _SPACE.sub(" ", text or "").strip(" ")


def _address(text: str | None) -> str:
    return unquote(_squeezed(text))


def _fragment(text: str | None) -> str:
    return unquote((text or "").rpartition("#")[2])


def _code(text: str) -> str:
    """Return code without the white space that nobody sees: at its end, and on empty lines."""
    return re.sub(r"(?m)^[ \t]+$", "", text).rstrip()


def _tex(node: HtmlElement) -> str:
    text = (node.text_content() or "").strip()
    for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing):
            text = text[2:-2]
    return _SPACE.sub("", text)


def _alignment(node: HtmlElement) -> str:
    style = re.search(r"text-align:\s*(\w+)", node.get("style") or "")
    return style[1] if style else node.get("align") or ""
