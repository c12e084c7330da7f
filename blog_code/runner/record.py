"""The record of a run: what it depended on, where it ran, what it measured."""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blog_code.runner.cells import Post
from blog_code.runner.errors import Finding, PostError, read_text

FORMAT = 1
PARTS = ("cells", "lock", "data", "device", "profile")
STALE = {"cells", "data", "profile"}  # the other parts, lock and device, make a post due


def digest(content: object) -> str:
    """SHA-256 of bytes, or of anything that JSON can write."""
    if not isinstance(content, bytes):
        content = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()


def cell_digest(source: str, flags: frozenset[str] | list[str]) -> str:
    return digest([source, sorted(flags)])


def device_kind() -> str:
    """The kind of device that JAX would choose here, told without importing it: cpu, gpu or tpu."""
    wanted = os.environ.get("BLOG_DEVICE") or os.environ.get("JAX_PLATFORMS", "").partition(",")[0]
    if wanted:
        return "gpu" if wanted in {"cuda", "rocm"} else wanted
    if Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists():
        return "gpu"
    return "tpu" if Path("/dev/accel0").exists() else "cpu"


def fingerprint(post: Post, *, data: dict[str, str] | None = None, profile: str = "full") -> dict[str, str]:
    """The named parts that a run depends on, a hash each.

    `data` maps the files that a run has read to their checksums; by default those that the post declares.
    """
    lock = post.root / "requirements.lock"
    return {
        "cells": digest([cell_digest(cell.region.source, cell.flags) for cell in post.cells]),
        "lock": digest(lock.read_bytes() if lock.exists() else b""),
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


TYPES: dict[str, type | tuple[type, ...]] = {
    "fingerprint": dict,
    "cells": list,
    "outputs": dict,
    "values": dict,
    "data": dict,
    "device": str,
    "versions": dict,
    "commit": (str, type(None)),
    "volatile": dict,
}


def read_record(post: Post) -> Record | None:
    """Read the record of the accepted run; None where the post has none yet."""
    path = post.run_folder / "record.json"
    name = path.relative_to(post.root).as_posix()
    if not post.run_folder.exists():
        return None

    def torn(message: str) -> PostError:
        return PostError(Finding(name, 1, message, f"blog run --force {post.slug}"))

    try:
        content = json.loads(read_text(path, post.root))
    except ValueError as error:
        raise torn(f"the record is torn: {error}") from None
    except RecursionError:
        raise torn("the record is torn: nested too deep") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise torn(f"the record is of another format than {FORMAT}")
    for key, kind in TYPES.items():
        if not isinstance(content.get(key, ...), kind):
            raise torn(f"the record has no proper {key}")
    if content.get("seal") != seal(content):
        raise torn("the record was edited by hand: its seal does not fit")
    return Record(path, content)


def seal(content: dict[str, Any]) -> str:
    """A checksum over the record, so that an edit by hand is noticed."""
    return digest({key: value for key, value in content.items() if key != "seal"})


def changed_parts(post: Post, record: Record) -> list[str]:
    """The parts of the fingerprint that differ from the sources as they stand."""
    now = fingerprint(post)
    return [part for part in PARTS if now[part] != record.fingerprint.get(part)]


def changed_regions(post: Post, record: Record) -> list[str]:
    """Say which cells differ: changed, added, removed, or in another order."""
    before = {cell["region"]: cell["sha256"] for cell in record.cells}
    now = {cell.name: cell_digest(cell.region.source, cell.flags) for cell in post.cells}
    said = [f"{name} is new" for name in now if name not in before]
    said += [f"{name} changed" for name in now if name in before and before[name] != now[name]]
    said += [f"{name} is gone" for name in before if name not in now]
    return said or ["the order of cells changed"]


def commit_of(post: Post) -> str | None:
    """The commit that holds exactly the code of this post; None where the working tree differs from it."""
    sources = [f"blog_code/{post.package}", post.name, "requirements.lock"]
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=post.root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else "?"

    head = git("rev-parse", "HEAD")
    clean = git("status", "--porcelain", "--", *sources) == ""
    return head if clean and head != "?" else None
