"""A run or a build that is killed at any point, or finds no room, leaves what was accepted whole."""

import contextlib
import ctypes
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from repository import BLOG, Repository, gone_within, messages

from blog_code.errors import PostError
from blog_code.runner.atomic import aside, recover, replace_folder

pytestmark = pytest.mark.filterwarnings("error:.*fork")  # beside threads, such as those of JAX
MORTAL = Path(__file__).with_name("mortal.py")


@contextlib.contextmanager
def mortal(work: str, root: Path) -> Iterator[Callable[[int], int]]:
    """A function that does the work in a process that is killed before a step; it returns the steps done.

    With 0 nobody is killed; otherwise the result is 0. A warning in the process that forks is an error.
    """
    command = [sys.executable, "-W", "error", str(MORTAL), work]
    environment = {**os.environ, "PYTHONPATH": f"{MORTAL.parents[1]}{os.pathsep}{os.environ['PYTHONPATH']}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=root, env=environment, text=True, **pipes) as forking:
        assert forking.stdin and forking.stdout

        def killed_before(step: int) -> int:
            print(step, file=forking.stdin, flush=True)
            return int(forking.stdout.readline())

        yield killed_before
        forking.stdin.close()
        assert forking.wait(60) == 0


def spread(steps: int, points: int) -> list[int]:
    """So many points from the first step to the last."""
    return [1 + round(number * (steps - 1) / (points - 1)) for number in range(points)]


def test_killed_at_fourteen_points_of_writing_a_run_is_the_old_or_the_new(repo: Repository) -> None:
    """From the first scratch file to the last one removed after the swap, no run is ever torn."""
    repo.post(first="print(1)")
    repo.accept()
    old = repo.tree("docs/runs/x")
    repo.edit("blog_code/x/story.py", "print(1)", "print(2)")
    seen = set()

    with mortal("accept", repo.root) as killed_before:
        steps = killed_before(0)
        assert steps > 14
        for point in spread(steps, 14):
            for name, content in old.items():
                repo.write(f"docs/runs/x/{name}", content)
            killed_before(point)
            after = repo.tree("docs/runs/x")
            seen.add(after["first.txt"])
            if after["first.txt"] == b"1\n":
                assert after == old, point
            else:
                assert repo.check().findings == [] and repo.check().status == "fresh", point

            repo.accept()  # the next run is clean

            assert repo.check().status == "fresh"
            assert repo.check().findings == []
            assert list((repo.root / ".blog/staging").iterdir()) == []
    assert seen == {b"1\n", b"2\n"}


def test_killed_at_six_moments_of_its_cells_a_run_changes_nothing(repo: Repository) -> None:
    """Whether the kernel starts or a cell works: what was accepted stays, and no process does."""
    repo.post(first="print(1)")
    repo.accept()
    old = repo.tree("docs/runs/x")
    seen = repo.root / "seen"
    note = f"import os, time\nopen({str(seen)!r}, 'a').write(f'{{os.getpid()}} {{os.getppid()}}\\n')\n"
    repo.post(first=note + "time.sleep(0.3)", second=note + "time.sleep(0.3)", third=note + "time.sleep(60)")

    for moment in (
        "at the start",
        "as the kernel starts",
        "in the first",
        0.3,
        "in the second",
        "in the third",
    ):
        seen.write_text("")
        running = subprocess.Popen([BLOG, "run"], cwd=repo.root, stdout=subprocess.PIPE, text=True)
        assert running.stdout
        wanted = {"in the first": 1, 0.3: 1, "in the second": 2, "in the third": 3}.get(moment, 0)
        if moment != "at the start":
            assert "executing 3 cells" in running.stdout.readline()
        end = time.monotonic() + 60
        while len(seen.read_text().splitlines()) < wanted:
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(moment if isinstance(moment, float) else 0)
        running.kill()
        running.communicate()

        assert gone_within(20, *{int(pid) for pid in seen.read_text().split()}), moment
        assert repo.tree("docs/runs/x") == old, moment
    repo.post(first="print(1)", second="print(2)")
    assert repo.blog("run").returncode == 0
    assert repo.check().status == "fresh"


def test_a_killed_build_leaves_the_old_site_or_the_new_one(repo: Repository) -> None:
    """Whoever publishes `site/` never publishes half of it."""
    seen = set()

    with mortal("build", repo.root) as killed_before:
        steps = killed_before(0)
        new = repo.tree("site")
        assert len(new) == 5
        for point in spread(steps, 6):
            for name in new:
                repo.write(f"site/{name}", "old")
            killed_before(point)
            after = set(repo.tree("site").items())
            assert len({content for _, content in after}) == 1 and len(after) == 5, point
            seen |= {content for _, content in after}
            killed_before(0)  # the next build is clean
            assert repo.tree("site") == new
    assert seen == {b"old", b"new"}


def test_a_build_killed_among_renames_is_put_right_by_the_next(repo: Repository) -> None:
    """Where two folders cannot change places at once, a site is laid aside for a moment, and never lost."""
    seen = set()

    with mortal("build-by-renames", repo.root) as killed_before:
        for point in range(1, killed_before(0) + 1):
            for number in range(5):
                repo.write(f"site/{number}.html", "old")
            killed_before(point)
            seen.add((repo.root / "site").exists())
            recover(repo.root / "site")
            after = repo.tree("site")
            assert len(after) == 5 and len(set(after.values())) == 1, point
            killed_before(0)
            assert set(repo.tree("site").values()) == {b"new"}
            assert not aside(repo.root / "site").exists()
    assert seen == {True, False}, "no kill came between the renames"


@pytest.mark.parametrize("answer", [errno.EINVAL, errno.ENOSYS, None])
def test_a_folder_is_replaced_where_none_can_be_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int | None
) -> None:
    """A file system or a C library that knows no swap, such as that of older macOS or of musl, will do."""

    def refuse(*arguments: object) -> int:
        ctypes.set_errno(answer or 0)
        return -1

    calls = {"renameat2": refuse, "renamex_np": refuse} if answer else {}
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: SimpleNamespace(**calls))
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)

    replace_folder(tmp_path / "new", tmp_path / "old")

    assert (tmp_path / "old/file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_run_that_was_laid_aside_comes_back(repo: Repository) -> None:
    """`blog run` after such a kill finds the accepted run again, and has nothing to execute."""
    repo.post(first="print(1)")
    repo.accept()
    run = repo.root / "docs/runs/x"
    run.rename(aside(run))

    done = repo.blog("run")

    assert "x: fresh, 0 cells executed" in done.stdout
    assert not aside(run).exists()


def test_a_failed_build_leaves_the_old_site(repo: Repository) -> None:
    """A page that does not build keeps nobody from reading the site as it was."""
    repo.write("site/index.html", "old")
    repo.write("docs/index.md", "[broken](nowhere.md)\n")

    done = repo.blog("build")

    assert done.returncode == 1
    assert "site/ is as it was" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert repo.tree("site") == {"index.html": b"old"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_no_room_or_no_access_is_said_in_a_line(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A full or a read-only disk ends in a reason and what to do, with the accepted run as it was."""
    repo.post(first="print(1)")
    repo.accept()
    old = repo.tree("docs/runs/x")
    write = Path.write_bytes

    def refuse(path: Path, content: bytes) -> int:
        if path.name == "record.json":
            raise OSError(number, os.strerror(number), str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)

    with pytest.raises(PostError) as failed:
        repo.accept()

    assert os.strerror(number) in messages(failed.value)
    assert ".blog/staging/x/record.json:1" in messages(failed.value)
    assert "make room and give write access, then: blog run x" in messages(failed.value)
    assert repo.tree("docs/runs/x") == old
    assert list((repo.root / ".blog/staging").iterdir()) == []


def test_a_file_that_the_system_refuses_to_let_grow_ends_the_command_in_a_line(repo: Repository) -> None:
    """The same through the whole command, with a limit that the operating system itself enforces."""
    repo.post(first="print('x' * 100)")
    repo.accept()
    old = repo.tree("docs/runs/x")
    repo.edit("docs/posts/x.md", "Prose.", "Prose. " + "More of it. " * 4000)

    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    command = [sys.executable, "-c", f"{limited}; os.execv(sys.argv[1], sys.argv[1:])", BLOG, "run"]

    done = subprocess.run(command, cwd=repo.root, capture_output=True, text=True, timeout=120)

    assert done.returncode == 1
    assert "the run could not be written: File too large" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert repo.tree("docs/runs/x") == old


def test_a_folder_in_the_way_is_said_in_a_line(repo: Repository) -> None:
    """Where the scratch folder cannot be made, the command says which one."""
    repo.post(first="print(1)")
    repo.write(".blog", "a file where a folder should be")

    done = repo.blog("run")

    assert done.returncode == 1
    assert ".blog" in done.stdout and "the run could not be written" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_is_replaced_with_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no moment between the old folder and the new one, because the two change places at once."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    seen: list[Any] = []
    monkeypatch.setattr(
        "shutil.rmtree", lambda path: seen.append(((tmp_path / "old/file").read_text(), path))
    )

    replace_folder(tmp_path / "new", tmp_path / "old")

    assert seen == [("new", tmp_path / "new")]
    assert (tmp_path / "new/file").read_text() == "old"


def test_a_file_where_a_folder_should_be_is_said(repo: Repository) -> None:
    """Whatever keeps us from writing, the command names it and what to do, and shows no traceback."""
    repo.post(first="print(1)")
    repo.accept()
    repo.write(".blog/verify", "a file")
    verified = repo.blog("run", "--verify")
    shutil.rmtree(repo.root / ".blog")
    repo.write(".blog", "a file")

    for done in (verified, repo.blog("build"), repo.blog("run", "--force")):
        assert done.returncode == 1
        assert "could not be written" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
