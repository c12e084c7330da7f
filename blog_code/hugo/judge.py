"""Choose for each block of a page the Markdown that shows what Hugo showed.

The candidates of all blocks are rendered together, with a mark before each, as the site renders its pages;
what is not
the same, unit by unit, gets its next candidate. At last the whole page is rendered without marks.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import lxml.html
import markdown

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.blocks import MARK, MARKED, align, split
from blog_code.hugo.clean import what_acts
from blog_code.hugo.divider import with_divider
from blog_code.hugo.inline import Inline
from blog_code.hugo.own import own_text
from blog_code.hugo.pages import Page
from blog_code.hugo.policy import Policy
from blog_code.hugo.problems import Notes, Refused
from blog_code.hugo.units import Element, Unit, described, first_difference, parse, units
from blog_code.hugo.write import Writer

type Extensions = Mapping[str, Mapping[str, Any]]  # those of mkdocs.yml by name, with their options
WRITTEN = ("ascii", "literal", "entities", "raw")
CANDIDATES = ("own", "mended", *WRITTEN)
ROUNDS = 14
_NOTES = re.compile(r'<div class="footnote">.*', re.S)
_LIST = re.compile(r"\s{0,3}(?:[-*+]|\d+[.)])\s")
_DEFINITION = re.compile(r"(?m)^(?= {0,3}\[\^[^\]]+\]:)")
# What would be read as a value, or as a mark of the template engine.
GUARD = re.compile(r"\{(?=\{=)|[\ufdd0-\ufdef]")


class Renderer:
    """Renders Markdown as the site does."""

    def __init__(self, extensions: Extensions) -> None:
        self._markdown = markdown.Markdown(extensions=list(extensions), extension_configs=extensions)

    def html(self, text: str) -> str:
        """Return the HTML of a page's text."""
        self._markdown.reset()
        return str(self._markdown.convert(text))


@dataclass
class Judged:
    """Holds the Markdown of a page, and what is to be said of it."""

    text: str
    notes: Notes
    ids: set[str] = field(default_factory=set)
    difference: tuple[str, str] | None = None  # what Hugo shows, and what the page would show
    levels: dict[str, int] = field(default_factory=dict)  # how many blocks each kind of candidate won


@dataclass
class Judge:
    """Judges one page."""

    page: Page
    addresses: Addresses
    renderer: Renderer
    maths: bool
    problem_of: Callable[[str], str]
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        content = self.page.content or ""
        self.pieces, self.tail = align(self.page.raw, split(self.page.raw), self.page.marked, content)
        self.policy = Policy(self.page, self.addresses, self.maths, self.problem_of, self.notes)
        self.guard = GUARD
        self.labels = _labels(self.page.raw)
        self.numbers: dict[str, str] = {}
        self.trees: list[Element] = [self.policy.tree(piece.html) for piece in self.pieces]
        self.wanted: dict[int, list[Unit]] = {}
        self.texts = [""] * len(self.pieces)
        self.level = [-1] * len(self.pieces)
        self.footnotes = _Footnotes(self)

    def judge(self) -> Judged:
        """Return the page's Markdown."""
        for number in range(len(self.pieces)):
            self._advance(number)
        self._rounds()
        self.footnotes.settle()
        text = with_divider(self._joined())
        html = self.render(text)
        if self.guard.search(text) or (acts := what_acts(html)):
            raise Refused(
                "not harmless", f"its page would hold {acts if not self.guard.search(text) else 'a program'}"
            )
        levels: dict[str, int] = {}
        for level in self.level:
            name = CANDIDATES[min(level, len(CANDIDATES) - 1)]
            levels[name] = levels.get(name, 0) + 1
        ids = set(re.findall(r'\sid="([^"]+)"', html))
        return Judged(text, self.notes, ids, self._difference(html), levels)

    def render(self, text: str) -> str:
        """Return HTML, or what says that the text cannot be rendered."""
        try:
            return self.renderer.html(text)
        except Exception as error:  # an extension may raise whatever it likes
            return f"<p>{type(error).__name__}</p>"

    def _rounds(self) -> None:
        """Render and compare, until every block shows what it should or has no candidate left."""
        todo = set(range(len(self.pieces)))
        for number in range(ROUNDS):
            if not todo:
                return
            definitions = {
                index
                for index, piece in enumerate(self.pieces)
                if any(b.kind in ("reference", "footnote_def") for b in piece.blocks)
            }
            shown = sorted(todo | definitions) if number else list(range(len(self.pieces)))
            failed, unseen = self._failed(shown, todo)
            todo = {index for index in failed if self._advance(index)} | unseen
            if not failed:
                return

    def _failed(self, shown: list[int], todo: set[int]) -> tuple[set[int], set[int]]:
        """Return the blocks that do not show what they should, and those that another one swallowed."""
        marked = [f"{MARK.format(index)}\n\n{self.texts[index]}" for index in shown]
        html = self.render("\n\n".join([*marked, MARK.format(len(self.pieces))]))
        parts = MARKED.split(_NOTES.sub("", html))
        got = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
        if not got:  # one of them cannot be rendered at all
            return self._unrenderable(shown), set()
        failed, unseen = set(), set()
        for index, following in zip(shown, [*shown[1:], len(self.pieces)], strict=True):
            if index not in got:
                unseen |= {index} & todo
            elif following not in got or (index in todo and not self._is_same(index, got[index])):
                failed.add(index)
        return failed, unseen

    def _unrenderable(self, shown: list[int]) -> set[int]:
        return {
            index
            for index in shown
            if not self.render(f"{MARK.format(0)}\n\n{self.texts[index]}").startswith("<p>hgmk")
        }

    def _is_same(self, index: int, html: str) -> bool:
        if what_acts(html) or self.guard.search(self.texts[index]):
            return False
        if index not in self.wanted:
            self.wanted[index] = units(self.trees[index], self.canonical, {})
        return first_difference(self.wanted[index], self._units_here(html, self._numbers())) is None

    def canonical(self, address: str) -> str:
        """Name what an address on Hugo's page leads to."""
        return str(self.addresses.place(address, self.page))

    def canonical_here(self, address: str) -> str:
        """Name what an address on our page leads to."""
        return str(self.addresses.place_here(address, self.page))

    def _numbers(self) -> dict[str, str]:
        """Return Hugo's number of each footnote, by its id here."""
        return {f"fn:{label}": f"fn:{number}" for number, label in self.labels.items()}

    def _units_here(self, html: str, numbers: dict[str, str]) -> list[Unit]:
        return units(parse(html), self.canonical_here, numbers)

    def _advance(self, index: int) -> bool:
        """Give a block its next candidate; say whether there was one."""
        while self.level[index] + 1 < len(CANDIDATES):
            self.level[index] += 1
            text = self._candidate(index, CANDIDATES[self.level[index]])
            if text is not None and text != self.texts[index] and not self.guard.search(text):
                self.texts[index] = text
                return True
            if text == "" and not self.pieces[index].html.strip():
                return True
        return False

    def _candidate(self, index: int, name: str) -> str | None:
        piece = self.pieces[index]
        if name in ("own", "mended"):
            return own_text(piece, self.trees[index], self.page, self.addresses, mended=name == "mended")
        if piece.is_definitions and not piece.html.strip():
            return None
        text = self.written(copy.deepcopy(self.trees[index]), name)
        codes = sorted({code for block in piece.blocks for code in block.shortcodes} - {"ref", "relref"})
        if codes and re.match(r"<[a-z][a-z0-9]*[\s>]", text):
            text = f"<!-- {' '.join(re.sub(r'[^\w ]', ' ', code) for code in codes[:3])} -->\n{text}"
        return text

    def written(self, tree: Element, mode: str) -> str:
        """Return a tree as Markdown."""
        inline = Inline(self._write, mode, self.guard, self.labels, self.notes)
        return Writer(inline).page(tree)

    def _write(self, address: str, raw: bool) -> str:
        return self.addresses.write(self.addresses.place(address, self.page), self.page, raw=raw)

    def _joined(self) -> str:
        """Return the blocks in one text; two lists that follow each other stay two."""
        out: list[str] = []
        before = ""
        for text in filter(None, self.texts):
            if _LIST.match(before) and (_LIST.match(text) or text.startswith("    ")):
                out.append("<!-- -->")
            out.append(text)
            before = text
        return "\n\n".join(out) + "\n"

    def _difference(self, html: str) -> tuple[str, str] | None:
        """Return the first pair of units in which the whole page is not Hugo's."""
        found = _NOTES.search(html)
        body, foot = (html[: found.start()], found[0]) if found else (html, "")
        ids = [unquote(name) for name in re.findall(r'<li id="(fn:[^"]+)"', foot)]
        here = self._units_here(body, {name: f"fn:{number}" for number, name in enumerate(ids, 1)})
        plain = (self.page.content or "").removesuffix(self.tail)
        expected = units(self.policy.tree(plain), self.canonical, {})
        difference = first_difference(expected, here)
        if difference:  # inline HTML that stands alone is a block on both sides
            apart = [unit for tree in self.trees for unit in units(tree, self.canonical, {})]
            difference = first_difference(apart, here)
        if not difference and self.footnotes.wanted() != self.footnotes.shown(foot):
            difference = (("notes", self.tail), ("notes", foot))
        return (described(difference[0]), described(difference[1])) if difference else None


@dataclass
class _Footnotes:
    """Puts the definitions of notes last, in Hugo's order, without those that nothing refers to."""

    judge: Judge

    def wanted(self) -> list[list[Unit]]:
        """Return the units of each of Hugo's notes."""
        return [
            units(note, self.judge.canonical, {})
            for note in self._notes(self.judge.policy.tree(self.judge.tail))
        ]

    def shown(self, foot: str) -> list[list[Unit]]:
        """Return the units of each note of ours."""
        return [units(note, self.judge.canonical_here, {}) for note in self._notes(parse(foot))]

    def _notes(self, root: Element) -> list[Element]:
        notes = []
        for row in root.xpath(".//div[@class='footnote' or @class='footnotes']/ol/li"):
            row = copy.deepcopy(row)
            row.tail = None
            for link in row.xpath(".//a[contains(@class, 'backref')]"):
                link.drop_tree()
            row.tag = "div"
            row.attrib.clear()
            for text in row.xpath(".//p[last()]"):
                _strip_end(text)
            holder = lxml.html.Element("div")
            holder.append(row)
            notes.append(holder)
        return notes

    def settle(self) -> None:
        """Take the definitions out of the blocks, and put behind all what shows Hugo's notes."""
        definitions, rest = self._definitions()
        if not definitions:
            return
        wanted = self.wanted()
        order = self._order(definitions, rest, wanted)
        definitions = {label: definitions[label] for label in order}
        for mode in ("own", *WRITTEN[:3]):
            text = "\n\n".join([*rest, *definitions.values()])
            shown = self.shown((_NOTES.search(self.judge.render(self._page(text))) or [""])[0])
            wrong = [n for n in range(len(wanted)) if n >= len(shown) or shown[n] != wanted[n]]
            if not wrong or mode == WRITTEN[2]:
                break
            following = WRITTEN[(("own", *WRITTEN[:3]).index(mode))]
            notes = self._notes(self.judge.policy.tree(self.judge.tail))
            for number in wrong:
                if number < len(order):
                    label = order[number]
                    written = self.judge.written(notes[number], following)
                    definitions[label] = f"[^{label}]: " + re.sub(r"(?m)^(?=.)", "    ", written)[4:]
        self.judge.texts.append("\n\n".join([*rest, *definitions.values()]))
        self.judge.labels = {str(number): label for number, label in enumerate(order, 1)}

    def _page(self, text: str) -> str:
        return "\n\n".join([*filter(None, self.judge.texts), text])

    def _definitions(self) -> tuple[dict[str, str], list[str]]:
        """Take the definitions out of the blocks; what else stands among them is handed back too."""
        definitions: dict[str, str] = {}
        rest: list[str] = []
        for index, piece in enumerate(self.judge.pieces):
            if not piece.is_definitions or not any(block.kind == "footnote_def" for block in piece.blocks):
                continue
            for part in _DEFINITION.split(self.judge.texts[index]):
                if label := re.match(r" {0,3}\[\^([^\]]+)\]:", part):
                    definitions[label[1]] = part.strip("\n").rstrip()
                elif part.strip():
                    rest.append(part.rstrip())
            self.judge.texts[index] = ""
        return definitions, rest

    def _order(self, definitions: dict[str, str], rest: list[str], wanted: list[list[Unit]]) -> list[str]:
        """Return the labels in Hugo's order: by their words, else as they are referred to."""
        html = self.judge.render(self._page("\n\n".join([*rest, *definitions.values()])))
        foot = (_NOTES.search(html) or [""])[0]
        ids = [unquote(name) for name in re.findall(r'<li id="fn:([^"]+)"', foot)]
        by_words: dict[str, str] = {}
        for label, note in zip(ids, self.shown(foot), strict=False):
            by_words.setdefault(_words(note), label)
        labels = [by_words.get(_words(note), "") for note in wanted]
        left = [
            label
            for label in [*self.judge.labels.values(), *definitions]
            if label in definitions and label not in labels
        ]
        left = list(dict.fromkeys(left))
        order = [label if label in definitions else (left.pop(0) if left else "") for label in labels]
        return [label for label in dict.fromkeys(order) if label]


def _words(note: list[Unit]) -> str:
    return re.sub(r"\W+", "", "".join(unit[-1] for unit in note if unit[0] == "words"))


def _strip_end(node: Element) -> None:
    """Take the blanks before the arrow back out of a note."""
    if len(node):
        node[-1].tail = (node[-1].tail or "").rstrip("\xa0 \n")
    else:
        node.text = (node.text or "").rstrip("\xa0 \n")


def _labels(raw: str) -> dict[str, str]:
    """Return the labels of notes by Hugo's numbers, which follow the order of references."""
    text = re.sub(r"(?ms)^(```|~~~).*?^\1|`[^`\n]*`|^ {0,3}\[\^[^\]\s]+\]:", "", raw)
    defined = set(re.findall(r"(?m)^ {0,3}\[\^([^\]\s]+)\]:", raw))
    order = list(dict.fromkeys(label for label in re.findall(r"\[\^([^\]\s]+)\]", text) if label in defined))
    return {str(number): label for number, label in enumerate(order, 1)}
