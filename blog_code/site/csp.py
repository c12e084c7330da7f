"""The content security policy of a page: its own host, and those inline scripts that are the theme's.

A script is known by its content, from the templates of the installed theme. Nothing that stands in a post, a
title, a tag, a picture, a formula or an output can be one; a page that holds another is refused.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from lxml import etree

from blog_code.site.blame import fault
from blog_code.site.page import Element, Page, element

TEMPLATES = "templates/partials/javascripts/*.html"  # where the theme keeps the scripts of its pages
SCRIPT = re.compile(r"<script>(.*?)</script>", re.S)
ADDRESS = r"[\w./:-]*"  # what a template puts in: the way to the root of the site
FOREIGN = ("iframe", "frame", "frameset", "object", "embed", "applet", "base", "portal", "noscript")
OURS = ("form", "link", "meta", "style", "template")  # the theme has them outside of the text
ADDRESSES = ("href", "src", "action", "data", "xlink:href", "poster", "{http://www.w3.org/1999/xlink}href")
DATA = ("application/json", "application/ld+json")
SCRIPTED = re.compile(r"\s*(?:javascript|vbscript|data:text)", re.I)
FIX = "leave it out: what a page does is code in docs/assets/"


@cache
def known_scripts() -> list[re.Pattern[str]]:
    """Return patterns of the inline scripts that the theme puts into pages."""
    spec = find_spec("material")
    roots = map(Path, (spec and spec.submodule_search_locations) or ())
    paths = sorted(path for root in roots for path in root.glob(TEMPLATES))
    bodies = [body for path in paths for body in SCRIPT.findall(path.read_text("utf-8"))]
    fixed = [re.split(r"\{\{.*?\}\}", body.strip()) for body in bodies if body.strip() and "{%" not in body]
    return [re.compile(ADDRESS.join(map(re.escape, parts))) for parts in fixed]


def is_known(script: str) -> bool:
    """Say whether an inline script is the theme's, to the letter."""
    return any(pattern.fullmatch(script.strip()) for pattern in known_scripts())


def hold_to_policy(page: Page) -> None:
    """Refuse what a page may not hold, and write its policy into its head, before all that loads or runs."""
    for node in page.tree.iter(etree.Element):
        if reason := what_is_wrong(page, node):
            raise fault(page, node, f"the policy of the page refuses {reason}", FIX)
    if (head := page.tree.find("head")) is None:
        page.tree.insert(0, head := page.tree.makeelement("head"))
    for meta in page.tree.xpath("//meta[@charset] | //meta[@http-equiv='Content-Security-Policy']"):
        meta.getparent().remove(meta)
    policy = csp(inline_scripts(page))
    head.insert(0, element('<meta charset="utf-8">'))
    head.insert(1, element(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'))


def what_is_wrong(page: Page, node: Element) -> str:
    """Say what of an element the policy refuses; nothing for most."""
    tag = str(node.tag).lower()
    if tag == "script" and (reason := what_is_wrong_with_script(page, node)):
        return reason
    inside = tag in OURS and next(node.iterancestors("article", "main"), None) is not None
    if tag in FOREIGN or inside or (tag == "meta" and leads_away(node)):
        return f"<{tag}>"
    for name, value in node.attrib.items():
        if name.lower().startswith("on") or name.lower() in {"srcdoc", "formaction"}:
            return f"{name}={value[:40]!r}"
        if SCRIPTED.match(re.sub(r"[\x00-\x20]", "", value)) and name.lower() in ADDRESSES:
            return f"{name}={value[:40]!r}"
    return ""


def what_is_wrong_with_script(page: Page, node: Element) -> str:
    """Say what is wrong with a script; nothing for the theme's, for files of the site and for data."""
    address = node.get("src")
    if address is not None:
        parts = urlsplit(address)
        own = not parts.scheme and not parts.netloc and "assets" in PurePosixPath(parts.path).parts
        return "" if own else f"<script src={address!r}>"
    if node.get("type") in DATA or is_known(node.text or ""):
        return ""
    return f"the script {' '.join((node.text or '').split())[:60]!r}"


def leads_away(meta: Element) -> bool:
    """Say whether a meta element acts on the page; those of old addresses may lead to the new ones."""
    kind = (meta.get("http-equiv") or "").lower()
    target = re.sub(r"^\s*0\s*;\s*url=", "", meta.get("content") or "", flags=re.I)
    parts = urlsplit(target)
    return kind not in {"", "x-ua-compatible", "content-security-policy"} and (
        kind != "refresh" or bool(parts.scheme or parts.netloc)
    )


def inline_scripts(page: Page) -> list[str]:
    """Return the inline scripts of a page, each once, in order; data in JSON is none."""
    nodes = page.tree.xpath("//script[not(@src)]")
    return list(dict.fromkeys(node.text or "" for node in nodes if node.get("type") not in DATA))


def csp(scripts: list[str]) -> str:
    """Return the directives."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    hashes = "".join(f" 'sha256-{digest}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{hashes}",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
