"""Say of a run, once for all who show it, where and with what it ran: a line, files to take, a table."""

import datetime
import re

from blog_code.posts.post import Post
from blog_code.runner.editions import no_script
from blog_code.runner.lock import normal_name
from blog_code.runner.record import Record


def facts(post: Post, record: Record) -> list[str]:
    """List what the line under the title says: where, with what, how long, on what, when; last the commit."""
    return [
        f"Ran on {device_name(record)}",
        *versions(post, record),
        duration(record.volatile.seconds),
        *([one_line(record.data["source"])] if "source" in record.data else []),
        day(record),
        *([f"commit {record.commit[:7]}"] if record.commit else []),
    ]


def versions(post: Post, record: Record) -> list[str]:
    """Name what the post's `versions` lists, spelled as there, or all that it imports, with versions."""
    ran = record.versions
    wanted = post.meta.versions or [name for name in ran if name not in {"python", "jaxlib"}]
    return [f"{name} {ran[normal_name(name)]}" for name in wanted or ["Python"] if normal_name(name) in ran]


def downloads(post: Post) -> dict[str, str]:
    """Name the files of a run that a reader may want, each by what its link says."""
    script = {} if no_script(post) else {"Download .py": f"{post.slug}.py"}
    return {**script, "Download .ipynb": f"{post.slug}.ipynb"}


def page_files(post: Post, record: Record) -> dict[str, bytes]:
    """Write the line with its links, and the table, for a post to include under any generator of sites."""
    files = {**downloads(post), "Record of the run": "record.json"}
    links = " · ".join(f"[{said}](../runs/{post.slug}/{name}){{ download }}" for said, name in files.items())
    line = f"{' · '.join(facts(post, record))}\n{{ .provenance }}\n\n{links}\n{{ .actions }}\n"
    rows = "\n".join(f"| {name} | {value} |" for name, value in environment(post, record).items())
    table = f"| | |\n| --- | --- |\n{rows}\n"
    return {"provenance.md": line.encode(), "environment.md": table.encode()}


def environment(post: Post, record: Record) -> dict[str, str]:
    """Return the rows of the table of what a run ran on."""
    spelled = {normal_name(name): name for name in ["Python", *post.meta.versions]}
    return {
        "Device": record.device,
        "Processor": record.volatile.host,
        **{spelled.get(name, name): version for name, version in record.versions.items()},
        "Data": one_line(record.data.get("source", "none")),
        "Run": f"{duration(record.volatile.seconds)}, on {day(record)}",
    }


def one_line(text: object) -> str:
    """Return text of a run fit for a line or a table: no line ends, nothing that Jinja would read."""
    return re.sub(r"[{}|\s]+", " ", str(text)).strip()


def device_name(record: Record) -> str:
    return f"CPU ({record.volatile.host})" if record.device == "cpu" else record.device


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def day(record: Record) -> str:
    return in_words(datetime.datetime.fromisoformat(record.volatile.finished))


def in_words(date: datetime.date) -> str:
    """Write a date, or the day of a moment, as a sentence has it: 3 February 2026."""
    return f"{date.day} {date:%B %Y}"
