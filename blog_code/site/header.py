"""The top of a post's page: title, description, date, provenance, actions."""

import datetime
import html as escape
from urllib.parse import quote, urlsplit

from blog_code.posts.pages import slug_of
from blog_code.posts.post import Post
from blog_code.runner.provenance import downloads, environment, facts, in_words
from blog_code.runner.record import Record
from blog_code.site.page import Element, Page, element, text_of

WORDS_PER_MINUTE = 230
CODE_LINES_PER_MINUTE = 20


def write_header(page: Page) -> None:
    """Set what stands above the text in its order, from front matter and record."""
    article = page.article
    title = article.find(".//h1") if article is not None else None
    if title is None:
        return
    above = [description(page), byline(page)]
    if page.post and page.record:
        for node in [*page.classed("provenance"), *page.classed("actions")]:
            node.drop_tree()  # what other generators show
        above += [provenance_line(page.post, page.record, page), action_row(page)]
    header = element('<header class="post-header"></header>')
    title.addprevious(header)
    header.tail = None
    title.tail = None
    for node in [title, *above]:
        if node is not None:
            header.append(node)


def write_contents(page: Page) -> None:
    """List the sections of a post under its header, for a screen that has no room for the theme's list."""
    [header] = page.classed("post-header") or [None]
    sections = page.article.xpath(".//h2[@id] | .//h3[@id]") if page.article is not None else []
    items = "".join(
        f'<li class="{node.tag}"><a href="#{node.get("id")}">{escape.escape(heading_text(node))}</a></li>'
        for node in sections
    )
    nav = f'<nav aria-label="Sections"><ul>{items}</ul></nav>'
    if header is not None and items:
        header.append(element(f'<details class="contents"><summary>Contents</summary>{nav}</details>'))


def heading_text(node: Element) -> str:
    """Return the words of a heading, without its permanent link."""
    return "".join(node.xpath(".//text()[not(ancestor::a[contains(@class, 'headerlink')])]")).strip()


def provenance_line(post: Post, record: Record, page: Page) -> Element:
    """Say where and when the post ran, with links to the commit and to the table of the environment."""
    said = [escape.escape(fact) for fact in facts(post, record)]
    if record.commit and page.site.settings.repository:
        address = escape.escape(f"{page.site.settings.repository}/commit/{record.commit}")
        said[-1] = f'<a href="{address}">{said[-1]}</a>'
    for table in page.tree.iter("table"):
        if table.xpath(".//tr/td[1]/text()") == list(environment(post, record)):
            place = table.xpath("preceding::h2[1]/@id")
            said += [f'<a href="#{name}">full environment</a>' for name in place]
    return element(f'<p class="provenance">{" · ".join(said)}</p>')


def description(page: Page) -> Element | None:
    """The post in one sentence: its description."""
    text = page.meta.description
    return element(f'<p class="promise">{escape.escape(text)}</p>') if text else None


def byline(page: Page) -> Element:
    """Date, date of the last change, time to read, and tags."""
    date, changes, updated = (page.meta.date, page.meta.changes, page.meta.updated)
    parts = []
    if date is not None:
        parts.append(time_of(date))
    if changes or updated:
        last = time_of(max([*changes, *([updated] if updated else [])], key=day_of))
        parts.append(f'updated <a href="#changes">{last}</a>' if changes else f"updated {last}")
    parts.append(f"{reading_minutes(page)} min to read")
    for tag in page.meta.tags:
        parts.append(f'<a href="{page.up}tags/#tag:{quote(slug_of(tag))}">{escape.escape(tag)}</a>')
    return element(f'<p class="byline">{" · ".join(parts)}</p>')


def time_of(date: datetime.date) -> str:
    """A date, or a moment, as a reader and a machine take it."""
    return f'<time datetime="{date.isoformat()}">{in_words(date)}</time>'


def day_of(date: datetime.date) -> datetime.date:
    """The day of a date or a moment: the two cannot be compared."""
    return date.date() if isinstance(date, datetime.datetime) else date


def reading_minutes(page: Page) -> int:
    """Minutes to read the prose and the code; outputs are looked at, not read."""
    article = page.article
    assert article is not None
    prose = " ".join(text_of(node) for node in article.xpath(".//p | .//li | .//h2 | .//h3"))
    cells = page.post.cells if page.post else []
    lines = sum(cell.region.source.count("\n") + 1 for cell in cells if "quiet" not in cell.flags)
    return max(1, round(len(prose.split()) / WORDS_PER_MINUTE + lines / CODE_LINES_PER_MINUTE))


def action_row(page: Page) -> Element:
    """What a reader can do with the post: take script or notebook, look at record and source."""
    assert page.post is not None
    slug = page.post.slug
    files = f"{page.up}runs/{slug}/"
    links = [
        *(f'<a download href="{files}{name}">{said}</a>' for said, name in downloads(page.post).items()),
        f'<a href="{files}notebook/">Notebook view</a>',
        f'<a href="{files}record.json">Record of the run</a>',
    ]
    repository = urlsplit(page.site.settings.repository)
    if repository.netloc == "github.com":
        notebook = f"{page.post.run_name}/{slug}.ipynb"
        place = escape.escape(f"{repository.path}/blob/{page.site.settings.branch}/{notebook}")
        links.append(f'<a href="https://colab.research.google.com/github{place}">Open in Colab</a>')
    if page.site.settings.repository:
        commit = (page.record.commit if page.record else None) or "HEAD"
        source = f"{page.site.settings.repository}/tree/{commit}/blog_code/{page.post.package}"
        links.append(f'<a href="{escape.escape(source)}">Source</a>')
    items = "".join(f"<li>{link}</li>" for link in links)
    return element(f'<ul class="actions" aria-label="This post as files">{items}</ul>')


def trim_excerpts(page: Page) -> None:
    """On lists of posts an excerpt needs neither provenance nor actions: they belong to the post's page."""
    for node in page.tree.xpath("//article[contains(@class, 'md-post--excerpt')]//*[self::p or self::ul]"):
        if {"provenance", "actions"} & set((node.get("class") or "").split()):
            node.drop_tree()
