"""The feeds and the site map: what is written there that no reader and no search engine can use."""

import gzip
import re

from blog_code.site.page import Site

NO_LENGTH = re.compile(r'(<enclosure url="([^"]*)" type="[^"]*") length="None" ?')
NO_IMAGE = re.compile(r"\s*<image>\s*<url>None</url>.*?</image>", re.S)


def fix_feeds(site: Site) -> None:
    """Drop the picture that a feed names and does not have, and say how long those of posts are."""

    def measured(found: re.Match[str]) -> str:
        picture = site.folder / found[2].removeprefix(site.settings.url)
        return f'{found[1]} length="{picture.stat().st_size}"' if picture.is_file() else found[0]

    for path in site.folder.glob("feed_rss_*.xml"):
        text = NO_LENGTH.sub(measured, NO_IMAGE.sub("", path.read_text("utf-8")))
        path.write_text(text, encoding="utf-8")


def fix_sitemap(site: Site) -> None:
    """Leave out notebooks, which ask not to be indexed, and the day of the build, which is no page's."""
    path = site.folder / "sitemap.xml"
    if not path.exists():
        return
    text = re.sub(r"\s*<lastmod>.*?</lastmod>", "", path.read_text("utf-8"))
    text = re.sub(rf"\s*<url>\s*<loc>{re.escape(site.settings.url)}runs/[^<]*</loc>\s*</url>", "", text)
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".xml.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
