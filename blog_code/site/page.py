"""A built page: its tree, where it lies, and the post whose page it is."""

import contextlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree, html

from blog_code.errors import PostError, read_text
from blog_code.posts.front_matter import FrontMatter, split_front_matter
from blog_code.posts.post import Post
from blog_code.repository import Repository, Settings
from blog_code.runner.record import Record

type Element = Any  # lxml names no types


@dataclass(frozen=True)
class Site:
    """Holds a folder of built pages, and the repository that they were built from."""

    repository: Repository
    folder: Path

    @property
    def settings(self) -> Settings:
        return self.repository.settings

    @cached_property
    def posts(self) -> dict[str, tuple[Post, Record | None]]:
        """Each post that is published with the record of its run, by its address: posts/flax-and-optax/."""
        posts = [post for post in self.repository.posts if self.repository.publishes(post)]
        return {f"posts/{post.slug}/": (post, self.repository.record(post)) for post in posts}

    def description(self, place: str) -> str:
        """Return what the front matter of a page in docs/ says of it."""
        for name in (f"docs/{place}index.md", f"docs/{place.removesuffix('/')}.md"):
            if (self.repository.root / name).is_file():
                text = read_text(self.repository.root / name, self.repository.root)
                with contextlib.suppress(PostError):
                    return str(split_front_matter(text, name)[0].get("description") or "")
        return ""

    def lines(self, commit: str | None, path: str, first: int, last: int) -> str:
        """The address of some lines of a file at a commit; empty where repository or commit is not known."""
        if not self.settings.repository or not commit:
            return ""
        return f"{self.settings.repository}/blob/{commit}/{path}#L{first}-L{last}"


@dataclass
class Page:
    """A page of the built site; its post and record where it is the page of one."""

    site: Site
    path: Path
    tree: Element
    post: Post | None = None
    record: Record | None = None
    formulas: dict[str, str] = field(default_factory=dict)  # each as plain text, by its TeX

    @cached_property
    def place(self) -> str:
        """The address of the page relative to the site: posts/flax-and-optax/."""
        return self.path.relative_to(self.site.folder).as_posix().removesuffix("index.html")

    @property
    def url(self) -> str:
        return urljoin(self.site.settings.url, self.place)

    @property
    def up(self) -> str:
        """From the page to the root of the site: ../../ from posts/flax-and-optax/."""
        return "../" * self.place.count("/")

    @cached_property
    def is_notebook(self) -> bool:
        return self.place.startswith("runs/") and bool(self.classed("notebook"))

    def classed(self, name: str) -> list[Element]:
        """The elements that have a class; lxml's own search takes three times as long."""
        return [node for node in CLASSED(self.tree, name=name) if name in node.get("class").split()]

    @property
    def article(self) -> Element | None:
        """The element that holds the text of the page."""
        found = self.tree.xpath("//article[not(ancestor::article)]") or self.tree.xpath("//main")
        return found[0] if found else None

    @property
    def meta(self) -> FrontMatter:
        return self.post.meta if self.post else FrontMatter.model_construct()

    def target(self, path: str) -> Path:
        """The file of the page to which a path on this one leads."""
        if not path:
            return self.path
        found = (self.path.parent / PurePosixPath(unquote(path))).resolve()
        return found / "index.html" if path.endswith(("/", ".")) else found

    def file(self, address: str) -> Path | None:
        """The file of the site that an address on this page leads to; None where it leads elsewhere."""
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
            return None
        path = (self.path.parent / PurePosixPath(parts.path)).resolve()
        return path if path.is_file() and path.is_relative_to(self.site.folder.resolve()) else None

    def text(self) -> str:
        return str(html.tostring(self.tree, encoding="unicode", doctype="<!doctype html>")) + "\n"


def read_page(path: Path, site: Site) -> Page:
    """Read a built page."""
    return Page(site, path, html.document_fromstring(path.read_bytes(), PARSER))


CLASSED = etree.XPath("//@class[contains(., $name)]/..")
PARSER = html.HTMLParser(encoding="utf-8")


def element(markup: str) -> Element:
    """One element from a piece of HTML."""
    return html.fragment_fromstring(markup)


def add_class(node: Element, *names: str) -> None:
    """Add classes that an element does not have yet."""
    had = (node.get("class") or "").split()
    node.set("class", " ".join([*had, *(name for name in names if name not in had)]))


def replace(old: Element, new: Element) -> None:
    """Put an element in the place of another, and keep the text that follows it."""
    new.tail = old.tail
    parent = old.getparent()
    if parent is not None:
        parent.replace(old, new)


def wrap(node: Element, wrapper: Element) -> None:
    """Put an element into a wrapper that takes its place."""
    replace(node, wrapper)
    node.tail = None
    wrapper.append(node)


def text_of(node: Element) -> str:
    """The text of an element, with every run of blanks as one."""
    text = etree.tostring(node, method="text", encoding="unicode", with_tail=False)
    return re.sub(r"\s+", " ", text).strip()
