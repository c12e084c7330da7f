"""What machines read: description, cards of social networks, JSON-LD, and what is no search result."""

import html as escape
import json
import textwrap
from typing import Any

from blog_code.site.page import Page, element, text_of

LONGEST = 200  # characters of a description that nobody wrote


def write_metadata(page: Page) -> None:
    """Complete the head of a page."""
    head = page.tree.find("head")
    if head is None:
        return
    if page.is_notebook or page.path.name == "404.html":
        head.append(element('<meta name="robots" content="noindex">'))
        return
    description = describe(page)
    for node in head.xpath("./meta[@name='description' or @name='author']"):
        node.drop_tree()  # the theme writes what holds a quote as several attributes
    names = {node.get("name") or node.get("property") for node in head.findall("meta")}
    for name, content in {"description": description, "author": page.meta.author}.items():
        if content:
            head.append(element(f'<meta name="{name}" content="{escape.escape(content)}">'))
    title = page.meta.title or text_of(head.find("title"))
    cards = {
        "og:type": "article" if page.post else "website",
        "og:site_name": page.site.settings.name,
        "og:title": title,
        "og:description": description,
        "og:url": page.url,
        "og:image": image(page),
    }
    for name, content in cards.items():
        if content and name not in names:
            head.append(element(f'<meta property="{name}" content="{escape.escape(content)}">'))
    if "twitter:card" not in names:
        head.append(element('<meta name="twitter:card" content="summary">'))
    if page.post:
        script = element('<script type="application/ld+json"></script>')
        script.text = json.dumps(posting(page), ensure_ascii=False).replace("</", "<\\/")
        head.append(script)


def describe(page: Page) -> str:
    """The description in the front matter; else how a post begins, and for other pages what the site is."""
    said = page.meta.description or page.site.description(page.place)
    return said or (beginning(page) if page.post else "") or page.site.settings.description


def beginning(page: Page) -> str:
    """The first paragraph of a page, or as much of it as a list shows."""
    for node in page.article.xpath(".//p[not(ancestor::header)]") if page.article is not None else []:
        if text := text_of(node):
            return textwrap.shorten(text, LONGEST, placeholder="…")
    return ""


def image(page: Page) -> str:
    """Return the address of the picture for a card: the front matter's `image`, or the run's last picture."""
    if page.post is None or page.record is None:
        return ""
    pictures = [name for name in page.record.outputs if name.endswith(".png")]
    last = f"runs/{page.post.slug}/{pictures[-1]}" if pictures else ""
    name = page.meta.image or last
    return page.site.settings.url + name if name else ""


def posting(page: Page) -> dict[str, Any]:
    """The post as schema.org's BlogPosting, with what its outputs came from."""
    assert page.post is not None
    content: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": page.meta.title,
        "description": describe(page),
        "url": page.url,
        "author": {
            "@type": "Organization",
            "name": page.meta.author or page.site.settings.author,
        },
        "keywords": page.meta.tags,
        "inLanguage": "en-GB",
        "isAccessibleForFree": True,
        "license": "https://spdx.org/licenses/MIT.html",
    }
    if date := page.meta.date:
        content["datePublished"] = date.isoformat()
    if updated := page.meta.updated:
        content["dateModified"] = updated.isoformat()
    if picture := image(page):
        content["image"] = picture
    if page.record:
        content["dateModified"] = page.record.volatile.finished
        content["isBasedOn"] = f"{page.site.settings.url}runs/{page.post.slug}/record.json"
    return content
