"""The notebook view: its file beside it, shared styles, focusable code, pictures with alt text."""

import hashlib
from functools import lru_cache
from pathlib import Path, PurePosixPath

from blog_code.posts.post import RUNS
from blog_code.site.page import Page, Site

LONG = 2000  # bytes of a stylesheet that is worth a file of its own


def share_styles(site: Site) -> None:
    """Move each long stylesheet into a file: mkdocs-jupyter writes the same 600 KB into every page.

    It comes before pages are parsed, since to parse these would take longer than all else.
    """
    for path in (site.folder / "runs").rglob("*.html"):
        content = path.read_bytes()
        up = "../" * (len(path.relative_to(site.folder).parts) - 1)
        path.write_bytes(without_styles(content, up, site.folder))


def without_styles(content: bytes, up: str, folder: Path) -> bytes:
    """A page that links to its long stylesheets; `up` leads from it to the root of the site."""
    kept = b""
    while b"<style" in content:
        before, _, after = content.partition(b"<style")
        attributes, _, after = after.partition(b">")
        style, _, content = after.partition(b"</style>")
        if len(style) < LONG:
            kept += before + b"<style" + attributes + b">" + style + b"</style>"
            continue
        name = style_name(style)
        if not (path := folder / name).exists():
            path.write_bytes(style)
        kept += before + f'<link rel="stylesheet" href="{up}{name}">'.encode()
    return kept + content


@lru_cache(maxsize=8)
def style_name(content: bytes) -> str:
    """Where a stylesheet lies, by its content; it is nearly always the one before."""
    return f"assets/notebook-{hashlib.sha256(content).hexdigest()[:8]}.css"


def make_code_focusable(page: Page) -> None:
    """Let a keyboard reach code and outputs: they scroll."""
    for code in [*page.classed("highlight-ipynb"), *page.tree.xpath("//*[contains(@class, 'jp-')]//pre")]:
        code.set("tabindex", "0")


def add_alt_text(page: Page) -> None:
    """Give the pictures below a cell the alt text that the post has for them; nbconvert has none."""
    post, _ = page.site.posts.get(f"posts/{page.path.parent.name}/", (None, None))
    shown = post.mentions if post else []
    alt_texts = {PurePosixPath(mention.file).stem: mention.alt for mention in shown if mention.alt}
    for cell in page.classed("jp-CodeCell"):
        name = cell.get("id", "").removeprefix("cell-id=")
        for number, picture in enumerate(cell.iter("img"), 1):
            file = f"{name}-{number}" if number > 1 else name
            if file in alt_texts:
                picture.set("alt", alt_texts[file])


def copy_notebooks(site: Site) -> None:
    """Copy each notebook beside the script of its run: generators make pages of them and drop the file."""
    for path in (site.repository.root / RUNS).glob("*/*.ipynb"):
        if f"posts/{path.parent.name}/" not in site.posts:
            continue  # a draft's
        target = site.folder / "runs" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
