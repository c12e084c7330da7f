"""Figures: charts as SVG in the page itself, in its ink; pictures with their size."""

import re

from lxml import etree, html
from PIL import Image

from blog_code.posts.pictures import what_is_wrong
from blog_code.site.blame import fault
from blog_code.site.page import Element, Page, add_class, replace

POINT = 4 / 3  # pixels of CSS
COORDINATES = re.compile(r'(?: (?:d|x|y|points)="|(?:rotate|translate)\()[^")]*')


def decorate_figures(page: Page) -> None:
    """Put each chart that is drawn in the page's ink into the page, and give each picture its size."""
    for image in page.tree.xpath("//article//img[@src]"):
        path = page.file(image.get("src"))
        if path is None:
            continue
        if wrong := what_is_wrong(path):
            raise fault(page, image, f"{path.name} {wrong}", "save it as a plain picture, or leave it out")
        if path.suffix == ".svg" and b"currentColor" in (content := path.read_bytes()):
            replace(image, inline_svg(content, image, page))
        elif path.suffix == ".png":
            decorate_picture(image, Image.open(path))


def inline_svg(content: bytes, image: Element, page: Page) -> Element:
    """A chart as an element that screen readers take for one image."""
    if not (alt := (image.get("alt") or "").strip()):
        raise fault(page, image, "a figure without alternative text", "say in the post what the figure shows")
    chart = html.fromstring(slim(etree.tostring(etree.fromstring(content)).decode()))
    for side in ("width", "height"):
        value = chart.get(side, "")
        if points := re.fullmatch(r"(\d+(?:\.\d+)?)pt", value):
            chart.set(side, f"{float(points[1]) * POINT:.0f}")
    for name in ("version", "font-family"):
        chart.attrib.pop(name, None)
    chart.set("role", "img")
    chart.set("aria-label", alt)
    add_class(chart, "chart")
    return chart


def slim(markup: str) -> str:
    """The same drawing in half the bytes: tenths of a point, and no id that nothing refers to.

    Only what says where things are is shortened: a number that is read, on an axis, stays as it is.
    """
    markup = COORDINATES.sub(lambda found: re.sub(r"(\d\.\d)\d{2,}", r"\1", found[0]), markup)
    wanted = set(re.findall(r"#([\w.-]+)", markup))
    markup = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in wanted else "", markup)
    return re.sub(r">\s+<", "><", markup)


def decorate_picture(node: Element, picture: Image.Image) -> None:
    """The picture's own size, so that nothing jumps; grey ones may be inverted on a dark page."""
    node.set("width", str(picture.width))
    node.set("height", str(picture.height))
    node.set("loading", "lazy")
    node.set("decoding", "async")
    add_class(node, "digits" if picture.mode in {"L", "1", "LA"} else "picture")
