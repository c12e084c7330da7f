"""The named numbers of a run: as the record keeps them, and as the prose quotes them."""

import math
from typing import Any

from blog_code.errors import PostError
from blog_code.posts.post import Post


def all_values(record: dict[str, Any]) -> dict[str, Any]:
    """Every value of a run, the timings among them."""
    return {**record["values"], **record["volatile"]["timings"]}


def shown_values(post: Post, record: dict[str, Any]) -> dict[str, str]:
    """The declared values as the prose quotes them, in the format that the front matter asks for."""
    shown = {}
    for name, value in all_values(record).items():
        spec = str(post.values.get(name, {}).get("format", ""))
        try:
            shown[name] = format_value(value, spec)
        except ValueError:
            message = f"value {name} is {value}, which the format {spec} cannot show"
            fix = f"fix the format, then: blog run {post.slug}"
            raise PostError(post.finding(post.line_of(f"{name}:"), message, fix)) from None
    return shown


def format_value(value: float, spec: str) -> str:
    """Format a number for prose, with a true minus sign; booleans become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, spec or ("," if isinstance(value, int) else "g")).replace("-", "−")


def within(value: float, declared: dict[str, Any]) -> bool:
    """True where a value is as declared; a value that is no number never is, a timing may expect nothing."""
    if not math.isfinite(value):
        return False
    return "is" not in declared or abs(value - declared["is"]) <= declared.get("within", 0)
