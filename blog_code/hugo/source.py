"""Reads the header of a Hugo post: YAML 1.2, TOML or JSON, and dates in all the forms that Hugo takes."""

import datetime as dt
import json
import re
import tomllib
from dataclasses import dataclass
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from blog_code.hugo.problems import refusal

_FENCES = {"---": "yaml", "+++": "toml"}


@dataclass(frozen=True)
class Source:
    """A post as its file holds it: the header's values, the body, and the line on which the body begins."""

    header: dict[str, Any]
    body: str
    body_line: int


def read_source(text: str) -> Source:
    """Split a file into header and body; a file without a header is all body."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    first = text.split("\n", 1)[0].rstrip()
    if first in _FENCES:
        return _fenced(text, first)
    if first.startswith("{") and not first.startswith(("{{", "{%")):
        return _json(text)
    return Source({}, text, 1)


def _fenced(text: str, fence: str) -> Source:
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == fence:
            header = _parsed("\n".join(lines[1:number]), _FENCES[fence])
            return Source(header, "\n".join(lines[number + 1 :]), number + 2)
    raise refusal(f"the header that begins with `{fence}` never ends; close it with a line `{fence}`")


def _json(text: str) -> Source:
    try:
        header, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        raise refusal(f"the JSON header cannot be read: {error.msg}", error.lineno) from error
    body = text[end:]
    skipped = len(body) - len(body.lstrip("\n"))
    return Source(header, body[skipped:], text[: end + skipped].count("\n") + 1)


def _parsed(text: str, kind: str) -> dict[str, Any]:
    return read_yaml(text, 2) if kind == "yaml" else read_toml(text, 2)


def read_yaml(text: str, first_line: int = 1) -> dict[str, Any]:
    """Read YAML 1.2 as Hugo does: `yes` and `12:30` stay strings."""
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    try:
        found = reader.load(StringIO(text))
    except (YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        problem = error.problem if isinstance(error, MarkedYAMLError) else str(error)
        raise refusal(f"the YAML cannot be read: {problem}; fix it there", line) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise refusal("the YAML is not a table of keys and values", first_line)
    return {str(key): value for key, value in found.items()}


def read_toml(text: str, first_line: int = 1) -> dict[str, Any]:
    """Read TOML, with the line of what cannot be read."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = first_line - 1 + int(found[1]) if found else first_line
        raise refusal(f"the TOML cannot be read: {error}; fix it there", line) from error


# Dates --------------------------------------------------------------------------------------------

# The layouts that Hugo's cast accepts, tried in turn. `%z` takes `Z`, `+08:00` and `+0800`.
_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%a, %d %b %Y %H:%M:%S%z",
    "%d %b %Y",
    "%d %b %y %H:%M%z",
    "%a %b %d %H:%M:%S %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%Y%m%d",
)


def read_date(value: Any, zone: str | None) -> dt.datetime | dt.date:
    """Return a date with its offset; a time without a zone is in the site's, or in UTC."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=_zone(zone))
    if isinstance(value, dt.date):
        return value
    text = str(value).strip()
    text = re.sub(r"(\.\d+)(?=$|[Zz+\- ])", "", text)
    text = re.sub(r"([+-]\d{2}:?\d{2}) [A-Z]{3,4}$", r"\1", text)
    text = re.sub(r"\s+(?:UTC|GMT)$", " +0000", text)
    text = re.sub(r"(\d) ([+-]\d{2}:?\d{2}|[Zz])$", r"\1\2", text)
    for layout in _LAYOUTS:
        for candidate in (text, text.title() if "%b" in layout.lower() else text):
            try:
                found = dt.datetime.strptime(candidate, layout)
            except ValueError:
                continue
            if layout in ("%Y-%m-%d", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y"):
                return found.date()
            return found if found.tzinfo else found.replace(tzinfo=_zone(zone))
    raise refusal(f"the date {text!r} has no form that Hugo reads; write it as 2024-05-31T10:00:00+01:00")


def _zone(name: str | None) -> dt.tzinfo:
    if not name:
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise refusal(f"the site's timeZone {name!r} is unknown") from error
