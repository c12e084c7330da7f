"""Make the figures of a run fit for a page: charts as SVG in the page's own ink, pictures as one grey PNG."""

import base64
import io
import re

from lxml import etree
from PIL import Image, ImageDraw

from blog_code.runner.markup import Refused, cannot, svg_faults

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
FOR_ALL = re.compile(r"\s*\*\s*\{[^{}]*\}\s*")  # how matplotlib joins lines, which browsers do anyway
INK = {"#000000", "#000", "black"}


def figure_files(name: str, data: dict[str, str]) -> tuple[str, bytes]:
    """Choose the file for a figure that came as SVG and PNG: SVG, unless it holds an image."""
    svg = data.get("image/svg+xml", "")
    if svg and ("<image" not in svg or "image/png" not in data):
        return f"{name}.svg", page_svg(svg, name)
    return f"{name}.png", grey_png(base64.b64decode(data["image/png"]))


def grey_png(content: bytes) -> bytes:
    """Store a picture at its native size, in one grey channel where it has no colour."""
    picture: Image.Image = Image.open(io.BytesIO(content))
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    channels = picture.convert("RGB").split()
    if all(channel.tobytes() == channels[0].tobytes() for channel in channels[1:]):
        picture = channels[0]
    kept = io.BytesIO()
    picture.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def page_svg(text: str, prefix: str) -> bytes:
    """Rewrite matplotlib's SVG: ink as currentColor, attributes for styles, ids that no other figure has.

    A page with a content security policy refuses `style` attributes, and a dark page needs light ink.
    """
    root = etree.fromstring(text.encode(), etree.XMLParser(remove_comments=True, remove_pis=True))
    for node in root.xpath("//*[local-name()='metadata' or local-name()='style']"):
        if etree.QName(node).localname == "metadata" or FOR_ALL.fullmatch(node.text or ""):
            node.getparent().remove(node)
    for node in root.iter():
        for declaration in (node.attrib.pop("style", "")).split(";"):
            key, _, value = declaration.partition(":")
            if value.strip():
                _set(node, key.strip(), value.strip())
        for key, value in list(node.attrib.items()):
            if key == "id":
                node.set(key, f"{prefix}-{value}")
            elif key == XLINK:
                del node.attrib[key]
                node.set("href", value.replace("#", f"#{prefix}-"))
            elif "url(#" in value:
                node.set(key, value.replace("url(#", f"url(#{prefix}-"))
            elif key in {"fill", "stroke"} and value.lower() in INK:
                node.set(key, "currentColor")
        tag = etree.QName(node).localname
        attributes = {etree.QName(key).localname: value for key, value in node.attrib.items()}
        if wrong := svg_faults(tag, attributes):
            raise Refused(cannot(wrong))
        if tag == "text" and "fill" not in node.attrib:
            node.set("fill", "currentColor")
        if tag == "use" and "fill" not in node.attrib and "stroke" not in node.attrib:
            node.set("fill", "currentColor")
    root.set("font-family", "sans-serif")  # where there is no page with a font of its own
    etree.cleanup_namespaces(root)
    written = etree.tostring(root, encoding="unicode")
    return (re.sub(r">\s+<", ">\n<", written).strip() + "\n").encode()


def mark_quick(file: str, content: bytes) -> bytes:
    """Write "quick run" across a figure, so that nobody takes it for a result."""
    if not file.endswith((".svg", ".png")):
        return content
    if file.endswith(".svg"):
        mark = '<text x="50%" y="50%" text-anchor="middle" font-size="28" fill="#d00">quick run</text>'
        return content.replace(b"</svg>", mark.encode() + b"</svg>")
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    ImageDraw.Draw(picture).text((4, 4), "quick run", fill="red", font_size=max(14, picture.width // 10))
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def _set(node: etree._Element, key: str, value: str) -> None:
    """Turn one CSS declaration into a presentation attribute."""
    if key == "font":  # matplotlib writes the shorthand: [weight] size 'family', …
        parts = re.fullmatch(r"(?:(\w+) )?([\d.]+)px (.+)", value)
        if parts:
            if parts[1]:
                node.set("font-weight", parts[1])
            node.set("font-size", parts[2])
        return
    if key in {"font-family", "line-height"}:  # the page's own font
        return
    node.set(key, value.removesuffix("px") if key == "font-size" else value)
