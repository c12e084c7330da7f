"""Maths: TeX becomes MathML, which browsers set without any script."""

import html as escape
import re

from latex2mathml.converter import convert

from blog_code.errors import Finding, PostError
from blog_code.site.page import Element, Page, element, replace

MARKED = re.compile(r"^\s*\\([(\[])(.*)\\[)\]]\s*$", re.S)
PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "mroot": 2, "msubsup": 3, "munderover": 3}
NAMES = {"log", "ln", "exp", "max", "min"}  # TeX leaves a thin space before what they are applied to
OPERANDS = {"mi", "mn", "msub", "msup", "mfrac", "msqrt"}


def write_maths(page: Page) -> None:
    """Replace what the Markdown extension, or the converter of notebooks, marked as maths."""
    for node in page.classed("arithmatex"):
        found = MARKED.match(node.text_content())
        if found:
            formula = mathml(found[2], page, block=found[1] == "[")
            page.formulas[" ".join(found[2].split())] = as_plain_text(formula)
            replace(node, formula)


def mathml(tex: str, page: Page, *, block: bool = False) -> Element:
    """One formula; what cannot be set is an error that names it."""
    try:
        node = element(convert(escape.unescape(tex).strip(), display="block" if block else "inline"))
        reason = what_is_wrong(node)
    except Exception as error:  # the converter has a class for each slip, and some of Python's own
        reason = type(error).__name__
    if reason:
        message = f"the formula {tex.strip()} cannot be set: {reason}"
        raise PostError(Finding(page.place, 1, message, "spell it otherwise, then: blog build"))
    node.attrib.pop("xmlns", None)
    for name in list(node.iter("mi")):
        if name.text in NAMES and (operand := name.getnext()) is not None and operand.tag in OPERANDS:
            operand.addprevious(element('<mspace width="0.167em"></mspace>'))
    if not block:
        return node
    wrapper = element('<div class="formula" tabindex="0" role="group" aria-label="Formula"></div>')
    wrapper.append(node)
    return wrapper


def as_plain_text(formula: Element) -> str:
    """A formula as a line of text can show it, its spaces too: log p(x)."""
    parts = (" " if node.tag == "mspace" else node.text or "" for node in formula.iter())
    return " ".join("".join(parts).replace(",", ", ").split())


def what_is_wrong(node: Element) -> str:
    """What the converter lets through: a command it does not know, a fraction with one half."""
    for part in node.iter():
        if (part.text or "").startswith("\\"):
            return f"{part.text} is not known"
        if part.tag in PARTS and len(part) != PARTS[part.tag]:
            return f"{part.tag} wants {PARTS[part.tag]} parts"
    return ""
