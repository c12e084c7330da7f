"""What people would rather see than read asserts of: notebook, script and finished page of the thin post.

They are committed in `golden/`; `make golden` writes them anew, and the diff is what a reviewer looks at.
"""

import os
import re
from pathlib import Path

import pytest
from lxml import etree, html
from sites import Built

from blog_code.posts.post import read_post
from blog_code.runner.provenance import day, device_name, duration
from blog_code.runner.record import read_record

GOLDEN = Path(__file__).parent / "golden"
RUN = "docs/runs/thin-post"


def as_golden(built: Built, text: str) -> str:
    """Return a text without what differs from run to run: when, where, how long, commit, versions."""
    post = read_post(built.root / "docs" / "posts" / "thin-post.md", built.root)
    record = read_record(post)
    assert record and record.commit
    varying = {record.commit: "COMMIT", record.commit[:7]: "COMMIT", record.volatile.finished: "TIME"}
    varying |= {
        device_name(record): "DEVICE",
        record.volatile.host: "PROCESSOR",
        day(record): "DAY",
        duration(record.volatile.seconds): "DURATION",
    }
    varying |= {version: f"VERSION-OF-{name}" for name, version in record.versions.items()}
    for said in sorted(varying, key=len, reverse=True):
        text = text.replace(said, varying[said])
    return text


def page_of(built: Built) -> str:
    """Return the article of the finished page, an element a line; of a chart its frame alone."""
    page = html.fromstring(built.text("posts/thin-post/"))
    for chart in page.xpath("//*[local-name()='svg']"):
        chart[:] = []
    [article] = page.xpath("//article")
    etree.indent(article)
    return html.tostring(article, encoding="unicode") + "\n"


@pytest.mark.parametrize("name", ["thin-post.ipynb", "thin-post.py", "thin-post.html"])
def test_what_is_made_is_what_was_seen(thin: Built, name: str) -> None:
    """No byte of an edition or of the finished page changes without somebody having looked at it."""
    made = page_of(thin) if name.endswith(".html") else (thin.root / RUN / name).read_text("utf-8")
    made = re.sub(r"(<svg[^>]*>).*?(<\\n?/svg>|</svg>)", r"\1\2", as_golden(thin, made), flags=re.S)
    if os.environ.get("GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(made, "utf-8")

    assert made == (GOLDEN / name).read_text("utf-8"), "look at the difference, then: make golden, and commit"
