"""Find the cells of a post: its fences, and the regions of `blog_code` that they name."""

import ast
import re
import textwrap
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from markdown_it import MarkdownIt

from blog_code.runner.errors import Finding, PostError, read_text

PYTHON = {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3"}
FLAGS = {"shown", "raises", "parameters", "quiet"}
SNIPPET = re.compile(r"""^\s*-{1,}8<-{1,}\s+["']([^"']*)["']\s*$""")
MARKER = re.compile(r"-{1,}8<-{1,}\s*\[\s*(start|end)\s*:\s*([^\]\s]+)\s*\]")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
OPENED = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^`]*$")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


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
    meta: dict[str, Any]
    body: str
    first_line: int  # number of the body's first line in the file
    cells: list[Cell] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return self.path.stem

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def package(self) -> str:
        return self.slug.replace("-", "_")

    @property
    def run_folder(self) -> Path:
        return self.root / "docs" / "runs" / self.slug

    @property
    def executed(self) -> bool:
        """False for a post whose front matter says `executed: false`: its code is shown, never run."""
        return self.meta.get("executed", True) is not False

    def finding(self, line: int, message: str, fix: str = "") -> Finding:
        return Finding(self.name, line, message, fix)

    @cached_property
    def values(self) -> dict[str, dict[str, Any]]:
        """The declared values, `name: {is: …, within: …, format: …}`, as the front matter has them."""
        return self.meta.get("values") or {}


def post_paths(root: Path) -> list[Path]:
    """Every post of the site, in the order of their names."""
    return sorted((root / "docs" / "posts").glob("*.md"))


def read_post(path: Path, root: Path) -> Post:
    """Read a post; raises PostError where nothing can be made of it, else collects findings."""
    text = read_text(path, root)
    post = Post(root, path, *_split(text, path, root))
    if not SLUG.fullmatch(post.slug):
        post.findings.append(post.finding(1, f"{path.name} is no slug", "use a-z, 0-9 and single hyphens"))
    _find(post)
    _check_front_matter(post)
    _check_cells(post)
    return post


def _split(text: str, path: Path, root: Path) -> tuple[dict[str, Any], str, int]:
    """Split a post into front matter, body and the number of the body's first line."""
    name = path.relative_to(root).as_posix()
    parts = re.match(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", text, re.S | re.M)
    if not parts:
        fix = "begin with ---, title and date, and close with ---"
        raise PostError(Finding(name, 1, "front matter is missing or never closed", fix))
    try:
        meta = yaml.load(parts[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
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
    regions: dict[str, dict[str, Region]] = {}
    for token in MarkdownIt("commonmark").disable(["inline", "text_join"]).parse(post.body):
        if token.type not in {"fence", "code_block"} or token.map is None:
            continue
        first, last = token.map
        fenced.update(range(first, last))
        line = post.first_line + first
        if token.type == "code_block":
            if any(SNIPPET.match(text) or OPENED.match(text) for text in lines[first:last]):
                fix = "use /// tab, /// details and other blocks that do not indent"
                post.findings.append(post.finding(line, "an indented fence or include, which no run sees", fix))
            continue
        if not re.match(r"^[ \t>]*(`{3,}|~{3,})[ \t]*$", lines[last - 1]) or last - first < 2:
            post.findings.append(post.finding(line, "a fence that is never closed"))
            continue
        _read_fence(post, token.info.strip(), token.content, line, regions)
    for number, text in enumerate(lines):
        if number in fenced:
            continue
        line = post.first_line + number
        if (include := SNIPPET.match(text)) and include[1].startswith(f"{post.slug}/"):
            post.mentions.append(Mention(include[1].removeprefix(f"{post.slug}/"), line))
        elif include or "--8<--" in text:
            post.findings.append(post.finding(line, "an include outside a fence that is no output of this post"))
        for alt, target in IMAGE.findall(text):
            if not alt.strip():
                post.findings.append(post.finding(line, f"image {target} without alt text", "say what it shows"))
            if target.startswith(f"../runs/{post.slug}/"):
                post.mentions.append(Mention(target.removeprefix(f"../runs/{post.slug}/"), line))


def _read_fence(post: Post, info: str, content: str, line: int, cache: dict[str, dict[str, Region]]) -> None:
    """Take one fence: a cell, an output, or code that somebody typed."""
    classes = re.findall(r"(?<![\w\"'])\.([\w-]+)", info) if info.startswith("{") else info.split()[:1]
    snippets = [found[1] for text in content.splitlines() if (found := SNIPPET.match(text))]
    if "output" in classes:
        for file in snippets:
            if file.startswith(f"{post.slug}/"):
                post.mentions.append(Mention(file.removeprefix(f"{post.slug}/"), line))
            else:
                post.findings.append(post.finding(line, f"{file} is no output of this post"))
        return
    if not PYTHON & {name.lower() for name in classes[:1]}:
        if snippets and PurePosixPath(snippets[0].partition(":")[0]).suffix == ".py":
            post.findings.append(post.finding(line, "a region in a fence that is not { .python }"))
        return
    if not post.executed and not snippets:
        return
    if len(snippets) != 1 or len(content.strip().splitlines()) != 1:
        fix = f"move the code into a region of blog_code/{post.package}/ and name the region here"
        post.findings.append(post.finding(line, "a fence with Python typed into it", fix))
        return
    if unknown := set(classes[1:]) - FLAGS:
        fix = "known are ." + ", .".join(sorted(FLAGS))
        post.findings.append(post.finding(line, f"unknown flag .{sorted(unknown)[0]}", fix))
    module, _, name = snippets[0].partition(":")
    try:
        region = _region(post, module, name, line, cache)
    except PostError as error:
        post.findings.extend(error.findings)
        return
    post.cells.append(Cell(region, frozenset(classes[1:]) & FLAGS, line))


def _region(post: Post, module: str, name: str, line: int, cache: dict[str, dict[str, Region]]) -> Region:
    if module not in cache:
        parts = PurePosixPath(module).parts
        if ".." in parts or module.startswith("/") or "\\" in module:
            raise PostError(post.finding(line, f"{module} climbs out of blog_code"))
        if not parts or parts[0] != post.package or PurePosixPath(module).suffix != ".py":
            raise PostError(post.finding(line, f"{module} is no module of blog_code/{post.package}/"))
        cache[module] = {}
        regions, findings = read_regions(post.root, module)
        post.findings.extend(findings)
        cache[module] = regions
    if name not in cache[module]:
        fix = f"add `# --8<-- [start:{name}]` and `[end:{name}]`, or name a region that is there"
        raise PostError(post.finding(line, f"blog_code/{module} has no region {name or '(none named)'}", fix))
    return cache[module][name]


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
        if kind == "start":
            if opened:
                findings.append(Finding(name, opened[1], f"region {opened[0]} has no end before {region} starts"))
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
        number = next(
            (n for n, text in enumerate(read_text(post.path, post.root).split("\n"), 1) if text.startswith(key)), 1
        )
        post.findings.append(post.finding(number, f"front matter: {message}"))

    if not isinstance(post.meta.get("title"), str):
        wrong("title", "title is missing or no text")
    if not isinstance(post.meta.get("executed", True), bool):
        wrong("executed", "executed is neither true nor false")
    for key in ("values", "data", "quick", "timeout"):
        if not isinstance(post.meta.get(key) or {}, dict):
            wrong(key, f"{key} is a {type(post.meta[key]).__name__}, not a mapping")
            post.meta[key] = {}
    for name, value in dict(post.values).items():
        known = isinstance(value, dict) and "is" in value and set(value) <= {"is", "within", "format", "timing"}
        numbers = known and all(isinstance(value.get(key, 0), int | float) for key in ("is", "within"))
        if not str(name).isidentifier() or not numbers or value.get("within", 0) < 0:
            wrong("values", f"value {name} is not {{is: NUMBER, within: NUMBER, format: FORMAT}}")
            del post.values[name]


def _check_cells(post: Post) -> None:
    """Find regions used twice, names that collide, more than one parameter cell, imports of `blog_code`."""
    seen: dict[str, Cell] = {}
    for cell in post.cells:
        if cell.name in seen:
            post.findings.append(post.finding(cell.line, f"region {cell.name} is used twice"))
        seen[cell.name] = cell
        if imported := _imports_of_ours(cell.region.source):
            number = cell.region.start + imported - 1
            message = f"region {cell.name} imports blog_code, and a post stands alone"
            post.findings.append(Finding(f"blog_code/{cell.region.module}", number, message, "show that code too"))
    parameters = [cell for cell in post.cells if "parameters" in cell.flags]
    if len(parameters) > 1:
        post.findings.append(post.finding(parameters[1].line, "a second cell of parameters"))
    if post.meta.get("quick") and not parameters:
        fix = "mark the fence of the cell that assigns them .parameters"
        post.findings.append(post.finding(1, "quick replaces parameters, and no cell is marked .parameters", fix))


def _imports_of_ours(source: str) -> int:
    """The number of the line that imports blog_code, or 0; code that does not parse raises when it runs."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(a.name.split(".")[0] == "blog_code" for a in node.names):
            return node.lineno
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "blog_code"):
            return node.lineno
    return 0


def unused_regions(root: Path, posts: list[Post]) -> list[Finding]:
    """Regions that no post shows, and marks that are wrong in modules that no post names."""
    used = {(cell.region.module, cell.name) for post in posts for cell in post.cells}
    findings: list[Finding] = []
    for post in posts:
        for path in sorted((root / "blog_code" / post.package).glob("**/*.py")):
            module = path.relative_to(root / "blog_code").as_posix()
            regions, wrong = read_regions(root, module)
            findings += wrong
            findings += [
                Finding(f"blog_code/{module}", region.start - 1, f"region {name} is shown by no post", "show or delete it")
                for name, region in regions.items()
                if (module, name) not in used
            ]
    return findings
