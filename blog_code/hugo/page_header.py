"""The header of a Hugo post as Material for MkDocs reads it."""

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from blog_code.hugo.problems import refusal
from blog_code.hugo.source import read_date

# Formats other than Markdown; `mmark` is an error in Hugo itself.
_OTHER_FORMATS = frozenset(
    {"org", "rst", "rest", "asciidoc", "adoc", "pandoc", "pdc", "mmark", "html", "rmd"}
)
# What Hugo reads, and what has no meaning here: dropped, with a word about it.
_DROPPED = frozenset(
    [
        "markup",
        "layout",
        "type",
        "menu",
        "menus",
        "outputs",
        "cascade",
        "weight",
        "linktitle",
        "iscjklanguage",
        "headless",
        "build",
        "_build",
        "sitemap",
        "translationkey",
        "keywords",
        "hidden",
        "resources",
        "images",
        "featured",
    ]
)
# What is read below, or by those who read the post's address.
_READ = frozenset(
    [
        "title",
        "date",
        "lastmod",
        "modified",
        "publishdate",
        "pubdate",
        "published",
        "expirydate",
        "unpublishdate",
        "draft",
        "tags",
        "categories",
        "series",
        "description",
        "summary",
        "slug",
        "url",
        "aliases",
        "author",
        "authors",
        "toc",
        "math",
        "katex",
        "mathjax",
        "mathjaxenable",
        "usemath",
        "comments",
        "cover",
        "image",
        "params",
    ]
)


@dataclass
class Header:
    """What the page's header will hold, in the order in which it is written."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cover: tuple[str, str] | None = None

    def text(self) -> str:
        """Return the header as YAML that PyYAML reads to the same values."""
        lines = []
        for key, value in self.values.items():
            if isinstance(value, (dt.datetime, dt.date)):
                lines.append(f"{key}: {value.isoformat()}")
            else:
                dumped = yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=10_000)
                lines.append(dumped.rstrip("\n"))
        return "---\n" + "\n".join(lines) + "\n---\n"


def page_header(given: Mapping[str, Any], slug: str, zone: str | None, now: dt.datetime) -> Header:
    """Return the header of the page, or refuse a post that has no date or is not Markdown."""
    values = {str(key).lower(): value for key, value in given.items()}
    header = Header()
    markup = str(values.get("markup") or "").lower()
    if markup in _OTHER_FORMATS:
        raise refusal(f"`markup: {markup}` is not Markdown; convert the post to Markdown first")
    # The macros plugin reads titles too.
    header.values["title"] = str(values.get("title") or slug.replace("-", " ").capitalize())
    if not values.get("title"):
        header.notes.append(f"no title; the page is called {header.values['title']!r}")
    header.values |= _dates(values, zone, header)
    if _is_true(values.get("draft")):
        header.values["draft"] = True
    expiry = values.get("expirydate") or values.get("unpublishdate")
    if expiry and _moment(read_date(expiry, zone)) < now:
        header.values["draft"] = True
        header.notes.append("expired, so it is a draft here")
    header.values["slug"] = slug
    _words(values, header)
    _looks(values, header)
    _rest(given, header)
    return header


def _dates(values: Mapping[str, Any], zone: str | None, header: Header) -> dict[str, dt.datetime | dt.date]:
    found = next(
        (values[key] for key in ("date", "publishdate", "pubdate", "published") if values.get(key)), None
    )
    updated = values.get("lastmod") or values.get("modified")
    found = found or updated
    if not found:
        raise refusal("no date; add `date: 2024-05-31` to its header")
    created = read_date(found, zone)
    publish = values.get("publishdate") or values.get("pubdate")
    if publish and values.get("date"):
        later = read_date(publish, zone)
        if _moment(later) > _moment(created):
            header.notes.append("publishDate is later than date, so it is the date here")
            created = later
    last = read_date(updated, zone) if updated else created
    return {"date": created} if _moment(last) == _moment(created) else {"date": created, "updated": last}


def _moment(date: dt.datetime | dt.date) -> dt.datetime:
    return (
        date if isinstance(date, dt.datetime) else dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    )


def _words(values: Mapping[str, Any], header: Header) -> None:
    description = values.get("description") or values.get("summary")
    if description:
        header.values["description"] = str(description).strip()
    if values.get("summary") and values.get("description") and values["summary"] != values["description"]:
        header.notes.append("`summary` has no place here beside `description`; it is kept under `hugo:`")
    tags = strings(values.get("tags")) + [f"series: {name}" for name in strings(values.get("series"))]
    if tags:
        header.values["tags"] = list(dict.fromkeys(tags))
    if categories := strings(values.get("categories")):
        header.values["categories"] = list(dict.fromkeys(categories))


def _looks(values: Mapping[str, Any], header: Header) -> None:
    if "toc" in values and _is_false(values["toc"]):
        header.values["hide"] = ["toc"]
    if isinstance(values.get("comments"), bool):
        header.values["comments"] = values["comments"]
    cover = values.get("cover") or values.get("image")
    if isinstance(cover, Mapping) and cover.get("image"):
        header.cover = (str(cover["image"]), str(cover.get("alt") or cover.get("caption") or ""))
    elif isinstance(cover, str) and cover:
        header.cover = (cover, "")


def _rest(given: Mapping[str, Any], header: Header) -> None:
    """Keep what means nothing here under `hugo:`, where Material does not look."""
    kept: dict[str, Any] = {}
    for key, value in given.items():
        name = str(key).lower()
        if name in _DROPPED and value not in (None, "", [], {}):
            header.notes.append(f"`{key}` means nothing here; it is kept under `hugo:`")
            kept[str(key)] = yaml_value(value)
        elif (
            (name not in _READ and name not in _DROPPED)
            or name in ("author", "authors", "params", "series")
            or (name == "summary" and given.get("description"))
        ):
            kept[str(key)] = yaml_value(value)
    kept = {key: value for key, value in kept.items() if value not in (None, "", [], {})}
    if kept:
        header.values["hugo"] = kept


def yaml_value(value: Any) -> Any:
    """Return a value as YAML can hold it."""
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    return json.loads(json.dumps(value, default=str))


def strings(value: Any) -> list[str]:
    """Return a list of strings from what a header may hold: nothing, one word, or many."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)):
        return [str(item).strip() for item in value if str(item if item is not None else "").strip()]
    return [str(value).strip()]


def _is_true(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("true", "yes", "1", "on")


def _is_false(value: Any) -> bool:
    return value is False or str(value).strip().lower() in ("false", "no", "off")


def wants_maths(values: Mapping[str, Any]) -> bool | None:
    """Say whether a header switches maths on or off, or says nothing of it."""
    lowered = {str(key).lower(): value for key, value in values.items()}
    lowered |= (
        {str(k).lower(): v for k, v in (lowered.get("params") or {}).items()}
        if isinstance(lowered.get("params"), Mapping)
        else {}
    )
    for key in ("math", "katex", "mathjax", "mathjaxenable", "usemath", "latex"):
        if key in lowered:
            value = lowered[key]
            if isinstance(value, Mapping):
                value = value.get("enable", True)
            return not _is_false(value)
    return None


def slugged(text: str) -> str:
    """Return a name as the runner takes it for a post's: a-z, 0-9 and single hyphens, no accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def urlized(text: str) -> str:
    """Return a name as Hugo puts it into an address: lower case, spaces as hyphens."""
    text = re.sub(r"\s+", "-", text.strip().lower())
    return re.sub(r"[^\w./~+\-]", "", text)
