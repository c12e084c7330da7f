"""Replace a folder in one step, and let one run of a post happen at a time."""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# What a kernel or a file system answers that cannot swap two names.
UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


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
    """Put the folder `new` in the place of `old`, so that at no moment `old` is missing or half written.

    Where the system cannot swap two folders, `old` is missing for a moment; killed in it, see `recover`.
    """
    old.parent.mkdir(parents=True, exist_ok=True)
    recover(old)
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


def recover(old: Path) -> None:
    """Put back what a process that was killed between two renames had laid aside."""
    if aside(old).exists() and not old.exists():
        aside(old).rename(old)
    elif aside(old).exists():
        shutil.rmtree(aside(old))


def aside(folder: Path) -> Path:
    """Where a folder lies while another takes its place; MkDocs reads no name that begins with a dot."""
    return folder.with_name(f".{folder.name}.old")


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders, by one system call or else by three renames."""
    number = _swap(one, other)
    if number in UNABLE:
        other.rename(aside(other))
        try:
            one.rename(other)
        except OSError:
            aside(other).rename(other)
            raise
        aside(other).rename(one)
    elif number:
        raise OSError(number, os.strerror(number), str(other))


def _swap(one: Path, other: Path) -> int:
    """Call renameat2(2) of Linux or renamex_np(2) of macOS; returns the number of the error, or 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(one), os.fsencode(other)
    try:
        failed = libc.renamex_np(a, b, 2) if sys.platform == "darwin" else libc.renameat2(-100, a, -100, b, 2)
    except AttributeError:  # the C library of some systems has neither
        return errno.ENOSYS
    return ctypes.get_errno() if failed else 0
