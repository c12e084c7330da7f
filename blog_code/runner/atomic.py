"""Replace a folder in one step, and let one run of a post happen at a time."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


class Busy(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[int]:
    """Hold a lock that the operating system frees when we end, however we end; raise Busy, or wait for it.

    The number that this gives is a file's: a process that inherits it holds the lock too, until it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Busy(path.stem) from None
        yield held.fileno()


def replace_folder(new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `old`, so that at no moment `old` is missing or half written."""
    old.parent.mkdir(parents=True, exist_ok=True)
    _flush(new)
    if old.exists():
        _exchange(new, old)
        shutil.rmtree(new)
    else:
        new.rename(old)


def _flush(folder: Path) -> None:
    """Ask for the files to be on the disk before their folder takes a place that matters."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders by one system call: renameat2(2) of Linux, renamex_np(2) of macOS."""
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = libc.renamex_np(a, b, 2)
    else:
        failed = libc.renameat2(-100, a, -100, b, 2)
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))
