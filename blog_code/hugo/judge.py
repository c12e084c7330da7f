"""Choose for each block of a page the Markdown that shows what Hugo showed.

The candidates of all blocks are rendered together, with a mark before each, as the site renders its pages;
what is not the same, unit by unit, gets its next candidate. At last the page is rendered without marks.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
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
WRITTEN = ("ascii", "entities", "raw")
CANDIDATES = ("own", *WRITTEN)
ROUNDS = 14
# What would be read as a value, or as a mark of the template engine.
GUARD = re.compile(r"\{(?=\{=)|[\ufdd0-\ufdef]")
_NOTES = re.compile(r'<div class="footnote">.*', re.S)
_LIST = re.compile(r"\s{0,3}(?:[-*+]|\d+[.)])\s")
_DEFINED = re.compile(r"(?m)^ {0,3}\[\^([^\]\s]+)\]:")


class Renderer:
    """Renders Markdown as the site does."""

    def __init__(self, extensions: Extensions) -> None:
        self._markdown = markdown.Markdown(extensions=list(extensions), extension_configs=extensions)

    def html(self, text: str) -> str:
        """Return the HTML of a text, or what says that it cannot be rendered."""
        self._markdown.reset()
        try:
            return str(self._markdown.convert(text))
        except (MemoryError, RecursionError, TimeoutError):
            raise
        except Exception as error:  # an extension may raise whatever it likes
            return f"<p>{type(error).__name__}</p>"


@dataclass
class Judged:
    """Holds the Markdown of a page, and what is to be said of it."""

    text: str
    notes: Notes
    difference: tuple[str, str] | None = None  # what Hugo shows, and what the page would show


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
        page = self.page
        self.pieces, self.tail = align(page.raw, split(page.raw), page.marked, page.content or "")
        self.policy = Policy(page, self.addresses, self.maths, self.problem_of, self.notes)
        self.trees: list[Element] = [self.policy.tree(piece.html) for piece in self.pieces]
        self.wanted: dict[int, list[Unit]] = {}
        self.texts = [""] * len(self.pieces)
        self.level = [-1] * len(self.pieces)
        self.labels: dict[str, str] = {}  # of notes, by Hugo's numbers

    def judge(self) -> Judged:
        """Return the page's Markdown."""
        self.labels = {str(n): label for n, label in enumerate(self._referred([self.page.raw]), 1)}
        for index in range(len(self.pieces)):
            self._advance(index)
        self._rounds()
        self._settle_notes()
        text = with_divider(self._joined(), self.page.title)
        html = self.renderer.html(text)
        if acts := "a program" if GUARD.search(text) else what_acts(html):
            raise Refused("not harmless", f"its page would hold {acts}")
        return Judged(text, self.notes, self._difference(html))

    def _rounds(self) -> None:
        """Render and compare, until every block shows what it should or has no candidate left."""
        todo = set(range(len(self.pieces)))
        definitions = {index for index, piece in enumerate(self.pieces) if piece.defines}
        for _ in range(ROUNDS if todo else 0):
            failed, unseen = self._failed(sorted(todo | definitions), todo)
            todo = {index for index in failed if self._advance(index)} | unseen
            if not todo:
                return

    def _failed(self, shown: list[int], todo: set[int]) -> tuple[set[int], set[int]]:
        """Return the blocks that do not show what they should, and those that another one swallowed."""
        marked = [f"{MARK.format(index)}\n\n{self.texts[index]}" for index in shown]
        html = self.renderer.html("\n\n".join([*marked, MARK.format(len(self.pieces))]))
        parts = MARKED.split(_NOTES.sub("", html))
        got = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
        if not got and len(shown) > 1:  # one of them cannot be rendered at all
            return {index for index in shown if self._failed([index], {index})[0]}, set()
        failed, unseen = set(), set()
        for index, following in zip(shown, [*shown[1:], len(self.pieces)], strict=True):
            if index not in got and got:
                unseen |= {index} & todo
            elif following not in got or (index in todo and not self._is_same(index, got[index])):
                failed.add(index)
        return failed, unseen

    def _is_same(self, index: int, html: str) -> bool:
        return not what_acts(html) and first_difference(self._expected(index), self._units_here(html)) is None

    def _expected(self, index: int) -> list[Unit]:
        """Return the units of what Hugo made of a block."""
        if index not in self.wanted:
            self.wanted[index] = units(self.trees[index], self._place, {})
        return self.wanted[index]

    def _place(self, address: str) -> str:
        """Name what an address on Hugo's page leads to."""
        return str(self.addresses.place(address, self.page))

    def _units_here(self, html: str) -> list[Unit]:
        numbers = {f"fn:{label}": f"fn:{number}" for number, label in self.labels.items()}
        return units(parse(html), lambda address: str(self.addresses.place_here(address, self.page)), numbers)

    def _advance(self, index: int) -> bool:
        """Give a block its next candidate; say whether there was one."""
        while self.level[index] + 1 < len(CANDIDATES):
            self.level[index] += 1
            text = self._candidate(index, CANDIDATES[self.level[index]])
            is_nothing = text == "" and not self._expected(index)
            if is_nothing or (text and text != self.texts[index] and not GUARD.search(text)):
                self.texts[index] = text or ""
                return True
        return False

    def _candidate(self, index: int, name: str) -> str | None:
        piece, tree = self.pieces[index], self.trees[index]
        if name == "own":
            return own_text(piece, tree, self.page, self.addresses)
        text = self._written(copy.deepcopy(tree), name)
        codes = sorted({code for block in piece.blocks for code in block.shortcodes} - {"ref", "relref"})
        if codes and re.match(r"<[a-z][a-z0-9]*[\s>]", text):
            said = re.sub(r"[^\w ]", " ", " ".join(codes[:3]))
            text = f"<!-- {said} -->\n{text}"
        return None if piece.defines and not piece.html.strip() else text

    def _written(self, tree: Element, mode: str) -> str:
        """Return a tree as Markdown."""

        def write(address: str, raw: bool) -> str:
            return self.addresses.write(self.addresses.place(address, self.page), self.page, raw=raw)

        return Writer(Inline(write, mode, GUARD, self.labels, self.notes)).page(tree)

    def _joined(self) -> str:
        """Return the blocks in one text; two lists that follow each other stay two."""
        out: list[str] = []
        for text in filter(None, self.texts):
            if out and _LIST.match(out[-1]) and (_LIST.match(text) or text.startswith("    ")):
                out.append("<!-- -->")
            out.append(text)
        return "\n\n".join(out) + "\n"

    def _difference(self, html: str) -> tuple[str, str] | None:
        """Return the first pair of units in which the whole page is not Hugo's."""
        here = self._units_here(_NOTES.sub("", html))
        plain = (self.page.content or "").removesuffix(self.tail)
        difference = first_difference(units(self.policy.tree(plain), self._place, {}), here)
        if difference:  # inline HTML that stands alone is a block on both sides
            apart = [unit for tree in self.trees for unit in units(tree, self._place, {})]
            difference = first_difference(apart, here)
        if not difference:
            notes = _notes(self.policy.tree(self.tail))
            wanted = [unit for note in notes for unit in units(note, self._place, {})]
            shown = [unit for note in _notes(parse(html)) for unit in self._units_here(_html(note))]
            difference = first_difference(wanted, shown)
        return (described(difference[0]), described(difference[1])) if difference else None

    def _referred(self, texts: list[str]) -> list[str]:
        """Return the labels of notes in the order of references, which is that of Hugo's numbers."""
        defined = dict.fromkeys(_DEFINED.findall(self.page.raw))
        body = "\n\n".join(_DEFINED.sub("", text) for text in texts)
        probe = "\n\n".join([body, *(f"[^{label}]: x" for label in defined)])
        html = self.renderer.html(probe) if defined else ""
        return list(dict.fromkeys(map(unquote, re.findall(r'id="fnref\d*:([^"]+)"', html))))

    def _settle_notes(self) -> None:
        """Put the definitions of notes last, in Hugo's order, without those that nothing refers to."""
        wanted = _notes(self.policy.tree(self.tail))
        both = list(zip(self.texts, self.pieces, strict=True))
        texts = [text for text, piece in both if not piece.defines]
        references = [_without_notes(text) for text, piece in both if piece.defines]
        order = self._referred(texts)[: len(wanted)] if wanted else []
        self.labels = {str(number): label for number, label in enumerate(order, 1)}
        notes = zip(order, wanted, strict=False)
        definitions = [self._definition(label, note, references) for label, note in notes]
        self.texts = [*texts, *references, *definitions]

    def _definition(self, label: str, note: Element, references: list[str]) -> str:
        """Return the definition of a note that shows what Hugo's shows."""
        expected, text = units(note, self._place, {}), ""
        for mode in WRITTEN[:2]:
            written = self._written(copy.deepcopy(note), mode)
            text = f"[^{label}]: " + re.sub(r"(?m)^(?=.)", "    ", written)[4:]
            html = self.renderer.html("\n\n".join([f"x[^{label}]", *references, text]))
            [shown] = _notes(parse(html)) or [note]
            if not GUARD.search(text) and first_difference(expected, self._units_here(_html(shown))) is None:
                break
        return text


def _without_notes(text: str) -> str:
    """Return what of some definitions defines no note."""
    kept, is_note = [], False
    for line in text.split("\n"):
        if re.match(r" {0,3}\[[^\]]+\]:", line):
            is_note = bool(_DEFINED.match(line))
        kept += [] if is_note else [line]
    return "\n".join(kept).strip()


def _notes(root: Element) -> list[Element]:
    """Return what each note holds, without its arrow back."""
    notes = []
    for row in root.xpath(".//div[@class='footnote' or @class='footnotes']/ol/li"):
        for link in row.xpath(".//a[contains(@class, 'backref')]"):
            link.drop_tree()
        note = lxml.html.fromstring(re.sub(r"(?:\s|&#160;|\xa0)+</p>", "</p>", f"<div>{_html(row)}</div>"))
        notes.append(note)
    return notes


def _html(node: Element) -> str:
    """Return what stands in an element, as HTML."""
    inner = "".join(lxml.html.tostring(child, encoding="unicode") for child in node)
    return escape(node.text or "", quote=False) + inner
