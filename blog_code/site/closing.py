"""The end of a post's page: how to cite it, what changed, where to report an error."""

import datetime
import html as escape
import re
from urllib.parse import urlencode

from blog_code.site.header import time_of
from blog_code.site.page import Element, Page, element


def write_closing(page: Page) -> None:
    """Set citation, changes and report behind the text, before references and footnotes."""
    article = page.article
    if article is None or page.post is None:
        return
    closing = element('<section class="closing" aria-label="About this post"></section>')
    for part in (citation(page), changes(page), report(page)):
        if part is not None:
            closing.append(part)
    behind = article.xpath("./h2[@id='references' or @id='further-reading'] | ./div[@class='footnote']")
    if behind:
        behind[0].addprevious(closing)
    else:
        article.append(closing)


def citation(page: Page) -> Element:
    """The post as BibTeX, with the theme's own button to copy it."""
    return element(
        '<div><h2 id="cite">Cite</h2>'
        f'<div class="highlight bibtex"><pre><code>{escape.escape(bibtex(page))}</code></pre></div></div>'
    )


def bibtex(page: Page) -> str:
    """The entry, keyed by slug and year."""
    assert page.post is not None
    date = page.meta.date or datetime.date.today()
    title = re.sub(r"([A-Z]\w*[A-Z]\w*|(?<!^)\b[A-Z]\w*)", r"{\1}", in_tex(page.meta.title))
    fields = {
        "title": title,
        "author": "{" + in_tex(page.meta.author or page.site.settings.author) + "}",
        "year": str(date.year),
        "month": f"{date:%b}".lower(),
        "howpublished": rf"\url{{{page.url}}}",
        "note": in_tex(page.site.settings.name) + (f", executed {executed_on(page)}" if page.record else ""),
    }
    braced = {key: value if key == "month" else "{" + value + "}" for key, value in fields.items()}
    lines = ",\n".join(f"  {key} = {value}" for key, value in braced.items())
    return f"@misc{{{page.post.slug}-{date.year},\n{lines}\n}}\n"


def in_tex(text: str) -> str:
    """Return a text without braces, in which what TeX would act on stands for itself."""
    said = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "{": "",
        "}": "",
    }
    return re.sub(r"[\\~^{}&%$#_]", lambda found: said.get(found[0], f"\\{found[0]}"), text)


def executed_on(page: Page) -> str:
    assert page.record is not None
    return str(page.record.volatile.finished)[:10]


def changes(page: Page) -> Element | None:
    """What changed since publication: `changes` of the front matter, a sentence a date, newest first."""
    noted = page.meta.changes
    items = [
        f"<li>{time_of(day)}: {escape.escape(str(text))}</li>"
        for day, text in sorted(noted.items(), key=lambda pair: str(pair[0]), reverse=True)
    ]
    if page.site.settings.repository and page.post:
        address = f"{page.site.settings.repository}/commits/HEAD/{page.post.name}"
        items.append(f'<li><a href="{escape.escape(address)}">Every change of this page</a></li>')
    if not items:
        return None
    return element(f'<div><h2 id="changes">Changes since publication</h2><ul>{"".join(items)}</ul></div>')


def report(page: Page) -> Element | None:
    """An address that opens an issue with what we would ask for filled in."""
    if not page.site.settings.repository or page.post is None:
        return None
    commit = (page.record.commit if page.record else None) or "not known"
    body = f"Page: {page.url}\nCommit of the run: {commit}\n\nWhat is wrong, in which paragraph or cell:\n"
    query = urlencode({"title": f"{page.post.slug}: ", "body": body})
    address = escape.escape(f"{page.site.settings.repository}/issues/new?{query}")
    return element(f'<p class="report"><a href="{address}">Report an error on this page</a></p>')
