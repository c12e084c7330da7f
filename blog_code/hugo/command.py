"""The command `blog import`, ready to be registered with typer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from blog_code.hugo.problems import Usage

if TYPE_CHECKING:
    from blog_code.hugo.importing import ImportReport


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
    from blog_code.hugo.importing import import_posts  # slow to import, and no other command needs it

    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=None)
            result = import_posts(
                source, into, mapping=mapping, dry_run=dry_run, report=report, force=force, extract=extract,
                watch=lambda done, total, path: progress.update(
                    task, completed=done, total=total, description=escape(path.name)
                ),
            )  # fmt: skip
    except Usage as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(2) from error
    print_report(result, Console())
    raise typer.Exit(result.exit_code)


def print_report(result: ImportReport, console: Console) -> None:
    """Print what an import did: refusals and notes with their places, then a table, then the redirects."""
    for post in result.posts:
        for note in post.notes:
            console.print(f"[yellow]note:[/yellow] {escape(note)}", soft_wrap=True, highlight=False)
    for left in result.left_out:
        console.print(f"[yellow]left out:[/yellow] {escape(left)}", soft_wrap=True, highlight=False)
    for post in result.refused:
        place = f"{post.source}:{post.line}"
        console.print(
            f"[red]refused:[/red] {escape(place)}: {escape(post.reason)}", soft_wrap=True, highlight=False
        )
    done = [post for post in result.posts if post.status == "converted"]
    same = [post for post in result.posts if post.status == "unchanged"]
    table = Table(title="What would be imported" if result.dry_run else "Imported")
    table.add_column("")
    table.add_column("posts", justify="right")
    table.add_row("would be written" if result.dry_run else "written", str(len(done)))
    table.add_row("unchanged", str(len(same)))
    table.add_row("refused", str(len(result.refused)))
    table.add_row("redirects", str(len(result.redirects)))
    for post in done:
        console.print(f"{escape(post.source)} → {escape(result.into)}/{escape(post.page)}", soft_wrap=True)
    console.print(table)
    for old, new in result.redirects.items():
        console.print(f"redirect {escape(old)} → {escape(new)}", soft_wrap=True, highlight=False)
    if not result.posts:
        console.print("[red]error:[/red] no post was found")
