"""Write on one page what a run changes: values old and new, text as a diff, figures old beside new.

The page needs nothing else, so that a browser opens it from wherever it lies; and it runs nothing, whatever
a cell has left in an output.
"""

import base64
import difflib
import html
import io
import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from blog_code.errors import writing
from blog_code.runner.verify import Comparison, OutputChange, ValueChange

LIMIT = 2_000_000  # bytes of a report
LINES, WIDTH = 200, 400  # of a diff
SMALL = 480  # the larger side of a picture for which the report has no room
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
TEXTS = {".txt", ".html", ".md", ".csv", ".json"}
NO_ROOM = "<p>Left out: the report has no room for it.</p>\n"
HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What this run changes</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse }
th, td { border: 1px solid #999; padding: .2rem .6rem; text-align: left }
pre { background: #f4f4f4; overflow-x: auto; padding: .6rem }
del { background: #fdd; text-decoration: none }
ins { background: #dfd; text-decoration: none }
.pair { display: flex; gap: 1rem }
.pair figure { flex: 1; margin: 0 }
img { background: #fff; border: 1px solid #999; max-width: 100% }
.differs { color: #a00; font-weight: bold }
</style>
<h1>What this run changes</h1>
"""


def write_report(path: Path, comparisons: list[Comparison], root: Path) -> None:
    """Write the page, and the summary where GitHub asks for one."""
    with writing("the report", root, "blog run --verify --report FILE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make_report(comparisons), encoding="utf-8")
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with open(summary, "a", encoding="utf-8") as file:
                file.write(make_summary(comparisons))


def make_summary(comparisons: list[Comparison]) -> str:
    """Say as Markdown, in a few lines a post, what differs; a name is code, so that it stays one."""
    lines = ["## What this run changes", ""]
    for comparison in comparisons:
        lines.append(f"- {comparison.post.slug}: {_count(comparison)}")
        lines += [
            f"    - `{v.name}`: {_shown(v.old)} → {_shown(v.new)}, {_word(v)}" for v in comparison.values
        ]
        lines += [f"    - `{change.name}`: {_word(change)}" for change in comparison.outputs]
    return "\n".join([*lines, *([] if comparisons else ["No post was executed."]), ""])


def make_report(comparisons: list[Comparison]) -> str:
    """Return the page, of at most LIMIT bytes: verdicts come first, then texts; pictures have the rest."""
    parts = [part for comparison in comparisons for part in _parts(comparison)]
    made = {n: part for n, part in enumerate(parts) if isinstance(part, str)}
    room = LIMIT - len((HEAD + "".join(made.values())).encode()) - len(NO_ROOM) * (len(parts) - len(made))
    for suffixes, show in ((TEXTS, _diff), (PICTURES, _pair)):
        for n, part in enumerate(parts):
            if isinstance(part, OutputChange) and Path(part.name).suffix in suffixes:
                made[n] = show(part, room)
                room -= len(made[n].encode())
    return HEAD + "".join(made[n] for n in sorted(made)) + ("" if made else "<p>No post ran.</p>\n")


def _parts(comparison: Comparison) -> Iterator[str | OutputChange]:
    """Yield the page of one post in order, and a change where its text or picture is to stand."""
    yield f"<h2>{html.escape(comparison.post.slug)}</h2>\n<p>{_count(comparison)}</p>\n"
    if comparison.values:
        head = "".join(f"<th>{name}</th>" for name in ("Value", "Accepted", "Now", "Declared", "Verdict"))
        yield f"<table><tr>{head}</tr>{''.join(map(_row, comparison.values))}</table>\n"
    for change in sorted(comparison.outputs, key=lambda change: not change.wrong):
        said = "".join(f"<br>{html.escape(line.strip())}" for line in [*change.wrong, change.report] if line)
        yield f'<h3>{html.escape(change.name)}</h3>\n<p class="{_word(change)}">{_word(change)}{said}</p>\n'
        yield change


def _count(comparison: Comparison) -> str:
    altered, values = comparison.outputs, comparison.values
    wrong, off = sum(bool(change.wrong) for change in altered), sum(value.wrong for value in values)
    outputs = f"{len(altered)} of {len(altered) + comparison.same} outputs changed, {wrong} too much"
    return f"{outputs}; {len(values)} of {len(comparison.post.meta.values)} values changed, {off} too much"


def _word(change: OutputChange | ValueChange) -> str:
    return "differs" if change.wrong else "within"


def _shown(value: object) -> str:
    return "—" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)


def _row(value: ValueChange) -> str:
    declared = "a timing" if value.declared.timing else str(value.declared)
    cells = (value.name, _shown(value.old), _shown(value.new), declared, _word(value))
    return f'<tr class="{_word(value)}">{"".join(f"<td>{html.escape(cell)}</td>" for cell in cells)}</tr>'


def _diff(change: OutputChange, room: int) -> str:
    """The lines that differ, with those around them."""
    old, new = ((side or b"").decode("utf-8", "replace").splitlines() for side in (change.old, change.new))
    lines = [*difflib.unified_diff(old, new, "accepted", "now", lineterm="")]
    tags = {"-": "del", "+": "ins"}
    made = []
    for line in lines[:LINES]:
        text = html.escape(line if len(line) <= WIDTH else f"{line[:WIDTH]}…")
        made.append(f"<{tags[line[0]]}>{text}</{tags[line[0]]}>" if line[0] in tags else text)
    rest = f"\n… and {len(lines) - LINES:,} lines more" if len(lines) > LINES else ""
    shown = f"<pre>{'\n'.join(made)}{rest}</pre>\n"
    return shown if len(shown.encode()) <= room else NO_ROOM


def _pair(change: OutputChange, room: int) -> str:
    """The accepted picture beside the new one, made smaller where there is no room for them as they are."""
    for shrink in (bytes, _smaller):
        sides = [
            (name, shrink(side or b"")) for name, side in (("accepted", change.old), ("now", change.new))
        ]
        shown = f'<div class="pair">{"".join(_figure(change.name, *side) for side in sides)}</div>\n'
        if len(shown.encode()) <= room:
            return shown
    return NO_ROOM


def _figure(file: str, side: str, content: bytes) -> str:
    data = f"data:{PICTURES[Path(file).suffix]};base64,{base64.b64encode(content).decode()}"
    picture = f'<img alt="{html.escape(file)}, {side}" src="{data}">' if content else "<p>none</p>"
    return f"<figure><figcaption>{side}</figcaption>{picture}</figure>"


def _smaller(content: bytes) -> bytes:
    """A picture made smaller, where it is one that can be."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.thumbnail((SMALL, SMALL))
            picture.save(made := io.BytesIO(), "PNG")
    except (OSError, ValueError, SyntaxError):
        return content
    return made.getvalue()
