"""Where links lead: Hugo's addresses become paths that MkDocs resolves, or addresses for raw HTML."""

import posixpath
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote, urlsplit

from markdown_it.token import Token


@dataclass(frozen=True)
class Target:
    """A place in this site's docs.

    The file, from the root of docs, and its address from the root of the site.
    """

    file: str
    address: str
    fragment: str = ""
    query: str = ""

    def from_page(self, page_file: str) -> str:
        """Return the path that MkDocs resolves from a page."""
        path = posixpath.relpath(self.file, posixpath.dirname(page_file) or ".")
        if self.file == page_file and self.fragment:
            path = ""
        return quote(path, safe="/:@!$&'()*+,;=~-._") + self._tail()

    def from_address(self, page_address: str) -> str:
        """Return the address that a browser resolves from a page, for raw HTML that MkDocs leaves alone."""
        if self.address == page_address and self.fragment:
            return self._tail()
        path = posixpath.relpath(self.address or ".", page_address or ".")
        slash = "/" if self.address.endswith("/") else ""
        return quote(path, safe="/:@!$&'()*+,;=~-._") + slash + self._tail()

    def _tail(self) -> str:
        return (f"?{self.query}" if self.query else "") + (f"#{self.fragment}" if self.fragment else "")


# Finds the target of an address, or the full address to write instead, or nothing to leave it.
Resolve = Callable[[str, bool], Target | str | None]


def resolve_links(tokens: Sequence[Token], resolve: Resolve, page: Target) -> None:
    """Give links and images the paths that MkDocs resolves; `meta` keeps the address for raw HTML."""
    for token in tokens:
        if token.children:
            resolve_links(token.children, resolve, page)
        if token.type in ("html_block", "html_inline"):
            token.content = rewrite_html(token.content, resolve, page)
        for key in ("href", "src"):
            if token.type in ("link_open", "image") and key in token.attrs:
                found = resolve(str(token.attrs[key]), token.type == "image")
                if isinstance(found, Target):
                    token.attrs[key] = found.from_page(page.file)
                    token.meta["address"] = found.from_address(page.address)
                elif found is not None:
                    token.attrs[key] = found


def with_addresses(tokens: Sequence[Token]) -> list[Token]:
    """Return a copy of tokens in which links carry addresses rather than paths of files."""
    copies = deepcopy(list(tokens))
    _use_addresses(copies)
    return copies


def _use_addresses(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if "address" in token.meta:
            token.attrs["href" if token.type == "link_open" else "src"] = token.meta["address"]
        _use_addresses(token.children or [])


_ATTRIBUTE = re.compile(
    r"(?P<head>\b(?P<name>href|src|poster|data-src)\s*=\s*)(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[A-Za-z][^<>]*>")


def rewrite_html(html: str, resolve: Resolve, page: Target) -> str:
    """Give the links of raw HTML the addresses that a browser resolves from the page."""

    def attribute(found: re.Match[str]) -> str:
        value = unescape(found["double"] if found["double"] is not None else found["single"])
        target = resolve(value, found["name"].lower() != "href")
        if isinstance(target, Target):
            target = target.from_address(page.address)
        return f'{found["head"]}"{target.replace(chr(34), "&quot;")}"' if target is not None else found[0]

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(attribute, tag[0]), html)


def is_external(address: str) -> bool:
    """Whether an address leads out of the site, or to no place on it."""
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def split_address(address: str) -> tuple[str, str, str]:
    """Return the path, the query and the fragment of an address, percent-decoded."""
    parts = urlsplit(address)
    return unquote(parts.path), parts.query, parts.fragment
