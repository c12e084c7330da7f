"""Turn what a cell printed and displayed into files for the page and outputs for the notebook."""

import base64
import re
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from blog_code.posts.post import Cell

if TYPE_CHECKING:  # a check reads outputs too, and must not wait for what executes
    from nbformat import NotebookNode

COLOUR_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SVG, PNG = "image/svg+xml", "image/png"
TEXTS = ("text/", "application/javascript", SVG)  # which a notebook has in lines
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
            kept.append({"name": "stdout", "text": _as_seen(COLOUR_CODES.sub("", out.text)).splitlines(True)})
        elif out.output_type == "error":
            said, evalue = (COLOUR_CODES.sub("", text) for text in (f"{out.ename}: {out.evalue}", out.evalue))
            kept.append({"ename": out.ename, "evalue": evalue, "traceback": [said]})
        else:
            if pictures:
                figures += 1
                data = _figure(cell.output(figures), data, quick=quick)
            kept.append({"data": _as_lines(data), "metadata": {}})
        kept[-1]["output_type"] = "display_data" if pictures else out.output_type
        if kept[-1]["output_type"] == "execute_result":
            kept[-1]["execution_count"] = None
    return CellResult(cell, files_of(cell, kept), kept, round(seconds, 2))


def files_of(cell: Cell, outputs: list[Output]) -> dict[str, bytes]:
    """Return the files that a page shows of a cell's outputs: text, HTML, figures."""
    files: dict[str, bytes] = {}
    text, html, figures = "", "", 0
    for out in outputs:
        data = out.get("data", {})
        if out["output_type"] == "stream":
            text += "".join(out["text"])
        elif out["output_type"] == "error":
            text += "".join(out["traceback"]) + "\n"
        elif {SVG, PNG} & set(data):
            figures += 1
            if SVG in data:
                files[f"{cell.output(figures)}.svg"] = "".join(data[SVG]).encode()
            else:
                files[f"{cell.output(figures)}.png"] = base64.b64decode(data[PNG])
        elif "text/html" in data:
            html += "".join(data["text/html"]) + "\n"
        else:
            text += "".join(data.get("text/plain", "")) + "\n"
    if text.strip():
        files[f"{cell.output()}.txt"] = (text.rstrip() + "\n").encode()
    if html:
        files[f"{cell.output()}.html"] = html.encode()
    return files


def _figure(name: str, data: dict[str, str], *, quick: bool) -> dict[str, str]:
    """Return what a page and a notebook take of a figure; ValueError where that is nothing."""
    from blog_code.runner.figures import figure_files, mark_quick

    if not {PNG, SVG} & set(data):
        kind = next(kind for kind in data if kind.startswith("image/"))
        raise ValueError(f"displays {kind}, and a page takes PNG and SVG")
    try:
        file, content = figure_files(name, data)
    except (OSError, ValueError, SyntaxError) as error:  # XMLSyntaxError is a SyntaxError
        raise ValueError(f"displays a figure that cannot be read: {error}") from None
    content = mark_quick(file, content) if quick else content
    made = {SVG: content.decode()} if file.endswith(".svg") else {PNG: base64.b64encode(content).decode()}
    return {**made, "text/plain": "<Figure>"}


def _as_lines(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a notebook keeps of the forms of a display: those of text, in lines, without colours."""
    kept = {kind: COLOUR_CODES.sub("", shown) for kind, shown in data.items() if isinstance(shown, str)}
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


def _as_seen(text: str) -> str:
    """What a terminal shows of lines that return to their start, as progress bars do."""
    lines = (line.split("\r") for line in text.split("\n"))
    return "\n".join(reduce(lambda seen, part: part + seen[len(part) :], parts) for parts in lines)
