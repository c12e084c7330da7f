"""Run as a script, never imported: MkDocs, without what it says of every build in which nothing is wrong.

Its own `--quiet` keeps the warnings to itself as well.
"""

import logging
import sys
import traceback

from mkdocs.__main__ import cli

TALKATIVE = (
    "mkdocs.commands.build",
    "mkdocs.plugins.mkdocs_macros.util",
)


def matters(record: logging.LogRecord) -> bool:
    """A warning, or what the macros plugin calls one while it logs it as information."""
    return record.levelno >= logging.WARNING or "WARNING" in record.getMessage()


def main() -> None:
    """MkDocs' own command line, with fewer lines."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(matters)
    try:
        cli(prog_name="mkdocs")
    except Exception as error:  # of any plugin or extension: the line in which it was raised says which
        place = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"mkdocs: {type(error).__name__}: {error} (in {place.filename}:{place.lineno})")


if __name__ == "__main__":
    main()
