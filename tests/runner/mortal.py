"""Run as a script, never imported: does a piece of work in a fork for each number that it reads.

A fork is killed before it has done so many things with files; with 0 it ends by itself. The answer is how
many it did, or 0. It is a process of its own: who forks may have no threads, and pytest has those of JAX.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from repository import pretend

from blog_code.posts.post import read_post
from blog_code.repository import Repository
from blog_code.runner.run import run_post
from blog_code.site.build import build_site

EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.dlsym"}


def accept(root: Path) -> None:
    """Write a run of the post x, whose cells are executed here."""
    with mock.patch("blog_code.runner.execute.execute", pretend):
        run_post(read_post(root / "docs" / "posts" / "x.md", root), say=lambda text: None)


def build(root: Path) -> None:
    """Build a site of five pages that say `new`."""

    def write(root: Path, folder: Path, lock_held: int, *, held_back: list[str]) -> None:
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.html").write_text("new")

    with (
        mock.patch("blog_code.site.build.write_pages", write),
        mock.patch("blog_code.site.build.finish_pages", lambda site: None),
    ):
        build_site(Repository(root))


def build_by_renames(root: Path) -> None:
    """The same where the system cannot swap two folders."""
    with mock.patch("blog_code.runner.atomic._swap", lambda one, other: errno.ENOSYS):
        build(root)


def killed_before(step: int, work: Callable[[Path], object], root: Path) -> int:
    """Do the work in a fork that is killed at a step; returns how many it did."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        done = 0

        def count(event: str, arguments: object) -> None:
            nonlocal done
            if event in EVENTS:
                done += 1
                if done == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work(root)
            os.write(writing, str(done).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as said:
        counted = int(said.read() or 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (-signal.SIGKILL if step else 0)
    return counted


if __name__ == "__main__":
    work = {"accept": accept, "build": build, "build-by-renames": build_by_renames}[sys.argv[1]]
    work(Path.cwd())  # it imports what it needs, so that all forks have the same steps
    for line in sys.stdin:
        print(killed_before(int(line), work, Path.cwd()), flush=True)
