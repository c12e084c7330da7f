"""Find what is wrong with a post that has been read, and with its modules; no run is needed for it."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from blog_code.errors import Finding
from blog_code.posts.front_matter import FrontMatter
from blog_code.posts.prose import HTML
from blog_code.posts.regions import imports, read_regions

if TYPE_CHECKING:  # who reads a post hands it on to here
    from blog_code.posts.post import Post

# What lies in blog_code and is no post's package.
OURS = {"cli", "errors", "hugo", "posts", "repository", "runner", "site"}
# What else `{{= name.value }}` would read: names of the macros plugin, of Jinja, and of front matter.
TAKEN = {
    "config", "environment", "extra", "files", "filters", "filters_builtin", "git", "macros", "navigation",
    "page", "plugin", "context", "fix_url", "macros_info", "now", "loop", "none", "self", "true", "false",
    "and", "else", "if", "in", "is", "not", "or", *FrontMatter.model_fields,
}  # fmt: skip
RESERVED = {"render_macros", "ignore_macros", "include_yaml"}  # keys that change how a page is read
WORDS = ("title", "description", "author", "tags", "categories")


def lint(post: "Post") -> Iterator[Finding]:
    """Yield what is wrong with name, front matter and cells of a post."""
    yield from _lint_name(post)
    yield from _lint_words(post)
    yield from _lint_cells(post)


def _lint_name(post: "Post") -> Iterator[Finding]:
    """Find addresses that are not the file's, and names that no package of a post can have."""
    if post.meta.slug not in {"", post.slug}:
        message = f"front matter: slug is not {post.slug}: a post has the address of its file"
        yield post.finding(post.line_of("slug"), message)
    if post.cells and post.package in OURS:
        fix = f"rename {post.path.name}: blog_code/{post.package}/ is this site's own"
        yield post.finding(1, f"{post.package} cannot be the package of a post", fix)
    if post.meta.values and not post.package.isidentifier():
        fix = f"rename {post.path.name}, so that it begins with a letter, or declare no values"
        yield post.finding(1, f"{post.package}.value cannot be quoted", fix)
    if post.meta.values and post.package in TAKEN:
        fix = f"rename {post.path.name}, or declare no values"
        yield post.finding(1, f"{post.package}.value is something else to the macros plugin", fix)


def _lint_words(post: "Post") -> Iterator[Finding]:
    """Find HTML, values and line ends where plain text is shown, on lists and in feeds too."""
    for key in WORDS:
        words = getattr(post.meta, key)
        for text in words if isinstance(words, list) else [words]:
            if found := HTML.search(text):
                fix = "it is plain text everywhere: say it without tags"
                yield post.finding(post.line_of(key), f"HTML in {key}: {text[found.start() :][:40]}", fix)
            if "{{=" in text:
                fix = "quote it in the text: lists and feeds show the front matter as it stands"
                yield post.finding(post.line_of(key), f"a value in {key}", fix)
            if len(text.splitlines()) > 1:
                yield post.finding(post.line_of(key), f"{key} has more than one line", "write one")


def _lint_cells(post: "Post") -> Iterator[Finding]:
    """Find regions used twice, more than one parameter cell, imports of `blog_code`."""
    seen: set[str] = set()
    for cell in post.cells:
        if cell.name in seen:
            yield post.finding(cell.line, f"region {cell.name} is used twice")
        elif cell.name.lower() in map(str.lower, seen):
            fix = "rename one: not every file system tells the names of their outputs apart"
            yield post.finding(cell.line, f"region {cell.name} differs from another in case only", fix)
        seen.add(cell.name)
        if imported := _imports_of_ours(cell.region.source):
            number = cell.region.start + imported - 1
            message = f"region {cell.name} imports blog_code, and a post stands alone"
            yield Finding(f"blog_code/{cell.region.module}", number, message, "show that code too")
    parameters = [cell for cell in post.cells if "parameters" in cell.flags]
    if len(parameters) > 1:
        yield post.finding(parameters[1].line, "a second cell of parameters")
    if post.meta.quick and not parameters:
        fix = "mark the fence of the cell that assigns them .parameters"
        yield post.finding(1, "quick replaces parameters, and no cell is marked .parameters", fix)


def _imports_of_ours(source: str) -> int:
    """The number of the line that imports blog_code, or 0; code that does not parse raises when it runs."""
    if not re.search(r"\bblog_code\b|\bfrom\s*\.", source):
        return 0
    for node, names in imports(source):
        if "blog_code" in names or (isinstance(node, ast.ImportFrom) and node.level):
            return node.lineno
    return 0


def unused_regions(post: "Post") -> Iterator[Finding]:
    """Yield regions of a post's package that it does not show, and wrong marks in other modules of it."""
    used = {(cell.region.module, cell.name) for cell in post.cells}
    for path in sorted((post.root / "blog_code" / post.package).glob("**/*.py")):
        module = path.relative_to(post.root / "blog_code").as_posix()
        regions = post.modules.get(module)
        if regions is None:
            regions, wrong = read_regions(post.root, module)
            yield from wrong
        for name, region in regions.items():
            if (module, name) not in used:
                message = f"region {name} is shown by no post"
                yield Finding(f"blog_code/{module}", region.start - 1, message, "show or delete it")
