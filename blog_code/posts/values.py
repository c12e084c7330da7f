"""The named numbers of a run, as the prose quotes them: {{ package.name }}."""

import math
import re

from blog_code.errors import PostError
from blog_code.posts.front_matter import Declared
from blog_code.posts.post import Post

EXPRESSION = re.compile(r"\{\{\s*(.*?)\s*\}\}")


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
