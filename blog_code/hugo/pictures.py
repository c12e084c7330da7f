"""Say of a picture whether anything in it could act on who opens it."""

from pathlib import Path

from lxml import etree

_ACTS = frozenset(
    "script foreignObject iframe embed object handler listener set animate animateTransform animateMotion use image".split()
)
_LARGEST = 5 << 20  # bytes of a drawing


def harmless_picture(path: Path) -> bool:
    """Whether a file is no drawing, or one without scripts, handlers, addresses and entities."""
    if path.suffix.lower() != ".svg":
        return True
    data = path.read_bytes()
    if len(data) > _LARGEST or b"<!ENTITY" in data:
        return False
    try:
        root = etree.fromstring(
            data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        )
    except (etree.XMLSyntaxError, ValueError):
        return False
    return all(map(_is_harmless, root.iter()))


def _is_harmless(node: etree._Element) -> bool:
    if not isinstance(node.tag, str):
        return not isinstance(node, etree._ProcessingInstruction)
    if etree.QName(node).localname in _ACTS - {"use", "image"}:
        return False
    for key, value in node.attrib.items():
        name, plain = key.rpartition("}")[2].lower(), "".join(value.split()).lower()
        if (
            name.startswith("on")
            or "javascript:" in plain
            or (name == "href" and not plain.startswith(("#", "data:image/")))
        ):
            return False
    return True
