"""`blog run`: execute what is stale, and replace the accepted run in one step."""

import datetime
import json
import math
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blog_code.runner.atomic import Busy, lock, replace_folder
from blog_code.runner.cells import Post
from blog_code.runner.editions import edition_files
from blog_code.runner.errors import Finding, PostError
from blog_code.runner.execute import RunResult, execute
from blog_code.runner.figures import mark_quick
from blog_code.runner.provenance import page_files
from blog_code.runner.record import (
    FORMAT,
    STALE,
    cell_digest,
    changed_parts,
    commit_of,
    digest,
    fingerprint,
    read_record,
    seal,
)


def needs_run(post: Post) -> bool:
    """True where the post has cells and no accepted run of exactly these."""
    if not any(cell.runs for cell in post.cells):
        return False
    try:
        record = read_record(post)
    except PostError:
        return True
    return record is None or bool(STALE & set(changed_parts(post, record))) or bool(missing_outputs(post, record.outputs))


def missing_outputs(post: Post, outputs: dict[str, str]) -> list[str]:
    """Outputs of the accepted run that are gone, or are not what the run wrote."""
    def same(name: str, expected: str) -> bool:
        path = post.run_folder / name
        return path.is_file() and digest(path.read_bytes()) == expected

    return [name for name, expected in outputs.items() if not same(name, expected)]


def run_post(post: Post, *, quick: bool = False, say: Callable[[str], None] = print, **options: Any) -> Path:
    """Execute a post and put its outputs and record in place; returns the folder that was written."""
    if post.findings:
        raise PostError(*post.findings)
    work = post.root / ".blog"
    target = work / "quick" / post.slug if quick else post.run_folder
    staging = work / "staging" / post.slug
    try:
        with lock(work / "locks" / f"{post.slug}.lock"):
            shutil.rmtree(staging, ignore_errors=True)
            result = execute(post, quick=quick, say=say, **options)
            files = run_files(post, result, quick=quick)
            write_folder(staging, files)
            replace_folder(staging, target)
    except Busy:
        message = "another run of this post is under way"
        raise PostError(post.finding(1, message, "wait for it to end, or end it")) from None
    except OSError as error:
        message = f"the run could not be written: {error.strerror or error}"
        fix = f"make room and give write access, then: blog run {post.slug}"
        raise PostError(Finding(error.filename or post.name, 1, message, fix)) from None
    return target


def run_files(post: Post, result: RunResult, *, quick: bool = False) -> dict[str, bytes]:
    """All files of a run's folder: outputs, record, and what is made from them."""
    files = {name: content for cell in result.cells for name, content in cell.files.items()}
    if quick:
        files = {
            name: mark_quick(name, content) if name.endswith((".svg", ".png")) else content
            for name, content in files.items()
        }
    record = make_record(post, result, files, quick=quick)
    outputs = {cell.cell.name: cell.outputs for cell in result.cells}
    return {**files, **derived_files(post, record, outputs), "record.json": as_json(record)}


def derived_files(post: Post, record: dict[str, Any], outputs: dict[str, Any]) -> dict[str, bytes]:
    """What is made from the record, the outputs and the prose without executing anything."""
    return {
        "values.yml": as_json(shown_values(post, record)),
        **page_files(post, record),
        **edition_files(post, record, outputs),
    }


def make_record(post: Post, result: RunResult, files: dict[str, bytes], *, quick: bool) -> dict[str, Any]:
    """The record of a run; what differs from run to run on one machine is under `volatile`."""
    timings = {name for name, value in post.values.items() if value.get("timing")}
    data = result.data.get("files", {}) if isinstance(result.data, dict) else {}
    seconds = {cell.cell.name: cell.seconds for cell in result.cells}
    parts = fingerprint(post, data=data, profile="quick" if quick else "full")
    parts["device"] = result.device.partition(" ")[0]
    if parts["device"] in {"cuda", "rocm"}:
        parts["device"] = "gpu"
    record = {
        "format": FORMAT,
        "post": post.slug,
        "fingerprint": parts,
        "cells": [
            {
                "region": cell.name,
                "module": cell.region.module,
                "lines": [cell.region.start, cell.region.end],
                "flags": sorted(cell.flags),
                "sha256": cell_digest(cell.region.source, cell.flags),
                "outputs": sorted(next((r.files for r in result.cells if r.cell is cell), {})),
            }
            for cell in post.cells
        ],
        "outputs": {name: digest(content) for name, content in sorted(files.items())},
        "values": {name: value for name, value in result.values.items() if name not in timings},
        "data": result.data,
        "device": result.device,
        "versions": result.versions,
        "commit": commit_of(post),
        "volatile": {
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(result.seconds, 1),
            "cells": seconds,
            "timings": {name: value for name, value in result.values.items() if name in timings},
            "host": processor(),
        },
    }
    return {**record, "seal": seal(record)}


def processor() -> str:
    """The processor's name and how many of its cores this run could use; no host name, which is nobody's business."""
    import os

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = lines[0] if lines else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def all_values(record: dict[str, Any]) -> dict[str, Any]:
    return {**record["values"], **record["volatile"]["timings"]}


def shown_values(post: Post, record: dict[str, Any]) -> dict[str, str]:
    """The values as the prose quotes them, in the format that the front matter asks for."""
    return {
        name: format_value(value, str(post.values.get(name, {}).get("format", "")))
        for name, value in all_values(record).items()
    }


def format_value(value: float, spec: str) -> str:
    """Format a number for prose, with a true minus sign; booleans become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return str(value)
    return format(value, spec or ("," if isinstance(value, int) else "g")).replace("-", "−")  # noqa: RUF001


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def refresh(post: Post) -> bool:
    """Make the derived files of a fresh run again after an edit of the prose; True where they changed."""
    from blog_code.runner.editions import accepted_outputs

    record = read_record(post)
    if record is None:
        return False
    made = derived_files(post, record.content, accepted_outputs(post))
    if all((path := post.run_folder / name).is_file() and path.read_bytes() == made[name] for name in made):
        return False
    staging = post.root / ".blog" / "staging" / post.slug
    with lock(post.root / ".blog" / "locks" / f"{post.slug}.lock"):
        shutil.rmtree(staging, ignore_errors=True)
        kept = {name: (post.run_folder / name).read_bytes() for name in [*record.outputs, "record.json"]}
        write_folder(staging, {**kept, **made})
        replace_folder(staging, post.run_folder)
    return True


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started
