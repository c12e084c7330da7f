"""Imports posts: converts them all first, refuses what cannot be right, and writes the rest in one step."""

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from blog_code.errors import Finding, PostError
from blog_code.hugo import extract as extraction
from blog_code.hugo.addresses import Addresses, Resolver, page_target
from blog_code.hugo.convert import Conversion, Workshop
from blog_code.hugo.dialect import Dialect, Maths
from blog_code.hugo.embeds import read_mapping
from blog_code.hugo.hugo_site import HugoPost, HugoSite, open_site
from blog_code.hugo.links import Target
from blog_code.hugo.page_header import page_header, strings, wants_maths
from blog_code.hugo.page_renderer import Extensions, PageRenderer
from blog_code.hugo.problems import Usage, refusal

# What was written last, by file; an import replaces only what still is what it wrote.
LEDGER = "posts/.imported.json"


@dataclass
class PostReport:
    """What became of one post."""

    source: str
    status: str = "converted"
    page: str = ""
    line: int = 0
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass
class ImportReport:
    """What an import did, or would do."""

    into: str
    dry_run: bool
    posts: list[PostReport] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> list[PostReport]:
        """The posts that were not imported."""
        return [post for post in self.posts if post.status == "refused"]

    @property
    def exit_code(self) -> int:
        """0 where all came in, 1 where any was refused or nothing was found."""
        return 1 if self.refused or not self.posts else 0

    def as_json(self) -> str:
        """Return the report for other programs."""
        return json.dumps(asdict(self) | {"refused": len(self.refused)}, ensure_ascii=False, indent=2) + "\n"


@dataclass
class _Ready:
    """A post that was converted, with all that is to be written for it."""

    report: PostReport
    files: dict[str, bytes | Path]
    code: dict[str, bytes] = field(default_factory=dict)


Watch = Callable[[int, int, Path], None]


def import_posts(
    source: Path,
    into: Path,
    *,
    extensions: Extensions,
    mapping: Path | None = None,
    dry_run: bool = False,
    report: Path | None = None,
    force: bool = False,
    extract: bool = False,
    watch: Watch | None = None,
) -> ImportReport:
    """Bring a Hugo post, bundle or site into the folder of a site's pages, which has these extensions."""
    site = open_site(source)
    workshop = Workshop(
        PageRenderer(extensions),
        dialect=site.config.dialect(alone=site.root is None),
        mapping=read_mapping(mapping),
        params=site.config.params,
    )
    result = ImportReport(str(into), dry_run, left_out=site.left_out)
    result.posts += map(_refused, site.findings)
    slugs, clashes = _slugs(site, into)
    result.posts += clashes
    refused = {post.source for post in result.posts}
    addresses = Addresses(site, into, slugs)
    ready: list[_Ready] = []
    ledger = _read_ledger(into)
    wanted = [post for post in site.posts if str(post.path) not in refused]
    for number, post in enumerate(wanted, start=1):
        if watch:
            watch(number, len(wanted), post.path)
        try:
            one = _convert(post, site, addresses, workshop, extract=extract)
            _refuse_edited(one, into, ledger, force)
            ready.append(one)
            result.posts.append(one.report)
        except PostError as error:
            result.posts.append(_refused(_of(post, error)))
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            reason = f"{type(error).__name__}: {error}; this is a fault of the importer, please report it"
            result.posts.append(_refused(Finding(str(post.path), 1, reason)))
    _redirects(ready, result, site, addresses, into)
    result.posts.sort(key=lambda entry: entry.source)
    if not dry_run:
        _write(ready, into, ledger)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(result.as_json(), "utf-8")
    return result


def _of(post: HugoPost, error: PostError) -> Finding:
    """Return what an error says, with the path of the post that it was raised for."""
    return replace(error.findings[0], path=str(post.path))


def _refused(finding: Finding) -> PostReport:
    return PostReport(finding.path, "refused", line=finding.line, reason=finding.message)


def _slugs(site: HugoSite, into: Path) -> tuple[dict[Path, str], list[PostReport]]:
    """Give each post its place, and refuse those that would stand in the same one."""
    by_slug: dict[str, list[HugoPost]] = defaultdict(list)
    reports: list[PostReport] = []
    for post in list(site.posts):
        try:
            if str(post.header.get("headless")).lower() == "true":
                site.left_out.append(f"{post.path}: headless, so Hugo makes no page of it")
                site.posts.remove(post)
                continue
            by_slug[post.slug].append(post)
        except PostError as error:
            reports.append(_refused(_of(post, error)))
    slugs: dict[Path, str] = {}
    for slug, posts in by_slug.items():
        if not slug:
            reason = "no name for its address; add `slug:`"
            reports += [_refused(Finding(str(post.path), 1, reason)) for post in posts]
        elif len(posts) > 1:
            for post in posts:
                others = ", ".join(str(other.path) for other in posts if other is not post)
                reason = (
                    f"its address posts/{slug}/ is also that of {others}; give one of them another `slug:`"
                )
                reports.append(_refused(Finding(str(post.path), 1, reason)))
        else:
            slugs[posts[0].path] = slug
    for post in site.pages:
        if post.path not in slugs and post not in site.posts:
            try:
                if (into / page_target(post.slug).file).is_file():
                    slugs[post.path] = post.slug
            except PostError:
                continue
    return slugs, reports


def _convert(
    post: HugoPost, site: HugoSite, addresses: Addresses, workshop: Workshop, *, extract: bool
) -> _Ready:
    slug = addresses.slugs[post.path]
    here = page_target(slug)
    header = page_header(post.source.header, slug, site.config.time_zone, dt.datetime.now(dt.UTC))
    resolver = addresses.of(post)
    conversion = Conversion(
        workshop,
        _dialect_of(post, site, workshop.dialect),
        here,
        resolver,
        resolver.reference,
        {**workshop.params, **(post.header.get("params") or {}), **post.source.header},
    )
    text = conversion.page(post.source.body, post.source.body_line)
    if header.cover:
        _cover(header.values, header.cover, resolver)
    report = PostReport(str(post.path), page=here.file)
    report.notes = [f"{post.path}: {note}" for note in header.notes + resolver.notes]
    report.notes += [f"{post.path}:{note}" for note in dict.fromkeys(conversion.notes)]
    ready = _Ready(report, {})
    if extract:
        text, ready.code = extraction.extract(text, slug)
    if not ready.code and (extraction.has_python(text) or extraction.has_nested_fence(text)):
        header.values["executed"] = False  # the page then says so, and `blog check` lets the code stand
    if not ready.code and extraction.has_python(text):
        report.notes.append(f"{post.path}: its Python is shown, not run; --extract moves it into blog_code")
    page = f"{header.text()}\n{text.rstrip()}\n"
    ready.files[here.file] = page.encode()
    for resource in post.resources:
        name = resource.relative_to(post.path.parent).as_posix()
        ready.files[f"posts/{slug}/{name}"] = resource
    ready.files.update(resolver.files)
    report.files = [*ready.files, *(f"blog_code/{name}" for name in ready.code)]
    return ready


def _dialect_of(post: HugoPost, site: HugoSite, dialect: Dialect) -> Dialect:
    switched = wants_maths(post.source.header)
    if switched is None:
        switched = wants_maths(site.config.params) or None
    if switched is None:
        return dialect
    return replace(dialect, maths=Maths.ON if switched else Maths.OFF)


def _cover(values: dict[str, Any], cover: tuple[str, str], resolver: Resolver) -> None:
    found = resolver(cover[0], True)
    values["image"] = found.address if isinstance(found, Target) else found or cover[0]


# Addresses that were ------------------------------------------------------------------------------


def _redirects(
    ready: list[_Ready], result: ImportReport, site: HugoSite, addresses: Addresses, into: Path
) -> None:
    """Write a page in the place of each old address that leads to the new one."""
    by_source = {str(post.path): post for post in site.posts}
    new = {f"/{page_target(slug).address}" for slug in addresses.slugs.values()}
    for one in ready:
        post = by_source[one.report.source]
        there = page_target(addresses.slugs[post.path]).address
        for old in _old_addresses(post, site):
            if old == f"/{there}":
                continue
            file = (
                old.lstrip("/")
                if old.endswith((".html", ".htm"))
                else f"{old.strip('/')}/index.html".lstrip("/")
            )
            page = f"{old.strip('/')}.md"
            taken = (
                old in new
                or old == "/"
                or (into / page).is_file()
                or (into / old.strip("/") / "index.md").is_file()
            )
            if taken or result.redirects.get(old, f"/{there}") != f"/{there}":
                one.report.notes.append(
                    f"{post.path}: the old address {old} is another page's; no redirect is written"
                )
                continue
            result.redirects[old] = f"/{there}"
            one.report.redirects.append(old)
            one.files[file] = _redirect_page(file, there).encode()
            one.report.files.append(file)


def _old_addresses(post: HugoPost, site: HugoSite) -> list[str]:
    found = [site.address(post)] if site.root or post.header.get("url") else []
    for alias in strings(post.header.get("aliases")):
        if not alias.startswith("/"):
            folder = site.address(post).rstrip("/").rpartition("/")[0] if site.root else ""
            alias = f"{folder}/{alias}"
        path = "/" + alias.split("#")[0].strip("/")
        found.append(path if path.endswith((".html", ".htm")) else path.rstrip("/") + "/")
    return list(dict.fromkeys(address for address in found if ".." not in PurePosixPath(address).parts))


def _redirect_page(file: str, there: str) -> str:
    up = "../" * file.count("/")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>This page has moved</title>\n'
        f'<link rel="canonical" href="{up}{there}">\n<meta name="robots" content="noindex">\n'
        f'<meta http-equiv="refresh" content="0; url={up}{there}">\n'
        f'<p>This page has moved: <a href="{up}{there}">read it in its new place</a>.</p>\n</html>\n'
    )


# Writing ------------------------------------------------------------------------------------------


def _read_ledger(into: Path) -> dict[str, str]:
    path = into / LEDGER
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise Usage(f"{path}: cannot be read ({error}); remove it and import with --force") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _content(value: bytes | Path) -> bytes:
    return value if isinstance(value, bytes) else value.read_bytes()


def _refuse_edited(one: _Ready, into: Path, ledger: dict[str, str], force: bool) -> None:
    """Refuse a post whose files were edited here since their import, or say whether any would change."""
    changes = False
    for name, path, value in _places(one, into):
        if not path.is_file():
            changes = True
            continue
        found = path.read_bytes()
        if found == _content(value):
            continue
        changes = True
        if _digest(found) != ledger.get(name) and not force:
            raise refusal(f"{path} was edited since, or is not from an import; --force replaces it")
    one.report.status = "converted" if changes else "unchanged"


def _places(one: _Ready, into: Path) -> list[tuple[str, Path, bytes | Path]]:
    code = into.resolve().parent / "blog_code"
    return [(name, into / name, value) for name, value in one.files.items()] + [
        (f"blog_code/{name}", code / name, value) for name, value in one.code.items()
    ]


def _write(ready: list[_Ready], into: Path, ledger: dict[str, str]) -> None:
    """Stage every file beside its place, then move all of them.

    A failure before the moves leaves nothing behind.
    """
    into.mkdir(parents=True, exist_ok=True)
    moves: list[tuple[Path, Path]] = []
    before = dict(ledger)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=into) as folder:
        for one in ready:
            for name, path, value in _places(one, into):
                content = _content(value)
                ledger[name] = _digest(content)
                if path.is_file() and path.read_bytes() == content:
                    continue
                staged = Path(folder) / str(len(moves))
                staged.write_bytes(content)
                if isinstance(value, Path):
                    shutil.copymode(value, staged)
                moves.append((staged, path))
        if ledger != before:
            staged = Path(folder) / "ledger"
            staged.write_text(
                json.dumps(dict(sorted(ledger.items())), ensure_ascii=False, indent=2) + "\n", "utf-8"
            )
            moves.append((staged, into / LEDGER))
        for staged, path in moves:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, path)
