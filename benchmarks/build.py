"""From sources to a site of 10 and 100 posts (1,000 too with --full), executed and not, beside the peers.

The posts are as people's are: 1,700 words and eight cells, which import numpy and matplotlib, draw two
figures and call a helper from a module. What counts is the processor's time of all processes, kernels too,
since other work on the machine does not add to it: cold, again with nothing changed, after an edit of one
post's prose, and after an edit of one helper. The last tells too whether the page then shows the new number:
one that does not is stale, and says nothing. Peers that are not installed are left out, by name.
"""

import gzip
import importlib.util
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import nbformat
from lxml import html

from benchmarks.common import ROOT, busy, memory_of, processor, run, table, versions, write

BIN = Path(sys.executable).parent
PROSE = "A paragraph of prose, as posts have them, that says what the block below it is about and why. " * 10
POST = "posts/flax-and-optax/"
HELPER = "def number():\n    return {}\n"
CELLS = {
    "imports": "import matplotlib.pyplot as plt\nimport numpy as np",
    "helper": "",  # from a module
    "show": "print(number())",
    "data": "x = np.linspace(0, 6, 50)\nprint(x.mean())",
    "first": "plt.plot(x, np.sin(x))\nplt.show()",
    "table": "for row in range(5):\n    print(row, row**2, np.sqrt(row))",
    "second": "plt.plot(x, np.cos(x))\nplt.show()",
    "end": "print(number() + 1)",
}
FIGURES = {"first", "second"}
OUTPUT = CELLS.keys() - {"imports", "helper"}


class Way(ABC):
    """A way to make the site: how a post is written, and which command makes the pages."""

    name: str
    package: str | None = None  # what must be installed
    executes = True
    most: int = 1000  # posts; peers that execute each page each time would take hours for more

    @abstractmethod
    def write(self, folder: Path, posts: int) -> None:
        """Write the sources of so many posts."""

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Make the site, as its people would."""

    def page(self, folder: Path) -> str:
        """Return the page of the first post."""
        return (folder / "site" / "posts" / "post-0" / "index.html").read_text(encoding="utf-8")

    def prose(self, folder: Path) -> Path:
        """Return the file that holds the first post's prose."""
        return folder / "docs" / "posts" / "post-0.md"

    def helper(self, folder: Path, post: int) -> Path:
        """Return the file that holds the helper of a post."""
        return folder / f"helper_{post}.py"


class Ours(Way):
    """`blog site` executes what is stale, checks, and makes the pages."""

    name = "blog site"

    def write(self, folder: Path, posts: int) -> None:
        settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        settings = re.sub(r"^nav:\n(?:  .*\n)+", "nav:\n  - Posts: index.md\n", settings, flags=re.MULTILINE)
        settings = re.sub(r"        - benchmarks/.*\n", "", settings)
        (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")
        shutil.copytree(ROOT / "docs" / "assets", folder / "docs" / "assets")
        (folder / "docs" / "index.md").write_text("# Posts\n")
        for post in range(posts):
            (folder / "blog_code" / f"post_{post}").mkdir(parents=True)
            self.helper(folder, post).write_text(region("helper", HELPER.format(1000 + post)))
            story = [region(name, f"{code}\n") for name, code in CELLS.items() if code]
            (folder / "blog_code" / f"post_{post}" / "story.py").write_text("\n".join(story))
            head = f"---\ntitle: Post {post}\ndescription: The post of that number.\ndate: 2024-01-01\n---\n"
            text = [head, PROSE, "<!-- more -->", *(self.part(post, name) for name in CELLS)]
            (folder / "docs" / "posts" / f"post-{post}.md").write_text("\n\n".join(text) + "\n")

    def part(self, post: int, name: str) -> str:
        """Return a section of a post: prose, a cell, and what it leaves."""
        module = "helper" if name == "helper" else "story"
        fence = f'``` {{ .python }}\n--8<-- "post_{post}/{module}.py:{name}"\n```'
        shown = f'--8<-- "post-{post}/{name}.out.html"' if name in OUTPUT else ""
        if name in FIGURES:
            shown = f"![A curve](../runs/post-{post}/{name}.svg)"
        return f"## Part {name}\n\n{PROSE}\n\n{fence}\n\n{shown}"

    def helper(self, folder: Path, post: int) -> Path:
        return folder / "blog_code" / f"post_{post}" / "helper.py"

    def make(self, folder: Path) -> None:
        run([BIN / "blog", "site"], folder, 7200, JAX_PLATFORMS="cpu")


class PlainMaterial(Way):
    """MkDocs and Material as its documentation sets it up; outputs are typed by hand, so nothing is right."""

    name, executes = "Material, nothing executed", False
    command = ("mkdocs", "build", "--quiet")
    settings = (
        "site_name: Measured\ntheme: {name: material}\nplugins: [search]\n"
        "markdown_extensions:\n"
        "  [pymdownx.highlight, pymdownx.inlinehilite, pymdownx.snippets, pymdownx.superfences]\n"
    )

    def block(self, post: int, name: str, code: str) -> str:
        """Return a cell with its output."""
        typed = f"\n```text\n{1000 + post}\n```\n" if name in OUTPUT else ""
        return f"```python\n{code}\n```\n{typed}"

    def write(self, folder: Path, posts: int) -> None:
        (folder / "mkdocs.yml").write_text(self.settings)
        (folder / "docs" / "index.md").write_text("# Posts\n")
        for post in range(posts):
            self.helper(folder, post).write_text(HELPER.format(1000 + post))
            parts = [
                f"## Part {name}\n\n{PROSE}\n\n{self.block(post, name, code_of(name, post))}"
                for name in CELLS
            ]
            text = "\n\n".join([f"# Post {post}", PROSE, *parts])
            (folder / "docs" / "posts" / f"post-{post}.md").write_text(text)

    def make(self, folder: Path) -> None:
        command = [BIN / self.command[0], *self.command[1:]]
        run(command, folder, 3600, NO_MKDOCS_2_WARNING="1", PYTHONPATH=str(folder))


class Zensical(PlainMaterial):
    """Material's successor, which executes nothing either."""

    name, package = "Zensical, nothing executed", "zensical"
    command = ("zensical", "build", "--clean")


class MarkdownExec(PlainMaterial):
    """Code runs while pages are rendered, all in one process."""

    name, package, executes, most = "markdown-exec", "markdown_exec", True, 10
    settings = PlainMaterial.settings.replace("[search]", "[search, markdown-exec]")

    def block(self, post: int, name: str, code: str) -> str:
        drawn = "import io\nout = io.StringIO()\nplt.savefig(out, format='svg')\nprint(out.getvalue())"
        code = code.replace("plt.show()", drawn)
        kind = 'html="on"' if name in FIGURES else 'result="text"'
        return f'```python exec="on" source="above" session="{post}" {kind}\n{code}\n```\n'


class MkDocsJupyter(PlainMaterial):
    """Notebooks are executed while pages are rendered."""

    name, package, executes, most = "mkdocs-jupyter, executing", "mkdocs_jupyter", True, 10
    settings = PlainMaterial.settings.replace("[search]", "[search, mkdocs-jupyter: {execute: true}]")

    def write(self, folder: Path, posts: int) -> None:
        super().write(folder, posts)
        for post in range(posts):
            (folder / "docs" / "posts" / f"post-{post}.md").unlink()
            write_notebook(folder / "docs" / "posts" / f"post-{post}.ipynb", post)

    def prose(self, folder: Path) -> Path:
        return folder / "docs" / "posts" / "post-0.ipynb"


class MystNB(Way):
    """Sphinx executes notebooks and keeps their outputs in a cache that is keyed by their text."""

    name, package, most = "sphinx, myst-nb with its cache", "myst_nb", 100

    def write(self, folder: Path, posts: int) -> None:
        (folder / "docs" / "conf.py").write_text(
            "project = 'Measured'\nextensions = ['myst_nb']\nnb_execution_mode = 'cache'\n"
        )
        listed = "\n".join(f"posts/post-{post}" for post in range(posts))
        (folder / "docs" / "index.md").write_text(f"# Posts\n\n```{{toctree}}\n{listed}\n```\n")
        for post in range(posts):
            self.helper(folder, post).write_text(HELPER.format(1000 + post))
            write_notebook(folder / "docs" / "posts" / f"post-{post}.ipynb", post)

    def make(self, folder: Path) -> None:
        run([sys.executable, "-m", "sphinx", "-q", "docs", "site"], folder, 3600, PYTHONPATH=str(folder))

    def page(self, folder: Path) -> str:
        return (folder / "site" / "posts" / "post-0.html").read_text(encoding="utf-8")

    def prose(self, folder: Path) -> Path:
        return folder / "docs" / "posts" / "post-0.ipynb"


OURS, PLAIN, BEST = Ours(), PlainMaterial(), MystNB()
WAYS = (OURS, PLAIN, Zensical(), MarkdownExec(), MkDocsJupyter(), BEST)


def region(name: str, text: str) -> str:
    """Return the text as a region of a module."""
    return f"# --8<-- [start:{name}]\n{text}# --8<-- [end:{name}]\n"


def code_of(name: str, post: int) -> str:
    """Return the code of a cell where helpers are imported."""
    return CELLS[name] or f"from helper_{post} import number"


def write_notebook(path: Path, post: int) -> None:
    """Write the post as a notebook."""
    cells = [nbformat.v4.new_markdown_cell(f"# Post {post}\n\n{PROSE}", id="prose")]
    for name in CELLS:
        cells.append(nbformat.v4.new_markdown_cell(f"## Part {name}\n\n{PROSE}", id=f"prose-{name}"))
        cells.append(nbformat.v4.new_code_cell(code_of(name, post), id=name))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def spent() -> float:
    """Return the processor's seconds of all commands that ended, and of what they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_way(way: Way, posts: int) -> dict[str, Any]:
    """Take the four times of one way for so many posts, and the memory of its whole family of processes."""
    row: dict[str, Any] = {"way": way.name, "posts": posts}

    def take(name: str) -> None:
        before = spent()
        with memory_of(row, f"{name}_mb"):
            way.make(folder)
        row[name] = round(spent() - before, 1)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "docs" / "posts").mkdir(parents=True)
        way.write(folder, posts)
        take("cold")
        take("unchanged")
        edit(way.prose(folder), "A paragraph", "Another paragraph")
        take("prose_edit")
        edit(way.helper(folder, 0), "1000", "424242")
        take("code_edit")
        row["then_shows"] = f"the {which_output(way.page(folder))} output"
    return row


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


def which_output(page: str) -> str:
    """Say whether the page shows what the edited helper returns, what it returned before, or neither."""
    blocks = {block.text_content().strip() for block in html.fromstring(page).iter("p", "pre")}
    return "new" if "424242" in blocks else "old" if "1000" in blocks else "lost"


def search_index() -> dict[str, float]:
    """Return what the post takes of the search index, in KB, and what a hundred such would, in MB."""
    path = ROOT / "site" / "search" / "search_index.json"
    if not path.exists():
        raise SystemExit("there is no built site: blog build")
    entries = json.loads(path.read_text(encoding="utf-8"))["docs"]
    text = json.dumps([entry for entry in entries if entry["location"].startswith(POST)], ensure_ascii=False)
    plain, wire = len(text.encode()), len(gzip.compress(text.encode()))
    hundred = {"hundred_mb": plain / 1e4, "hundred_wire_mb": wire / 1e4}
    sizes = {"kilobytes": plain / 1000, "wire": wire / 1000, **hundred}
    return {name: round(size, 1) for name, size in sizes.items()}


# What is held to what: our time, whose time, how many posts, and the most that their ratio may be.
GOALS = (
    ("cold", BEST, 10, 0.6),
    ("cold", BEST, 100, 0.6),
    ("unchanged", PLAIN, 10, 0.8),
    ("unchanged", PLAIN, 100, 0.4),
    ("unchanged", PLAIN, 1000, 0.4),
    ("prose_edit", PLAIN, 10, 3.0),
    ("prose_edit", PLAIN, 100, 2.0),
    ("cold_mb", PLAIN, 100, 1.5),
)


def goals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hold our times and memory to those of others in the same run, as far as both were measured."""
    taken = {(row["way"], row["posts"]): row for row in rows}
    found = []
    for what, other, posts, most in GOALS:
        ours, theirs = taken.get((OURS.name, posts)), taken.get((other.name, posts))
        if ours and theirs:
            ratio = round(ours[what] / theirs[what], 2)
            found.append({"what": what, "posts": posts, "of": other.name, "ratio": ratio, "most": most})
    return found


def measure_check(posts: int) -> float:
    """Return the processor's seconds of a check of so many posts that have run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "docs" / "posts").mkdir(parents=True)
        OURS.write(folder, posts)
        run([BIN / "blog", "run", "--jobs", "2"], folder, 7200, JAX_PLATFORMS="cpu")
        before = spent()
        subprocess.run([BIN / "blog", "check"], cwd=folder, capture_output=True, check=True)
        return round(spent() - before, 1)


def measure(full: bool) -> None:
    """Measure each way that is installed."""
    rows: list[dict[str, Any]] = []
    absent, search, load = [], search_index(), busy()
    for way in WAYS:
        if way.package and importlib.util.find_spec(way.package) is None:
            absent.append(way.name)
            continue
        for posts in (10, 100, 1000) if full else (10, 100):
            if posts <= way.most:
                rows.append(measure_way(way, posts))
                print(table(rows[-1:], list(rows[0])), flush=True)
    checked = 1000 if full else 100
    held = goals(rows)
    print(table(rows, list(rows[0])))
    print(table(held, ["what", "posts", "of", "ratio", "most"]))
    print(f"not installed, so not measured: {', '.join(absent) or 'none'}")
    peers = ("mkdocs", "mkdocs-material", "zensical", "markdown-exec", "mkdocs-jupyter", "sphinx", "myst-nb")
    write(
        "build",
        {
            "load": load,
            "device": processor(),
            "versions": versions(*peers),
            "absent": absent,
            "search": search,
            "check": {"posts": checked, "seconds": measure_check(checked)},
            "goals": held,
            "rows": rows,
        },
    )
