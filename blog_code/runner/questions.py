"""Run in the kernel of a post before its first cell, never imported: asked when its cells have run."""

import asyncio
import importlib.metadata
import math
import os
import re
import sys
import threading
from json import JSONEncoder
from typing import Any

encode = JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def answers(bound: dict[str, Any], path: str, values: list[str], packages: list[str]) -> None:
    """Write, as JSON, values, data, device and versions of a run from the names that its cells bound."""
    if any(name.partition(".")[0] == "blog_code" for name in sys.modules):
        raise ImportError("the post has imported blog_code, and a post stands alone")
    refuse_unfinished()
    found = [made for made in map(distribution, packages) if made]
    versions = {re.sub("[-_.]+", "-", made.metadata["Name"]).lower(): made.version for made in found}
    data = bound.get("data_read") or {}
    if not isinstance(data, dict) or not isinstance(data.get("files", {}), dict):
        raise TypeError("data_read is not {source: …, files: {NAME: SHA-256}}")
    answer = encode([{name: number(bound, name) for name in values}, data, device(), versions]).encode()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(file, answer)
    os.close(file)


def refuse_unfinished() -> None:
    """Raise RuntimeError where cells left what could print when nobody listens, or figures not shown."""
    for thread in threading.enumerate():
        call = getattr(thread, "_target", None) or getattr(thread, "function", None) or type(thread)
        if getattr(call, "__module__", "") in {"__main__", "builtins"} and not thread.daemon:
            raise RuntimeError(f"the thread {thread.name} of a cell still runs: join it where it was started")
    for task in asyncio.all_tasks(asyncio.get_event_loop()):
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame and frame.f_globals.get("__name__") == "__main__" and not task.done():
            raise RuntimeError(f"the task {frame.f_code.co_name} of a cell still runs: await it")
    plots = sys.modules.get("matplotlib.pyplot")
    if plots and "inline" not in plots.get_backend() and plots.get_fignums():
        way = "delete matplotlib.use(), or close what is saved to a file"
        raise RuntimeError(f"with {plots.get_backend()} the figures are shown nowhere: {way}")


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
