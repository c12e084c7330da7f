"""`blog run --verify`: execute a post aside, and say where its outputs differ from the accepted ones."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blog_code.errors import PostError, writing
from blog_code.posts.front_matter import Declared
from blog_code.posts.post import RUNS, Post, post_paths
from blog_code.posts.values import format_value, within
from blog_code.runner import git
from blog_code.runner.differences import (
    NUMBER,
    Moved,
    Verdict,
    compare_json,
    compare_sizes,
    compare_text,
    number,
)
from blog_code.runner.drawings import compare_charts, compare_pictures
from blog_code.runner.execute import execute
from blog_code.runner.record import Number, Record, changed_parts, device_kind, missing_outputs, read_record
from blog_code.runner.run import run_files, write_files


@dataclass(frozen=True)
class ValueChange:
    """A value that is another one now."""

    name: str
    old: Number | None
    new: Number
    declared: Declared
    wrong: bool


@dataclass(frozen=True)
class OutputChange:
    """A file that is another one now; `wrong` are lines for people, none where it is near enough."""

    name: str
    old: bytes | None
    new: bytes | None
    wrong: list[str]
    report: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs between the accepted run of a post and another; what is the same is only counted."""

    post: Post
    values: list[ValueChange]
    outputs: list[OutputChange]
    same: int


def compare_runs(
    post: Post,
    accepted: tuple[dict[str, Number], dict[str, bytes]],
    now: tuple[dict[str, Number], dict[str, bytes]],
) -> Comparison:
    """Compare the values and the outputs of two runs of a post."""
    moved = _moved(post, accepted[0], now[0])
    values = [
        ValueChange(
            name, accepted[0].get(name), now[0][name], declared, not _as_declared(declared, now[0][name])
        )
        for name, declared in post.meta.values.items()
        if name in now[0] and accepted[0].get(name) != now[0][name]
    ]
    names = sorted(accepted[1].keys() | now[1].keys())
    outputs = [_output(name, accepted[1].get(name), now[1].get(name), moved) for name in names]
    altered = [change for change in outputs if change.old != change.new]
    return Comparison(post, values, altered, len(names) - len(altered))


def verify_post(
    post: Post,
    *,
    say: Callable[[str], None] = print,
    compared: Callable[[Comparison], None] | None = None,
    **options: Any,
) -> str:
    """Execute a post aside and compare; replaces nothing, and raises PostError where the two differ."""
    record = _accepted(post)
    ran_on, here = record.fingerprint.get("device", ""), device_kind()
    if "jax" in record.versions and ran_on != here:  # nobody has tried how far the two may be apart
        say(f"{post.slug}: not compared: it ran on a {ran_on}, and this is a {here}; verify it on a {ran_on}")
        return "left for another device"
    # Read before the second run, which takes minutes: another may replace the accepted one meanwhile.
    accepted = {name: (post.run_folder / name).read_bytes() for name in record.outputs}
    scratch = post.root / ".blog" / "verify" / post.slug
    _write(post, scratch, {})  # a checkout that cannot be written to is said before minutes have gone by
    result = execute(post, say=say, **options)
    files = run_files(post, result)
    _write(post, scratch, files)
    written = {name: content for name, content in files.items() if name in _outputs_of(result) | {*accepted}}
    comparison = compare_runs(post, (record.all_values, accepted), (result.values, written))
    if compared:
        compared(comparison)
    differences = _values(post, record, result.values, say)
    for change in comparison.outputs:
        differences += [f"{change.name}: {line}" for line in change.wrong]
        if change.report:
            say(f"  {change.name}: {change.report}")
    if differences:
        where = scratch.relative_to(post.root).as_posix()
        said = "\n".join(f"      {line}" for line in differences)
        fix = f"look at {where}; fix the code, or accept this run with: blog run --force {post.slug}"
        raise PostError(post.finding(1, f"a second run differs from the accepted one:\n{said}", fix))
    say(f"{post.slug}: verified, {len(record.outputs)} outputs and {len(result.values)} values")
    return "verified"


def accepted_run(post: Post) -> tuple[dict[str, Number], dict[str, bytes]]:
    """Return values and outputs of the accepted run, as far as they are there."""
    try:
        record = read_record(post)
    except PostError:
        record = None
    if record is None:
        return {}, {}
    paths = [post.run_folder / name for name in record.outputs]
    return record.all_values, {path.name: path.read_bytes() for path in paths if path.is_file()}


def _accepted(post: Post) -> Record:
    """The record of the accepted run, which has to be whole and of these sources."""
    if post.findings:
        raise PostError(*post.findings)
    record = read_record(post)
    if record is None:
        raise PostError(post.finding(1, "there is no accepted run to compare with", f"blog run {post.slug}"))
    if gone := missing_outputs(post, record.outputs):
        message = f"the accepted run is not whole: {gone[0]} is not what it wrote"
        raise PostError(post.finding(1, message, f"blog run --force {post.slug}"))
    if parts := sorted({"cells", "data"} & set(changed_parts(post, record))):
        message = f"the accepted run is stale ({', '.join(parts)} changed), so there is nothing to compare"
        raise PostError(post.finding(1, message, f"blog run {post.slug}"))
    return record


def _write(post: Post, folder: Path, files: dict[str, bytes]) -> None:
    """Put these files, and none beside them, into a folder."""
    with writing("the second run", post.root, f"blog run --verify {post.slug}"):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        write_files(folder, files)


def _outputs_of(result: Any) -> set[str]:
    return {name for cell in result.cells for name in cell.files} | set(result.files)


def _values(post: Post, record: Record, values: dict[str, Any], say: Callable[[str], None]) -> list[str]:
    """Values outside what the front matter declares; timings are reported only."""
    accepted = record.all_values
    differences = []
    for name, declared in post.meta.values.items():
        said = f"value {name}: {accepted.get(name)} accepted, {values[name]} now"
        if declared.timing:
            say(f"  {said} (a timing)")
        elif within(values[name], declared):
            say(f"  {said}")
        else:
            differences.append(f"{said}, and {declared} is declared")
    return differences


def _as_declared(declared: Declared, value: Number) -> bool:
    """Say whether a value is what the front matter expects, which says nothing of a timing."""
    return declared.timing or within(value, declared)


def _moved(post: Post, accepted: dict[str, Number], values: dict[str, Number]) -> Moved:
    """What both runs print of each value that is as declared: plain, and as the prose quotes it."""
    pairs: set[tuple[float, float]] = set()
    for name, declared in post.meta.values.items():
        if name in accepted.keys() & values.keys() and _as_declared(declared, values[name]):
            old, new = accepted[name], values[name]
            shown = [format_value(value, declared.format) for value in (old, new)]
            pairs.add((old, new))
            if all(map(NUMBER.search, shown)):
                pairs.add((number(shown[0]), number(shown[1])))
    return frozenset(pairs)


def _output(name: str, old: bytes | None, new: bytes | None, moved: Moved) -> OutputChange:
    """Compare one output, which one of the runs may lack."""
    if old is None:
        return OutputChange(name, old, new, ["this run wrote it, the accepted one did not"])
    if new is None:
        return OutputChange(name, old, new, ["the accepted run wrote it, this one did not"])
    wrong, report = ([], "") if new == old else _compare(name, old, new, moved)
    return OutputChange(name, old, new, wrong, report)


def _compare(name: str, old: bytes, new: bytes, moved: Moved) -> Verdict:
    """Compare two contents of a file as what its name says that they are."""
    kind = Path(name).suffix.lower()
    if kind in {".txt", ".html", ".md", ".csv"}:
        return compare_text(old, new, moved)
    if kind == ".json":
        return compare_json(old, new, moved)
    with contextlib.suppress(OSError, SyntaxError):  # of what is not what its name says
        if kind == ".svg":
            return compare_charts(old, new, moved)
        if kind == ".png":
            return compare_pictures(old, new)
    return compare_sizes(old, new)


def touched_posts(root: Path, commit: str) -> list[Path]:
    """The posts whose run, or what it depends on, differs from where this branch left that of a commit."""
    changed = git.names(
        root, commit, "diff", "--merge-base", "--name-only", "--no-renames", "--relative", commit, "--"
    )
    changed += git.names(root, commit, "ls-files", "--others", "--exclude-standard")
    shared = {"requirements.lock", ".python-version"}
    machinery = ("blog_code/posts/", "blog_code/runner/", "blog_code/errors.py")
    if shared & set(changed) or any(name.startswith(machinery) for name in changed):
        return post_paths(root)

    def concerns(slug: str) -> bool:
        folders = (f"blog_code/{slug.replace('-', '_')}/", f"{RUNS}/{slug}/")
        return f"docs/posts/{slug}.md" in changed or any(name.startswith(folders) for name in changed)

    return [path for path in post_paths(root) if concerns(path.stem)]
