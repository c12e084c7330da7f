"""Many posts at once, and the ways to end a run: nothing stays behind, nothing accepted is lost."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from repository import BLOG, Repository, gone_within

from blog_code.repository import check_posts
from blog_code.runner.atomic import lock
from blog_code.runner.jobs import run_posts
from blog_code.runner.run import write_values

WAITING = """
import os, subprocess, time
child = subprocess.Popen(["sleep", "300"])
with open({marker!r} + ".part", "w") as f:
    f.write(f"{{os.getpid()}} {{os.getppid()}} {{child.pid}} {{os.getcwd()}}")
os.rename({marker!r} + ".part", {marker!r})
time.sleep(300)
"""


def test_one_failure_stops_no_other_post_and_is_summed_up(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A night's run of all posts ends with all the good ones accepted and a line that names the bad one."""
    repo.post("bad", first="1 / 0")
    repo.post("good", first="import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['NPROC'])")
    repo.post("other", first="print(1)")
    repo.accept("other")
    repo.post("prose")
    paths = sorted((repo.root / "docs/posts").glob("*.md"))

    good = run_posts(paths, repo.root, jobs=2)

    said = capsys.readouterr().out
    assert not good
    assert said.splitlines()[-2:] == ["1 executed, 1 failed, 1 fresh, 1 with nothing to run", "failed: bad"]
    assert "ZeroDivisionError" in said
    threads = str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert (repo.root / "docs/runs/good/good.txt").exists() is False
    assert (repo.root / "docs/runs/good/first.txt").read_text() == f"{threads} {threads}\n"


def test_an_edit_of_the_prose_executes_nothing_and_renews_the_editions(repo: Repository) -> None:
    """Whoever mends a sentence gets its notebook at once, and the outputs stay those of the run."""
    repo.post(first="print(1)")
    repo.accept()
    before = repo.tree("docs/runs/x")
    repo.edit("docs/posts/x.md", "Prose.", "Better prose.")

    done = repo.blog("run")

    after = repo.tree("docs/runs/x")
    assert done.returncode == 0
    assert "fresh, 0 cells executed, editions made anew from the prose" in done.stdout
    assert b"Better prose." in after["x.ipynb"] and b"# Better prose." in after["x.py"]
    assert {name for name in before if before[name] != after[name]} == {"x.ipynb", "x.py", "notebook.md"}
    assert "editions made anew" not in repo.blog("run").stdout


def start(repo: Repository, *arguments: str) -> tuple[subprocess.Popen[str], list[int], str]:
    """Start `blog run` on a post that waits; its process, those that it started, its cell's folder."""
    marker = repo.root / "marker"
    marker.unlink(missing_ok=True)
    repo.post(first=WAITING.format(marker=str(marker)))
    running = subprocess.Popen(
        [BLOG, "run", *arguments], cwd=repo.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    end = time.monotonic() + 60
    while not marker.exists():
        assert running.poll() is None and time.monotonic() < end, running.communicate()[0]
        time.sleep(0.05)
    *pids, folder = marker.read_text().split()
    return running, [int(pid) for pid in pids], folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process_and_no_folder(
    repo: Repository, number: signal.Signals
) -> None:
    """Ctrl-C, a polite end and a kill take along the kernel, what forked it and what a cell started."""
    repo.post(first="print(1)")
    repo.accept()
    before = repo.tree("docs/runs/x")
    running, pids, folder = start(repo, "--jobs", "2")

    running.send_signal(number)

    said = running.communicate(timeout=30)[0]
    assert gone_within(20, *pids)
    assert not os.path.exists(folder)
    assert repo.tree("docs/runs/x") == before
    if number != signal.SIGKILL:
        assert running.returncode == 130
        assert "stopped; accepted runs are as they were" in said
        assert "Traceback" not in said


def test_a_second_run_of_one_post_says_so_and_ends(repo: Repository) -> None:
    """Two runs of one post never write into one folder."""
    running, pids, _ = start(repo)

    second = repo.blog("run", "x")

    running.terminate()
    running.communicate(timeout=30)
    assert gone_within(20, *pids)
    assert second.returncode == 1
    assert "docs/posts/x.md:1: another run of this post is under way" in second.stdout
    assert "blog run x" in second.stdout


def test_posts_that_run_at_once_keep_one_another_s_values(repo: Repository) -> None:
    """One file has the values of all posts, and two processes that end together write all of them."""
    for slug in ("one", "two", "three"):
        front = "values: {total: {is: 3, within: 0}}"
        repo.post(slug, first="total = 3\nprint(total)", front=front, end=f"{{{{= {slug}.total }}}}")
    commands = [[BLOG, "run", "one", "two", "--jobs", "2"], [BLOG, "run", "three"]]
    running = [subprocess.Popen(command, cwd=repo.root, stdout=subprocess.DEVNULL) for command in commands]

    assert [process.wait(120) for process in running] == [0, 0]

    values = {"one": {"total": "3"}, "three": {"total": "3"}, "two": {"total": "3"}}
    assert json.loads((repo.root / "docs/runs/values.yml").read_text()) == values
    assert [str(verdict) for verdict in check_posts(repo.root)] == [
        "one: fresh",
        "three: fresh",
        "two: fresh",
    ]


def test_values_wait_for_one_another(repo: Repository) -> None:
    """Whoever writes the values while another does waits, and takes the records that are there by then."""
    repo.post(first="total = 3\nprint(total)", front="values: {total: {is: 3}}", end="{{= x.total }}")
    repo.accept()
    (repo.root / "docs/runs/values.yml").unlink()
    with lock(repo.root / ".blog/locks/values.yml.lock"):
        waiting = threading.Thread(target=write_values, args=[repo.root])
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and not (repo.root / "docs/runs/values.yml").exists()

    waiting.join(30)
    assert json.loads((repo.root / "docs/runs/values.yml").read_text()) == {"x": {"total": "3"}}
