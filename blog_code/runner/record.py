"""The record of a run: what it depended on, where it ran, what it measured."""

import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.front_matter import Name
from blog_code.posts.post import Post
from blog_code.runner.lock import Lock, read_lock
from blog_code.runner.look import LOOK, STYLE

FORMAT = 2
FIRST_LOOK = "548058a24f93f3a4e665ed7867f03d49f24ab8eaa9d31b6fe316df921ca78308"  # of all records of format 1
PARTS = ("cells", "look", "lock", "data", "device", "profile")
type Number = bool | int | float
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

    `versions` names the packages that its cells need; `lock` is what the run was installed from, and `data`
    maps the files that it has read to their checksums: by default the lock and the data as the post has them.
    """
    return {
        "cells": digest([cell_digest(cell.region.source, cell.flags) for cell in post.cells]),
        "look": digest([LOOK, digest(STYLE.read_bytes())]),
        "lock": digest((lock or read_lock(post.root)).behind(versions)),
        "data": digest(post.meta.data if data is None else data),
        "device": device_kind(),
        "profile": profile,
    }


def _moment(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


class CellEntry(BaseModel):
    """A cell as it ran, and what it left."""

    region: str
    module: str
    lines: tuple[int, int]
    flags: list[str]
    sha256: str
    outputs: list[str]
    displayed: str = ""  # the checksum of its outputs in the notebook; from format 2 on


class Volatile(BaseModel):
    """What differs from run to run on one machine."""

    finished: Annotated[str, AfterValidator(_moment)]
    seconds: float
    timings: dict[str, Number]
    host: str


class Record(BaseModel):
    """`docs/runs/<slug>/record.json`, read and found whole."""

    format: int
    fingerprint: dict[str, str]
    cells: list[CellEntry]
    outputs: dict[Name, str]
    values: dict[str, Number]
    data: dict[str, Any]
    device: str
    versions: dict[str, str]
    commit: str | None
    volatile: Volatile

    @property
    def all_values(self) -> dict[str, Number]:
        """Return every value of the run, the timings among them."""
        return {**self.values, **self.volatile.timings}


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
    if content.get("seal") != seal(content):
        raise torn("the record was edited by hand: its seal does not fit")
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        raise torn(f"the record has no proper {error.errors()[0]['loc'][0]}") from None


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
    if [cell.region for cell in record.cells] != [cell.name for cell in post.cells]:
        changed.add("cells")
    if "jax" not in record.versions:  # it computes on the CPU, whatever else is there
        changed.discard("device")
    return [part for part in PARTS if part in changed]


def changed_regions(post: Post, record: Record) -> list[str]:
    """Say which cells differ: changed, added, removed, or in another order."""
    before = {cell.region: cell.sha256 for cell in record.cells}
    now = {cell.name: cell_digest(cell.region.source, cell.flags) for cell in post.cells}
    said = {
        "changed": [name for name in now if name in before and before[name] != now[name]],
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return [f"{what} {', '.join(names)}" for what, names in said.items() if names] or ["their order changed"]
