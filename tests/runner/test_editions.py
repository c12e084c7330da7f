"""The notebook and the script: what they hold, that they run alone, that they are plain and stable."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from repository import NUMPY, Repository

from blog_code.errors import PostError
from blog_code.runner.editions import _parts, install_source, print_last
from blog_code.runner.install_cell import must_restart, to_install
from blog_code.runner.record import read_record

TAIL = """
Some `{ .code }` and $x_{i=1}$ stay; a [link](https://example.org "A title") stays, [ours](other.md#here)
is text. **Bold**{ .shout } goes plain. ![A chart](../runs/x/drawn.svg){ width="300" }
{{= x.total }} is quoted and took {{= x.took }} s. { #anchor .wide }

/// tab | NNX
    new: true

Left.

///

/// tab | Linen

``` { .python .shown }
--8<-- "x/story.py:twin"
```

///

/// details | More
    open: true
    type: note

Inside.

///

/// note
Mind this.
///

/// figure-caption
A **caption**{ .small } of a figure.
///

/// caption
A caption.
///

<!-- more -->

<!-- a comment
of two lines -->

<div class="grid" markdown>

In a grid.[^note]

</div>

<div class="page-only" markdown>

Try it in <div>your</div> browser.

<div class="grid" markdown>

Here.

</div>

</div>

[^note]: A note.

![Elsewhere](../assets/elsewhere.png)

``` { .text title="a plan" }
print is not Python here { .kept }
```
"""


@pytest.fixture
def rich(repo: Repository) -> Repository:
    """A post with everything that a page may hold."""
    repo.post(
        first="import json\ntotal = 3\nprint(json.dumps({'total': total}))",
        shown_last="words = ['a', 'b']\n(\n    words  # a comment\n)",
        twin="raise SystemExit('a shown cell was executed')",
        raising="1 / 0",
        took="import time\ntook = time.perf_counter() % 1",
        flags={"twin": ".quiet .shown", "raising": ".raises"},
        front="""
        values: {total: {is: 3, within: 0}, took: {timing: true, format: .3f}}
        requirements: [numpy]
        """,
        end='--8<-- "x/shown-last.out.html"\n' + TAIL,
    )
    page = (repo.root / "docs/posts/x.md").read_text()
    shown = '``` { .python .quiet .shown}\n--8<-- "x/story.py:twin"\n```\n'
    repo.write(
        "docs/posts/x.md",
        page.replace(shown, "", 1).replace('--8<-- "x/story.py:twin"\n', '--8<-- "x/story.py:twin"\n'),
    )
    repo.edit("docs/posts/x.md", "Prose.", '--8<-- "x/provenance.md"\n\nProse.')
    return repo


def test_both_editions_run_alone_in_an_empty_folder(
    rich: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever downloads the notebook or the script gets what the page shows, without anything of ours."""
    folder = rich.run()
    empty = tmp_path_factory.mktemp("empty")
    (empty / "x.py").write_bytes((folder / "x.py").read_bytes())

    done = subprocess.run(
        [sys.executable, "-I", "x.py"], cwd=empty, capture_output=True, text=True, check=True, timeout=60
    )

    printed = [(folder / f"{name}.txt").read_text() for name in ("first", "shown-last", "raising")]
    assert done.stdout == "".join(printed)
    header = re.search(
        r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", (folder / "x.py").read_text()
    )
    assert header
    read = tomllib.loads("".join(line[2:] for line in header["content"].splitlines(keepends=True)))
    assert read == {"requires-python": ">=3.12", "dependencies": [f"numpy=={NUMPY}"]}

    notebook = nbformat.read(folder / "x.ipynb", as_version=4)
    nbformat.validate(notebook)
    expected = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].source == f"%pip install --quiet numpy=={NUMPY}"
    notebook.cells.remove(code[0])
    NotebookClient(notebook, resources={"metadata": {"path": str(empty)}}, timeout=60).execute()
    again = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    for name in ("first", "took"):
        assert [out.get("text") for out in again[name]] == [out.get("text") for out in expected[name]]
    assert again["shown-last"][0].data == expected["shown-last"][0].data
    assert again["raising"][0].ename == expected["raising"][0].ename == "ZeroDivisionError"


def test_the_prose_is_good_plain_markdown(rich: Repository) -> None:
    """In a notebook nobody meets the syntax of a site generator."""
    rich.run()
    post = rich.read()
    record = read_record(post)
    assert record

    parts = list(_parts(post, record))

    first, last = parts[0], parts[-1]
    assert first == "# A post\n\nProse."
    assert [part.name for part in parts if not isinstance(part, str)] == [
        "first",
        "shown-last",
        "raising",
        "took",
    ]
    assert (
        last
        == """\
Some `{ .code }` and $x_{i=1}$ stay; a [link](https://example.org "A title") stays, ours
is text. **Bold** goes plain.
3 is quoted and took … s.

**NNX**

Left.

**Linen**

```python
raise SystemExit('a shown cell was executed')
```

**More**

Inside.

**Note**

Mind this.

A **caption** of a figure.

*A caption.*

In a grid. [note]

- [note] A note.

*Elsewhere*

```text
print is not Python here { .kept }
```"""
    )


def test_the_same_run_makes_the_same_bytes(rich: Repository) -> None:
    """Editions made again from the accepted run differ in nothing: no difference is without a reason."""
    folder = rich.run()
    before = {name: (folder / name).read_bytes() for name in ("x.ipynb", "x.py", "provenance.md")}
    for name in before:
        (folder / name).write_bytes(b"")
    (folder / "x.ipynb").write_bytes(before["x.ipynb"])

    assert "0 cells executed, editions made anew" in rich.blog("run").stdout

    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_notebook_that_was_edited_is_executed_anew(repo: Repository) -> None:
    """Outputs that somebody typed into the notebook are never taken for those of a run."""
    repo.post(first="print(1)")
    folder = repo.accept()
    text = (folder / "x.ipynb").read_text()
    (folder / "x.ipynb").write_text(text.replace('"1\\n"', '"2\\n"'))
    assert '"2\\n"' in (folder / "x.ipynb").read_text()

    done = repo.blog("run")

    assert "executing 1 cells" in done.stdout
    assert '"1\\n"' in (folder / "x.ipynb").read_text()


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("x", "print(repr(x))"),
        ("a = 1\na", "a = 1\nprint(repr(a))"),
        ("a = 1; a  # why", "a = 1; print(repr(a))"),
        ("f(\n    1,\n)", "print(repr(f(\n    1,\n)))"),
        ("'é'; 'ü'", "'é'; print(repr('ü'))"),
        ("a = 1", "a = 1"),
        ("# nothing", "# nothing"),
    ],
)
def test_a_script_prints_what_a_notebook_shows(source: str, printed: str) -> None:
    """The last expression of a cell is shown by a notebook, and so by the script."""
    assert print_last(source) == printed


def test_values_reach_the_prose_of_a_built_page(repo: Repository) -> None:
    """The page quotes the run, not a keyboard; and a name that no run has fails the build."""
    repo.post(
        first="total = -3.25\nprint(total)",
        front="values: {total: {is: -3, within: 1, format: .1f}}",
        end="It is {{= x.total }}.",
    )
    repo.accept()
    build = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(repo.root / "site"),
    ]

    good = subprocess.run(build, cwd=repo.root, capture_output=True, text=True, timeout=120)
    page = Path(repo.root / "site/posts/x/index.html").read_text()
    repo.edit("docs/posts/x.md", "x.total", "x.tatol")
    bad = subprocess.run(build, cwd=repo.root, capture_output=True, text=True, timeout=120)

    assert good.returncode == 0, good.stderr
    assert "It is −3.2." in page
    assert bad.returncode != 0
    assert "tatol" in bad.stderr + bad.stdout


def test_editions_quote_what_the_page_quotes(repo: Repository) -> None:
    """Values in a fence and in the title of a block, and words behind a comment, are in both editions."""
    repo.post(
        first="total = 3\nprint(total)",
        front="values: {total: {is: 3, within: 0}}",
        end="``` { .text }\nin all {{= x.total }}\n```\n\n/// tab | Of {{= x.total }}\n\nOne.\n\n///\n\n"
        "<!-- a note --> Words behind it.\n",
    )
    folder = repo.run()

    for name in ("x.ipynb", "x.py"):
        text = (folder / name).read_text("utf-8")
        for words in ("in all 3", "**Of 3**", "Words behind it."):
            assert words in text, f"{words} in {name}"
        assert "a note" not in text


def test_a_cell_that_is_page_only_is_refused(repo: Repository) -> None:
    """An edition without one of the cells would not run alone."""
    repo.post(first="print(1)")
    repo.edit("docs/posts/x.md", "Prose.", '<div class="page-only" markdown>\n')
    repo.write("docs/posts/x.md", (repo.root / "docs/posts/x.md").read_text() + "\n</div>\n")

    with pytest.raises(PostError, match=r"x.md:\d+: a cell that is page-only"):
        repo.accept()


SCRIPTS: dict[str, tuple[dict[str, str], str]] = {
    "a syntax error that is meant": ({"a": "def f(:\n    pass", "b": "print('after')"}, ".raises"),
    "a return that is meant": ({"a": "return 1", "b": "print('after')"}, ".raises"),
    "a text of many lines": (
        {"a": 't = """one\n  two\nthree"""\nprint(t)\nint(t)', "b": "print(len(t), f'{t}')"},
        ".raises",
    ),
    "a formatted text of many lines": (
        {"a": "x = 1\nt = f'''{x\n}\n a'''\nprint(t)\nint(t)", "b": "print(t)"},
        ".raises",
    ),
    "an end that is meant": ({"a": "import sys\nsys.exit(3)", "b": "print('after')"}, ".raises"),
    "an error in a function": (
        {"a": "def f():\n    return 1 / 0\nf()", "b": "print(f.__name__)"},
        ".raises",
    ),
    "a last expression": ({"a": "x = {'b': 1}; print(x)", "b": "print(x)\n[\n    1,\n]  # a comment"}, ""),
    "parameters": ({"a": "n = 1000", "b": "print(n)\nn + 1"}, ".parameters"),
    "a display that is imported": ({"a": "from IPython.display import display\nprint(1)"}, ""),
}


@pytest.mark.parametrize("what", SCRIPTS)
def test_a_script_does_what_the_cells_did(repo: Repository, what: str) -> None:
    """Whoever takes the script of a post can run it, and sees what the page shows."""
    cells, flag = SCRIPTS[what]
    repo.post(flags={"a": flag}, front="quick: {n: 2}" if "parameters" in what else "", **cells)
    folder = repo.run(quick=True)

    done = subprocess.run([sys.executable, folder / "x.py"], capture_output=True, text=True, timeout=60)

    said = "".join(path.read_text() for name in cells if (path := folder / f"{name}.txt").exists())
    place = r" \(.*, line \d+\)"  # of a mistake, which is another in a script
    assert done.returncode == 0, done.stderr
    assert re.sub(place, "", done.stdout) == re.sub(place, "", said)


NO_SCRIPTS = {
    "%matplotlib inline\nprint(1)": "region a has commands of IPython",
    "!echo one": "region a has commands of IPython",
    "%%bash\necho one": "region a has commands of IPython",
    "files = !echo one\nprint(files)": "region a has commands of IPython",
    "print?": "region a has commands of IPython",
    "import asyncio\nawait asyncio.sleep(0)": "region a awaits outside a function",
    "import asyncio\nasync with asyncio.timeout(1):\n    print(1)": "region a awaits outside a function",
    "from __future__ import annotations\nprint(1)": "region a imports from __future__",
    "display(1)": "region a uses display, which only a notebook has",
}


@pytest.mark.parametrize("source", NO_SCRIPTS)
def test_where_a_script_cannot_be_none_is_offered(repo: Repository, source: str) -> None:
    """A link to a script that does not run would be worse than none; check and run say why there is none."""
    repo.post(a=source, b="print(2)", flags={"a": ".quiet"})
    folder = repo.run()
    verdict = repo.check()

    assert (folder / "x.ipynb").exists() and not (folder / "x.py").exists()
    assert "x.py" not in (folder / "provenance.md").read_text()
    assert f"the post has no script: {NO_SCRIPTS[source]}" in str(verdict)
    assert verdict.findings == []


def test_a_raising_cell_with_commands_of_ipython_has_no_script(repo: Repository) -> None:
    """A script would fail at its first line, and so do something else than the notebook."""
    repo.post(a="x = 1\n!echo one\nx / 0", flags={"a": ".raises"})

    assert not (repo.run() / "x.py").exists()


def test_the_scripts_of_this_site_compile() -> None:
    """Each script that readers can take is a program, whatever the prose in its comments."""
    root = Path(__file__).parents[2] / "docs" / "runs"

    assert [compile(path.read_text("utf-8"), path, "exec") for path in root.glob("*/*.py")]


COLAB = {  # of its image, as documented; CPU, GPU
    "jax": "0.7.2",
    "jaxlib": "0.7.2",
    "jax-cuda12-plugin": "0.7.2",
    "jax-cuda12-pjrt": "0.7.2",
    "flax": "0.10.7",
    "numpy": "2.0.2",
    "matplotlib": "3.10.0",
}
WANTED = {"flax": "0.12.12", "jax": "0.12.0.1", "matplotlib": "3.10.0", "numpy": "2.5.5"}


@pytest.mark.parametrize(
    ("installed", "packages"),
    [
        (COLAB, ["flax==0.12.12", "jax[cuda12]==0.12.0.1", "numpy==2.5.5"]),
        ({"jax": "0.12.0.1", "jax-cuda12-plugin": "0.12.0.1", **COLAB, **WANTED}, ["jax[cuda12]==0.12.0.1"]),
        ({**COLAB, **WANTED, "jax-cuda12-plugin": "0.12.0"}, []),
        ({**WANTED, "jax": "0.11.0", "jax-cuda13-plugin": "0.11.0"}, ["jax[cuda13]==0.12.0.1"]),
        ({**WANTED, "jax": "0.11.0"}, ["jax==0.12.0.1"]),
        (WANTED, []),
        ({}, [f"{name}=={version}" for name, version in WANTED.items()]),
    ],
    ids=["Colab", "plugin left behind", "done", "CUDA 13", "CPU", "the very versions", "nothing"],
)
def test_a_notebook_keeps_jax_and_its_cuda_plugin_together(installed: dict, packages: list[str]) -> None:
    """A new JAX beside an old plugin computes on the CPU without a word: the two are installed as one."""
    assert to_install(WANTED, installed) == packages


def test_python_starts_anew_only_where_old_versions_are_loaded() -> None:
    """Colab has NumPy loaded before the first cell; a fresh kernel elsewhere has none of it, and goes on."""
    assert must_restart(["jax[cuda12]==0.12.0.1", "numpy==2.5.5"], {"sys", "numpy"})
    assert must_restart(["jax[cuda12]==0.12.0.1"], {"jax"})
    assert not must_restart(["jax[cuda12]==0.12.0.1"], {"sys", "numpy"})
    assert not must_restart([], {"numpy"})


def test_the_cell_that_installs_stands_alone() -> None:
    """It runs where nothing of ours is, and installs nothing where all is there already."""
    source = install_source([f"pytest=={pytest.__version__}", "jax==0.12.0.1"])
    calls: list[list[str]] = []
    names: dict = {"__name__": "__main__"}
    exec(source.rpartition("install(")[0], names)
    names["subprocess"] = type("Pip", (), {"run": lambda command, check: calls.append(command)})
    names["install"]({"pytest": pytest.__version__})
    assert calls == []
    names["install"]({"no-such-package": "1.0"})
    assert calls[0][1:] == ["-m", "pip", "install", "--quiet", "no-such-package==1.0"]
    assert install_source(["numpy==2.0"]) == "%pip install --quiet numpy==2.0"


def test_a_notebook_counts_its_cells_and_has_no_empty_tags(rich: Repository) -> None:
    """JupyterLab and nbval see that it was run; jupytext refuses a list of tags with nothing in it."""
    notebook = nbformat.read(rich.run() / "x.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert [cell.execution_count for cell in code] == [None, 1, 2, 3, 4]
    assert [cell.metadata.get("tags") for cell in code] == [
        ["install"],
        None,
        None,
        ["raises-exception"],
        None,
    ]


DRAWS = """
import os
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
plt.figure()
plt.plot([2, 1])
plt.show()
open('left.txt', 'w').write(open(os.environ['DATA_OF_X']).read())
"""


def test_a_script_saves_its_figures_and_leaves_nothing_else(
    repo: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it leaves is in one folder beside it, figures by the names of their cells; data are found."""
    empty, data = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("data") / "data.txt"
    data.write_text("read")
    monkeypatch.setenv("DATA_OF_X", str(data))
    repo.post(drawn=DRAWS.strip(), front="environment: [DATA_OF_X]\nfiles: [left.txt]")
    script = (repo.run() / "x.py").read_text()
    (empty / "x.py").write_text(script)
    monkeypatch.setenv("DATA_OF_X", "data.txt")  # relative to where the script is called

    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", empty / "x.py"],
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (empty / "x").iterdir()} == {"drawn.png", "drawn-2.png", "left.txt"}
    assert {path.name for path in empty.iterdir()} == {"x", "x.py"}
    assert [path.name for path in data.parent.iterdir()] == ["data.txt"]
    for words in (
        "Run it: uv run x.py",
        "on Linux, Windows or macOS. It took",
        "variables DATA_OF_X",
        "# %% drawn",
    ):
        assert words in script


def test_a_script_that_fails_names_the_versions(
    repo: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever has other versions than the page reads so below the traceback."""
    repo.post(first="import numpy\nprint(numpy.zeros(1))")
    script = (repo.run() / "x.py").read_text().replace(NUMPY, "1.0").replace("numpy.zeros(1)", "numpy.no()")
    path = tmp_path_factory.mktemp("empty") / "x.py"
    path.write_text(script)

    done = subprocess.run([sys.executable, "-I", path], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert f"numpy: the run on the page had 1.0, and here is {NUMPY}" in done.stderr
