"""The search index: every page loads it whole, so outputs and notebooks stay out of it."""

import html as escape
import json
import re

from blog_code.site.page import Page, Site

PRE = re.compile(r"<pre>.*?</pre>", re.S)


def mend_search(site: Site, pages: list[Page]) -> None:
    """Take notebooks and outputs of runs out of the index, where the generator writes one we know."""
    path = site.folder / "search" / "search_index.json"
    if not path.exists():
        return
    index = json.loads(path.read_text("utf-8"))
    notebooks = {page.place for page in pages if page.is_notebook}
    outputs = {text for page in pages for text in output_texts(page)}
    kept = [entry for entry in index["docs"] if entry["location"].partition("#")[0] not in notebooks]
    for entry in kept:
        entry["text"] = PRE.sub(lambda block: "" if bare(block[0]) in outputs else block[0], entry["text"])
    index["docs"] = kept
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def output_texts(page: Page) -> list[str]:
    """The texts of the outputs that a page shows."""
    blocks = page.tree.xpath("//div[contains(concat(' ', @class, ' '), ' output ')]//code")
    return [tight(str(block.text_content())) for block in blocks]


def bare(markup: str) -> str:
    """The text of a block in the index."""
    return tight(escape.unescape(re.sub(r"<[^>]+>", "", markup)))


def tight(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
