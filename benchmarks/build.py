"""From sources to a site of 10 and 100 posts (1,000 too with --full): this project's way beside its peers'.

Each post is the same: a few paragraphs, and one block that prints a number which a helper in a module
computes. Four times are taken: cold, again with nothing changed, after an edit of one post's prose, and after
an edit of the helper that one post uses. The last one tells too whether the page then shows the new number: a
page that does not is stale, and says nothing. Peers that are not installed are left out, by name.
"""

import gzip
import importlib.util
import json
import re
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import nbformat
from lxml import html

from benchmarks.common import ROOT, busy, processor, run, table, versions, write

BIN = Path(sys.executable).parent
PROSE = "A paragraph of prose, as posts have them, that says what the block below it is about and why. " * 8
POST = "posts/flax-and-optax/"
HELPER = "def number():\n    return {}\n"


class Way(ABC):
    """A way to make the site: how a post is written, and which command makes the pages."""

    name: str
    package: str | None = None  # what must be installed
    most: int = 1000  # posts; peers that execute each page each time would take hours for more

    @abstractmethod
    def write(self, folder: Path, posts: int) -> None:
        """Write the sources of so many posts."""

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Make the site, as its people would."""

    @abstractmethod
    def page(self, folder: Path) -> str:
        """The text of the page of the first post."""

    def prose(self, folder: Path) -> Path:
        """The file that holds the first post's prose."""
        return folder / "docs" / "posts" / "post-0.md"

    def helper(self, folder: Path, post: int) -> Path:
        """The file that holds the helper of a post."""
        return folder / f"helper_{post}.py"


class Ours(Way):
    """`blog run` executes what is stale, `blog build` makes the pages."""

    name = "blog run, blog build"

    def write(self, folder: Path, posts: int) -> None:
        settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        settings = re.sub(r"^nav:\n(?:  .*\n)+", "nav:\n  - Posts: index.md\n", settings, flags=re.MULTILINE)
        settings = re.sub(r"        - benchmarks/.*\n", "", settings)
        (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")
        shutil.copytree(ROOT / "docs" / "assets", folder / "docs" / "assets")
        (folder / "docs" / "runs").mkdir()
        (folder / "docs" / "index.md").write_text("# Posts\n")
        for post in range(posts):
            package = folder / "blog_code" / f"post_{post}"
            package.mkdir(parents=True)
            self.helper(folder, post).write_text(region("helper", HELPER.format(1000 + post)))
            (package / "story.py").write_text(region("show", "print(number())\n"))
            (folder / "docs" / "posts" / f"post-{post}.md").write_text(
                f"---\ntitle: Post {post}\ndescription: The post of that number.\ndate: 2024-01-01\n"
                f"slug: post-{post}\ncategories: [Measured]\n---\n\n{PROSE}\n\n<!-- more -->\n\n## Code\n\n"
                f'``` {{ .python }}\n--8<-- "post_{post}/helper.py:helper"\n```\n\n'
                f'``` {{ .python }}\n--8<-- "post_{post}/story.py:show"\n```\n\n'
                f'--8<-- "post-{post}/show.out.html"\n\n{PROSE}\n'
            )

    def helper(self, folder: Path, post: int) -> Path:
        return folder / "blog_code" / f"post_{post}" / "helper.py"

    def make(self, folder: Path) -> None:
        run([BIN / "blog", "run", "--jobs", "2"], folder, 7200, JAX_PLATFORMS="cpu")
        run([BIN / "blog", "build"], folder, 3600)

    def page(self, folder: Path) -> str:
        return (folder / "site" / "posts" / "post-0" / "index.html").read_text(encoding="utf-8")


class PlainMkDocs(Way):
    """MkDocs and the theme, with outputs typed by hand: nothing is executed, so nothing can be right."""

    name = "MkDocs, nothing executed"
    settings = "site_name: Measured\ntheme: {name: material, font: false}\nplugins: []\n"

    def block(self, post: int) -> str:
        return f"```python\nprint(number())\n```\n\n```text\n{1000 + post}\n```\n"

    def write(self, folder: Path, posts: int) -> None:
        (folder / "mkdocs.yml").write_text(self.settings)
        (folder / "docs" / "index.md").write_text("# Posts\n")
        for post in range(posts):
            self.helper(folder, post).write_text(HELPER.format(1000 + post))
            text = f"# Post {post}\n\n{PROSE}\n\n## Code\n\n{self.block(post)}\n{PROSE}\n"
            (folder / "docs" / "posts" / f"post-{post}.md").write_text(text)

    def make(self, folder: Path) -> None:
        command = [BIN / "mkdocs", "build", "--quiet"]
        run(command, folder, 3600, NO_MKDOCS_2_WARNING="1", PYTHONPATH=str(folder))

    def page(self, folder: Path) -> str:
        return (folder / "site" / "posts" / "post-0" / "index.html").read_text(encoding="utf-8")


class MarkdownExec(PlainMkDocs):
    """Code runs while pages are rendered."""

    name, package, most = "markdown-exec", "markdown_exec", 100
    settings = PlainMkDocs.settings.replace("[]", "[markdown-exec]") + (
        "markdown_extensions: [pymdownx.superfences]\n"
    )

    def block(self, post: int) -> str:
        code = f"from helper_{post} import number\nprint(number())"
        return f'```python exec="on" source="above"\n{code}\n```\n'


class MkDocsJupyter(PlainMkDocs):
    """Notebooks are executed while pages are rendered."""

    name, package, most = "mkdocs-jupyter, execute", "mkdocs_jupyter", 10
    settings = PlainMkDocs.settings.replace("[]", "[{mkdocs-jupyter: {execute: true}}]")

    def write(self, folder: Path, posts: int) -> None:
        super().write(folder, posts)
        for post in range(posts):
            (folder / "docs" / "posts" / f"post-{post}.md").unlink()
            write_notebook(folder / "docs" / "posts" / f"post-{post}.ipynb", post)

    def prose(self, folder: Path) -> Path:
        return folder / "docs" / "posts" / "post-0.ipynb"


class MystNB(Way):
    """Sphinx executes notebooks and keeps their outputs in a cache that is keyed by their text."""

    name, package, most = "myst-nb, cache", "myst_nb", 10

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
        command = [sys.executable, "-m", "sphinx", "-q", "docs", "site"]
        run(command, folder, 3600, PYTHONPATH=str(folder))

    def page(self, folder: Path) -> str:
        return (folder / "site" / "posts" / "post-0.html").read_text(encoding="utf-8")

    def prose(self, folder: Path) -> Path:
        return folder / "docs" / "posts" / "post-0.ipynb"


WAYS = (Ours(), PlainMkDocs(), MarkdownExec(), MkDocsJupyter(), MystNB())


def region(name: str, text: str) -> str:
    """The text as a region of a module."""
    return f"# --8<-- [start:{name}]\n{text}# --8<-- [end:{name}]\n"


def write_notebook(path: Path, post: int) -> None:
    """The post as a notebook."""
    code = f"from helper_{post} import number\nprint(number())"
    cells = [
        nbformat.v4.new_markdown_cell(f"# Post {post}\n\n{PROSE}", id="prose"),
        nbformat.v4.new_code_cell(code, id="code"),
        nbformat.v4.new_markdown_cell(PROSE, id="more"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_way(way: Way, posts: int) -> dict[str, str | float]:
    """The four times of one way for so many posts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "docs" / "posts").mkdir(parents=True)
        way.write(folder, posts)
        row: dict[str, str | float] = {"way": way.name, "posts": posts}
        row["cold"] = round(seconds(lambda: way.make(folder)), 1)
        row["again"] = round(seconds(lambda: way.make(folder)), 1)
        prose = way.prose(folder)
        prose.write_text(prose.read_text().replace("A paragraph", "Another paragraph", 1))
        row["prose_edit"] = round(seconds(lambda: way.make(folder)), 1)
        helper = way.helper(folder, 0)
        helper.write_text(helper.read_text().replace("1000", "424242"))
        row["code_edit"] = round(seconds(lambda: way.make(folder)), 1)
        row["then_shows"] = f"the {which_output(way.page(folder))} output"
        return row


def which_output(page: str) -> str:
    """Whether the page shows what the edited helper returns, what it returned before, or neither."""
    blocks = {block.text_content().strip() for block in html.fromstring(page).iter("p", "pre")}
    return "new" if "424242" in blocks else "old" if "1000" in blocks else "lost"


def search_index() -> dict[str, float]:
    """What the post takes of the search index, in KB, and what a hundred of its length would, in MB."""
    path = ROOT / "site" / "search" / "search_index.json"
    if not path.exists():
        raise SystemExit("there is no built site: blog build")
    entries = json.loads(path.read_text(encoding="utf-8"))["docs"]
    text = json.dumps([entry for entry in entries if entry["location"].startswith(POST)], ensure_ascii=False)
    plain, wire = len(text.encode()), len(gzip.compress(text.encode()))
    hundred = {"hundred_mb": plain / 1e4, "hundred_wire_mb": wire / 1e4}
    sizes = {"kilobytes": plain / 1000, "wire": wire / 1000, **hundred}
    return {name: round(size, 1) for name, size in sizes.items()}


def measure(full: bool) -> None:
    """Measure each way that is installed."""
    rows, absent, search, load = [], [], search_index(), busy()
    for way in WAYS:
        if way.package and importlib.util.find_spec(way.package) is None:
            absent.append(way.name)
            continue
        for posts in (10, 100, 1000) if full else (10, 100):
            if posts <= way.most:
                rows.append(measure_way(way, posts))
                print(table(rows[-1:], list(rows[0])), flush=True)
    cold = next(row["cold"] for row in rows if row["way"] == PlainMkDocs.name)
    for row in rows:
        row["of_plain_cold"] = round(float(row["cold"]) / float(cold), 1) if row["posts"] == 10 else ""
    print(table(rows, list(rows[0])))
    print(f"not installed, so not measured: {', '.join(absent) or 'none'}")
    write(
        "build",
        {
            "load": load,
            "device": processor(),
            "versions": versions("mkdocs", "mkdocs-material", "markdown-exec", "mkdocs-jupyter", "myst-nb"),
            "absent": absent,
            "search": search,
            "rows": rows,
        },
    )
