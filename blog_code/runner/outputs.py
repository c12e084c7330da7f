"""Turn what a cell printed and displayed into files for the page and outputs for the notebook."""

import base64
import re
from dataclasses import dataclass, field
from functools import reduce

import nbformat
from nbformat import NotebookNode

from blog_code.posts.post import Cell
from blog_code.runner.figures import figure_files, mark_quick

COLOUR_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class CellResult:
    """What one cell left: files for the page, the notebook's outputs, seconds."""

    cell: Cell
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: list[NotebookNode] = field(default_factory=list)
    seconds: float = 0.0


def collect(cell: Cell, outputs: list[NotebookNode], seconds: float, *, quick: bool) -> CellResult:
    """Turn what a cell displayed into files and outputs of a notebook; ValueError where no page takes it."""
    result = CellResult(cell, seconds=round(seconds, 2))
    text, html, figures = "", "", 0
    for out in _merged(outputs):
        data = out.get("data", {})
        pictures = [kind for kind in data if kind.startswith("image/")]
        if out.output_type == "stream":
            text += (said := _as_seen(COLOUR_CODES.sub("", out.text)))
            kept = nbformat.v4.new_output("stream", name="stdout", text=said)
        elif out.output_type == "error":
            said = COLOUR_CODES.sub("", f"{out.ename}: {out.evalue}")
            text += said + "\n"
            evalue = COLOUR_CODES.sub("", out.evalue)
            kept = nbformat.v4.new_output("error", ename=out.ename, evalue=evalue, traceback=[said])
        elif pictures:
            figures += 1
            if not {"image/png", "image/svg+xml"} & set(pictures):
                raise ValueError(f"displays {pictures[0]}, and a page takes PNG and SVG")
            try:
                file, content = figure_files(cell.name + (f"-{figures}" if figures > 1 else ""), data)
            except (OSError, ValueError, SyntaxError) as error:  # XMLSyntaxError is a SyntaxError
                raise ValueError(f"displays a figure that cannot be read: {error}") from None
            content = mark_quick(file, content) if quick else content
            result.files[file] = content
            kind = "image/svg+xml" if file.endswith(".svg") else "image/png"
            shown = content.decode() if kind == "image/svg+xml" else base64.b64encode(content).decode()
            kept = nbformat.v4.new_output("display_data", data={kind: shown, "text/plain": "<Figure>"})
        else:
            plain = {
                kind: COLOUR_CODES.sub("", shown) for kind, shown in data.items() if isinstance(shown, str)
            }
            if "text/html" in plain:
                html += plain["text/html"] + "\n"
            else:
                text += plain.get("text/plain", "") + "\n"
            kept = nbformat.v4.new_output(out.output_type, data=plain)  # what a script has to print
        result.outputs.append(kept)
    if text.strip():
        result.files[f"{cell.name}.txt"] = (text.rstrip() + "\n").encode()
    if html:
        result.files[f"{cell.name}.html"] = html.encode()
    return result


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
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
