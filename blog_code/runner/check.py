"""`blog check`: say of every post whether it is fresh, due or stale, and lint it; executes nothing."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from blog_code.errors import Finding, PostError
from blog_code.posts.post import Post
from blog_code.posts.values import quoted, within
from blog_code.runner.derived import derived_names, differ_in_prose, differing, edition_names
from blog_code.runner.provenance import day
from blog_code.runner.record import (
    STALE,
    Record,
    changed_parts,
    changed_regions,
    device_kind,
    missing_outputs,
    read_record,
)


@dataclass
class Verdict:
    """What `blog check` says of one post, or of what all posts share."""

    post: str
    status: str = "fresh"  # fresh, due, stale, broken; prose or unexecuted where there is nothing to run
    reasons: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)  # wrong for a release only
    held_back: bool = False  # of a draft or a scheduled post: the site is built without it

    def wrong(self, release: bool) -> bool:
        """True where the command has to fail."""
        if self.status in {"stale", "broken"} or self.findings:
            return True
        return release and (self.status == "due" or bool(self.warnings))

    def __str__(self) -> str:
        lines = [f"{self.post}: {self.status}", *(f"    {reason}" for reason in self.reasons)]
        lines += [*map(str, self.findings), *(f"warning: {warning}" for warning in self.warnings)]
        return "\n".join(lines)


def check_post(post: Post, read: Callable[[Post], Record | None] = read_record) -> Verdict:
    """Compare a post with its accepted run, whose record `read` returns."""
    verdict = Verdict(post.slug, findings=list(post.findings))
    if not post.runs:
        verdict.status = "prose" if post.meta.executed else "unexecuted"
        verdict.findings += _mentions(post, {})
        return verdict
    try:
        record = read(post)
    except PostError as error:
        verdict.status = "broken"
        verdict.findings += error.findings
        return verdict
    if record is None:
        verdict.status = "stale"
        verdict.reasons = [f"it has no run: blog run {post.slug}"]
        return verdict
    changed = changed_parts(post, record)
    verdict.reasons = [_reason(post, record, part) for part in changed]
    if changed:
        verdict.status = "stale" if STALE & set(changed) else "due"
        verdict.reasons.append(f"blog run {'--force ' if verdict.status == 'due' else ''}{post.slug}")
    verdict.findings += _mentions(post, record.outputs, expected=verdict.status == "stale")
    verdict.findings += _outputs(post, record)
    if verdict.status != "stale":
        verdict.findings += _values(post, record)
        _derived(post, record, verdict)
    return verdict


def _reason(post: Post, record: Record, part: str) -> str:
    """Which part changed, since when, and what is known of it."""
    since = f"since the run of {day(record)}"
    if part == "cells":
        return f"cells changed {since}: {'; '.join(changed_regions(post, record))}"
    if part == "profile":
        return f"profile: the run of {day(record)} was a {record.fingerprint.get('profile')} one"
    if part == "device":
        return f"device changed {since}: {record.fingerprint.get('device')}, and here it is {device_kind()}"
    if part == "lock":
        return f"lock changed {since}: requirements.lock has other versions of what the post imports"
    if part == "look":
        return f"look changed {since}: figures and outputs are written in another way"
    files = record.data.get("files")
    read = ", ".join(f"{name}: {hash}" for name, hash in files.items()) if isinstance(files, dict) else ""
    way = f"the front matter has to say data: {{{read}}}" if read else "the run read none that it says"
    return f"data changed {since}: the front matter declares other files than the run read; {way}"


def _mentions(post: Post, outputs: dict[str, str], *, expected: bool = False) -> Iterator[Finding]:
    """Find what the page shows and no run wrote, or none will, where one of these cells is `expected`."""
    known = {*outputs, *derived_names(post), "record.json"} if outputs else set()
    if expected:
        cells = [cell for cell in post.cells if cell.runs]
        known |= {m.file for m in post.mentions if any(cell.may_leave(m.file) for cell in cells)}
        known |= set(post.meta.files)
    for m in post.mentions:
        if m.file not in known:
            fix = f"fix the name, or: blog run {post.slug}"
            yield post.finding(m.line, f"{m.file} was written by no run", fix)


def _outputs(post: Post, record: Record) -> Iterator[Finding]:
    """Find outputs that no page shows, that are gone or edited, or that no run wrote; a run without any."""
    again = f"blog run --force {post.slug}"
    for name in missing_outputs(post, record.outputs):
        yield Finding(f"{post.run_name}/{name}", 1, "is not what the run wrote", again)
    for name in sorted(
        {*os.listdir(post.run_folder)} - {*record.outputs, *derived_names(post), "record.json"}
    ):
        yield Finding(f"{post.run_name}/{name}", 1, "was written by no run", f"delete it, or: {again}")
    if not record.outputs:
        fix = f"print or draw something, then: {again}"
        yield Finding(f"{post.run_name}/record.json", 1, "the run has no outputs at all", fix)
    shown = {mention.file for mention in post.mentions}
    cells = {cell.name: cell for cell in post.cells if "quiet" not in cell.flags}
    for entry in record.cells:
        for name in entry.outputs:
            if (cell := cells.get(entry.region)) and name not in shown:
                fix = "show it below the cell, or mark the fence .quiet"
                yield post.finding(cell.line, f"{name} is shown nowhere on the page", fix)


def _derived(post: Post, record: Record, verdict: Verdict) -> None:
    """Add what of the derived files is gone or not as it is made today; prose that is newer only warns."""
    try:
        names = set(differing(post, record))
        if names and names <= edition_names(post) and differ_in_prose(post, record):
            message, fix = "the prose is newer than the editions of its run", f"blog run {post.slug}"
            verdict.warnings.append(post.finding(1, message, fix))
            return
    except PostError as error:
        verdict.findings += error.findings
        return
    message = "is gone, was edited by hand, or would be written otherwise today"
    fix = f"blog run {post.slug}, which executes nothing for it"
    verdict.findings += [Finding(f"{post.run_name}/{name}", 1, message, fix) for name in sorted(names)]


def _values(post: Post, record: Record) -> Iterator[Finding]:
    """Find values undeclared, unused, not in the run, or outside their tolerance."""
    used: set[str] = set()
    for number, name, package in quoted(post.body, post.first_line):
        if package != post.package:
            expression = f"{package}.{name}" if name else package
            fix = f"quote values as {{{{= {post.package}.name }}}}; &#123;{{= are the braces themselves"
            yield post.finding(number, f"the expression {expression} is no value of this post", fix)
            continue
        used.add(name)
        if name not in post.meta.values:
            message = f"value {name} is used and not declared"
            yield post.finding(number, message, "declare it under values in the front matter")
    for name, declared in post.meta.values.items():
        line, value = post.line_of("values", name), record.all_values.get(name)
        if name not in used:
            yield post.finding(
                line,
                f"value {name} is declared and not used",
                f"quote it, {{{{= {post.package}.{name} }}}}, or delete it",
            )
        if value is None:
            yield post.finding(line, f"value {name} is not in the record", f"blog run {post.slug}")
        elif not within(value, declared):
            message = f"value {name} is {value}, and {declared} was expected"
            yield post.finding(line, message, "fix the code or the claim")


def as_json(verdicts: list[Verdict]) -> str:
    """The verdicts for machines."""
    return json.dumps([asdict(verdict) for verdict in verdicts], indent=2)
