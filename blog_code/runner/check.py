"""`blog check`: say of every post whether it is fresh, due or stale, and lint it; executes nothing."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from blog_code.errors import Finding, PostError
from blog_code.posts.post import INCLUDED, Cell, Mention, Post
from blog_code.posts.values import quoted, within
from blog_code.runner.derived import (
    accepted_outputs,
    derived_names,
    differ_in_prose,
    differing,
    edition_names,
)
from blog_code.runner.editions import no_script
from blog_code.runner.outputs import pieces_of
from blog_code.runner.private import private_words
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
from blog_code.runner.view import VIEW, is_current, is_whole

TEXT_BUDGET, FIGURE_BUDGET, POST_BUDGET = 100_000, 500_000, 2_000_000  # bytes that a page takes of a run


@dataclass
class Verdict:
    """What `blog check` says of one post, or of what all posts share."""

    post: str
    status: str = "fresh"  # fresh, due, stale, broken; prose or unexecuted where there is nothing to run
    reasons: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)  # wrong for a release only
    remarks: list[Finding] = field(default_factory=list)  # wrong for nothing
    held_back: bool = False  # of a draft or a scheduled post: the site is built without it

    def wrong(self, release: bool) -> bool:
        """True where the command has to fail."""
        if self.status in {"stale", "broken"} or self.findings:
            return True
        return release and (self.status == "due" or bool(self.warnings))

    def __str__(self) -> str:
        lines = [f"{self.post}: {self.status}", *(f"    {reason}" for reason in self.reasons)]
        warnings = [*self.warnings, *self.remarks]
        lines += [*map(str, self.findings), *(f"warning: {warning}" for warning in warnings)]
        return "\n".join(lines)


def check_post(post: Post, read: Callable[[Post], Record | None] = read_record) -> Verdict:
    """Compare a post with its accepted run, whose record `read` returns."""
    verdict = Verdict(post.slug, findings=list(post.findings))
    if not post.runs:
        verdict.status = "prose" if post.meta.executed else "unexecuted"
        verdict.findings += _mentions(post, None)
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
    verdict.findings += _mentions(post, record, expected=verdict.status == "stale")
    verdict.findings += _outputs(post, record)
    verdict.warnings += _private(post, record)
    verdict.remarks += _large(post, record)
    if verdict.status != "stale":
        verdict.findings += _places(post, record)
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
    files = record.data.get("files") or {}
    read = "".join(f"\n          {name}: {checksum}" for name, checksum in files.items())
    says = f"; of what it read, the front matter is to say\n        data:{read}" if read else ""
    return f"data changed {since}: the front matter declares other files than the run read{says}"


def _mentions(post: Post, record: Record | None, *, expected: bool = False) -> Iterator[Finding]:
    """Find what the page shows and no run wrote, or none will, where one of these cells is `expected`."""
    known = {*record.outputs, *derived_names(post, record), "record.json"} if record else set()
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
        {*os.listdir(post.run_folder)} - {*record.outputs, *derived_names(post, record), "record.json"}
    ):
        yield Finding(f"{post.run_name}/{name}", 1, "was written by no run", f"delete it, or: {again}")
    if not record.outputs:
        fix = f"print or draw something, then: {again}"
        yield Finding(f"{post.run_name}/record.json", 1, "the run has no outputs at all", fix)


def _places(post: Post, record: Record) -> Iterator[Finding]:
    """Find outputs that do not stand once, under their own cell, in the order in which they came."""
    try:
        outputs = accepted_outputs(post, record)
    except PostError:  # which is said elsewhere
        return
    for cell in post.cells:
        left = [piece.file for piece in pieces_of(cell, outputs.get(cell.name, []))]
        shown = [mention for mention in post.mentions if mention.file in left]
        below = [mention for mention in shown if _cell_above(post, mention) is cell]
        for name in left if "quiet" not in cell.flags else ():
            if not any(mention.file == name for mention in shown):
                fix = f"{_how_to_show(post, name)} below the cell, or mark the fence .quiet"
                yield post.finding(cell.line, f"{name} is shown nowhere on the page", fix)
        for mention in shown:
            above = _cell_above(post, mention)
            if above is not cell and (above or mention.file.endswith(INCLUDED)):
                fix = "move it below its own cell, before the next one that runs"
                place = f"under region {above.name}" if above else "before all cells"
                yield post.finding(mention.line, f"{mention.file} is of region {cell.name}, and {place}", fix)
        names = [mention.file for mention in below]
        for before, mention in zip(names, below[1:], strict=False):
            if left.index(before) >= left.index(mention.file):
                twice = "is shown twice" if before == mention.file else f"came before {before}"
                yield post.finding(mention.line, f"{mention.file} {twice}", f"in order: {', '.join(left)}")


def _cell_above(post: Post, mention: Mention) -> Cell | None:
    """Return the last cell that runs before a mention; None where there is none."""
    above = [cell for cell in post.cells if cell.runs and cell.line < mention.line]
    return above[-1] if above else None


def _how_to_show(post: Post, name: str) -> str:
    """Say what an author writes to show an output."""
    if name.endswith(INCLUDED):
        return f'write --8<-- "{post.slug}/{name}"'
    return f"write ![What it shows](../runs/{post.slug}/{name})"


def _large(post: Post, record: Record) -> Iterator[Finding]:
    """Find outputs that make a page slow, and editions that the post lacks."""
    sizes = {}
    for name in (name for entry in record.cells for name in entry.outputs):
        path = post.run_folder / name
        sizes[name] = path.stat().st_size if path.is_file() else 0
        budget = FIGURE_BUDGET if PurePosixPath(name).suffix in {".svg", ".png"} else TEXT_BUDGET
        if sizes[name] > budget:
            message = f"has {sizes[name]:,} bytes, and a page should take {budget:,} at most"
            yield Finding(f"{post.run_name}/{name}", 1, message, "print less, or draw fewer points or pixels")
    if (total := sum(sizes.values())) > POST_BUDGET:
        message = f"the outputs have {total:,} bytes, and a post should take {POST_BUDGET:,} at most"
        yield post.finding(1, message, "print and draw less")
    if reason := no_script(post):
        yield post.finding(reason[0], f"the post has no script: {reason[1]}")


def _private(post: Post, record: Record) -> Iterator[Finding]:
    """Find what outputs say of the machine: paths, and the name of who ran the post."""
    for name in (name for entry in record.cells for name in entry.outputs):
        path = post.run_folder / name
        if path.suffix == ".png" or not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
            if found := private_words(line):
                message = f"says {found}, which is of the machine that ran it"
                fix = f"print a name without its folders, then: blog run {post.slug}"
                yield Finding(f"{post.run_name}/{name}", number, message, fix)
                break


def _derived(post: Post, record: Record, verdict: Verdict) -> None:
    """Add what of the derived files is gone or not as it is made today; prose that is newer only warns."""
    try:
        names = set(differing(post, record)) | ({VIEW} if not is_whole(post) else set())
        if not names and not is_current(post):
            message = "would be made otherwise today: by another converter, or with other words of the post"
            verdict.warnings.append(Finding(f"{post.run_name}/{VIEW}", 1, message, f"blog run {post.slug}"))
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
