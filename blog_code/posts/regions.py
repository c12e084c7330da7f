"""Read the regions of a module of `blog_code`: what stands between their marks, and what it imports."""

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from blog_code.errors import Finding, read_text

MARKER = re.compile(r"-{1,}8<-{1,}\s*\[\s*(start|end)\s*:\s*([^\]\s]+)\s*\]")
REGION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")  # fit for snippets, files and notebooks


@dataclass(frozen=True)
class Region:
    """The lines of a module between its start and end marks."""

    name: str
    module: str  # relative to blog_code, as the post names it: flax_and_optax/train.py
    start: int  # number of the first line of code
    end: int  # number of the last
    source: str


def read_regions(root: Path, module: str) -> tuple[dict[str, Region], list[Finding]]:
    """Read the regions of a module of `blog_code`, and what is wrong with its marks."""
    name = f"blog_code/{module}"
    lines = read_text(root / "blog_code" / module, root).split("\n")
    regions: dict[str, Region] = {}
    findings: list[Finding] = []
    opened: tuple[str, int] | None = None

    def report(line: int, message: str, fix: str = "") -> None:
        findings.append(Finding(name, line, f"region {message}", fix))

    for number, text in enumerate(lines, 1):
        if not (mark := MARKER.search(text)):
            continue
        kind, region = mark.groups()
        if not REGION_NAME.fullmatch(region):
            fix = "begin with a letter; use letters, digits, hyphens and underscores, at most 50"
            report(number, f"{region} cannot be called so", fix)
            opened = None
            continue
        if kind == "start":
            if opened:
                report(opened[1], f"{opened[0]} has no end before {region} starts")
            if region in regions:
                report(number, f"{region} stands twice")
            opened = (region, number)
        elif opened is None or opened[0] != region:
            report(number, f"{region} has an end and no start")
        else:
            source = textwrap.dedent("\n".join(lines[opened[1] : number - 1])).strip("\n")
            if not source.strip():
                report(number, f"{region} is empty")
            regions.setdefault(region, Region(region, module, opened[1] + 1, number - 1, source))
            opened = None
    if opened:
        report(opened[1], f"{opened[0]} has no end")
    return regions, findings


def imports(source: str) -> list[tuple[ast.Import | ast.ImportFrom, set[str]]]:
    """The imports of a region, each with the packages it names; none where the code does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[tuple[ast.Import | ast.ImportFrom, set[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.append((node, {alias.name.partition(".")[0] for alias in node.names}))
        elif isinstance(node, ast.ImportFrom):
            found.append((node, {(node.module or "").partition(".")[0]} - {""}))
    return found
