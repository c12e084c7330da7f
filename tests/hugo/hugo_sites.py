"""Sites of Hugo's for the tests, and imports of them."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blog_code.hugo.importing import Options, PageReport, Report, import_posts
from blog_code.posts.lint import OURS
from blog_code.posts.pictures import what_is_wrong
from blog_code.repository import Repository, check_posts, read_extensions
from blog_code.site.build import build_site
from blog_code.site.maths import problem_of

ROOT = Path(__file__).parents[2]
EXTENSIONS = read_extensions(ROOT)
CONFIG = """
baseURL = "https://old.test/"
[markup.goldmark.renderer]
unsafe = true
"""
DATED = "title: A post\ndate: 2024-05-31T10:00:00+02:00\n"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files, and return their folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def site(folder: Path, files: Mapping[str, str | bytes], config: str = CONFIG) -> Path:
    """Write a Hugo site."""
    return write(folder, {"hugo.toml": config, "content/.keep": "", **files})


def post(body: str, keys: str = "") -> str:
    """Return a post with a date."""
    return f"---\n{DATED}{keys}---\n{body}"


def bring(source: Path, into: Path, **options: Any) -> Report:
    """Import into the docs of a folder."""
    given = {"jobs": 1, "reserved": frozenset(OURS), **options}
    return import_posts(source, into / "docs", Options(EXTENSIONS, problem_of, what_is_wrong, **given))


def empty_repository(root: Path) -> Path:
    """Lay out a repository without posts that has this one's configuration."""
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = re.sub(r"(?m)^nav:\n(?:  .*\n)+", "nav:\n  - Posts: index.md\n", settings)
    settings = re.sub(r" {6}include_yaml:\n(?: {8}- .*\n)+", "", settings)
    write(
        root,
        {"mkdocs.yml": settings, "docs/index.md": "# Posts\n", "docs/runs/.keep": "", "blog_code/.keep": ""},
    )
    shutil.copytree(ROOT / "docs" / "assets", root / "docs" / "assets")
    return root


def build(root: Path) -> Path:
    """Check and build a repository, and return the folder of its pages."""
    assert [str(finding) for verdict in check_posts(root) for finding in verdict.findings] == []
    return build_site(Repository(root))


def page(folder: Path, name: str) -> str:
    """Return an imported page without its front matter."""
    return (folder / "docs" / f"{name}.md").read_text("utf-8").split("\n---\n", 1)[1].strip()


def of(report: Report, name: str) -> PageReport:
    """Return what became of the page whose source ends in a name."""
    return next(entry for entry in report.pages if entry.source.endswith(name))
