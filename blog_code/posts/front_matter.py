"""Read the front matter of a post, and find the keys of it that are of the wrong type."""

import datetime
import re
from collections.abc import Iterator
from typing import Any

import yaml

from blog_code.errors import Finding, PostError

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
TAG = re.compile(r"\S.*")


def split_front_matter(text: str, name: str) -> tuple[dict[str, Any], str, int]:
    """Split the post `name` into front matter, body and the number of the body's first line."""
    parts = re.match(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", text, re.S | re.M)
    if not parts:
        fix = "begin with ---, title and date, and close with ---"
        raise PostError(Finding(name, 1, "front matter is missing or never closed", fix))
    try:
        meta = yaml.load(parts[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise PostError(Finding(name, mark.line + 2 if mark else 1, f"front matter: {problem}")) from None
    if not isinstance(meta, dict):
        raise PostError(Finding(name, 1, f"front matter is a {type(meta).__name__}, not a mapping"))
    return meta, text[parts.end() :], text[: parts.end()].count("\n") + 1


def wrong_keys(meta: dict[str, Any], slug: str) -> Iterator[tuple[str, str]]:
    """Yield each key of the wrong type with what is wrong, and put what is neutral in its place."""
    if not isinstance(meta.get("title"), str):
        yield "title", "title is missing or no text"
    if not isinstance(meta.get("description", ""), str):
        yield "description", "description is no text"
        del meta["description"]
    if not isinstance(meta.get("image", ""), str):
        yield "image", "image is no path of a file in docs"
        del meta["image"]
    if meta.get("slug", slug) != slug:
        yield "slug", f"slug is not {slug}: a post has the address of its file"
    if not isinstance(meta.get("executed", True), bool):
        yield "executed", "executed is neither true nor false"
    for key in ("date", "updated") if "updated" in meta else ("date",):
        if not isinstance(meta.get(key), datetime.date):
            yield key, f"{key} is missing or no date, such as 2026-02-03"
            meta[key] = None
    for key in ("values", "data", "quick", "timeout", "changes"):
        if not isinstance(meta.get(key) or {}, dict):
            yield key, f"{key} is a {type(meta[key]).__name__}, not a mapping"
            meta[key] = {}
    plain = {"files": FILE_NAME, "tags": TAG, "categories": TAG}
    plain |= dict.fromkeys(("requirements", "versions", "environment"), FILE_NAME)
    for key, pattern in plain.items():
        names = meta.get(key) or []
        if not isinstance(names, list) or not all(isinstance(n, str) and pattern.fullmatch(n) for n in names):
            yield key, f"{key} is no list of plain names"
            meta[key] = []
    for key, limit in (meta.get("timeout") or {}).items():
        if key not in {"cell", "post"} or not isinstance(limit, int | float) or not 0 < limit < 1e9:
            yield "timeout", "timeout is not {cell: SECONDS, post: SECONDS}"
            meta["timeout"] = {}
            break
    if not all(type(day) is datetime.date for day in meta.get("changes") or {}):
        yield "changes", "changes is not {DATE: SENTENCE}, a date as 2026-02-03"
        meta["changes"] = {}
    for name, value in (meta.get("quick") or {}).items():
        if not _is_name(name) or not isinstance(value, int | float | str | bool):
            yield "quick", f"quick: {name} is not NAME: number or text"
            meta["quick"] = {}
            break
    for name, value in dict(meta.get("values") or {}).items():
        if not _is_name(name) or not _declares(value):
            yield str(name), f"value {name} is not {{is: NUMBER, within: NUMBER, format: FORMAT}}"
            del meta["values"][name]


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier()


def _declares(value: Any) -> bool:
    """True for a proper declaration of a value; one that is a timing may leave out what is expected."""
    if not isinstance(value, dict) or set(value) - {"is", "within", "format", "timing"}:
        return False
    if "is" not in value and value.get("timing") is not True:
        return False
    if not all(isinstance(value.get(key, 0), int | float) for key in ("is", "within")):
        return False
    if value.get("within", 0) < 0:
        return False
    for number in (1, 1.0):
        try:
            format(number, str(value.get("format", "")))
            return True
        except ValueError:
            continue
    return False
