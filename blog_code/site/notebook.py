"""The notebook view: its file beside it, the styles that all such pages share, and code within reach."""

import hashlib
from functools import lru_cache

from blog_code.site.page import Page, Site, element, replace

LONG = 2000  # characters of a stylesheet that is worth a file of its own


def share_styles(page: Page) -> None:
    """Lay each long stylesheet into a file: mkdocs-jupyter writes the same 600 KB into every page."""
    for style in page.tree.xpath("//style"):
        content = style.text or ""
        if len(content) < LONG:
            continue
        name = style_name(content)
        if not (path := page.site.folder / name).exists():
            path.write_text(content, encoding="utf-8")
        replace(style, element(f'<link rel="stylesheet" href="{page.up}{name}">'))


@lru_cache(maxsize=8)
def style_name(content: str) -> str:
    """Where a stylesheet lies, by its content; it is nearly always the one before."""
    return f"assets/notebook-{hashlib.sha256(content.encode()).hexdigest()[:8]}.css"


def reach_code(page: Page) -> None:
    """Let a keyboard reach code and outputs: they scroll."""
    for code in [*page.classed("highlight-ipynb"), *page.tree.xpath("//*[contains(@class, 'jp-')]//pre")]:
        code.set("tabindex", "0")


def copy_notebooks(site: Site) -> None:
    """Lay each notebook beside the script of its run: generators make pages of them and drop the file."""
    for path in (site.root / "docs" / "runs").glob("*/*.ipynb"):
        if f"posts/{path.parent.name}/" not in site.posts:
            continue  # a draft's
        target = site.folder / "runs" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
