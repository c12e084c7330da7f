"""An import at a terminal: a bar while it goes on, then a report for people."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from blog_code.hugo.importing import ImportReport, import_posts
from blog_code.hugo.problems import Usage


def import_aloud(source: Path, into: Path, **options: Any) -> int:
    """Import with the options of `import_posts`, say what happened, and return the exit code."""
    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=None)

            def watch(done: int, total: int, path: Path) -> None:
                progress.update(task, completed=done, total=total, description=escape(path.name))

            result = import_posts(source, into, watch=watch, **options)
    except Usage as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        return 2
    print_report(result, Console())
    return result.exit_code


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
