"""Run in the kernel of a post when its cells have run, never imported: it knows nothing of ours."""

import importlib.metadata
import json
import math
import re
import sys
from typing import Any


def answers(bound: dict[str, Any], values: list[str], packages: list[str]) -> str:
    """Return, as JSON, values, data, device and versions of a run from the names that its cells bound."""
    if any(name.partition(".")[0] == "blog_code" for name in sys.modules):
        raise ImportError("the post has imported blog_code, and a post stands alone")
    found = [made for made in map(distribution, packages) if made]
    versions = {re.sub("[-_.]+", "-", made.metadata["Name"]).lower(): made.version for made in found}
    data = bound.get("data_read") or {}
    if not isinstance(data, dict) or not isinstance(data.get("files", {}), dict):
        raise TypeError("data_read is not {source: …, files: {NAME: SHA-256}}")
    return json.dumps([{name: number(bound, name) for name in values}, data, device(), versions])


def number(bound: dict[str, Any], name: str) -> bool | int | float:
    """Return the number that a name of the post is bound to."""
    if name not in bound:
        raise NameError(f"value {name} is declared and no cell has bound it")
    value = bound[name]
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
        raise TypeError(f"value {name} is {value!r:.40}, not a number")
    return value


def distribution(package: str) -> importlib.metadata.Distribution | None:
    """Return the distribution that has a name, or else a module of that name; None where there is none."""
    try:
        return importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(package)
        return importlib.metadata.distribution(names[0]) if names else None


def device() -> str:
    """Name the first device of JAX, where cells have imported that."""
    if "jax" not in sys.modules:
        return "cpu"
    first = sys.modules["jax"].devices()[0]
    return "cpu" if first.platform == "cpu" else f"{first.platform} ({first.device_kind})"
