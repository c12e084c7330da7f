"""Lead the old addresses of pages to the new ones, each by a small page in its place."""

import posixpath
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

from blog_code.hugo.pages import Page
from blog_code.hugo.problems import listed

# Addresses that this site gives to something else.
RESERVED = listed(
    "404.html archive assets category files index.html javascripts page pages runs search sitemap.xml "
    "stylesheets tags"
)
_PART = re.compile(r"[^\x00-\x20\x7f<>\"'\\|*?:`{}]+(?: [^\x00-\x20\x7f<>\"'\\|*?:`{}]+)*")


def old_addresses(page: Page, base: str) -> Iterable[str]:
    """Yield the addresses that a page had on the old site, from its root."""
    for address in [page.url, *page.aliases]:
        path = unquote(str(address)).split("#")[0].split("?")[0]
        if not path.startswith("/"):
            path = posixpath.join(posixpath.dirname(page.url.rstrip("/")) or "/", path)
        path = path.removeprefix(base) if base and path.startswith(f"{base}/") else path
        yield posixpath.normpath(re.sub(r"/index\.html?$", "/", path))


def redirect_file(address: str, taken: set[str], into: Path) -> str:
    """Return the file that leads on from an old address; nothing where it is another's, or none."""
    parts = address.strip("/").split("/")
    if len(address) > 240 or not all(
        _PART.fullmatch(p) and len(p.encode()) < 120 and not p.startswith(".") for p in parts
    ):
        return ""
    name = "/".join(parts)
    if (
        parts[0].lower() in RESERVED
        or name in taken
        or (into / f"{name}.md").exists()
        or (into / name / "index.md").exists()
    ):
        return ""
    file = name if name.endswith((".html", ".htm")) else f"{name}/index.html"
    above = ["/".join(parts[:number]) for number in range(1, len(parts))]
    if any((into / folder).is_file() or folder.endswith((".html", ".htm")) for folder in above):
        return ""
    return (
        "" if re.search(r"\.(?!html?$)[a-z]{2,4}$", name) else file
    )  # of a picture, say: no page stands there


def redirect_page(file: str, doc: str) -> bytes:
    """Return a page that leads to a doc."""
    there = escape("../" * file.count("/") + quote(doc.removesuffix(".md")) + "/")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>This page has moved</title>\n'
        f'<link rel="canonical" href="{there}">\n<meta name="robots" content="noindex">\n'
        f'<meta http-equiv="refresh" content="0; url={there}">\n'
        f'<p>This page has moved: <a href="{there}">read it in its new place</a>.</p>\n</html>\n'
    ).encode()
