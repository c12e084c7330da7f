"""`blog run --verify`: execute a post aside, and say where its outputs differ from the accepted ones."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blog_code.errors import PostError, writing
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
from blog_code.runner.record import Record, changed_parts, missing_outputs, read_record
from blog_code.runner.run import run_files, write_files


def verify_post(post: Post, *, say: Callable[[str], None] = print, **options: Any) -> str:
    """Execute a post aside and compare; replaces nothing, and raises PostError where the two differ."""
    record = _accepted(post)
    # Read before the second run, which takes minutes: another may replace the accepted one meanwhile.
    accepted = {name: (post.run_folder / name).read_bytes() for name in record.outputs}
    scratch = post.root / ".blog" / "verify" / post.slug
    _write(post, scratch, {})  # a checkout that cannot be written to is said before minutes have gone by
    result = execute(post, say=say, **options)
    files = run_files(post, result)
    _write(post, scratch, files)
    differences = _values(post, record, result.values, say)
    moved = _moved(post, record, result.values)
    for name in sorted(record.outputs.keys() | (files.keys() & _outputs_of(result))):
        differences += _output(name, accepted, files, moved, say)
    if differences:
        where = scratch.relative_to(post.root).as_posix()
        said = "\n".join(f"      {line}" for line in differences)
        fix = f"look at {where}; fix the code, or accept this run with: blog run --force {post.slug}"
        raise PostError(post.finding(1, f"a second run differs from the accepted one:\n{said}", fix))
    say(f"{post.slug}: verified, {len(record.outputs)} outputs and {len(result.values)} values")
    return "verified"


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


def _moved(post: Post, record: Record, values: dict[str, Any]) -> Moved:
    """What both runs print of each value that is as declared: plain, and as the prose quotes it."""
    accepted = record.all_values
    pairs: set[tuple[float, float]] = set()
    for name, declared in post.meta.values.items():
        if name in accepted and (declared.timing or within(values[name], declared)):
            old, new = accepted[name], values[name]
            shown = [format_value(value, declared.format) for value in (old, new)]
            pairs.add((old, new))
            if all(map(NUMBER.search, shown)):
                pairs.add((number(shown[0]), number(shown[1])))
    return frozenset(pairs)


def _output(
    name: str,
    accepted: dict[str, bytes],
    files: dict[str, bytes],
    moved: Moved,
    say: Callable[[str], None],
) -> list[str]:
    """How one output differs, in lines for people; nothing where it is the same or near enough."""
    if name not in accepted:
        return [f"{name}: this run wrote it, the accepted one did not"]
    if name not in files:
        return [f"{name}: the accepted run wrote it, this one did not"]
    new, old = files[name], accepted[name]
    if new == old:
        return []
    wrong, report = _compare(name, old, new, moved)
    if report:
        say(f"  {name}: {report}")
    return [f"{name}: {line}" for line in wrong]


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
    """The posts whose run, or what it depends on, differs from a commit."""
    changed = git.names(root, commit, "diff", "--name-only", "--no-renames", "--relative", commit, "--")
    changed += git.names(root, commit, "ls-files", "--others", "--exclude-standard")
    shared = {"requirements.lock", ".python-version"}
    machinery = ("blog_code/posts/", "blog_code/runner/", "blog_code/errors.py")
    if shared & set(changed) or any(name.startswith(machinery) for name in changed):
        return post_paths(root)

    def concerns(slug: str) -> bool:
        folders = (f"blog_code/{slug.replace('-', '_')}/", f"{RUNS}/{slug}/")
        return f"docs/posts/{slug}.md" in changed or any(name.startswith(folders) for name in changed)

    return [path for path in post_paths(root) if concerns(path.stem)]
