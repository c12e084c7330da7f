"""Find the Hugo site that a path means, and refuse what no parser may read: it would take all memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from blog_code.hugo.problems import Refused, Usage

SUFFIXES = (".toml", ".yaml", ".yml", ".json")
PAGES = frozenset((".md", ".markdown", ".mdown"))
FOLDERS = ("content", "layouts", "archetypes", "themes")
LONGEST = 256 * 1024  # characters of front matter or of a configuration
DEEPEST = 60  # brackets within brackets, or steps of indentation
MOST = 20_000  # values, after every alias is written out
_HEADER = re.compile(
    r"\A\ufeff?(?:---[ \t]*\r?\n(.*?)^---|\+\+\+[ \t]*\r?\n(.*?)^\+\+\+)[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_DEEP = re.compile(rf"(?m)^[ \t]{{{DEEPEST * 8},}}\S|^(?:- ){{{DEEPEST},}}|\d{{4000}}")


@dataclass(frozen=True)
class Source:
    """Holds what was asked for: a site, or a post that may lie in one."""

    root: Path  # of the site, or the folder of a post without one
    is_site: bool
    only: Path | None = None  # a post or a bundle; None for a whole site

    @property
    def fetch(self) -> str:
        """The command that fetches the themes of a site."""
        command = "hugo mod vendor" if (self.root / "go.mod").is_file() else "git submodule update --init"
        return f"cd {self.root} && {command}"


def open_source(path: Path, into: Path) -> Source:
    """Say which site or post a path means."""
    if not path.exists():
        raise Usage(f"{path} is not there")
    path = path.resolve()
    if path.is_relative_to(into.resolve()):
        raise Usage(f"{path} is in {into}, where imported pages go")
    if path.is_file() and path.suffix.lower() not in PAGES:
        raise Usage(f"{path} is no Markdown, no bundle and no Hugo site")
    for folder in (path, *path.parents):
        if (folder / "mkdocs.yml").is_file() and (folder == path or path.is_relative_to(folder / "docs")):
            raise Usage(f"{path} belongs to a MkDocs site, and not to a Hugo site")
        if is_site(folder):
            return Source(folder, True, None if folder == path else path)
    if path.is_dir() and not any((path / f"index{suffix}").is_file() for suffix in PAGES):
        raise Usage(f"{path} is no Hugo site (no hugo.toml, no config/), no bundle (no index.md), no post")
    return Source(path if path.is_dir() else path.parent, False, path)


def is_site(folder: Path) -> bool:
    """Whether a folder is the root of a Hugo site; one of Zola's is named as such."""
    zola = folder / "config.toml"
    text = zola.read_text("utf-8", "replace") if zola.is_file() and (folder / "templates").is_dir() else ""
    if re.search(r"(?m)^base_url\s*=", text):
        raise Usage(f"{folder} is a site of Zola's, not of Hugo's")
    return any(config_files(folder)) and any((folder / name).is_dir() for name in FOLDERS)


def config_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a site's configuration."""
    files = [folder / f"{name}{suffix}" for name in ("hugo", "config") for suffix in SUFFIXES]
    yield from (path for path in files if path.is_file())
    yield from (path for path in sorted(folder.glob("config/**/*")) if path.suffix in SUFFIXES)


def front_matter(text: str) -> tuple[str, str]:
    """Return the format and the text of front matter, without its marks."""
    if found := _HEADER.match(text):
        return ("yaml", found[1]) if found[1] is not None else ("toml", found[2])
    return ("json", text) if text.lstrip("\ufeff").startswith("{") else ("", "")


def refuse_bombs(kind: str, text: str) -> None:
    """Refuse a text that is small and becomes huge, or so deep that a parser ends in it."""
    if kind == "json":  # which has no end mark: the text is the whole post
        text = text[:LONGEST]
    elif len(text) > LONGEST:
        raise Refused("front matter", f"front matter of more than {LONGEST // 1024} KB")
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if mark in "[{" else -1))
        deepest = max(deepest, depth)
    if deepest > DEEPEST or _DEEP.search(text):
        raise Refused("front matter", f"values more than {DEEPEST} deep, or a number that no program holds")
    if kind in ("yaml", "yml") and "*" in text and "&" in text and _size(text) > MOST:
        raise Refused("front matter", f"aliases (*name) that stand for more than {MOST} values")


def _size(text: str) -> int:
    """Return how many values a document of YAML has when each alias is written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MOST  # of a node within itself
            inner = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(map(size, inner)))
        return sizes[id(node)]

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return size(node) if node else 0
    except (yaml.YAMLError, RecursionError):
        return 0  # Hugo says what is wrong with it
