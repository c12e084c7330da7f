"""Show the title of a post alike wherever it stands: as the plain text that its author wrote."""

from blog_code.errors import PostError
from blog_code.posts.post import Post
from blog_code.site.blame import listed_post, post_at
from blog_code.site.page import Element, Page, element


def fix_titles(page: Page) -> None:
    """Write titles as text: of themes some read Markdown in them, some HTML, and some nothing."""
    if page.post:
        fix_own_title(page, page.post)
    for excerpt in page.classed("md-post--excerpt"):
        post, heading = listed_post(page, excerpt), excerpt.find(".//h2")
        if post and heading is not None:
            address = next(iter(excerpt.xpath(".//*[contains(@class, 'md-post__action')]//a/@href")), "")
            address = next(iter(heading.xpath("./a/@href")), address)
            link = element('<a class="toclink"></a>')
            link.set("href", address)
            link.text = post.meta.title
            write(heading, "", link)
    if page.place == "tags/" and page.article is not None:
        for link in page.article.xpath(".//li/a[@href]"):
            if post := post_at(page, link.get("href")):
                write(link, post.meta.title)


def fix_own_title(page: Page, post: Post) -> None:
    """Write the title of the page of a post, of its window and of the bar at the top."""
    titles = page.article.xpath(".//h1") if page.article is not None else []
    if len(titles) != 1:
        message = f"the page has {len(titles)} titles"
        raise PostError(post.finding(1, message, "write ## for #, and <h2> for <h1>"))
    write(titles[0], post.meta.title)
    if (window := page.tree.find("head/title")) is not None:
        window.text = f"{post.meta.title} - {page.site.settings.name}"
    for topic in page.classed("md-header__topic")[-1:]:
        for words in topic.xpath(".//span"):
            write(words, post.meta.title)


def write(node: Element, text: str, *children: Element) -> None:
    """Give an element a text, and children, in the place of what it holds."""
    node[:] = children
    node.text = text
