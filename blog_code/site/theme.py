"""Fix what the theme's own pages lack for readers with a screen reader or a keyboard."""

import re

from blog_code.site.blame import fault
from blog_code.site.page import Page, add_class, element


def fix_theme(page: Page) -> None:
    """Name what has no name, each landmark by its own, and give the page of a missing address a way on."""
    tree = page.tree
    tree.set("lang", "en-GB")
    for loader in tree.xpath("//script[@data-mkdocs-jupyter-mathjax]"):
        loader.drop_tree()  # of MathJax, from another host, for formulas that are set already
    for dialog in tree.xpath("//div[@role='dialog'][not(@aria-label)]"):
        dialog.set("aria-label", "Search")
        for options in dialog.iter("nav"):
            options.attrib.pop("aria-label", None)
        for list_ in dialog.iter("ol"):
            list_.attrib.pop("role", None)
    for landmark in tree.iter("nav"):
        landmark.attrib.pop("aria-expanded", None)  # a landmark has no state
        if not {"aria-label", "aria-labelledby"} & set(landmark.keys()):
            landmark.tag = "div"
    ids = set(tree.xpath("//@id"))
    for label in tree.iter("label"):
        if label.get("for") not in ids:
            label.attrib.pop("for", None)
        if label.get("tabindex") == "":
            label.attrib.pop("tabindex")
    for table in tree.xpath("//article//table[@class]"):
        table.set("tabindex", "0")  # it scrolls, and a keyboard has to reach what does
    for heading in tree.xpath("//th[not(normalize-space())]"):
        heading.tag = "td"  # a heading without words is announced as nothing
    if page.path.name == "404.html" and page.article is not None:
        page.article.append(
            element(f'<p>No page has this address: see <a href="{page.site.settings.url}">all posts</a>.</p>')
        )


def move_styles(page: Page) -> None:
    """Turn the alignment that Markdown writes into cells of tables into classes; refuse other inline styles.

    The content security policy of a page refuses them too, but only in the reader's browser.
    """
    for node in page.tree.xpath("//body//*[@style]"):
        aligned = re.fullmatch(r"text-align:\s*(left|right|center);?", node.get("style").strip())
        if not aligned:
            message = f'<{node.tag} style="{node.get("style")}"> is refused by the policy of the page'
            raise fault(page, node, message, "give it a class, and the class a rule in docs/assets/site.css")
        del node.attrib["style"]
        add_class(node, f"align-{aligned[1]}")
