"""Find the Hugo site that a path means, and refuse what no import may read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blog_code.hugo.problems import Usage

SUFFIXES = (".toml", ".yaml", ".yml", ".json")
PAGES = frozenset((".md", ".markdown", ".mdown"))


@dataclass(frozen=True)
class Source:
    """Holds what was asked for: a site, or a post that may lie in one."""

    root: Path  # of the site, or the folder of a post without one
    is_site: bool
    only: Path | None = None  # a post or a bundle; None for a whole site


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
        raise Usage(
            f"{path} is no Hugo site (no hugo.toml or the like, no config/), no bundle (no index.md), no post"
        )
    return Source(path if path.is_dir() else path.parent, False, path)


def is_site(folder: Path) -> bool:
    """Whether a folder is the root of a Hugo site; one of Zola's is named as such."""
    configs = list(config_files(folder))
    if (folder / "config.toml").is_file() and not (folder / "config").is_dir():
        text = (folder / "config.toml").read_text("utf-8", "replace")
        if re.search(r"(?m)^base_url\s*=", text) and (folder / "templates").is_dir():
            raise Usage(f"{folder} is a site of Zola's, not of Hugo's")
    return bool(configs) and any(
        (folder / name).is_dir() for name in ("content", "layouts", "archetypes", "themes")
    )


def config_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a site's configuration."""
    for name in ("hugo", "config"):
        yield from (path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file())
    yield from (
        path for path in sorted(folder.glob("config/**/*")) if path.suffix in SUFFIXES and path.is_file()
    )
