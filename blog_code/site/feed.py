"""The feeds: what the plugin writes that no reader of feeds can use."""

import re

from blog_code.site.page import Site

NO_IMAGE = re.compile(r"\s*<image>\s*<url>None</url>.*?</image>", re.S)


def mend_feeds(site: Site) -> None:
    """Drop the picture that a feed names and does not have."""
    for path in site.folder.glob("feed_rss_*.xml"):
        path.write_text(NO_IMAGE.sub("", path.read_text("utf-8")), encoding="utf-8")
