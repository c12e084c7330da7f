"""A Jinja extension: of all that a page holds, only `{{= post.value }}` is an expression; the rest is text.

It adds nothing: without it, a page in which `blog check` finds no fault reads the same.
"""

from jinja2.ext import Extension

from blog_code.posts.values import EXPRESSION, MARK


class Inert(Extension):
    """Leaves values, and nothing else, for the template engine to read."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return a page in which any other `{{=` is a text in quotes, and no mark of a block is left."""
        text = source.replace(MARK, "")
        return EXPRESSION.sub(lambda found: found[0] if found[1] else '{{= "{{=" }}', text)
