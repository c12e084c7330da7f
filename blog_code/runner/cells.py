"""Find the cells of a post: its fences, and the regions of `blog_code` that they name."""

import ast
import datetime
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from blog_code.runner.errors import Finding, PostError, read_text

PYTHON = {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3"}
FLAGS = {"shown", "raises", "parameters", "quiet"}
SNIPPET = re.compile(r"""^\s*-{1,}8<-{1,}\s+["']([^"']*)["']\s*$""")
BLOCK_FORM = re.compile(r"^\s*-{1,}8<-{1,}\s*$")
MARKER = re.compile(r"-{1,}8<-{1,}\s*\[\s*(start|end)\s*:\s*([^\]\s]+)\s*\]")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
OPENED = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^`]*$")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
REGION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")  # fit for snippets, files and notebooks
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
OURS = {"hugo", "runner", "site"}  # packages of blog_code that are no post's
TAG = re.compile(r"\S.*")
BLOCKS = MarkdownIt("commonmark").disable(["inline", "text_join"])
# Paragraphs that stand free and have no influence on what is a fence: most of a page, so they are not parsed.
# One with a > may end a comment that began above it.
PARAGRAPHS = re.compile(r"(?<=\n\n)(?:[A-Za-z][^\n>]*\n)+(?=\n+(?:\S|\Z))")


@dataclass(frozen=True)
class Region:
    """The lines of a module between its start and end marks."""

    name: str
    module: str  # relative to blog_code, as the post names it: flax_and_optax/train.py
    start: int  # number of the first line of code
    end: int  # number of the last
    source: str


@dataclass(frozen=True)
class Cell:
    """A region as it stands in a post."""

    region: Region
    flags: frozenset[str]
    line: int  # of the fence in the post

    @property
    def name(self) -> str:
        return self.region.name

    @property
    def runs(self) -> bool:
        return "shown" not in self.flags


@dataclass(frozen=True)
class Mention:
    """A place where the post shows a file of its run: an output included, or an image."""

    file: str
    line: int


@dataclass
class Post:
    """A post as it stands on disk: front matter, body, cells in order, outputs it shows."""

    root: Path
    path: Path
    text: str
    meta: dict[str, Any]
    body: str
    first_line: int  # number of the body's first line in the file
    cells: list[Cell] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    modules: dict[str, dict[str, Region]] = field(default_factory=dict)  # the regions of each module it names

    @cached_property
    def slug(self) -> str:
        return self.path.stem

    @cached_property
    def name(self) -> str:
        return f"docs/posts/{self.path.name}"

    @cached_property
    def package(self) -> str:
        return self.slug.replace("-", "_")

    @cached_property
    def run_folder(self) -> Path:
        return self.root / "docs" / "runs" / self.slug

    @property
    def runs(self) -> bool:
        """True where the post has anything to execute."""
        return self.executed and any(cell.runs for cell in self.cells)

    @property
    def executed(self) -> bool:
        """False for a post whose front matter says `executed: false`: its code is shown, never run."""
        return self.meta.get("executed", True) is not False

    @property
    def draft(self) -> bool:
        """True for a post that is not published yet."""
        return bool(self.meta.get("draft"))

    def finding(self, line: int, message: str, fix: str = "") -> Finding:
        return Finding(self.name, line, message, fix)

    def report(self, line: int, message: str, fix: str = "") -> None:
        """Keep a finding about the post."""
        self.findings.append(self.finding(line, message, fix))

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """The declared values, `name: {is: …, within: …, format: …}`, as the front matter has them."""
        return self.meta.get("values") or {}

    @property
    def files(self) -> list[str]:
        """The files that cells write into their working folder and that the run keeps: `files: [name, …]`."""
        return self.meta.get("files") or []

    def line_of(self, text: str) -> int:
        """The number of the first line of the file that holds a text; 1 where none does."""
        before, found, _ = self.text.partition(text)
        return before.count("\n") + 1 if found else 1


def post_paths(root: Path) -> list[Path]:
    """Every post of the site, in the order of their names."""
    return sorted((root / "docs" / "posts").glob("*.md"))


def read_post(path: Path, root: Path) -> Post:
    """Read a post; raises PostError where nothing can be made of it, else collects findings."""
    text = read_text(path, root)
    post = Post(root, path, text, *_split(text, path))
    if not SLUG.fullmatch(post.slug):
        post.report(1, f"{path.name} is no slug", "use a-z, 0-9 and single hyphens")
    _find(post)
    _check_front_matter(post)
    _check_name(post)
    _check_cells(post)
    return post


def _check_name(post: Post) -> None:
    """Find names that no package of a post can have."""
    if post.cells and post.package in OURS:
        fix = f"rename {post.path.name}: blog_code/{post.package}/ is this site's own"
        post.report(1, f"{post.package} cannot be the package of a post", fix)
    if post.values and not post.package.isidentifier():
        fix = f"rename {post.path.name}, so that it begins with a letter, or declare no values"
        post.report(1, f"{post.package}.value cannot be quoted", fix)


def _split(text: str, path: Path) -> tuple[dict[str, Any], str, int]:
    """Split a post into front matter, body and the number of the body's first line."""
    name = f"docs/posts/{path.name}"
    parts = re.match(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", text, re.S | re.M)
    if not parts:
        fix = "begin with ---, title and date, and close with ---"
        raise PostError(Finding(name, 1, "front matter is missing or never closed", fix))
    try:
        meta = yaml.load(parts[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise PostError(Finding(name, mark.line + 2 if mark else 1, f"front matter: {problem}")) from None
    if not isinstance(meta, dict):
        raise PostError(Finding(name, 1, f"front matter is a {type(meta).__name__}, not a mapping"))
    return meta, text[parts.end() :], text[: parts.end()].count("\n") + 1


def _find(post: Post) -> None:
    """Fill in the cells and the mentions of outputs, in the order of the page."""
    lines = post.body.split("\n")
    fenced: set[int] = set()
    for token, first, last in blocks(post.body):
        line = post.first_line + first
        if token.type == "fence":
            fenced.update(range(first, last))
            closing = rf"^[ \t>]*{token.markup[0]}{{{len(token.markup)},}}[ \t]*$"
            if last - first < 2 or not re.match(closing, lines[last - 1]):
                post.report(line, "a fence that is never closed")
            else:
                inner = [text.lstrip(" \t>") for text in lines[first + 1 : last - 1]]
                _read_fence(post, token.info.strip(), "\n".join(inner), line)
        elif any(SNIPPET.match(text) or (post.executed and OPENED.match(text)) for text in lines[first:last]):
            fenced.update(range(first, last))
            if token.type == "code_block":
                fix = "use /// tab, /// details and other blocks that do not indent"
                post.report(line, "an indented fence or include, which no run sees", fix)
            else:
                fix = "leave an empty line below the HTML; delete what is a comment"
                post.report(line, "a fence or include inside HTML, which no run sees", fix)
    for number, text in enumerate(lines):
        if number in fenced:
            continue
        line = post.first_line + number
        if (include := SNIPPET.match(text)) and include[1].startswith(f"{post.slug}/"):
            post.mentions.append(Mention(include[1].removeprefix(f"{post.slug}/"), line))
        elif include or "--8<--" in text:
            post.report(line, "an include outside a fence that is no output of this post")
        for alt, target in IMAGE.findall(text):
            if not alt.strip():
                post.report(line, f"image {target} without alt text", "say what it shows")
            if target.startswith(f"../runs/{post.slug}/"):
                post.mentions.append(Mention(target.removeprefix(f"../runs/{post.slug}/"), line))


def blocks(body: str, skipped: re.Pattern[str] = PARAGRAPHS) -> Iterator[tuple[Token, int, int]]:
    """The fences, indented blocks and HTML of a page, each with its first line and the one after its last."""
    for token in BLOCKS.parse(skipped.sub(lambda found: "\n" * found[0].count("\n"), body)):
        if token.type in {"fence", "code_block", "html_block"} and token.map:
            yield token, token.map[0], token.map[1]


def _read_fence(post: Post, info: str, content: str, line: int) -> None:
    """Take one fence: a cell, an output, or code that somebody typed."""
    classes = re.findall(r"(?<![\w\"'])\.([\w-]+)", info) if info.startswith("{") else info.split()[:1]
    snippets = [found[1] for text in content.split("\n") if (found := SNIPPET.match(text))]
    if any(map(BLOCK_FORM.match, content.split("\n"))):
        post.report(line, "an include of many files", "name one file, in quotes after --8<--")
        return
    if "output" in classes:
        if len(snippets) != 1 or "\n" in content.strip():
            fix = f'let a cell print it, and show that: --8<-- "{post.slug}/REGION.txt"'
            post.report(line, "an output typed into the page", fix)
        elif not snippets[0].startswith(f"{post.slug}/"):
            post.report(line, f"{snippets[0]} is no output of this post")
        else:
            post.mentions.append(Mention(snippets[0].removeprefix(f"{post.slug}/"), line))
        return
    if not PYTHON & {name.lower() for name in classes[:1]}:
        if snippets and PurePosixPath(snippets[0].partition(":")[0]).suffix == ".py":
            post.report(line, "a region in a fence that is not { .python }")
        return
    if not post.executed and not snippets:
        return
    if len(snippets) != 1 or "\n" in content.strip():
        fix = f"move the code into a region of blog_code/{post.package}/ and name the region here"
        post.report(line, "a fence with Python typed into it", fix)
        return
    if "{" in info and not info.startswith("{"):
        post.report(line, "flags beside the braces of a fence", "write { .python .shown }")
    if unknown := set(classes[1:]) - FLAGS:
        fix = "known are ." + ", .".join(sorted(FLAGS))
        post.report(line, f"unknown flag .{sorted(unknown)[0]}", fix)
    module, _, name = snippets[0].partition(":")
    try:
        region = _region(post, module, name, line)
    except PostError as error:
        post.findings.extend(error.findings)
        return
    post.cells.append(Cell(region, frozenset(classes[1:]) & FLAGS, line))


def _region(post: Post, module: str, name: str, line: int) -> Region:
    """The region that a fence names; raises PostError where there is none."""
    if module not in post.modules:
        parts = PurePosixPath(module).parts
        if ".." in parts or module.startswith("/") or "\\" in module:
            raise PostError(post.finding(line, f"{module} climbs out of blog_code"))
        if not parts or parts[0] != post.package or PurePosixPath(module).suffix != ".py" or "\0" in module:
            raise PostError(post.finding(line, f"{module} is no module of blog_code/{post.package}/"))
        if not (post.root / "blog_code" / module).is_file():
            raise PostError(
                post.finding(line, f"there is no blog_code/{module}", "write it, or mend the name")
            )
        post.modules[module] = {}
        post.modules[module], findings = read_regions(post.root, module)
        post.findings.extend(findings)
    if name not in post.modules[module]:
        fix = f"add `# --8<-- [start:{name}]` and `[end:{name}]`, or name a region that is there"
        raise PostError(post.finding(line, f"blog_code/{module} has no region {name or '(none named)'}", fix))
    return post.modules[module][name]


def read_regions(root: Path, module: str) -> tuple[dict[str, Region], list[Finding]]:
    """Read the regions of a module of `blog_code`, and what is wrong with its marks."""
    name = f"blog_code/{module}"
    lines = read_text(root / "blog_code" / module, root).split("\n")
    regions: dict[str, Region] = {}
    findings: list[Finding] = []
    opened: tuple[str, int] | None = None
    for number, text in enumerate(lines, 1):
        if not (mark := MARKER.search(text)):
            continue
        kind, region = mark.groups()
        if not REGION_NAME.fullmatch(region):
            fix = "begin with a letter; use letters, digits, hyphens and underscores, at most 50"
            findings.append(Finding(name, number, f"region {region} cannot be called so", fix))
            opened = None
            continue
        if kind == "start":
            if opened:
                findings.append(
                    Finding(name, opened[1], f"region {opened[0]} has no end before {region} starts")
                )
            if region in regions:
                findings.append(Finding(name, number, f"region {region} stands twice"))
            opened = (region, number)
        elif opened is None or opened[0] != region:
            findings.append(Finding(name, number, f"region {region} has an end and no start"))
        else:
            source = textwrap.dedent("\n".join(lines[opened[1] : number - 1])).strip("\n")
            if not source.strip():
                findings.append(Finding(name, number, f"region {region} is empty"))
            regions.setdefault(region, Region(region, module, opened[1] + 1, number - 1, source))
            opened = None
    if opened:
        findings.append(Finding(name, opened[1], f"region {opened[0]} has no end"))
    return regions, findings


def _check_front_matter(post: Post) -> None:
    """Find keys of the wrong type: what a page needs, and what a run reads."""

    def wrong(key: str, message: str) -> None:
        post.report(post.line_of(f"{key}:"), f"front matter: {message}")

    if not isinstance(post.meta.get("title"), str):
        wrong("title", "title is missing or no text")
    if not isinstance(post.meta.get("description", ""), str):
        wrong("description", "description is no text")
        del post.meta["description"]
    if post.meta.get("slug", post.slug) != post.slug:
        wrong("slug", f"slug is not {post.slug}: a post has the address of its file")
    if not isinstance(post.meta.get("executed", True), bool):
        wrong("executed", "executed is neither true nor false")
    for key in ("date", "updated") if "updated" in post.meta else ("date",):
        if not isinstance(post.meta.get(key), datetime.date):
            wrong(key, f"{key} is missing or no date, such as 2026-02-03")
            post.meta[key] = None
    for key in ("values", "data", "quick", "timeout", "changes"):
        if not isinstance(post.meta.get(key) or {}, dict):
            wrong(key, f"{key} is a {type(post.meta[key]).__name__}, not a mapping")
            post.meta[key] = {}
    plain = {"files": FILE_NAME, "requirements": FILE_NAME, "tags": TAG, "categories": TAG}
    for key, pattern in plain.items():
        names = post.meta.get(key) or []
        if not isinstance(names, list) or not all(isinstance(n, str) and pattern.fullmatch(n) for n in names):
            wrong(key, f"{key} is no list of plain names")
            post.meta[key] = []
    for key, limit in (post.meta.get("timeout") or {}).items():
        if key not in {"cell", "post"} or not isinstance(limit, int | float) or not 0 < limit < 1e9:
            wrong("timeout", "timeout is not {cell: SECONDS, post: SECONDS}")
            post.meta["timeout"] = {}
            break
    if not all(type(day) is datetime.date for day in post.meta.get("changes") or {}):
        wrong("changes", "changes is not {DATE: SENTENCE}, a date as 2026-02-03")
        post.meta["changes"] = {}
    for name, value in (post.meta.get("quick") or {}).items():
        if (
            not isinstance(name, str)
            or not name.isidentifier()
            or not isinstance(value, int | float | str | bool)
        ):
            wrong("quick", f"quick: {name} is not NAME: number or text")
            post.meta["quick"] = {}
            break
    for name, value in dict(post.values).items():
        if not isinstance(name, str) or not name.isidentifier() or not _declares(value):
            wrong(str(name), f"value {name} is not {{is: NUMBER, within: NUMBER, format: FORMAT}}")
            del post.values[name]


def _declares(value: Any) -> bool:
    """True for a proper declaration of a value; one that is a timing may leave out what is expected."""
    if not isinstance(value, dict) or set(value) - {"is", "within", "format", "timing"}:
        return False
    if "is" not in value and value.get("timing") is not True:
        return False
    if (
        not all(isinstance(value.get(key, 0), int | float) for key in ("is", "within"))
        or value.get("within", 0) < 0
    ):
        return False
    for number in (1, 1.0):
        try:
            format(number, str(value.get("format", "")))
            return True
        except ValueError:
            continue
    return False


def _check_cells(post: Post) -> None:
    """Find regions used twice, names that collide, more than one parameter cell, imports of `blog_code`."""
    seen: dict[str, Cell] = {}
    for cell in post.cells:
        if cell.name in seen:
            post.report(cell.line, f"region {cell.name} is used twice")
        seen[cell.name] = cell
        if imported := _imports_of_ours(cell.region.source):
            number = cell.region.start + imported - 1
            message = f"region {cell.name} imports blog_code, and a post stands alone"
            post.findings.append(
                Finding(f"blog_code/{cell.region.module}", number, message, "show that code too")
            )
    parameters = [cell for cell in post.cells if "parameters" in cell.flags]
    if len(parameters) > 1:
        post.report(parameters[1].line, "a second cell of parameters")
    if post.meta.get("quick") and not parameters:
        fix = "mark the fence of the cell that assigns them .parameters"
        post.report(1, "quick replaces parameters, and no cell is marked .parameters", fix)


def _imports_of_ours(source: str) -> int:
    """The number of the line that imports blog_code, or 0; code that does not parse raises when it runs."""
    if not re.search(r"\bblog_code\b|\bfrom\s*\.", source):
        return 0
    for node, names in imports(source):
        if "blog_code" in names or (isinstance(node, ast.ImportFrom) and node.level):
            return node.lineno
    return 0


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


def unused_regions(post: Post) -> list[Finding]:
    """Regions of a post's package that it does not show, and wrong marks in modules that it does not name."""
    used = {(cell.region.module, cell.name) for cell in post.cells}
    findings: list[Finding] = []
    for path in sorted((post.root / "blog_code" / post.package).glob("**/*.py")):
        module = path.relative_to(post.root / "blog_code").as_posix()
        regions = post.modules.get(module)
        if regions is None:
            regions, wrong = read_regions(post.root, module)
            findings += wrong
        findings += [
            Finding(
                f"blog_code/{module}",
                region.start - 1,
                f"region {name} is shown by no post",
                "show or delete it",
            )
            for name, region in regions.items()
            if (module, name) not in used
        ]
    return findings
