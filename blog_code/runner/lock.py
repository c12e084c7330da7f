"""Read requirements.lock: the versions that it pins, and the packages that each leads to."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blog_code.errors import read_text

LOCK = "requirements.lock"
PIN = re.compile(r"([\w.-]+)==([^\s;\\]+)")
VIA = re.compile(r"^ +#(?: via)? +([\w.-]+)$", re.M)


@dataclass(frozen=True)
class Lock:
    """Holds the versions of each package, more than one where platforms differ, and whom it is there for."""

    pins: dict[str, list[str]]
    needs: dict[str, set[str]]  # the packages that one asks for itself, as the lock's `# via` have it

    def behind(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the pins of these packages and of all that they lead to."""
        found: set[str] = set()
        wanted = {normal_name(name) for name in names}
        while wanted:
            found |= wanted
            wanted = {needed for name in wanted for needed in self.needs.get(name, ())} - found
        return {name: self.pins[name] for name in sorted(found & self.pins.keys())}


def read_lock(root: Path) -> Lock:
    """Read the lock of a repository, once for all its posts; an empty one where there is none."""
    path = root / LOCK
    if not path.exists():
        return Lock({}, {})
    state = path.stat()
    return _read(path, root, state.st_mtime_ns, state.st_size)


@functools.cache
def _read(path: Path, root: Path, _changed: int, _size: int) -> Lock:
    lock = Lock({}, {})
    for entry in re.split(r"^(?=\w)", read_text(path, root), flags=re.M):
        if pin := PIN.match(entry):
            lock.pins.setdefault(name := normal_name(pin[1]), []).append(pin[2])
            for parent in VIA.findall(entry):
                lock.needs.setdefault(normal_name(parent), set()).add(name)
    return lock


def normal_name(package: str) -> str:
    """Spell the name of a package in the one way: array-record for array_record."""
    return re.sub(r"[-_.]+", "-", package).lower()
