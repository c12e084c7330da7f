"""The named numbers of a run, as the prose quotes them: {{= package.name }}."""

import math
import re
from collections.abc import Iterator

from blog_code.errors import PostError
from blog_code.posts.front_matter import Declared
from blog_code.posts.post import Post

EXPRESSION = re.compile(r"\{\{=(?: ([^\W\d]\w*\.[^\W\d]\w*) \}\})?")  # group 1 where it is a value
ATTEMPT = re.compile(r"\{\{=[-+\s]*[\w(\[\"'](?:[^{}]*\}\})?")  # what looks like one
MARK = "\ufdd0"  # begins blocks and comments of Jinja in mkdocs.yml; Unicode keeps it out of all text


def quoted(text: str, first_line: int = 1) -> Iterator[tuple[int, str, str]]:
    """Yield the line of each value that a text quotes, its name, and its package; no name for a slip."""
    for found in ATTEMPT.finditer(text):
        value = EXPRESSION.fullmatch(found[0])
        package, _, name = (value[1] or "" if value else "").partition(".")
        yield first_line + text.count("\n", 0, found.start()), name, package or found[0]


def shown_values(post: Post, values: dict[str, float]) -> dict[str, str]:
    """Return values as the prose quotes them, each in the format that the front matter asks for."""
    shown = {}
    for name, value in values.items():
        spec = post.meta.values[name].format if name in post.meta.values else ""
        try:
            shown[name] = format_value(value, spec)
        except ValueError:
            message = f"value {name} is {value}, which the format {spec} cannot show"
            fix = f"fix the format, then: blog run {post.slug}"
            raise PostError(post.finding(post.line_of("values", name), message, fix)) from None
    return shown


def format_value(value: float, spec: str) -> str:
    """Format a number for prose, with a true minus sign; booleans become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, spec or ("," if isinstance(value, int) else "g")).replace("-", "−")


def within(value: float, declared: Declared) -> bool:
    """Say whether a value is as declared; one that is no number never is, a timing may expect nothing."""
    if not math.isfinite(value):
        return False
    return declared.expected is None or abs(value - declared.expected) <= declared.within
