"""What figures and outputs look like when they are written: the number that says so has to follow."""

import base64
import io

import nbformat
from PIL import Image

from blog_code.posts.post import Cell
from blog_code.posts.regions import Region
from blog_code.runner.look import LOOK
from blog_code.runner.outputs import collect
from blog_code.runner.record import FIRST_LOOK, STYLE, digest

CHART = """\
<?xml version="1.0"?><!-- drawn -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" version="1.1">
 <metadata>when</metadata><defs><style type="text/css">*{stroke-linecap: butt}</style></defs>
 <g id="axes"><path id="a" d="M 0 0 L 1.25 2.125" style="fill: none; stroke: #000000; stroke-width: 0.8"/>
  <use xlink:href="#a" x="1" style="clip-path: url(#b)"/>
  <text style="font: 700 11px 'DejaVu Sans', sans-serif; text-anchor: middle" x="3">one</text>
  <text style="font-size: 9px; fill: #e4572e">two</text>
 </g>
</svg>
"""
# Of all that is written below, by the number of the look: add a line, never change one. The files that people
# read, and what the page includes, are made of it again by each check, which tells where they differ.
WRITTEN = {1: "b6898c5c5798817c65beb1e8214a45b4e502ed811d64298d2f8ff4b34acde6cb"}


def picture(colour: tuple[int, ...], mode: str) -> str:
    made = io.BytesIO()
    Image.new(mode, (3, 2), colour).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def written(*, quick: bool) -> list[object]:
    """All that a cell leaves that prints, raises, draws and displays; its pictures as pixels."""
    new = nbformat.v4.new_output
    shown = [
        new("stream", name="stdout", text="one\n\x1b[31mtwo"),
        new("stream", name="stderr", text="a warning"),
        new("stream", name="stdout", text="\rthree\n\n"),
        new("display_data", data={"image/svg+xml": CHART, "image/png": picture((0, 0, 0), "RGB")}),
        new("display_data", data={"image/png": picture((0, 0, 0, 128), "RGBA")}),
        new("display_data", data={"image/png": picture((255, 0, 0), "RGB")}),
        new("display_data", data={"text/html": "<b>four</b>", "text/plain": "four"}),
        new("execute_result", data={"text/plain": "five\nsix"}),
        new("error", ename="ValueError", evalue="\x1b[1mseven", traceback=["long"]),
    ]
    result = collect(Cell(Region("name", "x/y.py", 1, 2, "code"), frozenset(), 1), shown, 1.0, quick=quick)
    kept: list[object] = [out for out in result.outputs if "image/png" not in out.get("data", {})]
    for name, content in sorted(result.files.items()):
        if name.endswith(".png"):
            opened = Image.open(io.BytesIO(content))
            kept.append([name, opened.mode, opened.size, None if quick else opened.tobytes().hex()])
    return kept


def test_the_look_has_another_number_when_other_bytes_are_written() -> None:
    """Figures written in another way are drawn again: raise LOOK, and add the new checksum."""
    assert {LOOK: digest([written(quick=quick) for quick in (False, True)])} == {LOOK: WRITTEN.get(LOOK)}


def test_records_of_the_first_format_have_the_first_look() -> None:
    """The look that records without one have is that of number 1, with the style sheet of then."""
    if LOOK == 1:
        assert digest([LOOK, digest(STYLE.read_bytes())]) == FIRST_LOOK
