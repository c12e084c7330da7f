"""The record of a run: what it depended on, where it ran, what it measured."""

import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.front_matter import FILE_NAME
from blog_code.posts.post import Post
from blog_code.runner.lock import Lock, read_lock
from blog_code.runner.look import LOOK, STYLE

FORMAT = 2
FIRST_LOOK = "548058a24f93f3a4e665ed7867f03d49f24ab8eaa9d31b6fe316df921ca78308"  # of all records of format 1
PARTS = ("cells", "look", "lock", "data", "device", "profile")
STALE = {"cells", "look", "data", "profile"}  # the other parts, lock and device, make a post due


def digest(content: object) -> str:
    """SHA-256 of bytes, or of anything that JSON can write."""
    if not isinstance(content, bytes):
        content = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()


def cell_digest(source: str, flags: frozenset[str] | list[str]) -> str:
    return digest([source, sorted(flags)])


def device_kind() -> str:
    """The kind of device that JAX would choose here, told without importing it: cpu, gpu or tpu.

    It takes an accelerator where there is one and a package that speaks to it is installed.
    """
    wanted = os.environ.get("BLOG_DEVICE") or os.environ.get("JAX_PLATFORMS", "").partition(",")[0]
    if wanted:
        return "gpu" if wanted in {"cuda", "rocm"} else wanted
    if find_spec("jax_plugins") and (Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists()):
        return "gpu"
    return "tpu" if find_spec("libtpu") and Path("/dev/accel0").exists() else "cpu"


def fingerprint(
    post: Post,
    versions: Iterable[str],
    *,
    lock: Lock | None = None,
    data: dict[str, str] | None = None,
    profile: str = "full",
) -> dict[str, str]:
    """Return the named parts that a run depends on, a hash each.

    `versions` names the packages that its cells import; `lock` is what the run was installed from, and `data`
    maps the files that it has read to their checksums: by default the lock and the data as the post has them.
    """
    wanted = [*versions, *(post.meta.get("requirements") or [])]
    return {
        "cells": digest([cell_digest(cell.region.source, cell.flags) for cell in post.cells]),
        "look": digest([LOOK, digest(STYLE.read_bytes())]),
        "lock": digest((lock or read_lock(post.root)).behind(wanted)),
        "data": digest(post.meta.get("data") or {} if data is None else data),
        "device": device_kind(),
        "profile": profile,
    }


@dataclass
class Record:
    """`docs/runs/<slug>/record.json`, read and found whole."""

    path: Path
    content: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.content[name]
        except KeyError:
            raise AttributeError(name) from None


NUMBER = (int, float)
CELL = {"region": str, "module": str, "lines": [int], "flags": [str], "sha256": str, "outputs": [str]}
VOLATILE = {"finished": str, "seconds": NUMBER, "timings": {str: NUMBER}, "host": str}
SHAPE: dict[Any, Any] = {
    "fingerprint": {str: str},
    "cells": [CELL],
    "outputs": {str: str},
    "values": {str: NUMBER},
    "data": dict,
    "device": str,
    "versions": {str: str},
    "commit": (str, type(None)),
    "volatile": VOLATILE,
}


def fits(value: object, shape: Any) -> bool:
    """True where what JSON held has a shape: a type, [shape of each], {str: shape of each} or named keys."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if not isinstance(shape, dict):
        return isinstance(value, shape)
    if not isinstance(value, dict):
        return False
    if str in shape:
        return all(fits(item, shape[str]) for item in value.values())
    return all(key in value and fits(value[key], inner) for key, inner in shape.items())


def read_record(post: Post) -> Record | None:
    """Read the record of the accepted run; None where the post has none yet."""
    path = post.run_folder / "record.json"
    name = f"{post.run_name}/record.json"
    if not post.run_folder.exists():
        return None

    def torn(message: str) -> PostError:
        return PostError(Finding(name, 1, message, f"blog run --force {post.slug}"))

    try:
        content = json.loads(read_text(path, post.root))
    except PostError as error:
        raise torn(error.findings[0].message) from None
    except (ValueError, RecursionError) as error:
        raise torn(f"the record is torn: {error}") from None
    if not isinstance(content, dict) or content.get("format") not in range(1, FORMAT + 1):
        raise torn(f"the record is of a format that is not 1 to {FORMAT}")
    for key, shape in SHAPE.items():
        if not fits(content.get(key, ...), shape):
            raise torn(f"the record has no proper {key}")
    if content.get("seal") != seal(content):
        raise torn("the record was edited by hand: its seal does not fit")
    if odd := [file for file in content["outputs"] if not FILE_NAME.fullmatch(file)]:
        raise torn(f"the record names an output {odd[0]!r}")
    try:
        datetime.datetime.fromisoformat(content["volatile"]["finished"])
    except ValueError:
        raise torn("the record has no proper date") from None
    return Record(path, content)


def missing_outputs(post: Post, outputs: dict[str, str]) -> list[str]:
    """Outputs of the accepted run that are gone, or are not what the run wrote."""
    folder = str(post.run_folder)

    def same(name: str, expected: str) -> bool:
        try:
            with open(f"{folder}/{name}", "rb") as file:
                return digest(file.read()) == expected
        except OSError:
            return False

    return [name for name, expected in outputs.items() if not same(name, expected)]


def seal(content: dict[str, Any]) -> str:
    """A checksum over the record, so that an edit by hand is noticed."""
    return digest({key: value for key, value in content.items() if key != "seal"})


def changed_parts(post: Post, record: Record) -> list[str]:
    """Name the parts of the fingerprint that differ from the sources as they stand."""
    now, before = fingerprint(post, record.versions), record.fingerprint
    if (
        record.format == 1
    ):  # it has no look, and the checksum of the whole lock, which each new linter changes
        pins = read_lock(post.root).pins
        kept = all(version in pins.get(name, [version]) for name, version in record.versions.items())
        before = {**before, "look": FIRST_LOOK, "lock": now["lock"] if kept else ""}
    changed = {part for part in PARTS if now[part] != before.get(part)}
    # Outputs have the names of their regions: a new name is a change, even of the same code.
    if [cell["region"] for cell in record.cells] != [cell.name for cell in post.cells]:
        changed.add("cells")
    if "jax" not in record.versions:  # it computes on the CPU, whatever else is there
        changed.discard("device")
    return [part for part in PARTS if part in changed]


def changed_regions(post: Post, record: Record) -> list[str]:
    """Say which cells differ: changed, added, removed, or in another order."""
    before = {cell["region"]: cell["sha256"] for cell in record.cells}
    now = {cell.name: cell_digest(cell.region.source, cell.flags) for cell in post.cells}
    said = {
        "changed": [name for name in now if name in before and before[name] != now[name]],
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return [f"{what} {', '.join(names)}" for what, names in said.items() if names] or ["their order changed"]
