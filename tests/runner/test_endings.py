"""A cell ends well, or the run fails at once, whatever its output looks like; what it prints has a place."""

import os
from pathlib import Path

import pytest
from repository import Repository, gone_within, messages

from blog_code.errors import PostError
from blog_code.runner.kernels import ForkServer
from blog_code.runner.run import run_post

GROUP = "raise ExceptionGroup('several', [ValueError('one'), KeyError('two')])"
NO_TRACE = "get_ipython().showtraceback = lambda *a, **k: None"
# Each with what the run says; a cell before it and one after it would print.
ENDS = {
    "a magic that does not exist": ("best = 1\n%nosuchmagic\nbest = 2", "UsageError"),
    "a cell magic that does not exist": ("%%nosuchmagic\nbest = 2", "UsageError"),
    "a shell that fails in a cell magic": ("%%bash\nexit 3", "CalledProcessError"),
    "a group of errors, the first error": (GROUP, "ExceptionGroup: several (2 sub-exceptions)"),
    "a group that is no Exception": (
        "raise BaseExceptionGroup('g', [KeyboardInterrupt()])", "BaseExceptionGroup"
    ),
    "a group within a group": (f"try:\n    1 / 0\nexcept Exception:\n    {GROUP}", "ExceptionGroup"),
    "a traceback of rich": (
        "from rich.traceback import install\ninstall(width=80)\n1 / 0", "ZeroDivisionError: division by zero"
    ),
    "no traceback at all": (f"{NO_TRACE}\n1 / 0", "ZeroDivisionError"),
    "a handler that hides it": (
        "get_ipython().set_custom_exc((ValueError,), lambda *a, **k: None)\nraise ValueError('hidden')",
        "ValueError: hidden",
    ),
    "sys.exit": ("import sys\nsys.exit()", "SystemExit"),
    "sys.exit, as if all were well": ("import sys\nsys.exit(0)", "SystemExit: 0"),
    "exit": ("exit()", "ends the kernel with exit() or quit()"),
    "quit": ("quit", "ends the kernel with exit() or quit()"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "an error that cannot be told": (
        "class Mute(Exception):\n    def __str__(self):\n        raise self\nraise Mute", "has ended, and"
    ),
    "an error in what is shown": (
        "class A:\n    def __repr__(self):\n        1 / 0\nA()", "ZeroDivisionError"
    ),
    "a kernel that leaves": ("import os\nos._exit(0)", "the kernel died"),
    "a kernel that is killed": ("import os\nos.kill(os.getpid(), 9)", "the kernel died"),
    "a wait that is cancelled": ("import asyncio\nraise asyncio.CancelledError('late')", "CancelledError"),
    "an awaited error": ("import asyncio\nawait asyncio.sleep(0)\nraise OSError('gone')", "OSError: gone"),
}  # fmt: skip


@pytest.mark.parametrize("what", ENDS)
def test_a_cell_that_fails_fails_the_run_at_once(repo: Repository, what: str) -> None:
    """No page shows what came of a cell that did not end well, and nobody waits for the time limit."""
    code, said = ENDS[what]
    repo.post(first="print('before')", second=code, third="print('after')", front="timeout: {cell: 100}")

    with pytest.raises(PostError) as failed:
        repo.run()

    assert "region second: " in messages(failed.value) and said in messages(failed.value)
    assert "longer than" not in messages(failed.value)
    assert not (repo.root / "docs/runs").exists()


RAISES = {
    "1 / 0": "ZeroDivisionError: division by zero\n",
    GROUP: "ExceptionGroup: several (2 sub-exceptions)\n",
    "%nosuchmagic": "UsageError: Line magic function `%nosuchmagic` not found.\n",
    "import sys\nsys.exit(3)": "SystemExit: 3\n",
    f"{NO_TRACE}\nint('a')": "ValueError: invalid literal for int() with base 10: 'a'\n",
    "raise KeyError('\\x1b]8;;http://x\\x07a\\x07')": "KeyError: '\\x1b]8;;http://x\\x07a\\x07'\n",
}


@pytest.mark.parametrize("code", RAISES)
def test_whatever_a_raising_cell_raises_counts(repo: Repository, code: str) -> None:
    """Where the error is the point, the page shows its name and message, also where Jupyter shows none."""
    repo.post(first=code, second="print('after')", flags={"first": ".raises"})

    folder = repo.run()

    assert (folder / "first.txt").read_text() == RAISES[code]
    assert (folder / "second.txt").read_text() == "after\n"


def test_a_cell_that_only_leaves_the_kernel_does_not_raise(repo: Repository) -> None:
    """To end the kernel is no error that a page could show."""
    repo.post(first="exit()", flags={"first": ".raises"})

    with pytest.raises(PostError, match="ends the kernel"):
        repo.run()


def test_a_package_that_is_missing_is_to_be_added(repo: Repository) -> None:
    """Who imports what is not installed is told where packages are listed."""
    repo.post(first="import no_such_package")

    with pytest.raises(PostError, match=r"add its package to pyproject\.toml, then: make lock"):
        repo.run()


LATE = {
    "a thread": "import threading, time\n"
    "def late():\n    time.sleep(0.3)\n    print('late')\n"
    "thread = threading.Thread(target=late)\nthread.start()",
    "a pool": "import concurrent.futures, time\npool = concurrent.futures.ThreadPoolExecutor()\n"
    "future = pool.submit(lambda: (time.sleep(0.3), print('late')))",
    "a timer": "import threading\nthreading.Timer(0.3, print, ['late']).start()",
    "a task": "import asyncio\nasync def late():\n    await asyncio.sleep(0.2)\n    print('late')\n"
    "task = asyncio.ensure_future(late())",
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("what", LATE)
def test_what_a_cell_prints_too_late_is_refused(repo: Repository, what: str, last: bool) -> None:
    """It would be lost, or stand under the next cell."""
    following = {} if last else {"second": "import time\nprint('second')\nawait asyncio.sleep(0.6)"}
    code = LATE[what] if what == "a task" else f"import asyncio\n{LATE[what]}"
    repo.post(first=code if not last or what != "a pool" else f"{code}\nfuture.result()", **following)
    if last and what == "a pool":
        return  # a pool's threads wait for more work: none can tell that there is none

    with pytest.raises(PostError, match=r"when it had ended|still runs"):
        repo.run()


def test_threads_that_are_waited_for_print_in_their_cell(repo: Repository) -> None:
    """A pool that stays open works for the cell that hands it work."""
    repo.post(
        first="from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
        "_ = list(pool.map(print, 'ab'))",
        second="import threading\n_ = list(pool.map(print, 'cd'))\n"
        "thread = threading.Thread(target=print, args=['e'])\nthread.start()\nthread.join()\nprint('f')",
    )

    folder = repo.run()

    assert (folder / "first.txt").read_text() == "a\nb\n"
    assert (folder / "second.txt").read_text() == "c\nd\ne\nf\n"


ORDER = {
    "C code": "import os\n_ = os.write(1, b'C\\n')\nprint('py')\n_ = os.write(1, b'C again')",
    "a library of C": "import ctypes\nprint('py')\n_ = ctypes.CDLL(None).puts(b'C')\nprint('py again')",
    "a process": "import subprocess\nprint('one', end=' ')\n"
    "_ = subprocess.run(['echo', 'two'])\nprint('three')",
    "a process that is told where": "import subprocess, sys\nprint('one')\n"
    "_ = subprocess.run(['echo', 'two'], stdout=sys.stdout)\nprint('three')",
    "a fork": "import os, sys\nprint('one')\n"
    "if not (child := os.fork()):\n    print('two')\n    os._exit(0)\n"
    "_ = os.waitpid(child, 0)\nprint('three')",
    "a shell": "print('one')\n!echo two\nprint('three')",
}
ORDERED = {
    "C code": "C\npy\nC again\n",
    "a library of C": "py\nC\npy again\n",
    "a process": "one two\nthree\n",
}


@pytest.mark.parametrize("what", ORDER)
def test_what_others_write_stands_where_they_wrote_it(repo: Repository, what: str) -> None:
    """What C code and other processes write to standard output is no race with what Python prints."""
    repo.post(
        first=ORDER[what] + "  # not print(" * 0,
        end='--8<-- "x/first.out.html"\n' * ("print(" not in ORDER[what]),
    )

    for _ in range(3):
        assert (repo.run() / "first.txt").read_text() == ORDERED.get(what, "one\ntwo\nthree\n")


TRICKS = {
    "json that is another": "import json\njson.dumps = json.loads = lambda *a, **k: 1 / 0\nprint('out')",
    "a name of ours": "globals = print_ = get_ipython = None\nprint('out')",
    "another print": "def print_(*a): ...\nprint('out')\nprint = print_",
    "half a character": "print('out')\nprint('\\ud800 half')",
}


@pytest.mark.parametrize("what", TRICKS)
def test_what_a_cell_changes_does_not_reach_us(repo: Repository, what: str) -> None:
    """A run answers for values and versions with what the kernel began with."""
    repo.post(first=f"v = 1\n{TRICKS[what]}", front="values: {v: {is: 1}}")

    folder = repo.run()

    assert (folder / "first.txt").read_text().startswith("out\n")
    assert ("\\ud800 half\n" in (folder / "first.txt").read_text()) == ("half" in what)


BAD_ANSWERS = {
    "a value that is no number": "v = float('inf')",
    "a value that JSON cannot hold": "v = float('-inf')",
    "data that JSON cannot hold": "v = 1\ndata_read = {'source': float('nan')}",
    "data that UTF-8 cannot hold": "v = 1\ndata_read = {'source': '\\ud800'}",
    "a number without end": "v = 10 ** 400",
    "a figure that is shown nowhere": "import matplotlib\nmatplotlib.use('Agg')\n"
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nv = 1;",
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_what_no_record_can_hold_is_refused(repo: Repository, what: str) -> None:
    """A number that is none, text that is none and a figure that is gone end the run in one line."""
    repo.post(first=f"{BAD_ANSWERS[what]}\nprint('out')", front="values: {v: {is: 1}}")

    with pytest.raises(PostError, match="at the end of the run: "):
        repo.run()


QUICK = {
    "n = 1": (".parameters", "quick: {n: .nan}", "nan\n"),
    "n = 2": (".parameters", "quick: {n: -.inf}", "-inf\n"),
    "n = = 1": (".raises .parameters", "quick: {n: 2}", "has to be plain Python"),
}


@pytest.mark.parametrize("code", QUICK)
def test_parameters_of_any_kind(repo: Repository, code: str) -> None:
    """What the front matter may say, the quick profile can assign, or says that it cannot."""
    flag, front, said = QUICK[code]
    repo.post(first=code, second="print(n)", flags={"first": flag}, front=front)

    try:
        assert (repo.run(quick=True) / "second.txt").read_text() == said
    except PostError as error:
        assert said in messages(error)


def test_a_cell_that_kills_its_parent_leaves_nothing(repo: Repository) -> None:
    """The run fails, and no process and no folder of it stays."""
    repo.post(
        first="import os, signal\nfrom pathlib import Path\n"
        f"Path({str(repo.root)!r}, 'told').write_text(f'{{os.getpid()}} {{os.getcwd()}}')\n"
        "os.kill(os.getppid(), signal.SIGKILL)\nprint('done')"
    )
    with ForkServer() as fork_server, pytest.raises(PostError, match="region first: "):
        run_post(repo.read(), fork_server=fork_server, say=lambda text: None)

    pid, folder = (repo.root / "told").read_text().split()
    assert gone_within(5, int(pid))
    assert not Path(folder).parent.exists()


def test_only_what_is_allowed_reaches_a_cell(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the author's shell is on no page, and what a post needs its front matter names."""
    for name in (
        "MY_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PGPASSWORD",
        "NAMED",
        "TZ",
        "JAX_ENABLE_X64",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "UTC")
    repo.post(
        first="import os\nprint(sorted(name for name, v in os.environ.items() if v == 'UTC'))",
        second="print(os.listdir(os.path.expanduser('~')), os.environ['HOME'] != os.getcwd())",
        front="environment: [NAMED]",
    )
    with ForkServer() as fork_server:
        folder = repo.run(fork_server=fork_server)

    assert (folder / "first.txt").read_text() == "['JAX_ENABLE_X64', 'NAMED', 'TZ']\n"
    assert (folder / "second.txt").read_text() == "[] True\n"


def test_a_long_folder_of_temporary_files_and_a_broken_kernel_spec(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where temporary files go nor what other kernels are installed can stop a run."""
    long = repo.root / ("long" * 20) / ("longer" * 8)
    long.mkdir(parents=True)
    repo.write("jupyter/kernels/python3/kernel.json", "{broken")
    monkeypatch.setattr("tempfile.tempdir", str(long))
    monkeypatch.setenv("JUPYTER_PATH", str(repo.root / "jupyter"))
    repo.post(first="print(1)")

    with ForkServer() as fork_server:
        assert (repo.run(fork_server=fork_server) / "first.txt").read_text() == "1\n"
    assert os.listdir(long) == []
