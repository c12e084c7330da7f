"""Read a post: its front matter, its cells in order, and the outputs of its run that it shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.front_matter import split_front_matter
from blog_code.posts.lint import lint
from blog_code.posts.regions import Region, read_regions

PYTHON = {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3"}
FLAGS = {"shown", "raises", "parameters", "quiet"}
SNIPPET = re.compile(r"""^\s*-{1,}8<-{1,}\s+["']([^"']*)["']\s*$""")
BLOCK_FORM = re.compile(r"^\s*-{1,}8<-{1,}\s*$")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
OPENED = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^`]*$")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
BLOCKS = MarkdownIt("commonmark").disable(["inline", "text_join"])


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
    post = Post(root, path, text, *split_front_matter(text, f"docs/posts/{path.name}"))
    if not SLUG.fullmatch(post.slug):
        post.report(1, f"{path.name} is no slug", "use a-z, 0-9 and single hyphens")
    _find(post)
    post.findings.extend(lint(post))
    return post


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


def blocks(body: str) -> Iterator[tuple[Token, int, int]]:
    """The fences, indented blocks and HTML of a page, each with its first line and the one after its last."""
    for token in BLOCKS.parse(body):
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
                post.finding(line, f"there is no blog_code/{module}", "write it, or fix the name")
            )
        post.modules[module] = {}
        post.modules[module], findings = read_regions(post.root, module)
        post.findings.extend(findings)
    if name not in post.modules[module]:
        fix = f"add `# --8<-- [start:{name}]` and `[end:{name}]`, or name a region that is there"
        raise PostError(post.finding(line, f"blog_code/{module} has no region {name or '(none named)'}", fix))
    return post.modules[module][name]
