"""Hold the pages of a Hugo site as Hugo itself read them."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Page:
    """Holds a page: what Hugo read in its front matter, its body, and the HTML that it made of it."""

    path: str  # /posts/trip, as Hugo names it
    lang: str
    kind: str = "page"
    url: str = ""
    title: str = ""
    file: str = ""  # relative to the site; empty where Hugo invents the page
    draft: bool = False
    date: str = ""
    lastmod: str = ""
    publish: str = ""
    expiry: str = ""
    description: str = ""
    section: str = ""
    slug: str = ""
    bundle: str = ""  # leaf, branch, or empty
    aliases: list[str] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    raw: str = ""
    content: str | None = None
    marked: str = ""  # the HTML of the body with a mark before each block
    error: str = ""
    doc: str = ""  # where it will stand in docs: posts/trip.md; empty where it does not come in
    header_lines: int = 0  # of its file, before the body

    @property
    def key(self) -> str:
        """Name the page among those of all languages."""
        return f"{self.path}@{self.lang}"

    @property
    def is_post(self) -> bool:
        """Whether it belongs into the order of days; other pages are pages of the site."""
        return self.kind == "page" and bool(self.date)

    @property
    def address(self) -> str:
        """The address of the page here: /posts/trip/."""
        return f"/{self.doc.removesuffix('.md')}/"


@dataclass
class SiteFacts:
    """Holds what all pages share."""

    base: str
    params: dict[str, Any]
    lang: str


def read_pages(printed: str, token: str, scratch: str) -> tuple[list[Page], list[SiteFacts]]:
    """Read what the template printed: a line a page, and a line a language."""
    pages, sites = [], []
    for line in printed.split("\n"):
        what, _, value = line.partition(" ")
        if what == f"@@page{token}":
            pages.append(_page(json.loads(value), scratch))
        elif what == f"@@site{token}":
            site = json.loads(value)
            sites.append(SiteFacts(site.get("base", ""), _mapping(site.get("params")), site["lang"]))
    return pages, sites


def _page(given: dict[str, Any], scratch: str) -> Page:
    given["params"] = _mapping(given.get("params"))
    for key in ("aliases", "resources"):
        given[key] = given.get(key) or []
    given["file"] = str(given.get("file") or "").removeprefix(scratch).lstrip("/")
    return Page(**given)


def _mapping(text: str | None) -> dict[str, Any]:
    """Read parameters, which Hugo hands on as text; those that it cannot write as JSON are none."""
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
