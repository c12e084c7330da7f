"""What a run does with cells, in real kernels: order, outputs, isolation, limits, failures, determinism."""

import io
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from repository import Repository, alive, gone_within, messages

from blog_code.errors import PostError
from blog_code.runner.execute import RunResult
from blog_code.runner.kernels import ForkServer
from blog_code.runner.outputs import CellResult
from blog_code.runner.run import run_files, run_post

FIGURE = """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.ylabel("height")
plt.show()
"""


def test_cells_run_in_order_and_leave_outputs_and_a_record(repo: Repository) -> None:
    """The page shows what the cells printed, drew and displayed, in the order in which it stands."""
    repo.post(
        first="numbers = [1]\nprint('first', numbers)",
        second="numbers.append(2)\nnumbers",
        drawn=FIGURE + "plt.plot([3, 1])\nplt.show()",
        page="from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))",
        picture="plt.imshow([[0, 1], [1, 0]])\nplt.show()",
        front="values: {total: {is: 3, within: 0}}",
        last="total = sum(numbers)",
    )

    said: list[str] = []
    files = repo.tree(repo.run(say=said.append).relative_to(repo.root).as_posix())

    assert files["first.txt"] == b"first [1]\n"
    assert files["second.txt"] == b"[1, 2]\n"
    assert files["page.html"] == b"<b>bold</b>\n"
    assert files["drawn.svg"] != files["drawn-2.svg"]
    assert b"currentColor" in files["drawn.svg"] and b"style=" not in files["drawn.svg"]
    assert Image.open(io.BytesIO(files["picture.png"])).mode == "L"
    record = json.loads(files["record.json"])
    assert [cell["region"] for cell in record["cells"]] == [
        "first",
        "second",
        "drawn",
        "page",
        "picture",
        "last",
    ]
    assert record["values"] == {"total": 3}
    assert set(record["versions"]) == {"python", "matplotlib", "ipython"}
    assert set(record["outputs"]) | {"record.json"} < set(files)
    progress = [line.split() for line in said]
    assert [words[1] for words in progress] == ["first", "second", "drawn", "page", "picture", "last"]
    assert all(words[0].endswith("/6") and words[-1] == "s" for words in progress)


def test_each_kernel_is_fresh_quiet_and_alone(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of another post, of the author's shell or of ours reaches a cell."""
    startup = repo.write("startup.py", "leaked = 1")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    repo.post("one", first="leaked = 1\nopen('left-behind', 'w').close()\nprint(hash('a'))")
    repo.post(
        "two",
        names="""
        import os, sys
        print("leaked" in globals(), os.listdir("."))
        print(sorted(name for name in sys.modules if name.startswith("blog_code")), sys.stdin.read() == "")
        print(os.environ["PYTHONHASHSEED"], os.environ.get("MPLBACKEND"), os.environ.get("PYTHONSTARTUP"))
        """,
        child="""
        import subprocess
        print(subprocess.run(["cat"], capture_output=True, text=True, timeout=10).stdout == "")
        print(hash("a"))
        """,
        colour="print('\\x1b[31mred\\x1b[0m', end='')",
        progress="for step in range(3):\n    print(f'\\rstep {step}', end='')",
    )

    one, two = (repo.tree(repo.run(name).relative_to(repo.root).as_posix()) for name in ("one", "two"))

    leaked, ours, environment = two["names.txt"].decode().splitlines()
    assert leaked == "False []"
    assert ours == "[] True"
    assert environment == "0 module://matplotlib_inline.backend_inline None"
    assert two["child.txt"].decode().splitlines() == ["True", one["first.txt"].decode().strip()]
    assert two["colour.txt"] == b"red\n"
    assert two["progress.txt"] == b"step 2\n"
    assert b"\x1b" not in b"".join(two.values())


def test_a_folder_that_the_environment_names(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the author's shell says relative to its own folder leads from the kernel's empty one too."""
    repo.write("digits/one.txt", "1")
    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("DIGITS_DIR", "digits")
    monkeypatch.delenv("OTHER_DIR", raising=False)
    source = "import os, pathlib\nprint(os.listdir(os.environ['DIGITS_DIR']), 'OTHER_DIR' in os.environ)"
    repo.post(first=source, front="environment: [DIGITS_DIR, OTHER_DIR]")

    assert (repo.run() / "first.txt").read_text() == "['one.txt'] False\n"


def test_two_runs_write_the_same_bytes(repo: Repository) -> None:
    """Nobody reviews a difference that is none: only what the record calls volatile may differ."""
    front = "values: {total: {is: 3, within: 0}, took: {timing: true, format: .3f}}"
    repo.post(
        first=FIGURE,
        second="for n in range(40):\n    print(n, flush=True)\n{'b', 'a', 'c'}",
        third="import time\ntotal, took = 3, time.perf_counter() % 1",
        front=front,
        end="{{= x.total }} in {{= x.took }} s",
    )

    before = repo.tree(repo.run().relative_to(repo.root).as_posix())
    after = repo.tree(repo.run().relative_to(repo.root).as_posix())

    records = [json.loads(run.pop("record.json")) for run in (before, after)]
    volatile = [(record.pop("volatile"), record.pop("seal"))[0] for record in records]
    assert records[0] == records[1]
    assert set(volatile[0]) == {"finished", "seconds", "cells", "timings", "host"}
    may_differ = {"provenance.md", "environment.md"}
    assert {name for name in before if before[name] != after[name]} <= may_differ
    notebook = json.loads(after["x.ipynb"])
    assert [cell["id"] for cell in notebook["cells"]] == [
        "_before-first", "_install", "first", "second", "third", "_end"
    ]  # fmt: skip
    assert all("execution" not in cell["metadata"] for cell in notebook["cells"])


def test_a_cell_that_raises_ends_the_run_with_its_line(repo: Repository) -> None:
    """Whoever reads the error can open the right line of the right file; what was accepted stays."""
    repo.post(first="print(1)")
    repo.accept()
    before = repo.tree("docs/runs/x")
    repo.post(first="print(1)", second="a = 1\nb = 0\nprint(a / b)")

    with pytest.raises(PostError) as failed:
        repo.run()

    line = (repo.root / "blog_code/x/story.py").read_text().splitlines().index("print(a / b)") + 1
    said = messages(failed.value)
    assert said.startswith(
        f"blog_code/x/story.py:{line}: post x, region second: ZeroDivisionError: division by zero"
    )
    assert "docs/posts/x.md:" in said and "blog run x" in said
    assert "print(a / b)" in failed.value.detail and "\x1b" not in failed.value.detail
    assert repo.tree("docs/runs/x") == before


def test_a_raising_cell_shows_its_error(repo: Repository) -> None:
    """Where the error is the point, the page shows its name and message and the run goes on."""
    repo.post(first="1 / 0", second="print('after')", flags={"first": ".raises"})

    files = repo.tree(repo.run().relative_to(repo.root).as_posix())

    assert files["first.txt"] == b"ZeroDivisionError: division by zero\n"
    assert files["second.txt"] == b"after\n"


FAULTS: dict[str, tuple[dict[str, str], dict[str, str], str, str]] = {
    "a raising cell that does not": (
        {"first": "1 / 1"}, {"first": ".raises"}, "", "is marked .raises and did not raise",
    ),
    "input": ({"first": "input('name?')"}, {}, "", "StdinNotImplementedError"),
    "a syntax error": ({"first": "print(1))"}, {}, "", "SyntaxError"),
    "a kernel that dies": ({"first": "import os\nos._exit(3)"}, {}, "", "the kernel died"),
    "a cell that takes too long": (
        {"first": "import time\ntime.sleep(60)"}, {}, "timeout: {cell: 1}", "the cell ran longer than 1 s",
    ),
    "a post that takes too long": (
        {"first": "import time\ntime.sleep(0.7)", "second": "time.sleep(60)"},
        {}, "timeout: {post: 2}", "the post ran longer than 2 s",
    ),
    "a value that no cell binds": ({"first": "1"}, {}, "values: {v: {is: 1}}", "no cell has bound it"),
    "a value that is no number": (
        {"first": "v = float('nan')"}, {}, "values: {v: {is: 1}}", "value v is nan, not a number",
    ),
    "a file that no cell wrote": (
        {"first": "open('other.bin', 'w').close()"}, {}, "files: [weights.bin]",
        "no cell wrote the file weights.bin, which the front matter lists; there are: other.bin",
    ),
    "a picture that no page takes": (
        {"first": "from IPython.display import Image\nImage(b'\\xff\\xd8\\xff', format='jpeg')"},
        {}, "", "displays image/jpeg",
    ),
    "quick sets what is no parameter": (
        {"first": "v = 1"}, {"first": ".parameters"}, "quick: {w: 2}", "quick sets w",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_of_a_cell_is_said_and_nothing_is_written(repo: Repository, what: str) -> None:
    """Nothing fails quietly: each fault ends the run with the post's name and the next command."""
    cells, flags, front, message = FAULTS[what]
    repo.post(front=front, flags=flags, **cells)

    with pytest.raises(PostError) as failed:
        repo.run(quick="quick" in what)

    assert message in messages(failed.value)
    assert "blog run x" in messages(failed.value)
    assert not (repo.root / "docs/runs").exists()
    assert list((repo.root / ".blog/staging").iterdir()) == []


def test_the_command_line_overrules_the_limits_of_a_post(repo: Repository) -> None:
    """Whoever waits can cut a run short without an edit."""
    repo.post(first="import time\ntime.sleep(60)", front="timeout: {cell: 600}")

    with pytest.raises(PostError, match="the cell ran longer than 1 s"):
        repo.run(cell_timeout=1)


def test_standard_error_goes_to_the_terminal_only(repo: Repository) -> None:
    """A warning is neither lost nor on the page."""
    repo.post(first="import warnings\nwarnings.warn('be' + 'ware')\nprint('out')")
    said: list[str] = []

    files = repo.tree(repo.run(say=said.append).relative_to(repo.root).as_posix())

    assert any(line.lstrip().startswith("! ") and "beware" in line for line in said)
    assert files["first.txt"] == b"out\n"
    assert b"beware" not in files["x.ipynb"]


def test_files_of_the_front_matter_belong_to_the_run(repo: Repository) -> None:
    """What a page loads, such as weights, is kept, hashed and guarded like any output."""
    repo.post(
        first="with open('weights.bin', 'wb') as f:\n    f.write(bytes(range(256)))\nprint('written')",
        front="files: [weights.bin]",
    )

    folder = repo.run()

    assert (folder / "weights.bin").read_bytes() == bytes(range(256))
    assert repo.check().findings == []
    (folder / "weights.bin").write_bytes(b"")
    assert "weights.bin:1: is not what the run wrote" in messages(repo.check())


def test_a_newly_listed_file_or_value_needs_a_run(repo: Repository) -> None:
    """What the front matter asks for in addition comes with the next `blog run`, not never."""
    repo.post(first="more = 2\nprint('written')")
    repo.accept()
    repo.edit("docs/posts/x.md", "title:", "values: {more: {is: 2}}\ntitle:")
    repo.edit("docs/posts/x.md", "Prose.", "It is {{= x.more }}.")

    done = repo.blog("run")

    assert done.returncode == 0, done.stdout
    assert json.loads((repo.root / "docs/runs/x/record.json").read_text())["values"] == {"more": 2}


def test_quick_replaces_the_parameters_apart_from_the_accepted_run(repo: Repository) -> None:
    """Somebody who writes sees a marked figure in seconds, and nothing quick is ever published."""
    repo.post(
        first="steps = 1000",
        second="print(steps)",
        third=FIGURE + "plt.imshow([[0, 1]])\nplt.show()",
        flags={"first": ".parameters"},
        front="quick: {steps: 3}",
    )

    folder = repo.run(quick=True)

    assert folder == repo.root / ".blog/quick/x"
    assert (folder / "second.txt").read_text() == "3\n"
    assert b"quick run" in (folder / "third.svg").read_bytes()
    assert "quick run" in (folder / "x.ipynb").read_text()
    assert "red" in {
        "red" if pixel[0] > 200 and pixel[1] < 80 else ""
        for _, pixel in Image.open(folder / "third-2.png").convert("RGB").getcolors(1 << 20) or []
    }
    assert not (repo.root / "docs/runs").exists()
    assert repo.check().status == "stale"


def test_two_outputs_of_one_name_are_refused(repo: Repository) -> None:
    """A second figure `a-2` never takes the place of the figure of a region that is called so."""
    repo.post(a="print(1)", a_2="print(2)")
    post = repo.read()
    cells = [
        CellResult(post.cells[0], {"a.svg": b"", "a-2.svg": b""}),
        CellResult(post.cells[1], {"a-2.svg": b""}),
    ]

    with pytest.raises(PostError, match=r"two outputs would be called a-2\.svg"):
        run_files(post, RunResult(cells, {}, {}, {}, "cpu", {}, 0.0, "", None))


@pytest.mark.parametrize(
    "code",
    [
        "from IPython.display import SVG, display\ndisplay({'image/svg+xml': '<svg><g></svg>'}, raw=True)",
        "from IPython.display import display\ndisplay({'image/png': 'bm90aGluZw=='}, raw=True)",
    ],
)
def test_a_figure_that_cannot_be_read_is_the_cells_fault(repo: Repository, code: str) -> None:
    """The error names the region, and the other posts still run."""
    repo.post(first=code)

    with pytest.raises(PostError, match="region first: displays a figure that cannot be read"):
        repo.run()


def test_a_run_with_other_versions_than_the_lock_is_refused(repo: Repository) -> None:
    """A record never names a lock that the run did not have."""
    repo.post(first="import numpy\nprint(numpy.sum([1]))")
    repo.write("requirements.lock", "numpy==9.9.9\n")

    with pytest.raises(PostError, match=r"requirements.lock:1: numpy is to be 9.9.9, and .* is installed"):
        repo.run()


def test_the_lock_of_a_record_is_that_before_the_run(repo: Repository) -> None:
    """A lock that changes while cells run is not the one that they ran with."""
    lock = str(repo.root / "requirements.lock")
    repo.post(
        first=f"from pathlib import Path\nprint(Path({lock!r}).write_text(''))", front="requirements: [numpy]"
    )

    repo.run()

    assert repo.check().status == "due"


def test_what_a_killed_kernel_started_ends_too(repo: Repository) -> None:
    """A process with a session of its own outlives neither its kernel nor, for long, the command."""
    repo.post(
        first="import os, subprocess\nfrom pathlib import Path\n"
        "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        f"Path({str(repo.root)!r}, 'pid').write_text(str(child.pid))\nos._exit(3)"
    )
    with ForkServer() as fork_server, pytest.raises(PostError, match="the kernel died"):
        run_post(repo.read(), fork_server=fork_server, say=lambda text: None)

    assert gone_within(5, int((repo.root / "pid").read_text()))


@pytest.fixture
def on_macos(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """A fork server on a system without /proc, without prctl, and on which nobody forks."""
    monkeypatch.setattr("blog_code.runner.kernels.SCRIPT", Path(__file__).with_name("elsewhere.py"))
    with ForkServer() as server:
        yield server


def test_a_run_where_nobody_forks_is_the_same(repo: Repository, on_macos: ForkServer) -> None:
    """On macOS each kernel is a process of its own, in an empty folder, with the same environment."""
    repo.post(first="import os, sys\nprint(os.listdir(), sys.flags.hash_randomization, 1 + 1)")
    there = run_post(repo.read(), fork_server=on_macos, say=lambda text: None) / "first.txt"
    seen = there.read_text()

    assert seen == "[] 0 2\n"
    assert repo.run().joinpath("first.txt").read_text() == seen


@pytest.mark.skipif(not shutil.which("ps"), reason="no ps on this machine (Debian: apt-get install procps)")
def test_what_kernels_started_ends_without_proc_and_prctl(repo: Repository, on_macos: ForkServer) -> None:
    """Where `ps` has to tell what belongs to a kernel at work, that ends with the command all the same."""
    told = repo.root / "told"
    repo.post(
        first="import os, subprocess, time\nfrom pathlib import Path\n"
        "own, same = (subprocess.Popen(['sleep', '300'], start_new_session=s).pid for s in (True, False))\n"
        f"Path({str(told)!r}).write_text(f'{{os.getpid()}} {{own}} {{same}} .')\ntime.sleep(300)"
    )

    def run() -> None:
        with pytest.raises(PostError, match="the kernel died"):
            run_post(repo.read(), fork_server=on_macos, say=lambda text: None)

    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(run)
        while not (told.exists() and told.read_text().endswith(".")):
            assert not running.done()
            time.sleep(0.05)
        home, pids = on_macos.home, [int(pid) for pid in told.read_text().split()[:3]]
        on_macos.end()

    running.result()
    assert gone_within(5, *pids)
    assert not home.exists()


def test_a_run_leaves_no_process_and_no_folder(repo: Repository) -> None:
    """A process that a cell started ends with the run."""
    repo.post(first="import subprocess\nprint(subprocess.Popen(['sleep', '300']).pid)")

    folder = repo.run()

    assert not alive(int((folder / "first.txt").read_text()))


def test_commit_is_recorded_only_where_it_holds_the_code(with_git: Repository) -> None:
    """Links to lines at the run's commit lead to the lines that ran, or are not made."""
    with_git.post(first="print(1)")
    with_git.accept()
    dirty = json.loads((with_git.root / "docs/runs/x/record.json").read_text())["commit"]
    with_git.commit()
    with_git.accept()
    clean = json.loads((with_git.root / "docs/runs/x/record.json").read_text())["commit"]

    assert dirty is None
    assert clean == with_git.git("rev-parse", "HEAD")
