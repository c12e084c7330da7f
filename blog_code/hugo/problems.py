"""What stops an import: a post that cannot come in, and a request that makes no sense."""

from blog_code.errors import Finding, PostError


def refusal(reason: str, line: int = 1) -> PostError:
    """Return the error that a post cannot be imported with; `import_posts` knows whose path it lacks."""
    return PostError(Finding("", line, reason))


class Usage(Exception):
    """A request that makes no sense, such as a path that is not there."""
