"""Maths: TeX becomes MathML, which browsers set without any script."""

import html as escape
import re

from latex2mathml.converter import convert

from blog_code.runner.errors import Finding, PostError
from blog_code.site.page import Element, Page, element, replace

MARKED = re.compile(r"^\s*\\([(\[])(.*)\\[)\]]\s*$", re.S)
DOLLARS = re.compile(r"(?<![\\$\w])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])")


def write_maths(page: Page) -> None:
    """Replace what the Markdown extension marked as maths, and dollars in the prose of a notebook."""
    for node in page.tree.find_class("arithmatex"):
        found = MARKED.match(node.text_content())
        if found:
            replace(node, mathml(found[2], page, block=found[1] == "["))
    for node in page.tree.find_class("jp-RenderedMarkdown"):
        for text in node.xpath(".//text()[contains(., '$')][not(ancestor::code or ancestor::pre)]"):
            spell_out(text.getparent(), text, page)
    for node in page.tree.xpath("//script[@data-mkdocs-jupyter-mathjax]"):
        node.getparent().remove(node)  # a loader of MathJax from another host, for maths that is set already


def mathml(tex: str, page: Page, *, block: bool = False) -> Element:
    """One formula; what cannot be set is an error that names it."""
    try:
        markup = convert(escape.unescape(tex).strip(), display="block" if block else "inline")
    except Exception as error:
        message = f"the formula {tex.strip()} cannot be set: {type(error).__name__}"
        raise PostError(Finding(page.place, 1, message, "spell it otherwise, then: blog build")) from None
    node = element(markup)
    node.attrib.pop("xmlns", None)
    if not block:
        return node
    wrapper = element('<div class="formula"></div>')
    wrapper.append(node)
    return wrapper


def spell_out(parent: Element, text: str, page: Page) -> None:
    """Replace the dollars in one piece of text of a notebook."""
    pieces = DOLLARS.split(str(text))
    if len(pieces) == 1:
        return
    formulas = [mathml(tex, page) for tex in pieces[1::2]]
    for formula, tail in zip(formulas, pieces[2::2], strict=True):
        formula.tail = tail
    if getattr(text, "is_tail", False):
        parent.tail = pieces[0]
        for formula in reversed(formulas):
            kept = formula.tail
            parent.addnext(formula)
            formula.tail = kept
    else:
        parent.text = pieces[0]
        for place, formula in enumerate(formulas):
            parent.insert(place, formula)
