"""`blog check`: say of every post whether it is fresh, due or stale, and lint it; executes nothing."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_code.runner.cells import Post, post_paths, read_post, unused_regions
from blog_code.runner.errors import Finding, PostError
from blog_code.runner.provenance import day
from blog_code.runner.record import STALE, Record, changed_parts, changed_regions, read_record
from blog_code.runner.run import all_values, missing_outputs

import re

VALUE = re.compile(r"\{\{[^}]*?\b([a-z]\w*)\.(\w+)[^}]*\}\}")


@dataclass
class Verdict:
    """What `blog check` says of one post."""

    post: str
    status: str = "fresh"  # fresh, due, stale, prose (nothing to run) or broken
    reasons: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def wrong(self, release: bool) -> bool:
        return self.status in {"stale", "broken"} or bool(self.findings) or (release and self.status == "due")

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "findings": [finding.as_dict() for finding in self.findings]}


def check_posts(root: Path, only: list[Path] | None = None) -> list[Verdict]:
    """A verdict a post, in the order of their names."""
    verdicts: list[Verdict] = []
    posts: list[Post] = []
    for path in only or post_paths(root):
        try:
            posts.append(post := read_post(path, root))
        except PostError as error:
            verdicts.append(Verdict(path.stem, "broken", findings=list(error.findings)))
            continue
        verdicts.append(check_post(post))
    for finding in unused_regions(root, posts):
        package = finding.path.split("/")[1]
        verdict = next(v for v in verdicts if v.post.replace("-", "_") == package)
        if finding not in verdict.findings:
            verdict.findings.append(finding)
    return verdicts


def check_post(post: Post) -> Verdict:
    """Compare a post with its accepted run."""
    verdict = Verdict(post.slug, findings=list(post.findings))
    if not any(cell.runs for cell in post.cells):
        verdict.status = "prose" if post.executed else "unexecuted"
        verdict.findings += _mentions(post, {})
        return verdict
    try:
        record = read_record(post)
    except PostError as error:
        verdict.status = "broken"
        verdict.findings += error.findings
        return verdict
    if record is None:
        verdict.status = "stale"
        verdict.reasons = [f"it has no run: blog run {post.slug}"]
        return verdict
    changed = changed_parts(post, record)
    for part in changed:
        reason = f"{part} changed since the run of {day(record.content)}"
        if part == "cells":
            reason += ": " + ", ".join(changed_regions(post, record))
        verdict.reasons.append(reason)
    if changed:
        verdict.status = "stale" if STALE & set(changed) else "due"
        verdict.reasons.append(f"blog run {'--force ' if verdict.status == 'due' else ''}{post.slug}")
    verdict.findings += _mentions(post, record.outputs)
    verdict.findings += _outputs(post, record)
    if verdict.status != "stale":
        verdict.findings += _values(post, record)
    return verdict


def _mentions(post: Post, outputs: dict[str, str]) -> list[Finding]:
    """Pages that show an output that no run wrote."""
    derived = {"provenance.md", "environment.md", "record.json", f"{post.slug}.ipynb", f"{post.slug}.py"}
    return [
        post.finding(mention.line, f"{mention.file} was written by no run", f"blog run {post.slug}, or mend the name")
        for mention in post.mentions
        if mention.file not in outputs and not (outputs and mention.file in derived)
    ]


def _outputs(post: Post, record: Record) -> list[Finding]:
    """Outputs that no page shows, that are gone or edited, and a run that left none."""
    again = f"blog run --force {post.slug}"
    folder = post.run_folder.relative_to(post.root).as_posix()
    findings = [
        Finding(f"{folder}/{name}", 1, "is not what the run wrote", again)
        for name in missing_outputs(post, record.outputs)
    ]
    if not record.outputs:
        findings.append(Finding(f"{folder}/record.json", 1, "the run has no outputs at all", "print or draw something"))
    shown = {mention.file for mention in post.mentions}
    cells = {cell.name: cell for cell in post.cells}
    for entry in record.cells:
        cell = cells.get(entry["region"])
        if cell is None or "quiet" in cell.flags:
            continue
        for name in entry["outputs"]:
            if name not in shown:
                fix = f"show it below the cell, or mark the fence .quiet"
                findings.append(post.finding(cell.line, f"{name} is shown nowhere on the page", fix))
    return findings


def _values(post: Post, record: Record) -> list[Finding]:
    """Values undeclared, unused, missing from the run, or outside their tolerance."""
    def line_of(text: str) -> int:
        lines = post.path.read_text(encoding="utf-8").split("\n")
        return next((number for number, line in enumerate(lines, 1) if text in line), 1)

    used = {name for package, name in VALUE.findall(post.body) if package == post.package}
    values = all_values(record.content)
    findings = [
        post.finding(line_of(f"{post.package}.{name}"), f"value {name} is used and not declared", "declare it in the front matter")
        for name in sorted(used - set(post.values))
    ]
    for name, declared in post.values.items():
        line = line_of(f"{name}:")
        if name not in used and not declared.get("timing"):
            findings.append(post.finding(line, f"value {name} is declared and not used", "quote it or delete it"))
        if name not in values:
            findings.append(post.finding(line, f"value {name} is not in the record", f"blog run --force {post.slug}"))
        elif not within(values[name], declared):
            expected = f"{declared['is']} within {declared.get('within', 0)}"
            findings.append(post.finding(line, f"value {name} is {values[name]}, and {expected} was expected", "mend the code or the claim"))
    return findings


def within(value: float, declared: dict[str, Any]) -> bool:
    """True where a value is as declared; a value that is no number never is."""
    return math.isfinite(value) and abs(value - declared["is"]) <= declared.get("within", 0)


def as_json(verdicts: list[Verdict]) -> str:
    return json.dumps([verdict.as_dict() for verdict in verdicts], indent=2)
