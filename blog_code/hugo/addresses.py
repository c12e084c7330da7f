"""Finds what an address of the Hugo site stands for: a page, a file of a bundle, or a static file."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from blog_code.errors import PostError
from blog_code.hugo.hugo_site import HugoPost, HugoSite
from blog_code.hugo.links import Target, is_external, split_address
from blog_code.hugo.page_header import slugged, strings, urlized
from blog_code.hugo.problems import refusal
from blog_code.hugo.shortcodes import Shortcode

_REFERENCE = "hugo-ref:"


def page_target(slug: str) -> Target:
    """Return where a post stands on this site."""
    return Target(f"posts/{slug}.md", f"posts/{slug}/")


def file_target(name: str, query: str = "", fragment: str = "") -> Target:
    """Return where a file of docs is published: the blog plugin takes `posts` out of media's addresses."""
    stays = name.lower().endswith((".html", ".htm", ".xml", ".css", ".js")) or not name.startswith("posts")
    return Target(name, name if stays else posixpath.normpath(name.replace("posts", ".")), fragment, query)


@dataclass
class Addresses:
    """All addresses of a Hugo site, and where each leads here."""

    site: HugoSite
    into: Path
    # The posts that are imported now or stand in `into` already, by their source.
    slugs: Mapping[Path, str]
    by_address: dict[str, HugoPost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = urlsplit(str(self.site.config.get("baseURL", default="") or ""))
        self.host, self.base_path = base.netloc, base.path.rstrip("/")
        self.base = f"{base.scheme}://{base.netloc}{self.base_path}" if base.netloc else ""
        for post in self.site.pages:
            try:
                self.by_address[self.site.address(post)] = post
                for alias in strings(post.header.get("aliases")):
                    if alias.startswith("/"):
                        self.by_address.setdefault("/" + alias.strip("/") + "/", post)
            except PostError:
                continue

    def of(self, post: HugoPost) -> "Resolver":
        """Return the resolver for the links of one post."""
        return Resolver(self, post)

    def page(self, post: HugoPost, query: str = "", fragment: str = "") -> Target | None:
        """Return where a page of the Hugo site stands here, if it does."""
        slug = self.slugs.get(post.path)
        if slug is None:
            return None
        there = page_target(slug)
        return Target(there.file, there.address, fragment, query)


@dataclass
class Resolver:
    """Resolves the links of one post, and remembers the files that must come along."""

    addresses: Addresses
    post: HugoPost
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _references: list[Target] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The slug of the post."""
        return self.addresses.slugs[self.post.path]

    def __call__(self, address: str, is_image: bool) -> Target | str | None:
        """Return where an address leads, a full address for what is not here, or nothing to leave it."""
        if address.startswith(_REFERENCE):
            return self._references[int(address.removeprefix(_REFERENCE))]
        host = urlsplit(address).netloc if is_external(address) else ""
        if is_external(address) and (not host or host != self.addresses.host):
            return None
        path, query, fragment = split_address(address)
        if not path and not host:
            return None
        return self._on_site(path or "/", query, fragment, host) or self._elsewhere(address, path, host)

    def _on_site(self, path: str, query: str, fragment: str, host: str) -> Target | None:
        base = self.addresses.base_path
        if path.startswith("/") and base and path.startswith(base + "/"):
            path = path[len(base) :]
        site = self.addresses.site
        here = site.address(self.post) if site.root else "/"
        absolute = posixpath.normpath(path if path.startswith("/") else urljoin(here, path))
        if absolute == "/":
            return Target("index.md", "", fragment, query)
        for name in (absolute.rstrip("/") + "/", absolute, absolute.lower().rstrip("/") + "/"):
            post = self.addresses.by_address.get(name)
            if post and (target := self.addresses.page(post, query, fragment)):
                return target
        may_be_beside = not path.startswith("/") or path.endswith(".md")
        if may_be_beside and (found := self._beside(path, query, fragment)):
            return found
        return self._static(absolute, query, fragment) or self._resource_of_bundle(absolute, query, fragment)

    def _beside(self, path: str, query: str, fragment: str) -> Target | None:
        inside = posixpath.normpath(
            posixpath.join("" if path.startswith("/") else self.post.folder, path.lstrip("/"))
        )
        for post in self.addresses.site.pages:
            if inside in (post.inside, posixpath.splitext(post.inside)[0]) or (
                post.is_bundle and inside == post.folder
            ):
                return self.addresses.page(post, query, fragment)
        file = self.post.path.parent / path
        if file.is_file() and file.suffix.lower() != ".md":
            name = posixpath.normpath(path)
            name = name if not name.startswith("..") else posixpath.basename(name)
            return self._file(f"posts/{self.slug}/{name}", file, query, fragment)
        return None

    def _static(self, absolute: str, query: str, fragment: str) -> Target | None:
        for folder in self.addresses.site.static:
            file = folder / absolute.lstrip("/")
            if file.is_file():
                return self._file(absolute.lstrip("/"), file, query, fragment)
        return None

    def _resource_of_bundle(self, absolute: str, query: str, fragment: str) -> Target | None:
        for address, post in self.addresses.by_address.items():
            if (
                post.is_bundle
                and absolute.startswith(address)
                and (slug := self.addresses.slugs.get(post.path))
            ):
                name = absolute.removeprefix(address)
                file = post.path.parent / name
                if file.is_file():
                    return file_target(f"posts/{slug}/{name}", query, fragment)
        return None

    def _file(self, name: str, source: Path, query: str, fragment: str) -> Target:
        self.files[name] = source
        return file_target(name, query, fragment)

    def _elsewhere(self, address: str, path: str, host: str) -> str | None:
        if host:
            return None
        if self.addresses.base and self.addresses.site.root and "example." not in self.addresses.base:
            here = self.addresses.site.address(self.post)
            base = self.addresses.base_path
            full = path if base and path.startswith(base + "/") else base + urljoin(here, path)
            tail = address[len(address.split("?")[0].split("#")[0]) :]
            self.notes.append(f"{address!r} leads to a page that is not imported; it points at the old site")
            return self.addresses.base[: len(self.addresses.base) - len(base)] + full + tail
        self.notes.append(f"{address!r} leads nowhere on this site; MkDocs will say so")
        return None

    # ref and relref

    def reference(self, shortcode: Shortcode) -> str:
        """Return an address for `ref` and `relref` that only this resolver knows, or refuse it."""
        wanted = shortcode.get(0) or shortcode.get("path")
        path, _, fragment = wanted.partition("#")
        if not path:
            return f"#{fragment}"
        target = self._referred(path, fragment, shortcode)
        self._references.append(target)
        return f"{_REFERENCE}{len(self._references) - 1}"

    def _referred(self, path: str, fragment: str, shortcode: Shortcode) -> Target:
        found = self._candidates(path)
        if len(found) > 1:
            names = ", ".join(post.inside for post in found)
            raise refusal(
                f"`{shortcode.name} {path}` may be any of {names}; write the whole path", shortcode.line
            )
        if found:
            if target := self.addresses.page(found[0], fragment=fragment):
                return target
            raise refusal(f"`{shortcode.name} {path}` leads to a post that is not imported", shortcode.line)
        name = posixpath.basename(path.removesuffix("/index.md").removesuffix(".md").rstrip("/"))
        slug = slugged(urlized(name))
        if not self.addresses.site.root and (self.addresses.into / page_target(slug).file).is_file():
            there = page_target(slug)
            return Target(there.file, there.address, fragment)
        raise refusal(
            f"`{shortcode.name} {path}` leads to no page; fix the path or remove the link", shortcode.line
        )

    def _candidates(self, path: str) -> list[HugoPost]:
        pages = self.addresses.site.pages
        plain = path.strip("/").lower().removesuffix("/index.md").removesuffix(".md")
        relative = posixpath.normpath(posixpath.join(self.post.folder, plain)).lower()
        for wanted in [plain] if path.startswith("/") else [relative, _up(self.post, plain), plain]:
            if found := [post for post in pages if _logical(post) == wanted]:
                return found
        return (
            [post for post in pages if posixpath.basename(_logical(post)) == posixpath.basename(plain)]
            if ("/" not in plain)
            else []
        )


def _up(post: HugoPost, plain: str) -> str:
    folder = posixpath.dirname(post.folder) if post.is_bundle else post.folder
    return posixpath.normpath(posixpath.join(folder, plain)).lower()


def _logical(post: HugoPost) -> str:
    return (post.folder if post.is_bundle else posixpath.splitext(post.inside)[0]).lower()
