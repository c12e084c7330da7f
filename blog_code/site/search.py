"""The search index: every page loads it whole, so it holds prose, and of code the names alone."""

import html as escape
import json
import re
from urllib.parse import unquote

from blog_code.site.page import Page, Site

CODE_OR_TEX = re.compile(r"<code>.*?</code>|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.S)
PRE = re.compile(r"<pre>.*?</pre>", re.S)
NAME = re.compile(r"[^\W\d]\w{2,}")


# Where the theme fetches the index: at once, but from a file; and to mark words that a search has led to.
AT_ONCE = re.compile(r'location\.protocol!=="file:"(?=\),\w+\("search"\))')
MARKED = re.compile(r'\w+\("search\.highlight"\)(?=\?)')


def fetch_late(site: Site) -> None:
    """Let a page fetch the index when somebody searches: nobody else needs it, and it grows with the site."""
    for path in (site.folder / "assets" / "javascripts").glob("bundle.*.min.js"):
        text = MARKED.sub(r"/[?&]h=/.test(location.search)", AT_ONCE.sub("!1", path.read_text("utf-8")))
        path.write_text(text, encoding="utf-8")


def fix_search(site: Site, pages: list[Page]) -> None:
    """Take outputs out of the index; leave of code its names, where each first stands, of TeX plain text."""
    path = site.folder / "search" / "search_index.json"
    if not path.exists():
        return  # another generator, another index
    index = json.loads(path.read_text("utf-8"))
    outputs = {text for page in pages for text in output_texts(page)}
    by_place = {page.place: page for page in pages}
    known: dict[str, set[str]] = {}  # the names that the prose of a page has, and then those of its code
    for entry in index["docs"]:
        known.setdefault(place_of(entry), set()).update(NAME.findall(PRE.sub("", entry["text"])))
    for entry in index["docs"]:
        seen = known[place_of(entry)]
        entry["text"] = PRE.sub(lambda block: names(block[0], outputs, seen), entry["text"])  # noqa: B023
        if page := by_place.get(place_of(entry)):
            if page.post and "#" not in entry["location"]:
                entry["title"] = escape.escape(page.post.meta.title)
            entry["text"] = with_plain_formulas(entry["text"], page)
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def place_of(entry: dict[str, str]) -> str:
    return unquote(entry["location"].partition("#")[0])


def with_plain_formulas(text: str, page: Page) -> str:
    """Return text with each formula as a result of the search can show it."""

    def one(found: re.Match[str]) -> str:
        known = page.formulas.get(tight(escape.unescape(found[1] or found[2] or "")))
        return found[0] if known is None else escape.escape(known)

    return CODE_OR_TEX.sub(one, text)


def names(markup: str, outputs: set[str], seen: set[str]) -> str:
    """The names in a block of code that the page has not had before; nothing of an output."""
    text = tight(escape.unescape(re.sub(r"<[^>]+>", "", markup)))
    if text in outputs:
        return ""
    fresh = [name for name in dict.fromkeys(NAME.findall(text)) if name not in seen]
    seen.update(fresh)
    return f"<code>{' '.join(fresh)}</code>" if fresh else ""


def output_texts(page: Page) -> list[str]:
    """The texts of the outputs that a page shows."""
    blocks = page.tree.xpath("//div[contains(concat(' ', @class, ' '), ' output ')]//code")
    return [tight(str(block.text_content())) for block in blocks]


def tight(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
