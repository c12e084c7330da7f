"""The feeds and the site map: what is written there that no reader and no search engine can use."""

import gzip
import html
import re

from blog_code.site.metadata import describe
from blog_code.site.page import Page, Site

NO_LENGTH = re.compile(r'(<enclosure url="([^"]*)" type="[^"]*") length="None" ?')
ITEM = re.compile(r"<item>.*?</item>", re.S)
LINK = re.compile(r"<link>([^<]*)</link>")
DESCRIPTION = re.compile(r"<description>.*?</description>", re.S)
NO_IMAGE = re.compile(r"\s*<image>\s*<url>None</url>.*?</image>", re.S)


def fix_feeds(site: Site, pages: list[Page]) -> None:
    """Drop the picture that a feed names and does not have, say how long others are, and what posts are."""
    described = {page.url: describe(page) for page in pages if page.post}

    def measured(found: re.Match[str]) -> str:
        picture = site.folder / found[2].removeprefix(site.settings.url)
        return f'{found[1]} length="{picture.stat().st_size}"' if picture.is_file() else found[0]

    def with_description(found: re.Match[str]) -> str:
        address = LINK.search(found[0])
        said = described.get(html.unescape(address[1])) if address else None
        return (
            DESCRIPTION.sub(lambda _: f"<description>{html.escape(said)}</description>", found[0])
            if said
            else found[0]
        )

    for path in site.folder.glob("feed_rss_*.xml"):
        text = NO_LENGTH.sub(measured, NO_IMAGE.sub("", path.read_text("utf-8")))
        path.write_text(ITEM.sub(with_description, text), encoding="utf-8")


def fix_sitemap(site: Site) -> None:
    """Leave out notebooks, which ask not to be indexed, and the day of the build, which is no page's."""
    path = site.folder / "sitemap.xml"
    if not path.exists():
        return
    text = re.sub(r"\s*<lastmod>.*?</lastmod>", "", path.read_text("utf-8"))
    text = re.sub(rf"\s*<url>\s*<loc>{re.escape(site.settings.url)}runs/[^<]*</loc>\s*</url>", "", text)
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".xml.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
