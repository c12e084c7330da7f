"""What may differ between two runs of a picture or a chart, and what is another one."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from blog_code.runner import figures
from blog_code.runner.drawings import compare_charts, compare_pictures
from blog_code.runner.kernels import STYLE

GRID = Path(__file__).parents[2] / "docs/runs/flax-and-optax/grid.png"


def png(ink: Any) -> bytes:
    kept = io.BytesIO()
    Image.fromarray(np.clip(ink, 0, 255).astype(np.uint8)).save(kept, "PNG")
    return kept.getvalue()


@pytest.fixture
def grid() -> np.ndarray:
    """The hundred digits of the first post, 28 pixels each way."""
    return np.asarray(Image.open(GRID).convert("L"), float)


def swapped(grid: np.ndarray) -> np.ndarray:
    first, other = (slice(0, 28), slice(0, 28)), (slice(28, 56), slice(84, 112))
    grid = grid.copy()
    grid[first], grid[other] = grid[other].copy(), grid[first].copy()
    return grid


def test_another_processor_draws_the_same_picture(grid: np.ndarray) -> None:
    """Every grey may differ a little, and a few may differ a lot; by how much is reported."""
    noise = np.random.default_rng(0).normal(0, 5, grid.shape)
    noise[::40, ::40] = 100

    wrong, report = compare_pictures(png(grid), png(grid + noise))

    assert wrong == []
    assert report.startswith("pictures differ by 1.0% of the range on average, in the worst square by ")


@pytest.mark.parametrize(
    "other",
    [
        swapped,
        lambda grid: np.roll(grid, 1, axis=1),
        lambda grid: 255 - grid,
        lambda grid: np.full_like(grid, 255),
    ],
    ids=["two digits swapped", "shifted by a pixel", "inverted", "blank"],
)
def test_another_picture_is_refused(grid: np.ndarray, other: Callable[[np.ndarray], np.ndarray]) -> None:
    """A change in one place counts as it would in a small picture; one line says how much, and where."""
    (said,), _ = compare_pictures(png(grid), png(other(grid)))

    assert " of 324 squares of 16 pixels differ, the worst, " in said
    assert "5% of the range on average is allowed" in said


def test_pictures_have_their_size_and_their_colours() -> None:
    """A picture of another size is another, however small; so is one in another colour, and a clear one."""
    white = Image.new("RGB", (20, 10), "white")
    for other in (Image.new("RGB", (20, 10), "yellow"), Image.new("RGBA", (20, 10), "#fff0")):
        assert compare_pictures(*(png(np.asarray(picture)) for picture in (white, other)))[0]
    assert compare_pictures(png(np.zeros((10, 20))), png(np.zeros((10, 10))))[0] == [
        "(20, 10) pixels accepted, (10, 10) now"
    ]


def chart(draw: Callable[[Any], Any], name: str = "step") -> bytes:
    """A chart in the look of the posts."""
    with matplotlib.rc_context(matplotlib.rc_params_from_file(STYLE, use_default_template=False)):
        figure, axes = plt.subplots()
        draw(axes)
        axes.set_xlabel(name)
        kept = io.StringIO()
        figure.savefig(kept, format="svg")
        plt.close(figure)
    return figures.page_svg(kept.getvalue(), "a")


LOSS = 100 + 400 * np.exp(-np.arange(300) / 60) + np.random.default_rng(1).normal(0, 5, 300)


def moved(curve: np.ndarray) -> list[str]:
    return compare_charts(chart(lambda axes: axes.plot(LOSS)), chart(lambda axes: axes.plot(curve)))[0]


def test_a_curve_may_jitter() -> None:
    """Another processor moves the points of a curve a little, and reports by how much."""
    jitter = np.random.default_rng(2).normal(0, 1, 300)
    accepted, now = (chart(lambda axes, curve=curve: axes.plot(curve)) for curve in (LOSS, LOSS + jitter))

    wrong, report = compare_charts(accepted, now)

    assert wrong == []
    assert report.startswith("curves moved by 0.") and report.endswith("of the chart's smaller side at most")


def test_a_curve_that_moved_is_found() -> None:
    """A bump, another height, another scale and another number of points are told in a line each at most."""
    bump = LOSS.copy()
    bump[150:160] += 60

    assert moved(bump)[0].startswith("1 of 5 shapes differ, the worst, a-line2d_")
    assert "ticks moved" in "".join(moved(LOSS + 50))
    assert "came or went; 7% of the smaller side and 2 of an axis are allowed" in "".join(moved(LOSS * 10))
    assert "has another number of points" in "".join(moved(LOSS[::2].repeat(2)[:299]))
    assert all(len(moved(curve)) <= 4 for curve in (bump, LOSS * 10, LOSS[:100]))


def test_an_axis_may_gain_a_tick() -> None:
    """The lowest point sinks below a tick: the axis shows one more, and nothing is another."""
    accepted, now = (
        chart(lambda axes, low=low: axes.plot([low, 98.80, 99.20, 99.40, 99.61])) for low in (98.10, 98.00)
    )

    assert accepted.count(b"ytick_") < now.count(b"ytick_")
    assert compare_charts(accepted, now)[0] == []


def test_points_and_bars_are_shapes_too() -> None:
    """What a chart draws without a line is compared as well."""
    points, heights = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])
    for kind in ("scatter", "bar", "step"):
        old, same, new = (
            chart(lambda axes, high=high, kind=kind: getattr(axes, kind)(points, high))
            for high in (heights, heights + 0.01, heights[[0, 2, 1]])
        )
        assert compare_charts(old, same)[0] == []
        assert "shapes differ" in compare_charts(old, new)[0][0]


def test_words_and_numbers_beside_a_chart() -> None:
    """The name of an axis is exact; a number that is no tick may differ as it may in text."""

    def labelled(text: str, name: str = "step") -> bytes:
        return chart(lambda axes: axes.set_title(text), name)

    assert compare_charts(labelled("scored -84.60"), labelled("scored -84.65"))[0] == []
    assert compare_charts(labelled("96 epochs"), labelled("97 epochs"))[0] == [
        "1 of 2 texts in the chart differ, the first: 96 epochs accepted, 97 epochs now"
    ]
    assert compare_charts(labelled("a"), labelled("a", "epoch"))[0] == [
        "1 of 2 texts in the chart differ, the first: step accepted, epoch now"
    ]


def test_charts_have_their_size() -> None:
    """A chart that is drawn wider is another."""
    sizes = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}"/>'.encode() for width in (100, 90))

    assert compare_charts(*sizes)[0] == ["a size of ['100', None, None] accepted, ['90', None, None] now"]
