"""Look at a picture before anybody shows it: whether it is one, how large it is, what it would run."""

import re
import warnings
from pathlib import Path

MOST_PIXELS = 50_000_000
DRAWN, PAINTED = {".svg"}, {".png", ".jpg", ".jpeg", ".gif", ".webp"}
SCRIPTS = {"script", "handler", "foreignobject", "iframe", "embed", "object"}
SCRIPTED = re.compile(r"\s*(?:javascript|vbscript|data:(?!image/))", re.I)


def what_is_wrong(path: Path) -> str:
    """Say what is wrong with a picture; nothing where nothing is, or where it is none that we know."""
    suffix = path.suffix.lower()
    if suffix in DRAWN:
        return _wrong_drawing(path.read_bytes())
    return _wrong_painting(path) if suffix in PAINTED else ""


def _wrong_drawing(content: bytes) -> str:
    """Say what is wrong with an SVG."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        tree = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return f"is no SVG: {error}"
    if etree.QName(tree).localname != "svg":
        return "is no SVG"
    for node in tree.iter():
        if isinstance(node, etree._Entity):
            return f"holds the entity {node.text}"
        if not isinstance(node.tag, str):
            continue
        tag = etree.QName(node).localname.lower()
        if tag in SCRIPTS:
            return f"holds <{tag}>"
        for name, value in node.attrib.items():
            local, text = etree.QName(name).localname.lower(), re.sub(r"[\x00-\x20]", "", str(value))
            if local.startswith("on") or (
                local in {"href", "src", "to", "values", "from"} and SCRIPTED.match(text)
            ):
                return f"holds a script, {local}={str(value)[:40]!r}"
            if (
                local in {"href", "src"}
                and tag in {"use", "image"}
                and not text.startswith(("#", "data:image/"))
            ):
                return f"loads {str(value)[:60]}"
    return ""


def _wrong_painting(path: Path) -> str:
    """Say what is wrong with a picture of pixels, of which the first lines are read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                width, height = picture.size
    except Image.DecompressionBombError:
        return "has more pixels than a page can show"
    except (OSError, ValueError, SyntaxError) as error:
        return f"is no picture: {str(error).replace(str(path), path.name)}"
    if width * height > MOST_PIXELS:
        return f"has {width} × {height} pixels, more than a page can show"
    return ""
