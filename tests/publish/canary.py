"""Build the same sources with MkDocs and with Zensical, and say where their pages differ.

Material for MkDocs reaches its end of life; Zensical is its successor. It ignores plugins and hooks that it
does not know, in silence, so the proof that the site can move is to build it with both and compare them.
"""

import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lxml import html

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SOURCES = ("mkdocs.yml", "docs", "blog_code", "benchmarks")

BLOCKS = ["p", "li", "h1", "h2", "h3", "h4", "pre", "tr", "td", "th", "div", "summary", "figcaption", "br"]


def main() -> None:
    """Compare the sources of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        differences, said = compare(ROOT, Path(folder))
    print("\n".join(said))
    if differences:
        sys.exit("\n".join(differences))


def compare(root: Path, scratch: Path) -> tuple[list[str], list[str]]:
    """Differences between the two sites, and what is said of the comparison."""
    mkdocs = pages(build_mkdocs(root, scratch))
    zensical = pages(build_zensical(root, scratch))
    said = [f"{len(mkdocs)} pages by MkDocs, {len(zensical)} by Zensical"]
    differences = []
    for name in sorted(mkdocs.keys() | zensical.keys()):
        if name not in zensical:
            differences.append(f"{name}: by MkDocs only")
        elif name not in mkdocs:
            differences.append(f"{name}: by Zensical only")
        elif " ".join(mkdocs[name]).split() != " ".join(zensical[name]).split():
            lines = difflib.unified_diff(mkdocs[name], zensical[name], "MkDocs", "Zensical", lineterm="", n=1)
            differences.append(f"{name}: the text differs\n" + "\n".join(f"    {line}" for line in lines))
    return differences, said


def build_mkdocs(root: Path, scratch: Path) -> Path:
    """The site that MkDocs makes of a copy of the sources."""
    return _build("mkdocs", root, scratch, "mkdocs", "build", "--strict")


def build_zensical(root: Path, scratch: Path) -> Path:
    """The site that Zensical makes of a copy of the sources."""
    return _build("zensical", root, scratch, "zensical", "build", "--strict", "--clean")


def _build(name: str, root: Path, scratch: Path, command: str, *arguments: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    for source in SOURCES:
        if (root / source).is_dir():
            shutil.copytree(root / source, folder / source)
        elif (root / source).exists():
            shutil.copy(root / source, folder)
    done = subprocess.run(
        [BIN / command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return folder / "site"


def pages(site: Path) -> dict[str, list[str]]:
    """What a person reads on each page, by its path: first the name of the window, then the article."""
    return {
        path.relative_to(site).as_posix(): words(html.fromstring(path.read_bytes()))
        for path in sorted(site.rglob("*.html"))
    }


def words(page: html.HtmlElement) -> list[str]:
    """The text of the article and the descriptions of its images, a block a line, without spaces at will."""
    for element in page.xpath("//script | //style | //template | //svg[not(@role='img')]"):
        element.drop_tree()
    for link in page.find_class("headerlink"):  # a mark to link to, which is no text
        link.drop_tree()
    for tags in page.find_class("md-tags"):  # each theme has its own place for a post's tags
        tags.getroottree().getroot().find(".//body").append(tags)
        tags.classes.add("md-content")
    for image in page.xpath("//img"):
        image.tail = f" [{image.get('alt')}] {image.tail or ''}"
    for block in page.iter(*BLOCKS):
        block.text = f"\n{block.text or ''}"
        block.tail = f"\n{block.tail or ''}"
    articles = page.xpath("//*[contains(concat(' ', @class, ' '), ' md-content ')]")
    text = "\n".join([page.findtext(".//title") or "", *(article.text_content() for article in articles)])
    return [line for part in text.split("\n") if (line := " ".join(part.split()))]


if __name__ == "__main__":
    main()
