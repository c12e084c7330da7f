"""What machines read: description, cards of social networks, JSON-LD, and what is no search result."""

import html as escape
import json
from typing import Any

from blog_code.site.page import Page, element, text_of


def write_metadata(page: Page) -> None:
    """Complete the head of a page."""
    head = page.tree.find("head")
    if head is None:
        return
    if page.is_notebook or page.path.name == "404.html":
        head.append(element('<meta name="robots" content="noindex">'))
        return
    names = {node.get("name") or node.get("property") for node in head.findall("meta")}
    description = describe(page)
    if "description" not in names and description:
        head.append(element(f'<meta name="description" content="{escape.escape(description)}">'))
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
    """The description in the head, or the first sentences of the text."""
    found = page.tree.xpath("//head/meta[@name='description']/@content")
    return str(page.meta.description or (found[0] if found else ""))


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
