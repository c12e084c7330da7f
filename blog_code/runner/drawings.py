"""How a picture or a chart of a second run differs from the accepted one: as arrays, within a tolerance."""

import io
import itertools
import math
import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from blog_code.runner.differences import NOTHING, NUMBER, Moved, Verdict, near

# The first post computed with narrower instructions, which change all its random numbers: 1.4 % in the worst
# square, 3.8 % for a tick, 1.5 % for a curve, 5.03 % for a dot that is one short training's score. Two digits
# that change places differ by 19 % in a square.
SQUARE, PICTURE = 16, 0.05  # the side of a square in pixels; a share of the range from paper to ink
CHART, TICKS = 0.07, 2  # a share of the smaller side; how many ticks of an axis may come or go
GEOMETRY = (
    "d",
    "points",
    "transform",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "width",
    "height",
)
SHAPES = [
    f"{{*}}{tag}" for tag in ("path", "use", "rect", "circle", "ellipse", "line", "polyline", "polygon")
]
COORDINATE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
Places = NDArray[np.float64]


def compare_pictures(old: bytes, new: bytes) -> Verdict:
    """Pictures of another size, or a part of which is another picture; how much they differ is reported."""
    before, after = (Image.open(io.BytesIO(content)) for content in (old, new))
    if before.size != after.size:
        return [f"{before.size} pixels accepted, {after.size} now"], ""
    a, b = (np.asarray(picture.convert("RGBA"), np.float64) / 255 for picture in (before, after))
    apart = np.abs(a - b).max(axis=2)
    squares = _squares(apart) / _squares(np.ones_like(apart))
    row, column = np.unravel_index(squares.argmax(), squares.shape)
    mean, worst = f"{apart.mean():.1%}", f"{squares.max():.1%}"
    if not (many := int((squares > PICTURE).sum())):
        return [], f"pictures differ by {mean} of the range on average, in the worst square by {worst}"
    where = f"{SQUARE * column} from the left and {SQUARE * row} from the top"
    said = f"{many:,} of {squares.size:,} squares of {SQUARE} pixels differ, the worst, {where}, by {worst}"
    allowed = f"{PICTURE:.0%} of the range on average is allowed"
    return [f"{said}, the whole picture by {mean}; {allowed}"], ""


def _squares(picture: Places) -> Places:
    """The sum over each square of a picture, narrower ones at its edges among them."""
    for axis, length in enumerate(picture.shape):
        picture = np.add.reduceat(picture, np.arange(0, length, SQUARE), axis=axis)
    return picture


class Shape(NamedTuple):
    """What a chart draws once: what it is, but for its numbers, and these."""

    name: str
    kind: str
    places: Places


def compare_charts(old: bytes, new: bytes, moved: Moved = NOTHING) -> Verdict:
    """Charts of another size, with other words, with another axis, or whose curves have moved."""
    before, after = (etree.fromstring(content) for content in (old, new))
    sizes = [[chart.get(name) for name in ("width", "height", "viewBox")] for chart in (before, after)]
    if sizes[0] != sizes[1]:
        return [f"a size of {sizes[0]} accepted, {sizes[1]} now"], ""
    allowed = CHART * _side(before)
    curves, moved_by = _curves(_shapes(before), _shapes(after), allowed)
    wrong = _words(before, after, moved) + _ticks(_marks(before), _marks(after), allowed) + curves
    report = f"curves moved by {moved_by * CHART:.1%} of the chart's smaller side at most"
    return wrong, "" if wrong else report


def _side(chart: Any) -> float:
    """The smaller side of a chart, in the units of its coordinates; nothing where it does not say."""
    sides = _numbers(chart.get("viewBox") or "")[2:]
    if not sides.size:
        sides = _numbers(f"{chart.get('width') or 0} {chart.get('height') or 0}")
    return float(sides.min())


def _numbers(text: str) -> Places:
    return np.array(COORDINATE.findall(text), np.float64)


def _tick(node: Any) -> Any:
    """The tick of an axis that a node is a part of, as Matplotlib names it; None elsewhere."""
    groups = (group for group in node.iterancestors() if re.search(r"tick_\d+$", group.get("id") or ""))
    return next(groups, None)


def _words(before: Any, after: Any, moved: Moved) -> list[str]:
    """Texts that differ, where they are no numbers of an axis."""
    texts = [
        ["".join(node.itertext()).strip() for node in chart.iter("{*}text") if not _is_mark(node)]
        for chart in (before, after)
    ]
    pairs = list(itertools.zip_longest(*texts, fillvalue="nothing"))
    differ = [(a, b) for a, b in pairs if not near(a, b, moved)]
    if not differ:
        return []
    said = f"{differ[0][0]:.60} accepted, {differ[0][1]:.60} now"
    return [f"{len(differ)} of {len(pairs)} texts in the chart differ, the first: {said}"]


def _is_mark(node: Any) -> bool:
    return NUMBER.fullmatch("".join(node.itertext()).strip()) is not None and _tick(node) is not None


def _marks(chart: Any) -> dict[tuple[str, str], Places]:
    """The numbers along the axes, by axis and number, and where each stands."""
    marks = {}
    for node in chart.iter("{*}text"):
        if _is_mark(node) and (stroke := next(_tick(node).iter("{*}use"), None)) is not None:
            axis = _tick(node).getparent().get("id") or ""
            marks[axis, "".join(node.itertext()).strip()] = _numbers(f"{stroke.get('x')} {stroke.get('y')}")
    return marks


def _ticks(before: dict[Any, Any], after: dict[Any, Any], allowed: float) -> list[str]:
    """Axes that run from and to other numbers: ticks that have moved, and more that came or went than may."""
    gone = before.keys() ^ after.keys()
    apart = {mark: _furthest(before[mark], after[mark], allowed) for mark in before.keys() & after.keys()}
    if not (many := sum(share > 1 for share in apart.values())) and (
        max(Counter(axis for axis, _ in gone).values(), default=0) <= TICKS
    ):
        return []
    worst = f"{max(apart.values(), default=0.0) * CHART:.1%}"
    return [
        f"{many} of {len(apart)} ticks moved, the worst by {worst}, and {len(gone)} came or went; "
        f"{CHART:.0%} of the smaller side and {TICKS} of an axis are allowed"
    ]


def _shapes(chart: Any) -> list[Shape]:
    """What is drawn, but for ticks, which may come and go, and for what is only defined."""
    shapes = []
    for node in chart.iter(*SHAPES):
        defined = next(node.iterancestors("{*}defs", "{*}clipPath"), None) is not None
        if not defined and _tick(node) is None:
            name = next((up.get("id") for up in (node, *node.iterancestors()) if up.get("id")), "a shape")
            drawn = " ".join(node.get(key, "") for key in GEOMETRY)
            kind = etree.QName(node).localname + COORDINATE.sub("", drawn)
            shapes.append(Shape(name, kind, _numbers(drawn)))
    return shapes


def _curves(before: list[Shape], after: list[Shape], allowed: float) -> tuple[list[str], float]:
    """Shapes that are others or elsewhere, and how far the worst is, as a multiple of what is allowed."""
    if len(before) != len(after):
        return [f"{len(before)} shapes accepted, {len(after)} now"], math.inf
    pairs = list(zip(before, after, strict=True))
    apart = [_furthest(a.places, b.places, allowed) if a.kind == b.kind else math.inf for a, b in pairs]
    worst = max(apart, default=0.0)
    if worst <= 1:
        return [], worst
    name = before[apart.index(worst)].name
    how = "has another number of points" if math.isinf(worst) else f"moved by {worst * CHART:.1%}"
    many = sum(share > 1 for share in apart)
    said = f"{many} of {len(apart)} shapes differ, the worst, {name}, {how}"
    return [f"{said}; {CHART:.0%} of the smaller side is allowed"], worst


def _furthest(a: Places, b: Places, allowed: float) -> float:
    """How far the numbers of two arrays are apart at most, as a multiple of what is allowed."""
    if a.shape != b.shape:
        return math.inf
    apart = float(np.abs(a - b).max(initial=0.0))
    return apart / allowed if allowed else math.inf if apart else 0.0
