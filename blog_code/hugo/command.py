"""The command `blog import`, ready to be registered with typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_command(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="A Hugo post, a page bundle or a whole Hugo site.")
    ],
    into: Annotated[Path, typer.Option(help="The folder of this site's pages.")] = Path("docs"),
    mapping: Annotated[
        Path | None, typer.Option(help="What a theme's shortcodes become: a TOML file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write what happened to this JSON file too.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace pages that were edited since.")] = False,
    extract: Annotated[
        bool, typer.Option("--extract", help="Move Python blocks into blog_code, a region for each.")
    ] = False,
) -> None:
    """Bring a Hugo post, bundle or site in as pages of this site.

    Nothing is written for a post that cannot be shown as Hugo showed it: it is refused with file, line
    and reason.
    Exit code 1 says that any post was refused, 2 that the request makes no sense.
    """
    from blog_code.hugo.console import import_aloud  # slow to import, and no other command needs it

    raise typer.Exit(import_aloud(source, into, mapping, dry_run, report, force, extract))
