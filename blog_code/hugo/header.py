"""Write the front matter of a page, as Material for MkDocs and `blog check` read it."""

import contextlib
import datetime as dt
import re
from pathlib import Path
from typing import Any

import yaml
from pymdownx.slugs import slugify

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.pages import Page
from blog_code.hugo.problems import Notes, listed

# What has no meaning here; it is kept under `hugo:`, where Material does not look.
_READ = listed(
    "title date lastmod publishdate expirydate draft tags categories series description summary slug url "
    "aliases author authors toc math katex mathjax comments iscjklanguage cover image params"
)
_SLUG = slugify(case="lower")
_MATHS = ("math", "katex", "mathjax", "mathjaxenable", "usemath", "latex")


def write_header(page: Page, executed: bool, cover: str, notes: Notes, words: "Words") -> str:
    """Return the front matter of a page, with its two lines of hyphens."""
    values: dict[str, Any] = {"title": inert(page.title or _title(page))}
    if not page.title:
        notes.add("no title: the page is called after its file", values["title"])
    if page.doc.startswith("posts/"):
        values |= _dates(page, notes)
    if page.draft or (page.expiry and moment(page.expiry) < dt.datetime.now(dt.UTC)):
        values["draft"] = True
    if description := page.description or page.params.get("summary") or "":
        values["description"] = inert(str(description))
    if authors := strings(page.params.get("author")) or strings(page.params.get("authors")):
        values["author"] = inert(", ".join(authors))
    tags = strings(page.params.get("tags")) + [
        f"series: {name}" for name in strings(page.params.get("series"))
    ]
    for key, names in {"tags": tags, "categories": strings(page.params.get("categories"))}.items():
        if known := list(dict.fromkeys(filter(None, (words.known(key, inert(name)) for name in names)))):
            values[key] = known
    if page.params.get("toc") is False:
        values["hide"] = ["toc"]
    if cover:
        values["image"] = cover
    if not executed:
        values["executed"] = False
    return f"---\n{_as_yaml(values | _kept(page))}---\n"


class Words:
    """Knows how each tag and category is spelt: two of one address are one, or are told apart in words."""

    def __init__(self, into: Path) -> None:
        self._known: dict[tuple[str, str], str] = {}
        for path in (path for path in sorted(into.glob("posts/*.md")) if path.is_file()):
            found = re.match(r"---\n(.*?)^---$", path.read_text("utf-8", "replace"), re.S | re.M)
            with contextlib.suppress(yaml.YAMLError):
                read = yaml.safe_load(found[1]) if found else None
                header: dict[str, Any] = read if isinstance(read, dict) else {}
                for key in ("tags", "categories"):
                    for name in strings(header.get(key)):
                        self._known.setdefault((key, _SLUG(name, "-")), name)

    def known(self, key: str, name: str) -> str:
        """Return how a name is spelt here; nothing where no address can be made of it."""
        other = self._known.get((key, _SLUG(name, "-")), name)
        if other.casefold() != name.casefold():
            name = " ".join(name.replace("+", " plus").replace("#", " sharp").replace("&", " and ").split())
        slug = _SLUG(name, "-")
        return self._known.setdefault((key, slug), name) if slug else ""


def inert(text: str) -> str:
    """Return text on one line in which nothing is left that a template engine or a browser would act on."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+", " ", text)
    text = re.sub(r"\{(?=\{=)", "{\N{WORD JOINER}", text)
    return " ".join(re.sub(r"<(?=[A-Za-z/!?])", "‹", text).split())


def _title(page: Page) -> str:
    return page.doc.rpartition("/")[2].removesuffix(".md").replace("-", " ").capitalize()


def moment(text: str) -> dt.datetime:
    """Return a moment as Hugo prints it."""
    return dt.datetime.fromisoformat(text)


def _dates(page: Page, notes: Notes) -> dict[str, dt.datetime]:
    created = moment(page.date)
    if page.publish and moment(page.publish) > created:
        created = moment(page.publish)
        notes.add("publishDate is later than date, so it is the date")
    changed = moment(page.lastmod) if page.lastmod else created
    return {"date": created} if changed <= created else {"date": created, "updated": changed}


def strings(value: Any) -> list[str]:
    """Return a list of words from what front matter may hold: nothing, a word, many, mappings with names."""
    values = value if isinstance(value, list) else [value]
    named = [item.get("name") if isinstance(item, dict) else item for item in values]
    return [str(item).strip() for item in named if item not in (None, "") and str(item).strip()]


def _kept(page: Page) -> dict[str, Any]:
    kept = {
        str(key): value
        for key, value in page.params.items()
        if key not in _READ and value not in (None, "", [], {})
    }
    text = inert(repr(kept))
    return {"hugo": _inert_values(kept)} if kept and len(text) < 4000 else {}


def _inert_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {inert(str(key)): _inert_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_inert_values(item) for item in value]
    return inert(value) if isinstance(value, str) else value


def _as_yaml(values: dict[str, Any]) -> str:
    lines = []
    for key, value in values.items():
        if isinstance(value, dt.datetime):
            midnight = value.time() == dt.time() and value.utcoffset() == dt.timedelta()
            lines.append(f"{key}: {value.date().isoformat() if midnight else value.isoformat()}\n")
        else:
            lines.append(yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=10_000))
    return "".join(lines)


def wants_maths(page: Page, site: dict[str, Any]) -> bool:
    """Whether a script of the old site looks for formulas in the text of a page."""
    switched = [found for params in (page.params, site) if (found := _switch(params)) is not None]
    if switched:
        return switched[0]
    return (
        bool(re.search(r"\{\{[<%]\s*(katex|math)", page.raw))
        or "$$" in page.raw
        or bool(re.search(r"\\[(\[]", page.content or ""))
    )


def _switch(params: dict[str, Any]) -> bool | None:
    for key in _MATHS:
        value = params.get(key)
        if isinstance(value, dict):
            value = value.get("enable", True)
        if value is not None:
            return str(value).lower() not in ("false", "no", "off", "0", "")
    return None


def cover_address(page: Page) -> str:
    """Return the address of the picture that a page is to be shown with, or nothing."""
    cover = page.params.get("cover") or page.params.get("image")
    cover = cover.get("image") if isinstance(cover, dict) else cover
    return cover if isinstance(cover, str) else ""


def cover_file(page: Page, addresses: Addresses) -> str:
    """Return the file in docs that is that picture, if it comes in."""
    place = addresses.place(cover_address(page), page)
    if place.kind != "file":
        return ""
    addresses.write(place, page)
    return addresses.names[place.what]
