"""Maths: TeX becomes MathML, which browsers set without any script."""

import html as escape
import re

from math_core import LatexError, LatexToMathML

from blog_code.errors import Finding, PostError
from blog_code.site.page import Element, Page, add_class, element, replace

MARKED = re.compile(r"^\s*\\([(\[])(.*)\\[)\]]\s*$", re.S)
SETTER = LatexToMathML(fancy_error=False)


def write_maths(page: Page) -> None:
    """Replace what the Markdown extension, or the converter of notebooks, marked as maths."""
    for node in page.classed("arithmatex"):
        found = MARKED.match(node.text_content())
        if found:
            formula = mathml(found[2], page, block=found[1] == "[")
            page.formulas[" ".join(found[2].split())] = as_plain_text(formula)
            replace(node, formula)


def mathml(tex: str, page: Page, *, block: bool = False) -> Element:
    """Return one formula; what cannot be set is an error that names it."""
    tex = escape.unescape(tex).strip()
    try:
        node = element(as_html(SETTER.convert_with_local_state(tex, displaystyle=block)))
    except LatexError:
        message = f"the formula {tex} cannot be set: {problem_of(tex)}"
        raise PostError(Finding(page.place, 1, message, "spell it otherwise, then: blog build")) from None
    for styled in node.xpath(".//*[@style]"):
        name_style(styled)
    if not block:
        node.set("display", "inline")
        return node
    wrapper = element('<div class="formula" tabindex="0" role="group" aria-label="Formula"></div>')
    wrapper.append(node)
    return wrapper


def problem_of(tex: str) -> str:
    """Say why a formula cannot be set, or nothing."""
    try:
        SETTER.convert_with_local_state(tex.strip(), displaystyle=True)
    except LatexError as error:
        return str(error).splitlines()[0].partition(": ")[2]
    return ""


def as_html(markup: str) -> str:
    """Return MathML as a parser of HTML reads it: elements have ends, letters no names."""
    markup = re.sub(r"<(\w+)([^<>]*)/>", r"<\1\2></\1>", markup)
    return re.sub(r"&(?!lt;|gt;|amp;|quot;)\w+;", lambda found: escape.unescape(found[0]), markup)


def name_style(node: Element) -> None:
    """Turn an inline style, which the policy of a page refuses, into classes that the stylesheet knows."""
    for declaration in filter(None, node.attrib.pop("style").split(";")):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "color":
            node.set("mathcolor", value)
        elif name.startswith("border"):
            add_class(node, f"math-{name}")
        elif name != "justify-items":  # goes with text-align
            add_class(node, f"math-{name}-{re.sub(r'[^0-9a-z]+', '-', value).strip('-')}")


def as_plain_text(formula: Element) -> str:
    """Return a formula as a line of text can show it, its spaces too: log p(x)."""
    parts = (
        " " if node.tag == "mspace" or node.get("lspace") else node.text or "" for node in formula.iter()
    )
    return " ".join("".join(parts).replace(",", ", ").split())
