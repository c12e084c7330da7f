"""The notebook view: its file beside it, and the styles that every such page brings, once for all of them."""

import hashlib

from blog_code.site.page import Page, Site, element, replace

LONG = 2000  # bytes of a stylesheet that is worth a file of its own


def share_styles(page: Page) -> None:
    """Lay each long stylesheet into a file: mkdocs-jupyter writes the same 600 KB into every page."""
    for style in page.tree.xpath("//style"):
        content = (style.text or "").encode()
        if len(content) < LONG:
            continue
        name = f"assets/notebook-{hashlib.sha256(content).hexdigest()[:8]}.css"
        if not (path := page.site.folder / name).exists():
            path.write_bytes(content)
        replace(style, element(f'<link rel="stylesheet" href="{page.up}{name}">'))


def copy_notebooks(site: Site) -> None:
    """Lay each notebook beside the script of its run: generators make pages of them and drop the file."""
    for path in (site.root / "docs" / "runs").glob("*/*.ipynb"):
        target = site.folder / "runs" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
