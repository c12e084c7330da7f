"""The page that says of every post when it ran and whether page, code and outputs still agree."""

import html as escape
from collections.abc import Iterator

from blog_code.posts.post import Post
from blog_code.runner.provenance import day, device_name, duration, in_words, versions
from blog_code.runner.record import Record
from blog_code.site.page import Page, element

COLUMNS = ("Post", "State", "Ran on", "Time", "On", "With")


def write_status(page: Page) -> None:
    """Fill in the table on the page that has a place for it."""
    for place in page.classed("status-table"):
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        rows = "".join(f"<tr>{row}</tr>" for row in status_rows(page))
        place[:] = [element(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")]
        if (due := page.site.repository.next_day()) is not None:
            place.append(element(f"<p>The next post is scheduled for {in_words(due)}.</p>"))


def status_rows(page: Page) -> Iterator[str]:
    """The cells of a row a post."""
    for place, (post, record) in page.site.posts.items():
        verdict = page.site.repository.verdict(post.path)
        link = f'<a href="{page.up}{place}">{escape.escape(post.meta.title)}</a>'
        held = page.site.repository.held.get(post.slug)
        reasons = [*verdict.reasons, *([f"as of commit {held[:7]}"] if held else [])]
        said = "".join(f"<br><small>{escape.escape(reason)}</small>" for reason in reasons)
        state = f'<span class="state state-{verdict.status}">{verdict.status}</span>{said}'
        facts = run_facts(post, record)
        yield "".join(f"<td>{cell}</td>" for cell in (link, state, *map(escape.escape, facts)))


def run_facts(post: Post, record: Record | None) -> tuple[str, str, str, str]:
    """Name device, seconds, day and versions of an accepted run."""
    if record is None:
        return ("—", "—", "—", "—")
    said = device_name(record), duration(record.volatile.seconds), day(record)
    return (*said, ", ".join(versions(post, record)))
