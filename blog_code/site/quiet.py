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


def in_short(record: logging.LogRecord) -> bool:
    """Leave of a traceback in a message its first line and its last."""
    first, *rest = record.getMessage().rstrip().split("\n")
    if any(line.startswith('  File "') for line in rest):
        record.msg, record.args = f"{first} {rest[-1]}", ()
    return True


def main() -> None:
    """MkDocs' own command line, with fewer lines."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(matters)
    logging.getLogger("mkdocs.config").addFilter(in_short)
    try:
        cli(prog_name="mkdocs")
    except Exception as error:  # of any plugin or extension: the line in which it was raised says which
        place = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"mkdocs: {type(error).__name__}: {error} (in {place.filename}:{place.lineno})")


if __name__ == "__main__":
    main()
