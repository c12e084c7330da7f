"""Read a post: its front matter, its cells in order, and the outputs of its run that it shows."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.calendar import day_in_utc
from blog_code.posts.front_matter import FrontMatter, Lines, read_keys, split_front_matter
from blog_code.posts.lint import lint
from blog_code.posts.prose import refused, unprintable
from blog_code.posts.regions import Region, read_regions

RUNS = "docs/runs"
INCLUDED = ".out.html"  # the end of a file of a run that a page includes: what a region printed or displayed
PYTHON = {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3"}
FLAGS = {  # of a cell, with what each says
    "shown": "shown, and not run by the post",
    "raises": "an error is its point: the run fails if it does not raise",
    "parameters": "assigns what `quick` in the front matter replaces in the quick profile",
    "quiet": "what it leaves need not be shown",
}
SNIPPET = re.compile(r"""^\s*-{1,}8<-{1,}\s+["']([^"']*)["']\s*$""")
BLOCK_FORM = re.compile(r"^\s*-{1,}8<-{1,}\s*$")
LOOSE_REGION = re.compile(r"""^\s*-{1,}8<-{1,}\s+["']([^"']*\.py(?::[^"']*)?)["']\s*$""")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
OPENED = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^`]*$")
OPTION = re.compile(r"(?:^|\s)(#\S+|(?!hl_lines=)[\w-]+=)")
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

    def output(self, number: int = 1) -> str:
        """Name the files that it leaves, but for their suffix: region-2 has the second figure of `region`."""
        return f"{self.name}-{number}" if number > 1 else self.name

    def may_leave(self, file: str) -> bool:
        """Say whether a file has the name of an output that this cell may leave."""
        return bool(re.fullmatch(rf"{re.escape(self.name)}(-\d+)?\.(txt|svg|png|html|out\.html)", file))


@dataclass(frozen=True)
class Mention:
    """A place where the post shows a file of its run: an output included, or an image."""

    file: str
    line: int
    alt: str = ""  # of an image


@dataclass
class Prose:
    """Holds what stands between two fences."""

    line: int  # of the file, as all numbers of lines
    lines: list[str]
    blocks: list[tuple[str, range]]  # its html_blocks, code_blocks and first headings, each with its lines

    @property
    def text(self) -> str:
        """Return what is no code; its lines stay where they are."""
        code = {line for kind, block in self.blocks if kind == "code_block" for line in block}
        return "\n".join("" if line in code else text for line, text in enumerate(self.lines, self.line))


@dataclass
class Fence:
    """Holds a fence, without the two lines that begin and end it."""

    line: int
    info: str
    lines: list[str]
    closed: bool
    cell: Cell | None = None

    @property
    def classes(self) -> list[str]:
        """Say what a fence is called: python, shown for `{ .python .shown }`; python for `python title=a`."""
        if not self.info.startswith("{"):
            return self.info.split()[:1]
        return re.findall(r"(?<![\w\"'])\.([\w-]+)", self.info)


@dataclass
class Post:
    """A post as it stands on disk: front matter, body, its parts in order, outputs it shows."""

    root: Path
    path: Path
    meta: FrontMatter
    lines: Lines  # of the keys of the front matter
    body: str
    first_line: int  # number of the body's first line in the file
    parts: list[Prose | Fence] = field(default_factory=list)  # the body, in order
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
    def run_name(self) -> str:
        """Name the folder of the accepted run, as findings do."""
        return f"{RUNS}/{self.slug}"

    @cached_property
    def run_folder(self) -> Path:
        return self.root / self.run_name

    @cached_property
    def cells(self) -> list[Cell]:
        """Return the cells, in order."""
        return [part.cell for part in self.parts if isinstance(part, Fence) and part.cell]

    @property
    def day(self) -> datetime.date | None:
        """Return the day on which the post is due; None for a draft, which is due never."""
        return None if self.meta.draft or not self.meta.date else day_in_utc(self.meta.date)

    @property
    def runs(self) -> bool:
        """True where the post has anything to execute."""
        return self.meta.executed and any(cell.runs for cell in self.cells)

    def finding(self, line: int, message: str, fix: str = "") -> Finding:
        return Finding(self.name, line, message, fix)

    def report(self, line: int, message: str, fix: str = "") -> None:
        """Keep a finding about the post."""
        self.findings.append(self.finding(line, message, fix))

    def line_of(self, *keys: str) -> int:
        """Return the line of a key of the front matter, or of one within it; 1 where it has none."""
        return self.lines.get(keys, 1)


def post_paths(root: Path) -> list[Path]:
    """Every post of the site, in the order of their names."""
    return sorted((root / "docs" / "posts").glob("*.md"))


def read_post(path: Path, root: Path) -> Post:
    """Read a post; raises PostError where nothing can be made of it, else collects findings."""
    text = read_text(path, root)
    raw, lines, body, first_line = split_front_matter(text, f"docs/posts/{path.name}")
    meta, wrong = read_keys(raw)
    post = Post(root, path, meta, lines, body, first_line)
    for keys, message in wrong.items():
        post.report(post.line_of(*keys), f"front matter: {message}")
    if not SLUG.fullmatch(post.slug) or post.slug == "index":
        post.report(1, f"{path.name} is no name of a post", "rename it: a-z, 0-9 and single hyphens")
    _read_place(post)
    for problem in unprintable(text):
        post.report(*problem)
    for part in split_parts(post.body, post.first_line):
        if isinstance(part, Prose):
            _read_prose(post, part)
        elif not part.closed:
            post.report(part.line, "a fence that is never closed")
        else:
            part.cell = _read_fence(post, part)
        post.parts.append(part)
    post.findings.extend(lint(post))
    _read_image(post)
    return post


def _read_place(post: Post) -> None:
    """Report a run folder that is none: what is written there would land elsewhere."""
    for name in (RUNS, post.run_name):
        place = post.root / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            kind = "a symbolic link" if place.is_symlink() else "no folder"
            post.findings.append(Finding(name, 1, f"is {kind}, and runs are kept there", f"move it: {name}"))


def _read_image(post: Post) -> None:
    """Take the picture of the front matter for one that the post shows; report one that is not there."""
    image, run, docs = post.meta.image, f"runs/{post.slug}/", post.root / "docs"
    if image.startswith(run):
        post.mentions.append(Mention(image.removeprefix(run), post.line_of("image")))
    elif image and not ((docs / image).is_file() and (docs / image).resolve().is_relative_to(docs.resolve())):
        post.report(post.line_of("image"), f"image {image} is no file of docs", f"such as {run}REGION.png")


def split_parts(body: str, first_line: int = 1) -> Iterator[Prose | Fence]:
    """Yield the fences of a page, and the prose before, between and behind them, in their order."""
    lines = body.split("\n")
    start, blocks = 0, []
    for token in BLOCKS.parse(body):
        title = token.type == "heading_open" and token.tag == "h1"
        if not (title or token.type in {"fence", "code_block", "html_block"}) or not token.map:
            continue
        first, last = token.map
        if token.type != "fence":
            blocks.append((token.type, range(first_line + first, first_line + last)))
            continue
        yield Prose(first_line + start, lines[start:first], blocks)
        closing = rf"[ \t>]*{token.markup[0]}{{{len(token.markup)},}}[ \t]*"
        closed = last - first > 1 and bool(re.fullmatch(closing, lines[last - 1]))
        yield Fence(first_line + first, token.info.strip(), token.content.split("\n")[:-1], closed)
        start, blocks = last, []
    yield Prose(first_line + start, lines[start:], blocks)


def _read_prose(post: Post, prose: Prose) -> None:
    """Take the outputs and pictures that prose shows, and report what no run sees."""
    hidden: set[int] = set()
    for kind, block in prose.blocks:
        if kind == "heading_open":
            post.report(block.start, "a second title: the first one is the front matter's", "write ## for #")
            continue
        texts = prose.lines[block.start - prose.line : block.stop - prose.line]
        if not any(SNIPPET.match(text) or (post.meta.executed and OPENED.match(text)) for text in texts):
            continue
        hidden.update(block)
        if kind == "code_block":
            fix = "use /// tab, /// details and other blocks that do not indent"
            post.report(block.start, "an indented fence or include, which no run sees", fix)
        else:
            fix = "leave an empty line below the HTML; delete what is a comment"
            post.report(block.start, "a fence or include inside HTML, which no run sees", fix)
    for problem in refused(prose.text, prose.line):
        post.report(*problem)
    for line, text in enumerate(prose.lines, prose.line):
        if line in hidden:
            continue
        if include := LOOSE_REGION.match(text):
            fix = "put a line ``` { .python } above it, and ``` below it"
            post.report(line, f"the region {include[1]} stands in no fence", fix)
            continue
        if (include := SNIPPET.match(text)) and include[1].startswith(f"{post.slug}/"):
            _read_include(post, include[1], line)
        elif include or "--8<--" in text:
            post.report(line, "an include outside a fence that is no output of this post")
        for alt, target in IMAGE.findall(text):
            if not alt.strip():
                post.report(line, f"image {target} without alt text", "say what it shows")
            if target.startswith(f"../runs/{post.slug}/"):
                post.mentions.append(Mention(target.removeprefix(f"../runs/{post.slug}/"), line, alt))


def _read_include(post: Post, target: str, line: int, *, fence: bool = False) -> None:
    """Keep an output of the run that a page includes, and report one that is not as a page can take it."""
    file = target.removeprefix(f"{post.slug}/")
    stem, dot, suffix = file.partition(".")
    if dot + suffix in {".txt", ".html", INCLUDED} and (fence or dot + suffix != INCLUDED):
        lines = "these lines of the fence" if fence else "this line"
        fix = f'write instead of {lines}: --8<-- "{post.slug}/{stem}{INCLUDED}"'
        post.report(line, f"{file} is included as it stands, so what was printed could mean something", fix)
        file = stem + INCLUDED
    elif fence or suffix not in {"md", INCLUDED[1:]}:
        fix = f'let a cell print it, and include that: --8<-- "{post.slug}/REGION{INCLUDED}"'
        post.report(line, f"{file} is no output that a page includes", fix)
    elif (post.root / "blog_code" / target).exists():
        fix = f"delete blog_code/{target}: the page would include that instead"
        post.report(line, f"{target} lies in blog_code too", fix)
    post.mentions.append(Mention(file, line))


def _read_fence(post: Post, fence: Fence) -> Cell | None:
    """Return the cell that a fence is; None for an output, which is kept, and for code that was typed."""
    classes, info, line = fence.classes, fence.info, fence.line
    content = "\n".join(fence.lines)
    snippets = [found[1] for text in fence.lines if (found := SNIPPET.match(text))]
    if any(map(BLOCK_FORM.match, fence.lines)):
        post.report(line, "an include of many files", "name one file, in quotes after --8<--")
        return None
    if "output" in classes:
        if len(snippets) != 1 or "\n" in content.strip():
            fix = f'let a cell print it, and show that: --8<-- "{post.slug}/REGION{INCLUDED}"'
            post.report(line, "an output typed into the page", fix)
        elif not snippets[0].startswith(f"{post.slug}/"):
            post.report(line, f"{snippets[0]} is no output of this post")
        else:
            _read_include(post, snippets[0], line, fence=True)
        return None
    if not PYTHON & {name.lower() for name in classes[:1]}:
        for snippet in snippets:
            if (post.root / "blog_code" / snippet.partition(":")[0]).exists():
                continue
            if snippet.startswith(f"{post.slug}/"):
                _read_include(post, snippet, line, fence=True)
            else:
                post.report(line, f"{snippet} is neither in blog_code nor an output of this post")
        if snippets and PurePosixPath(snippets[0].partition(":")[0]).suffix == ".py":
            post.report(line, "a region in a fence that is not { .python }")
        return None
    if not post.meta.executed and not snippets:
        return None
    if len(snippets) != 1 or "\n" in content.strip():
        fix = f"move the code into a region of blog_code/{post.package}/ and name the region here"
        post.report(line, "a fence with Python typed into it", fix)
        return None
    if "{" in info and not info.startswith("{"):
        post.report(line, "flags beside the braces of a fence", "write { .python .shown }")
    if more := OPTION.findall(info.lstrip("{").rstrip("}")):
        fix = "leave it out: a cell has the file, the lines and the name of its region"
        post.report(line, f"a cell has no option {more[0]}", fix)
    if unknown := set(classes[1:]) - set(FLAGS):
        fix = "known are ." + ", .".join(sorted(FLAGS))
        post.report(line, f"unknown flag .{sorted(unknown)[0]}", fix)
    module, _, name = snippets[0].partition(":")
    try:
        region = _region(post, module, name, line)
    except PostError as error:
        post.findings.extend(error.findings)
        return None
    return Cell(region, frozenset(classes[1:]) & set(FLAGS), line)


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
