"""Say of a fault on a built page where somebody wrote it: the post, the line, and the region above."""

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.post import Post
from blog_code.site.page import Element, Page, text_of

ABOVE = "preceding::div[contains(concat(' ', @class, ' '), ' cell ')][1]/@id"


def fault(page: Page, node: Element, message: str, fix: str) -> PostError:
    """Make the error of an element: where what it holds is written, or else the page."""
    written = [*node.attrib.values(), node.text or "", text_of(node)]
    cells = (
        node.xpath("preceding::div[contains(concat(' ', @class, ' '), ' cell ')][1]/@id") if page.post else []
    )
    region = f", below region {cells[0].removeprefix('cell-')}" if cells else ""
    name, line = written_at(page, listed_post(page, node), written)
    return PostError(Finding(name, line, f"{message}{region}", fix))


def relocated(page: Page, error: PostError) -> PostError:
    """Return an error about a page as one about the line with the formula that it names."""
    findings = []
    for finding in error.findings:
        named = re.search(r"the formula (.*) cannot be set", finding.message, re.S)
        if finding.path == page.place and named:
            name, line = written_at(page, page.post, [named[1]])
            finding = Finding(name, line, finding.message, finding.fix)
        findings.append(finding)
    return PostError(*findings, detail=error.detail)


def listed_post(page: Page, node: Element) -> Post | None:
    """Return the post whose page this is, or whose beginning a list shows here, or None."""
    for excerpt in node.xpath("ancestor-or-self::article[contains(@class, 'md-post--excerpt')]"):
        for link in excerpt.xpath(".//h2/a/@href | .//*[contains(@class, 'md-post__action')]//a/@href"):
            if post := post_at(page, link):
                return post
    return page.post


def post_at(page: Page, address: str) -> Post | None:
    """Return the post to which an address on a page leads."""
    folder = posixpath.dirname(page.place + "x")
    place = posixpath.normpath(posixpath.join(folder, urlsplit(address).path)) + "/"
    post, _ = page.site.posts.get(place, (None, None))
    return post


def written_at(page: Page, post: Post | None, written: list[str]) -> tuple[str, int]:
    """Return file and line where the longest of some texts stands, in the post if one is known."""
    for text in sorted({" ".join(text.split()) for text in written} - {""}, key=len, reverse=True):
        words = re.compile(r"\s+".join(re.escape(word) for word in text.split()[:200]))
        for name, source in sources(page, post):
            if found := words.search(source):
                return name, source.count("\n", 0, found.start()) + 1
    return next(iter(sources(page, post)))[0] if post else page.place, 1


def sources(page: Page, post: Post | None) -> Iterator[tuple[str, str]]:
    """Yield the files in which somebody may have written what stands on a page."""
    root = page.site.repository.root
    slug = re.match(r"runs/([^/]+)/", page.place)
    posts = [post] if post else [known for known, _ in page.site.posts.values()]
    stem = page.place.removesuffix("/")
    names = [] if post else [f"docs/{stem}.md", f"docs/{page.place}index.md", f"docs/{page.place}"]
    for name in names:
        if (root / name).is_file():
            yield name, read_text(root / name, root)
    for known in posts:
        if not slug or known.slug == slug[1]:
            yield known.name, read_text(known.path, root)
