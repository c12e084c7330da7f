"""What a page says about its run: a line under the title, and a table of the environment."""

import datetime
import re
from typing import Any

from blog_code.posts.post import Post

NAMES = {"jax": "JAX", "flax": "Flax", "optax": "Optax", "numpy": "NumPy", "python": "Python"}


def page_files(post: Post, record: dict[str, Any]) -> dict[str, bytes]:
    """`provenance.md` and `environment.md`, which the post includes."""
    return {
        "provenance.md": provenance(post, record).encode(),
        "environment.md": environment(record).encode(),
    }


def provenance(post: Post, record: dict[str, Any]) -> str:
    """One line under the title: where, with what, how long and when, and where to get the code."""
    versions = record["versions"]
    parts = [
        device_name(record),
        *(f"{NAMES[name]} {versions[name]}" for name in ("jax", "flax", "optax") if name in versions),
        duration(record["volatile"]["seconds"]),
        *([one_line(record["data"]["source"])] if "source" in record["data"] else []),
        day(record),
        *([f"commit {record['commit'][:7]}"] if record["commit"] else []),
    ]
    files = f"../runs/{post.slug}/"
    actions = [
        f"[Script]({files}{post.slug}.py){{ download }}",
        f"[Notebook]({files}{post.slug}.ipynb)",
        f"[Record]({files}record.json)",
    ]
    return f"Ran on {' · '.join(parts)}\n{{ .provenance }}\n\n{' · '.join(actions)}\n{{ .actions }}\n"


def environment(record: dict[str, Any]) -> str:
    rows = {
        "Device": record["device"],
        "Processor": record["volatile"]["host"],
        **{NAMES.get(name, name): version for name, version in record["versions"].items()},
        "Data": one_line(record["data"].get("source", "none")),
        "Run": f"{duration(record['volatile']['seconds'])}, on {day(record)}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| | |\n| --- | --- |\n{table}\n"


def one_line(text: object) -> str:
    """Text of a run as it may stand in a line or a table: no line ends, nothing that Jinja would read."""
    return re.sub(r"[{}|\s]+", " ", str(text)).strip()


def device_name(record: dict[str, Any]) -> str:
    return f"CPU ({record['volatile']['host']})" if record["device"] == "cpu" else record["device"]


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def day(record: dict[str, Any]) -> str:
    when = datetime.datetime.fromisoformat(record["volatile"]["finished"])
    return f"{when.day} {when:%B %Y}"
