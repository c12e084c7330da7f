"""Finish the built pages: what can only be given to HTML, or needs the record of a run and its repository.

No plugin and no hook: the step reads a folder of pages, whichever generator wrote them.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blog_code.errors import PostError
from blog_code.posts.post import post_paths
from blog_code.repository import Repository
from blog_code.site.blame import fault, relocated
from blog_code.site.charts import decorate_figures
from blog_code.site.closing import write_closing
from blog_code.site.code_blocks import decorate_cells, decorate_outputs
from blog_code.site.csp import hold_to_policy
from blog_code.site.feed import fix_feeds, fix_sitemap
from blog_code.site.header import trim_excerpts, write_contents, write_header
from blog_code.site.maths import write_maths
from blog_code.site.metadata import write_metadata
from blog_code.site.notice import write_notice
from blog_code.site.page import Page, Site, read_page
from blog_code.site.search import fetch_late, fix_search
from blog_code.site.status import write_status
from blog_code.site.theme import fix_theme, move_styles
from blog_code.site.titles import fix_titles


def finish_site(folder: Path, root: Path) -> None:
    """Finish a folder of pages that were built from a repository."""
    finish_pages(Site(Repository(root), folder))


def finish_pages(site: Site) -> None:
    """Finish every page of a built site, its search index and its feeds."""
    drop_drafts(site)
    pages = read_pages(site)
    for page in pages:
        finish_page(page)
        hold_to_policy(page)
        page.path.write_text(page.text(), encoding="utf-8")
    check_anchors(pages)
    slim_styles(site)
    fix_search(site, pages)
    fetch_late(site)
    fix_feeds(site, pages)
    fix_sitemap(site)


def finish_page(page: Page) -> None:
    """The steps for one page, in the order in which they build on each other."""
    fix_theme(page)
    fix_titles(page)
    write_formulas(page)
    move_styles(page)
    decorate_figures(page)
    trim_excerpts(page)
    if page.post:
        decorate_cells(page)
        decorate_outputs(page)
        write_header(page)
        write_notice(page)
        write_closing(page)
        write_contents(page)
    write_status(page)
    write_metadata(page)


def write_formulas(page: Page) -> None:
    """Set the formulas; one that cannot be set is named where somebody wrote it."""
    try:
        write_maths(page)
    except PostError as error:
        raise relocated(page, error) from None


def read_pages(site: Site) -> list[Page]:
    """Every page of the site, and for the page of a post the post and the record of its run."""
    pages = [read_page(path, site) for path in sorted(site.folder.rglob("*.html"))]
    for page in pages:
        page.post, page.record = site.posts.get(page.place, (None, None))
    for place in set(site.posts) - {page.place for page in pages}:
        post, _ = site.posts[place]
        fix = "look at the blog plugin in mkdocs.yml, then: blog build"
        raise PostError(post.finding(1, f"the site has no page {place}", fix))
    return pages


def drop_drafts(site: Site) -> None:
    """Keep the runs of posts that are not published, and what lies beside these, out of the site."""
    published = {post.slug for post, _ in site.posts.values()}
    for folder in (site.folder / "runs").glob("*"):
        if folder.name not in published:
            shutil.rmtree(folder)
    for path in post_paths(site.repository.root):
        if path.stem not in published:
            shutil.rmtree(site.folder / "posts" / path.stem, ignore_errors=True)


def check_anchors(pages: list[Page]) -> None:
    """Refuse a link to a place that its page has not; cells are places too, which MkDocs cannot know."""
    places = {page.path: {*page.tree.xpath("//@id"), *page.tree.xpath("//a/@name")} for page in pages}
    for page in pages:
        for link in page.article.xpath(".//a[contains(@href, '#')]") if page.article is not None else []:
            address = urlsplit(link.get("href"))
            target = page.target(address.path) if not address.scheme and not address.netloc else None
            if target in places and unquote(address.fragment) not in {"", *places[target]}:
                message = f"{target.parent.name} has no place #{unquote(address.fragment)}"
                raise fault(page, link, message, "name a heading or a cell that it has: #cell-REGION")


def slim_styles(site: Site) -> None:
    """Take comments and indentation out of our own stylesheet: every page carries it."""
    for path in (site.folder / "assets").glob("site.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.S)
        path.write_text(re.sub(r"\s*\n\s*", "\n", text).strip() + "\n", encoding="utf-8")
