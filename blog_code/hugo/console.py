"""An import at a terminal: a bar while it goes on, then what happened by kinds, and what to do next."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from blog_code.hugo.importing import Options, PageReport, Report, import_posts
from blog_code.hugo.problems import Usage

SHOWN = 5  # pages of a kind that are named; the others stand in the report


def import_aloud(source: Path, into: Path, options: Options, report: Path | None) -> int:
    """Import, say what happened, and return the exit code."""
    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Hugo reads the site", total=None)

            def watch(done: int, total: int, name: str) -> None:
                progress.update(task, completed=done, total=total, description=escape(name[-60:]))

            options.watch = watch
            result = import_posts(source, into, options)
    except (Usage, OSError) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        console.print(f"[red]blog:[/red] {escape(_plain(said))}", soft_wrap=True, highlight=False)
        return 2
    if report is None and not options.dry_run:
        report = into.resolve().parent / ".blog" / "import.json"
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(result.as_json(), "utf-8", errors="replace")
    print_report(result, Console(), report)
    return result.exit_code


def print_report(result: Report, console: Console, report: Path | None) -> None:
    """Print counts by kind: refusals with their places first, then notes, then how much came in."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    for note in result.notes:
        say(f"[yellow]note:[/yellow] {escape(_plain(note))}")
    kinds: dict[str, list[PageReport]] = {}
    for page in result.refused:
        kinds.setdefault(page.kind, []).append(page)
    for kind, pages in sorted(kinds.items(), key=lambda item: -len(item[1])):
        say(f"[red]refused, {escape(kind)}:[/red] {_pages(len(pages))}")
        for page in pages[:SHOWN]:
            say(f"  {escape(_plain(f'{page.source}:{page.line}: {page.reason}'))}")
        if len(pages) > SHOWN:
            say(f"  and {len(pages) - SHOWN} more, in the report")
    _say_notes(result, say)
    statuses = Counter(page.status for page in result.pages)
    verb = "would be written" if result.dry_run else "written"
    came = f"{statuses['written']} {verb}, {statuses['unchanged']} unchanged, {statuses['refused']} refused"
    rest = f"{len(result.redirects)} old addresses lead on; {len(result.removed)} files removed"
    say(f"{_pages(len(result.pages))}: {came}; {rest}")
    if not result.pages:
        say("[red]blog:[/red] no page was found")
    if report:
        say(f"details: {escape(str(report))}")
    if statuses["written"] and not result.dry_run:
        say("next: blog check, then blog build")


def _say_notes(result: Report, say: Callable[[str], None]) -> None:
    notes: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    for page in result.pages:
        for kind, instances in page.notes.items():
            notes[kind] += len(instances)
            pages[kind] += 1
    for kind, number in notes.most_common():
        say(f"[yellow]note:[/yellow] {escape(_plain(kind))}: {number} on {_pages(pages[kind])}")
    different = [page for page in result.pages if page.difference]
    if different:
        say(f"[yellow]note:[/yellow] not wholly what Hugo shows: {_pages(len(different))}; look at them:")
        for page in different[:SHOWN]:
            say(f"  {escape(_plain(page.page))}")


def _pages(number: int) -> str:
    return "1 page" if number == 1 else f"{number} pages"


def _plain(text: str) -> str:
    """Return text without what a terminal would act on."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
