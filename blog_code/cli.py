"""The command `blog`: import, run, check, build."""

import io
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blog_code.errors import PostError

if TYPE_CHECKING:
    from blog_code.runner.check import Verdict

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
WRONG, USAGE = 1, 2
Posts = Annotated[list[str] | None, typer.Argument(help="Names of posts; all of them where none is given.")]


def root() -> Path:
    """The root of the repository: the nearest folder upwards that holds mkdocs.yml and docs/posts."""
    for folder in [here := Path.cwd(), *here.parents]:
        if (folder / "mkdocs.yml").exists() and (folder / "docs").is_dir():
            return folder
    typer.echo("blog: no mkdocs.yml here or above: go to the root of the repository", err=True)
    raise typer.Exit(USAGE)


def chosen(names: list[str] | None) -> list[Path]:
    """The paths of the posts that were named, or of all."""
    from blog_code.posts.post import post_paths

    paths = {path.stem: path for path in post_paths(root())}
    for name in names or []:
        if Path(name).stem not in paths:
            typer.echo(f"blog: no post {name}; there are: {', '.join(paths) or 'none'}", err=True)
            raise typer.Exit(USAGE)
    return [paths[Path(name).stem] for name in names] if names else list(paths.values())


def say_version(asked: bool) -> None:
    """Say which version this is, and end."""
    if asked:
        import importlib.metadata

        typer.echo(f"blog-code {importlib.metadata.version('blog-code')}")
        raise typer.Exit


@app.callback()
def blog(
    version: Annotated[
        bool, typer.Option("--version", callback=say_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Posts whose code runs, whose outputs are from that run, and whose page says so."""


@app.command("import")
def import_(
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

    Nothing is written for a post that cannot be shown as Hugo showed it: it is refused with file, line and
    reason. What Markdown pages are in, the mkdocs.yml beside their folder says, or else that of this site.
    Exit code 1 says that any post was refused, 2 that the request makes no sense.
    """
    from blog_code.hugo.console import import_aloud
    from blog_code.repository import read_extensions

    beside = into.resolve().parent
    extensions = read_extensions(beside if (beside / "mkdocs.yml").exists() else root())
    code = import_aloud(
        source,
        into,
        extensions=extensions,
        mapping=mapping,
        dry_run=dry_run,
        report=report,
        force=force,
        extract=extract,
    )
    raise typer.Exit(code)


@app.command()
def run(
    posts: Posts = None,
    quick: Annotated[bool, typer.Option("--quick", help="The quick profile, into .blog/quick/.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Execute fresh posts too.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Execute aside, compare, replace nothing.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="COMMIT", help="Verify only what differs from a commit.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what the runs change: an HTML page.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Posts that run at the same time.")] = 1,
    cell_timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds that a cell may take, whatever its post says.")
    ] = None,
    post_timeout: Annotated[
        int | None, typer.Option(min=1, help="Seconds that a post may take, whatever it says.")
    ] = None,
) -> None:
    """Execute the posts that are stale, and replace their accepted runs."""
    from blog_code.runner.jobs import run_posts

    paths = chosen(posts)
    if verify and (quick or force):
        typer.echo("blog: --verify replaces nothing, so it goes with neither --quick nor --force", err=True)
        raise typer.Exit(USAGE)
    if report and quick:
        typer.echo("blog: a quick run is compared with nothing, so --report goes without --quick", err=True)
        raise typer.Exit(USAGE)
    if since is not None:
        from blog_code.runner.verify import touched_posts

        if not verify:
            typer.echo("blog: --since goes with --verify", err=True)
            raise typer.Exit(USAGE)
        touched = touched_posts(root(), since)
        paths = [path for path in paths if path in touched]
        if not paths:
            typer.echo(f"no run, and nothing that one depends on, differs from {since}")
    done = run_posts(
        paths,
        root(),
        quick=quick,
        force=force,
        verify=verify,
        report=report,
        jobs=jobs,
        cell_timeout=cell_timeout,
        post_timeout=post_timeout,
    )
    if not done:
        raise typer.Exit(WRONG)


@app.command()
def check(
    posts: Posts = None,
    release: Annotated[bool, typer.Option("--release", help="Fail for posts that are due, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say of every post whether it is fresh, due or stale, and lint it; executes nothing."""
    from blog_code.repository import Repository
    from blog_code.runner import check as checks

    verdicts = Repository(root()).check(chosen(posts))
    typer.echo(checks.as_json(verdicts) if as_json else "\n".join(map(str, verdicts)))
    if any(verdict.wrong(release) for verdict in verdicts):
        raise typer.Exit(WRONG)


@app.command()
def build(
    release: Annotated[
        bool, typer.Option("--release", help="Make editions anew where the prose is newer, then build.")
    ] = False,
    held: Annotated[
        Path | None, typer.Option(help="Posts as of an earlier commit: a JSON of what readers are told.")
    ] = None,
) -> None:
    """Build the site beside site/, and swap it in when it is whole; a post that is stale is refused.

    A post that is due, or would only be drawn otherwise today, goes out with a line that says so.
    """
    from blog_code.repository import Repository
    from blog_code.site.build import build_site

    if release:
        from blog_code.runner.jobs import refresh_posts

        refresh_posts(root())
    repository = Repository(root())
    if held:
        repository.held = json.loads(held.read_text("utf-8"))
    refuse_wrong([v for v in repository.check() if not (release and repository.publishable(v))])
    say_where(build_site(repository))


def say_where(folder: Path) -> None:
    """Say where the site is and how to look at it; from the disk itself, browsers load no modules."""
    here = Path.cwd()
    name = str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
    typer.echo(f"The site is in {name}{os.sep}. To look at it, open http://localhost:8000/ after:")
    typer.echo(f"    python3 -m http.server --bind localhost --directory {shlex.quote(name)}")


def refuse_wrong(verdicts: list["Verdict"]) -> None:
    """End where any verdict is wrong, with what it says, and leave site/ as it was."""
    if wrong := [verdict for verdict in verdicts if verdict.wrong(release=False)]:
        typer.echo("\n".join(map(str, wrong)), err=True)
        typer.echo("blog: site/ is as it was: page, code and output must agree", err=True)
        raise typer.Exit(WRONG)


@app.command()
def site() -> None:
    """Check, run what is stale, build: everything from a checkout to pages, with the seconds of each step."""
    from blog_code.repository import Repository
    from blog_code.runner.jobs import run_posts
    from blog_code.site.build import build_site

    steps: list[tuple[str, float]] = []
    clock = time.monotonic()

    def step(name: str) -> None:
        nonlocal clock
        steps.append((name, time.monotonic() - clock))
        clock = time.monotonic()

    good = run_posts(chosen(None), root())
    step("run")
    repository = Repository(root())
    verdicts = repository.check()
    typer.echo("\n".join(map(str, verdicts)))
    step("check")
    refuse_wrong(verdicts)
    address = build_site(repository)
    step("build")
    typer.echo("\n".join(f"{name:<6} {seconds:6.1f} s" for name, seconds in steps))
    say_where(address)
    if not good:
        raise typer.Exit(WRONG)


def _interrupt(*_: object) -> None:
    """A polite request to end is answered as Ctrl-C is: nothing that we started stays behind."""
    raise KeyboardInterrupt


def main() -> None:
    """Entry point: errors of posts end in their findings, never in a traceback of ours."""
    if sys.platform == "win32":
        print(
            "blog: on Windows this runs in WSL only: wsl --install, and give the command there",
            file=sys.stderr,
        )
        sys.exit(USAGE)
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character gets its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except PostError as error:
        typer.echo(str(error), err=True)
        sys.exit(WRONG)
