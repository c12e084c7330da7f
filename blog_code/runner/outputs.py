"""Turn what a cell printed and displayed into files for the page and outputs for the notebook.

A cell leaves, in the order in which it came, figures (`greet.svg`, `greet-2.svg`) and what is between them:
text (`greet.txt`) and HTML (`greet.html`), as people read it in a diff; behind the next figure `greet-2.txt`.
The run makes of it what the page includes, `greet.out.html`: the same on one line, and inert (`markup.py`).
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any

from blog_code.posts.post import INCLUDED, Cell
from blog_code.runner.markup import Refused, html_element, text_element, visible

if TYPE_CHECKING:  # a check reads outputs too, and must not wait for what executes
    from nbformat import NotebookNode

# Of a terminal: colours and moves of the cursor, links and titles, other character sets.
COLOUR_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z])")
ADDRESS = re.compile(r"\bat (0x[0-9A-Fa-f]+)")
SVG, PNG, HTML, TEXT = "image/svg+xml", "image/png", "text/html", "text/plain"
TEXTS = ("text/", "application/javascript", SVG)  # which a notebook has in lines
LARGEST_CHART = 500_000  # bytes
type Output = dict[str, Any]  # as a notebook has it on the disk


@dataclass
class CellResult:
    """What one cell left: files for the page, the notebook's outputs, seconds."""

    cell: Cell
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    seconds: float = 0.0


def collect(cell: Cell, outputs: "list[NotebookNode]", seconds: float, *, quick: bool) -> CellResult:
    """Turn what a cell displayed into files and outputs of a notebook; ValueError where no page takes it."""
    kept: list[Output] = []
    figures = 0
    for out in _merged(outputs):
        data = out.get("data", {})
        pictures = [kind for kind in data if kind.startswith("image/")]
        if out.output_type == "stream":
            kept.append({"name": "stdout", "text": as_text(out.text).splitlines(True)})
        elif out.output_type == "error":
            said, evalue = (as_text(text) for text in (f"{out.ename}: {out.evalue}", out.evalue))
            kept.append({"ename": out.ename, "evalue": evalue, "traceback": [said]})
        else:
            _refuse_types(data)
            if pictures:
                figures += 1
                data = _figure(cell.output(figures), data, quick=quick)
            kept.append({"data": _as_lines(data), "metadata": {}})
        kept[-1]["output_type"] = "display_data" if pictures else out.output_type
        if kept[-1]["output_type"] == "execute_result":
            kept[-1]["execution_count"] = None
    files = files_of(cell, kept)
    _refuse_addresses(cell, kept)
    included_files(cell, kept)  # which refuses what no page shows
    return CellResult(cell, files, kept, round(seconds, 2))


@dataclass
class Piece:
    """What a page shows at one place: a figure, or all that came before the next one."""

    name: str  # of its files, but for their suffix
    shown: list[tuple[str, str]]  # each with its type

    @property
    def file(self) -> str:
        """The file that the page names."""
        return self.name + {SVG: ".svg", PNG: ".png"}.get(self.shown[0][0], INCLUDED)

    def all_of(self, kind: str) -> str:
        return "".join(content for found, content in self.shown if found == kind)


def pieces_of(cell: Cell, outputs: list[Output]) -> Iterator[Piece]:
    """Yield what a page shows of a cell's outputs, in the order in which it came."""
    figures = between = 0
    for is_figure, group in groupby(map(_shown, outputs), lambda shown: shown[0] in {SVG, PNG}):
        shown = list(group)
        for one in shown if is_figure else ():
            figures += 1
            yield Piece(cell.output(figures), [one])
        if not is_figure and any(content.strip() for _, content in shown):
            between += 1
            yield Piece(cell.output(between), shown)


def _shown(out: Output) -> tuple[str, str]:
    """Return what a page takes of an output, and its type."""
    if out["output_type"] == "stream":
        return TEXT, "".join(out["text"])
    if out["output_type"] == "error":
        return TEXT, "".join(out["traceback"]) + "\n"
    kind = next((kind for kind in (SVG, PNG, HTML) if kind in out["data"]), TEXT)
    content = "".join(out["data"].get(kind, ""))
    return kind, content if kind in {SVG, PNG} else content + "\n"


def files_of(cell: Cell, outputs: list[Output]) -> dict[str, bytes]:
    """Return the files that people read of a cell's outputs: text, HTML, figures."""
    files: dict[str, bytes] = {}
    for piece in pieces_of(cell, outputs):
        if piece.all_of(SVG):
            files[piece.file] = piece.all_of(SVG).encode()
        elif piece.all_of(PNG):
            files[piece.file] = base64.b64decode(piece.all_of(PNG))
        else:
            if (text := piece.all_of(TEXT)).strip():
                files[f"{piece.name}.txt"] = _ended(text).encode()
            if html := piece.all_of(HTML):
                files[f"{piece.name}.html"] = html.encode()
    return files


def included_files(cell: Cell, outputs: list[Output]) -> dict[str, bytes]:
    """Return what the page includes of a cell's outputs: one element each, on one line."""
    found = [piece for piece in pieces_of(cell, outputs) if piece.file.endswith(INCLUDED)]
    return {piece.file: f"{_element(piece)}\n".encode() for piece in found}


def _element(piece: Piece) -> str:
    """Write the element that shows text, or text and HTML in their order."""
    if not piece.all_of(HTML):
        return text_element(_ended(piece.all_of(TEXT)), ' class="output"')
    parts = []
    for kind, group in groupby(piece.shown, lambda shown: shown[0]):
        content = "".join(content for _, content in group)
        if content.strip():
            parts.append(html_element(content, piece.name) if kind == HTML else text_element(_ended(content)))
    return f'<div class="output">{"".join(parts)}</div>'


def _ended(text: str) -> str:
    return text.rstrip("\n") + "\n"


def _refuse_types(data: dict[str, Any]) -> None:
    """Raise ValueError where a display has nothing that a page shows, or not what its type says."""
    for kind in (SVG, PNG, HTML, TEXT):
        if not isinstance(data.get(kind, ""), str):
            raise ValueError(f"displays {kind} that is no text but {type(data[kind]).__name__}")
    if {SVG, PNG, HTML} & set(data):
        return
    if unknown := sorted(set(data) - {TEXT}):
        way = "print it, save it as SVG or PNG and display that, or write it into the prose"
        raise ValueError(f"displays {', '.join(unknown)}, and a page takes PNG and SVG, HTML and text: {way}")


def _refuse_addresses(cell: Cell, outputs: list[Output]) -> None:
    """Raise ValueError where an output has the address of an object, which no other run has."""
    for piece in pieces_of(cell, outputs):
        if found := ADDRESS.search(piece.all_of(TEXT) + re.sub(r"&lt;|<[^>]*>", " ", piece.all_of(HTML))):
            way = "end the last line with ; or print what is meant"
            raise ValueError(f"shows the address of an object ({found[0]}), which no other run has: {way}")


def _figure(name: str, data: dict[str, str], *, quick: bool) -> dict[str, str]:
    """Return what a page and a notebook take of a figure; ValueError where that is nothing."""
    from blog_code.runner.figures import figure_files, mark_quick

    try:
        file, content = figure_files(name, data)
    except Refused:
        raise
    except (OSError, ValueError, SyntaxError) as error:  # XMLSyntaxError is a SyntaxError
        raise ValueError(f"displays a figure that cannot be read: {error}") from None
    if file.endswith(".svg") and len(content) > LARGEST_CHART:
        way = "draw what is many with rasterized=True, or fewer of it"
        message = f"displays a chart of {len(content):,} bytes, and {LARGEST_CHART:,} are the most: {way}"
        raise ValueError(message)
    content = mark_quick(file, content) if quick else content
    made = {SVG: content.decode()} if file.endswith(".svg") else {PNG: base64.b64encode(content).decode()}
    return {**made, "text/plain": "<Figure>"}


def _as_lines(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a notebook keeps of the forms of a display: those of text, in lines, without colours.

    Plain text beside HTML is for others: what only this run has goes.
    """
    kept = {kind: COLOUR_CODES.sub("", shown) for kind, shown in data.items() if isinstance(shown, str)}
    if TEXT in kept:
        kept[TEXT] = as_text(kept[TEXT])
    if HTML in kept:
        kept[HTML] = visible(kept[HTML].replace("\r\n", "\n"))
    if HTML in kept and TEXT in kept:
        kept[TEXT] = ADDRESS.sub("at 0x…", kept[TEXT])
    lines = {kind: shown.splitlines(True) for kind, shown in kept.items() if kind.startswith(TEXTS)}
    return {**kept, **lines}


def _merged(outputs: "list[NotebookNode]") -> "list[NotebookNode]":
    """The outputs without standard error, and with what was printed in one piece however it arrived."""
    merged: list[NotebookNode] = []
    for out in outputs:
        if out.output_type != "stream":
            merged.append(out)
        elif out.name == "stdout":
            if merged and merged[-1].output_type == "stream":
                merged[-1].text += out.text
            else:
                merged.append(out)
    return merged


def as_text(text: str) -> str:
    """What a terminal shows of a text, but for colours; control characters are written visibly.

    Lines that return to their start, as progress bars do, are written over.
    """
    lines = (line.split("\r") for line in COLOUR_CODES.sub("", text).split("\n"))
    return visible("\n".join(reduce(lambda seen, part: part + seen[len(part) :], parts) for parts in lines))
