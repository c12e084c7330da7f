"""Say of a fault on a built page where somebody wrote it: the post, the line, and the region above."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.post import Post
from blog_code.site.page import Element, Page, text_of

ABOVE = "preceding::div[contains(concat(' ', @class, ' '), ' cell ')][1]/@id"


def fault(page: Page, node: Element, message: str, fix: str) -> PostError:
    """Make the error of an element: where what it holds is written, or else the page."""
    tag = rf"<{re.escape(str(node.tag))}\b[^<>]*"
    values = [value for value in (*node.attrib.values(), node.text or "", text_of(node)) if value.strip()]
    names = [PurePosixPath(urlsplit(value).path).name for value in node.xpath("@src | @href")]
    written = [tag + in_words(value) for value in values]
    written += [in_words(value) for value in (*values, *names) if len(value) > 3]
    cells = node.xpath(ABOVE) if page.post else []
    region = f", below region {cells[0].removeprefix('cell-')}" if cells else ""
    name, line = written_at(page, listed_post(page, node), [*written, tag])
    return PostError(Finding(name, line, f"{message}{region}", fix))


def relocated(page: Page, error: PostError) -> PostError:
    """Return an error about a page as one about the line with the formula that it names."""
    findings = []
    for finding in error.findings:
        named = re.search(r"the formula (.*) cannot be set", finding.message, re.S)
        if finding.path == page.place and named:
            name, line = written_at(page, page.post, [in_words(named[1])])
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


def in_words(text: str) -> str:
    """Return the pattern of a text, whatever space there is between its words."""
    return r"\s+".join(re.escape(word) for word in text.split()[:200])


def written_at(page: Page, post: Post | None, patterns: list[str]) -> tuple[str, int]:
    """Return file and line where the first of some patterns is found, in the post if one is known."""
    for pattern in patterns:
        for name, source in sources(page, post):
            if found := re.search(pattern, source, re.I):
                return name, source.count("\n", 0, found.end()) + 1
    return (post.name if post else page.place), 1


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
