"""Know whether anything has changed since the site was built: inputs, what builds it, and the built pages.

A stamp is the checksum of each file of the repository and of `site/`, and of all else that a page depends on.
"""

import hashlib
import json
import os
import platform
import re
import sysconfig
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from blog_code.errors import read_text, writing
from blog_code.runner.record import digest

STAMP = ".blog/stamp.json"
OURS = Path(__file__).parents[1]
# Of the root: what commands keep there for themselves. Whatever else lies there, mkdocs.yml may name.
LEFT_OUT = {"site", ".git", ".venv", ".blog", ".cache", ".hypothesis"}
type Files = dict[str, list[Any]]  # size, times and number on the disk, then the checksum


def take_stamp(root: Path, verdicts: Iterable[object]) -> dict[str, Any]:
    """Return the stamp of a repository as it stands; what a check says of it tells the day and the device."""
    before = read_stamp(root)
    return {
        "builder": digest([*_environment(root), *_builder(), *map(str, verdicts)]),
        "inputs": _files(root, before.get("inputs", {}), but=LEFT_OUT),
    }


def is_built(root: Path, stamp: dict[str, Any]) -> bool:
    """Say whether `site/` is whole, and what would be built again from a stamp."""
    before = read_stamp(root)
    site = before.get("site", {})
    return (
        bool(site)
        and before.get("builder") == stamp["builder"]
        and _sums(before.get("inputs", {})) == _sums(stamp["inputs"])
        and _sums(site) == _sums(_files(root / "site", site))
    )


def write_stamp(root: Path, stamp: dict[str, Any]) -> None:
    """Keep the stamp of what was just built into `site/`, taken before it was."""
    path = root / STAMP
    with writing("the stamp of the site", root, "blog build"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**stamp, "site": _files(root / "site", {})}), encoding="utf-8")


def read_stamp(root: Path) -> dict[str, Any]:
    """Return the stamp of the last build; an empty one where there is none, or none that can be read."""
    try:
        read = json.loads((root / STAMP).read_text("utf-8"))
        return read if all(isinstance(read[part], dict) for part in ("inputs", "site")) else {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def _environment(root: Path) -> list[tuple[str, str | None]]:
    """List the variables that mkdocs.yml looks at, with what they hold."""
    named = re.findall(r"!ENV\s+(\[[^\]]*\]|\S+)", read_text(root / "mkdocs.yml", root))
    names = sorted({name for text in named for name in re.findall(r"[A-Za-z_]\w*", text)})
    return [(name, os.environ.get(name)) for name in names]


def _builder() -> list[str]:
    """List Python, the packages that are installed with their versions, and the checksums of our own code."""
    packages = os.listdir(sysconfig.get_path("purelib"))
    installed = sorted(name for name in packages if name.endswith(".dist-info"))
    code = sorted(path for room in ("*", "posts/*", "runner/*", "site/*") for path in OURS.glob(room))
    return [platform.python_version(), *installed, *(_sum(path) for path in code if path.is_file())]


def _sums(files: Files) -> dict[str, str]:
    return {name: entry[-1] for name, entry in files.items()}


def _files(folder: Path, known: Files, *, but: Collection[str] = ()) -> Files:
    """Return what is to be known of every file; `but` names the folders that are left out."""
    found: Files = {}
    for place, folders, names in os.walk(folder, followlinks=True):
        if place == str(folder) and but:
            folders[:] = [name for name in folders if name not in but and not name.endswith("_cache")]
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(place, name)
            relative = path[len(str(folder)) + 1 :]
            found[relative] = _entry(path, known.get(relative, [None]))
    return found


def _entry(path: str, known: list[Any]) -> list[Any]:
    """Return size, times, number and checksum of a file, which is read only where one of them is new."""
    try:
        state = os.stat(path)
        seen = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        return known if known[:-1] == seen else [*seen, _sum(path)]
    except OSError as error:
        return [str(error.strerror)]


def _sum(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
