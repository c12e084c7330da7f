"""Attribute lists as Goldmark reads them: `{#id .cls width=300 hl_lines=[1,"3-4"]}`."""

import re
from typing import Any

_ITEM = re.compile(
    r"""[\s,]*(?:
        \#(?P<id>[^\s,{}]+) | \.(?P<cls>[^\s,{}]+) |
        (?P<key>[A-Za-z_:][\w:.-]*)(?:\s*=\s*(?P<value>"(?:\\.|[^"\\])*"|'[^']*'|\[[^\]]*\]|[^\s,{}]+))?
    )""",
    re.VERBOSE,
)


def parse_attributes(text: str) -> dict[str, Any] | None:
    """Return what stands between braces as attributes, or nothing where it is no attribute list."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    inside, found, position = text[1:-1].strip(), dict[str, Any](), 0
    while position < len(inside):
        item = _ITEM.match(inside, position)
        if not item or item.end() == position:
            return None
        position = item.end()
        if item["id"]:
            found["id"] = item["id"]
        elif item["cls"]:
            found["class"] = f"{found['class']} {item['cls']}" if "class" in found else item["cls"]
        elif item["value"] is None:
            return None
        else:
            found[item["key"]] = _value(item["value"])
    return found or None


def _value(text: str) -> Any:
    if text[0] in "\"'":
        return text[1:-1].replace('\\"', '"')
    if text[0] == "[":
        return [part.strip().strip("\"'") for part in text[1:-1].split(",") if part.strip()]
    return {"true": True, "false": False}.get(text.lower(), text)


def attribute_list(attributes: dict[str, Any]) -> str:
    """Return attributes as attr_list reads them, with the spaces that keep Jinja from seeing a comment."""
    parts = []
    for key, value in attributes.items():
        if key == "id":
            parts.append(f"#{value}")
        elif key == "class":
            parts.extend(f".{name}" for name in str(value).split())
        else:
            quoted = str(value).replace('"', "&quot;")
            parts.append(f'{key}="{quoted}"')
    return "{ " + " ".join(parts) + " }"
