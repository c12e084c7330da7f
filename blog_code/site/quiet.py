"""Run as a script, never imported: MkDocs, without what it says of every build in which nothing is wrong.

Its own `--quiet` keeps the warnings to itself as well.
"""

import logging

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
    cli(prog_name="mkdocs")


if __name__ == "__main__":
    main()
