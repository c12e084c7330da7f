"""What running posts costs: 20 posts (100 with --full) of eight cheap cells each.

Ratios of times that are taken in this one run. `blog run` from nothing against mkdocs-jupyter executing the
same cells: the time of its build less that of the same build without executing. And `blog check` plus
`blog build` with nothing changed against plain `mkdocs build` of the same pages: MkDocs, the theme and the
plugins as mkdocs.yml has them, without the extension of our own, which spares it work.
"""

import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.build import BIN, PROSE, Ours, region, seconds
from benchmarks.common import busy, processor, run, table, versions, write

CELLS = 8
JUPYTER = """
site_name: Measured
theme: {{name: material, font: false}}
plugins: [{{mkdocs-jupyter: {{execute: {}}}}}]
"""


def source(post: int, cell: int) -> str:
    """A cheap cell, which needs the one before it."""
    return f"total = {'total + ' if cell else ''}{post + cell}\nprint(total)\n"


def write_ours(folder: Path, posts: int) -> None:
    """The posts as this project has them."""
    (folder / "docs" / "posts").mkdir(parents=True)
    Ours().write(folder, posts)
    for post in range(posts):
        package = folder / "blog_code" / f"post_{post}"
        (package / "helper.py").unlink()
        (package / "story.py").write_text(
            "\n".join(region(f"cell-{cell}", source(post, cell)) for cell in range(CELLS))
        )
        parts = [
            f"---\ntitle: Post {post}\ndescription: The post of that number.\ndate: 2024-01-01\n"
            f"slug: post-{post}\ncategories: [Measured]\n---\n\n{PROSE}\n\n<!-- more -->\n"
        ]
        for cell in range(CELLS):
            parts += [
                f"## Part {cell}\n\n{PROSE}\n",
                f'``` {{ .python }}\n--8<-- "post_{post}/story.py:cell-{cell}"\n```\n',
                f'--8<-- "post-{post}/cell-{cell}.out.html"\n',
            ]
        (folder / "docs" / "posts" / f"post-{post}.md").write_text("\n".join(parts))


def write_notebooks(folder: Path, posts: int) -> None:
    """The same cells and prose as notebooks."""
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text("# Posts\n")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for post in range(posts):
        cells = []
        for cell in range(CELLS):
            text = f"## Part {cell}\n\n{PROSE}"
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"prose-{cell}"))
            cells.append(nbformat.v4.new_code_cell(source(post, cell), id=f"cell-{cell}"))
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
        nbformat.write(notebook, folder / "docs" / f"post-{post}.ipynb")


def mkdocs(folder: Path, settings: str) -> float:
    """The seconds that MkDocs takes with these settings."""
    (folder / "measured.yml").write_text(settings)
    command = [BIN / "mkdocs", "build", "--quiet", "--config-file", "measured.yml", "--site-dir", "measured"]
    return seconds(lambda: run(command, folder, 3600, NO_MKDOCS_2_WARNING="1"))


def blog(folder: Path, *arguments: str) -> float:
    """The seconds that the command takes."""
    return seconds(lambda: run([BIN / "blog", *arguments], folder, 3600))


def measure(full: bool) -> None:
    """Measure both ratios."""
    posts, load = 100 if full else 20, busy()
    with tempfile.TemporaryDirectory() as name:
        ours, notebooks = Path(name, "ours"), Path(name, "notebooks")
        write_ours(ours, posts)
        write_notebooks(notebooks, posts)
        taken: dict[str, float] = {
            "blog run, from nothing": blog(ours, "run", "--jobs", "2"),
            "blog run, one at a time": blog(ours, "run", "--force"),
            "blog run, nothing changed": blog(ours, "run"),
            "mkdocs-jupyter, executing": mkdocs(notebooks, JUPYTER.format("true")),
            "mkdocs-jupyter, not executing": mkdocs(notebooks, JUPYTER.format("false")),
        }
        # The least of six each. Their ratio is the median of the turns', each of which has one weather: a
        # machine that others use too may be slower for minutes.
        extended = (ours / "mkdocs.yml").read_text(encoding="utf-8")
        plain = re.sub(r"  - blog_code\..*\n", "", extended)
        assert plain != extended, "mkdocs.yml has no extension of our own"
        turns = [
            (blog(ours, "check"), blog(ours, "build"), mkdocs(ours, plain), mkdocs(ours, extended))
            for _ in range(6)
        ]
        named = (
            "blog check, nothing changed",
            "blog build",
            "mkdocs build of the same pages",
            "the same, with our extension",
        )
        taken |= dict(zip(named, map(min, zip(*turns, strict=True)), strict=True))
    executing = taken["mkdocs-jupyter, executing"] - taken["mkdocs-jupyter, not executing"]
    of_plain = statistics.median((check + build) / alone for check, build, alone, _ in turns)
    of_extended = statistics.median((check + build) / alone for check, build, _, alone in turns)
    ratios = {
        "run_of_jupyter": round(taken["blog run, from nothing"] / executing, 2),
        "run_one_at_a_time_of_jupyter": round(taken["blog run, one at a time"] / executing, 2),
        "unchanged_of_plain": round(of_plain, 2),
        "unchanged_of_extended": round(of_extended, 2),
    }
    rows: list[dict[str, Any]] = [{"what": what, "seconds": round(time, 1)} for what, time in taken.items()]
    print(table(rows, ["what", "seconds"]))
    print(table([{"ratio": what, "is": ratio} for what, ratio in ratios.items()], ["ratio", "is"]))
    write(
        "runner",
        {
            "load": load,
            "device": processor(),
            "versions": versions("mkdocs", "mkdocs-jupyter", "nbclient", "ipykernel"),
            "posts": posts,
            "cells": CELLS,
            "ratios": ratios,
            "rows": rows,
        },
    )
