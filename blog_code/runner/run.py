"""`blog run`: execute what is stale, and replace the accepted run in one step."""

import contextlib
import datetime
import os
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blog_code.errors import PostError, writing
from blog_code.posts.post import RUNS, Post, post_paths, read_post
from blog_code.runner.atomic import Busy, aside, lock, recover, replace_folder
from blog_code.runner.derived import (
    VALUES,
    accepted_outputs,
    as_json,
    derived_files,
    derived_names,
    differing,
    read_values,
    values_of,
)
from blog_code.runner.record import (
    FORMAT,
    STALE,
    Record,
    cell_digest,
    changed_parts,
    digest,
    fingerprint,
    missing_outputs,
    read_record,
    seal,
)
from blog_code.runner.view import VIEW, is_current, is_whole, make_view, start_converter

if TYPE_CHECKING:  # what executes takes a second to import, and most commands execute nothing
    from blog_code.runner.execute import RunResult


def fresh_record(post: Post) -> Record | None:
    """The record of the accepted run, where that is whole and of exactly these sources."""
    try:
        record = read_record(post)
        if (
            record is None
            or STALE & set(changed_parts(post, record))
            or missing_outputs(post, record.outputs)
        ):
            return None
        if set(post.meta.values) - set(record.all_values) or set(post.meta.files) - set(record.outputs):
            return None
        accepted_outputs(post, record)
    except PostError:
        return None
    return record


@contextlib.contextmanager
def _writing(post: Post) -> Iterator[Path]:
    """Hold the post's lock and give an empty folder; says in one line why nothing can be written."""
    staging = post.root / ".blog" / "staging" / post.slug
    again = f"blog run {post.slug}"
    try:
        with (
            writing("the run", post.root, again),
            lock(post.root / ".blog" / "locks" / f"{post.slug}.lock"),
        ):
            shutil.rmtree(staging, ignore_errors=True)
            try:
                staging.mkdir(parents=True)
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except Busy:
        fix = f"wait for it to end, or end it, then: {again}"
        raise PostError(post.finding(1, "another run of this post is under way", fix)) from None


def recover_run(post: Post) -> None:
    """Put back the accepted run where a run was killed while it replaced it by renames."""
    if aside(post.run_folder).exists():
        with contextlib.suppress(Busy), lock(post.root / ".blog" / "locks" / f"{post.slug}.lock"):
            recover(post.run_folder)


def run_post(post: Post, *, quick: bool = False, say: Callable[[str], None] = print, **options: Any) -> Path:
    """Execute a post and put its outputs and record in place; returns the folder that was written."""
    from blog_code.runner.execute import execute

    if post.findings:
        raise PostError(*post.findings)
    target = post.root / ".blog" / "quick" / post.slug if quick else post.run_folder
    with _writing(post) as staging:
        if not quick:
            start_converter()  # which is ready when the cells are
        result = execute(post, quick=quick, say=say, **options)
        files = run_files(post, result, quick=quick)
        if not quick:
            files[VIEW] = make_view(post, files[f"{post.slug}.ipynb"])
        write_files(staging, files)
        replace_folder(staging, target)
    return target


def refresh(post: Post, record: Record) -> bool:
    """Make the derived files of a fresh run again after an edit of the prose; True where they changed."""
    if post.findings:
        raise PostError(*post.findings)
    made = differing(post, record)
    if made or not (is_whole(post) and is_current(post)):
        name = f"{post.slug}.ipynb"
        made[VIEW] = make_view(post, made.get(name) or (post.run_folder / name).read_bytes())
    else:
        return False
    with _writing(post) as staging:
        names = {*record.outputs, "record.json", *derived_names(post, record)} - set(made)
        kept = {name: (post.run_folder / name).read_bytes() for name in names}
        write_files(staging, {**kept, **made})
        replace_folder(staging, post.run_folder)
    return True


def write_values(root: Path) -> None:
    """Write the values of all accepted runs into one file, each time from the records.

    Posts that run at the same time wait here for one another, and whoever comes later finds the others' runs.
    """
    with (
        writing("the values", root, "blog run"),
        lock(root / ".blog" / "locks" / "values.yml.lock", wait=True),
    ):
        made = values_of(_accepted(root))
        if read_values(root) != made or not (root / VALUES).exists():
            (root / VALUES).parent.mkdir(parents=True, exist_ok=True)
            (new := root / ".blog" / "values.yml").write_bytes(as_json(made))
            new.replace(root / VALUES)


def _accepted(root: Path) -> Iterator[tuple[Post, Record]]:
    """Yield each post that can be read, and that has a record that can."""
    for path in post_paths(root):
        with contextlib.suppress(PostError):
            if (root / RUNS / path.stem).exists() and (record := read_record(post := read_post(path, root))):
                yield post, record


def run_files(post: Post, result: "RunResult", *, quick: bool = False) -> dict[str, bytes]:
    """All files of a run's folder: outputs, record, and what is made from them."""
    from blog_code.runner.figures import mark_quick

    files: dict[str, bytes] = {}
    left = [item for cell in result.cells for item in cell.files.items()] + list(result.files.items())
    for name, content in left:
        files[name] = mark_quick(name, content) if quick and name in result.files else content
    made = make_record(post, result, files, quick=quick)
    outputs = {cell.cell.name: cell.outputs for cell in result.cells}
    derived = derived_files(post, Record.model_validate(made), outputs)
    # Not every file system tells A from a.
    names = [*(name for name, _ in left), *{*derived, "record.json", f"{post.slug}.py"}]
    count = Counter(name.lower() for name in names)
    if twice := [name for name in names if count[name.lower()] > 1]:
        fix = f"rename a region or a file, then: blog run {post.slug}"
        raise PostError(post.finding(1, f"two outputs would be called {twice[0]}", fix))
    return {**files, **derived, "record.json": as_json(made)}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def make_record(post: Post, result: "RunResult", files: dict[str, bytes], *, quick: bool) -> dict[str, Any]:
    """The record of a run; what differs from run to run on one machine is under `volatile`."""
    timings = {name for name, value in post.meta.values.items() if value.timing}
    data = result.data.get("files", {}) if isinstance(result.data, dict) else {}
    left = {cell.cell.name: cell for cell in result.cells}
    profile = "quick" if quick else "full"
    parts = fingerprint(post, result.versions, lock=result.lock, data=data, profile=profile)
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
                "outputs": sorted(left[cell.name].files) if cell.name in left else [],
                "displayed": digest(left[cell.name].outputs if cell.name in left else []),
            }
            for cell in post.cells
        ],
        "outputs": {name: digest(content) for name, content in sorted(files.items())},
        "values": {name: value for name, value in result.values.items() if name not in timings},
        "data": result.data,
        "device": result.device,
        "versions": result.versions,
        "commit": result.commit,
        "volatile": {
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(result.seconds, 1),
            "cells": {name: cell.seconds for name, cell in left.items()},
            "timings": {name: value for name, value in result.values.items() if name in timings},
            "host": processor(),
        },
    }
    return {**record, "seal": seal(record)}


def processor() -> str:
    """The processor's name and how many cores this run could use; no host name: that is nobody's business."""
    name = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        name = lines[0] if lines else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"
