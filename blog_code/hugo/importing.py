"""Import posts: copy the site, ask Hugo, judge every page, look at all that results, place it in one step."""

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from blog_code.hugo import blocks
from blog_code.hugo.addresses import Place, collect, name_pages
from blog_code.hugo.extract import extract, has_code
from blog_code.hugo.header import Words, cover_file, write_header
from blog_code.hugo.hugo import Hugo
from blog_code.hugo.judge import Extensions
from blog_code.hugo.pages import Page, SiteFacts
from blog_code.hugo.place import Files, Ledger, place
from blog_code.hugo.problems import Refused, Usage
from blog_code.hugo.redirects import old_addresses, redirect_file, redirect_page
from blog_code.hugo.scratch import Scratch
from blog_code.hugo.source import PAGES, open_source
from blog_code.hugo.workers import Answer, Shared, judge_pages

type Undated = Literal["page", "git", "refuse"]
type Watch = Callable[[int, int, str], None]


@dataclass
class PageReport:
    """What became of one page."""

    source: str
    status: str = "written"  # or unchanged, refused
    page: str = ""
    line: int = 0
    kind: str = ""  # of a refusal
    reason: str = ""
    notes: dict[str, list[str]] = field(default_factory=dict)
    difference: tuple[str, str] | None = None
    levels: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What an import did, or would do."""

    into: str
    dry_run: bool
    pages: list[PageReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # on the site as a whole
    removed: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> list[PageReport]:
        """The pages that did not come in."""
        return [page for page in self.pages if page.status == "refused"]

    @property
    def exit_code(self) -> int:
        """0 where all came in, 1 where any was refused or nothing was found."""
        return 1 if self.refused or not self.pages else 0

    def as_json(self) -> str:
        """Return the report for other programs."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


@dataclass
class Options:
    """What the caller wants of an import."""

    extensions: Extensions  # of Markdown, as mkdocs.yml has them
    problem_of: Callable[[str], str]  # what is wrong with a formula, or nothing
    picture_problem: Callable[[Path], str]  # what is wrong with a picture, or nothing
    dry_run: bool = False
    force: bool = False
    extract: bool = False
    undated: Undated = "page"
    language: str = ""
    jobs: int = 0
    reserved: frozenset[str] = frozenset()  # names that no package of a post can have
    watch: Watch = lambda done, total, name: None


def import_posts(source: Path, into: Path, options: Options) -> Report:
    """Bring a Hugo post, bundle or site into the folder of a site's pages."""
    found = open_source(source, into)
    ledger = Ledger.read(into)
    with tempfile.TemporaryDirectory(prefix="blog-import-") as folder:
        scratch = Scratch(found, Path(folder).resolve() / "site", options.picture_problem)
        hugo = scratch.prepare()
        pages, sites = hugo.pages()
        return _Import(scratch, hugo, into, options, ledger, pages, sites).run()


@dataclass
class _Import:
    """Holds an import while it goes on."""

    scratch: Scratch
    hugo: Hugo
    into: Path
    options: Options
    ledger: Ledger
    pages: list[Page]
    sites: list[SiteFacts]

    def run(self) -> Report:
        """Judge the pages, look at everything, then write."""
        self.report = Report(str(self.into), self.options.dry_run)
        self.site = self._language()
        self.name = (
            self.site.base.rstrip("/") if self.scratch.source.is_site else str(self.scratch.source.only)
        )
        self._put_away()
        coming = [page for page in self.pages if self._comes_in(page)]
        name_pages(coming)
        chosen = [page for page in coming if self._is_chosen(page)]
        if self.scratch.source.only:  # of a site, the others stand only where an earlier import put them
            for page in coming:
                page.doc = page.doc if self._is_chosen(page) or (self.into / page.doc).is_file() else ""
        self._mark(chosen)
        self.addresses = collect(self.pages, chosen, self.site, self.scratch, self._standing())
        self.ready: list[Files] = []
        self.words = Words(self.into)
        shared = Shared(self.addresses, self.options.extensions, self.site.params, self.options.problem_of)
        answers = []
        for number, answer in enumerate(judge_pages(chosen, shared, self.options.jobs), 1):
            self.options.watch(number, len(chosen), answer.page.file)
            answers.append(answer)
        for answer in sorted(answers, key=lambda answer: answer.page.file):
            self._take(answer)
        self._write_all(chosen)
        return self.report

    def _language(self) -> SiteFacts:
        names = [site.lang for site in self.sites]
        wanted = self.options.language or self.scratch.language
        if self.options.language and wanted not in names:
            raise Usage(f"this site has no language {wanted!r}; it has: {', '.join(names)}")
        site = next((site for site in self.sites if site.lang == wanted), self.sites[0])
        others = [name for name in names if name != site.lang]
        if others:
            self.report.notes.append(
                f"pages in {site.lang!r} come in; for others: --language {' or '.join(others)}"
            )
        if self.hugo.warning:
            self.report.notes.append(self.hugo.warning)
        for theme in self.hugo.absent:
            self.report.notes.append(f"theme {theme} is not there: {self.fetch}")
        for name, reason in self.hugo.broken.items():
            self.report.notes.append(f"template {name} cannot be read by this Hugo: {reason}")
        return site

    @property
    def fetch(self) -> str:
        """The command that fetches the themes of a site."""
        root = self.scratch.source.root
        if (root / "go.mod").is_file():
            return f"cd {root} && hugo mod vendor"
        return f"cd {root} && git submodule update --init"

    def _put_away(self) -> None:
        """Report the files that Hugo never saw, or that stopped it."""
        for name, refused in self.scratch.refused.items():
            self._refuse(self._shown(name), refused)
        for name, words in self.hugo.dropped.items():
            line = re.search(rf"{re.escape(PurePosixPath(name).name)}:(\d+)", words)
            self._refuse(
                self._shown(name), Refused("Hugo cannot read it", words, int(line[1]) if line else 1)
            )

    def _refuse(self, source: str, refused: Refused, page: str = "") -> None:
        self.report.pages.append(
            PageReport(source, "refused", page, refused.line, refused.kind, refused.reason)
        )

    def _shown(self, file: str) -> str:
        """Return the path of a file as the caller would write it."""
        path = (
            self.scratch.origin(file)
            if file.startswith("content/") or self.scratch.source.is_site
            else Path(file)
        )
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def _comes_in(self, page: Page) -> bool:
        """Whether a page has a place here; one that could have and does not is refused."""
        if not page.file or page.lang != self.site.lang or (page.kind != "page" and not page.raw.strip()):
            return False
        if page.kind not in ("page", "section", "home"):
            return False
        if not self._is_chosen(page):
            return self._is_sound(page)
        if page.kind == "page" and not page.date and self.options.undated == "git":
            page.date = self._date_of_git(page)
        if refused := self._reason(page):
            self._refuse(self._shown(page.file), refused)
            return False
        return True

    def _is_sound(self, page: Page) -> bool:
        return self._reason(page) is None

    def _reason(self, page: Page) -> Refused | None:
        """Say why a page does not come in."""
        if PurePosixPath(page.file).suffix.lower() not in PAGES:
            return Refused(
                "no Markdown", f"{PurePosixPath(page.file).suffix} is no Markdown: convert it first"
            )
        if page.content is None:
            found = re.search(rf"{re.escape(PurePosixPath(page.file).name)}:(\d+)", page.error)
            return Refused(
                "Hugo cannot render it", self.hugo.plain(page.error), int(found[1]) if found else 1
            )
        if names := sorted(set(re.findall(r"hgmissing:([\w./-]+):", page.content))):
            name = names[0]
            line = next(
                (self._line(page, tag.start) for tag in blocks.shortcode_tags(page.raw) if tag.name == name),
                1,
            )
            way = f"layouts/_shortcodes/{name}.html"
            fix = (
                f"fetch its theme ({self.fetch}), or write {way}"
                if self.scratch.source.is_site
                else f"import its whole site, or write {way} there"
            )
            return Refused(
                "shortcode without a template", f"{', '.join(names)}: no template here: {fix}", line
            )
        if page.kind == "page" and not page.date and self.options.undated != "page":
            return Refused("no date", "has no date: add one, or import with --undated page")
        return None

    def _line(self, page: Page, position: int) -> int:
        text = (self.scratch.folder / page.file).read_text("utf-8")
        return text[: max(text.rfind(page.raw), 0) + position].count("\n") + 1

    def _date_of_git(self, page: Page) -> str:
        """Return when git first saw a file; the repository's own configuration runs nothing for it."""
        command = [
            "git",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "log.showSignature=false",
            "-c",
            "core.hooksPath=/dev/null",
        ]
        command += [
            "-C",
            str(self.scratch.source.root),
            "log",
            "--follow",
            "--no-ext-diff",
            "--no-textconv",
            "--format=%aI",
        ]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_TERMINAL_PROMPT": "0",
        }
        try:
            done = subprocess.run(
                [*command, "--", page.file],
                capture_output=True,
                text=True,
                env=environment,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return (done.stdout.split() or [""])[-1]

    def _is_chosen(self, page: Page) -> bool:
        only = self.scratch.source.only
        return not only or self.scratch.origin(page.file).resolve().is_relative_to(only)

    def _standing(self) -> frozenset[str]:
        return frozenset(f"posts/{path.name}" for path in self.into.glob("posts/*.md"))

    def _mark(self, pages: list[Page]) -> None:
        """Let Hugo render the pages again with a mark before each block."""
        for page in pages:
            path = self.scratch.folder / page.file
            text = path.read_bytes().decode("utf-8")
            at = text.rfind(page.raw) if page.raw else len(text)
            if at >= 0:
                marked = blocks.with_marks(page.raw, blocks.split(page.raw))
                path.unlink()
                path.write_bytes((text[:at] + marked).encode())
        self.scratch.write_templates("marked", self.hugo.token)
        marked_pages = {page.key: page.content or "" for page in self.hugo.pages()[0]}
        for page in pages:
            page.marked = marked_pages.get(page.key, "")

    def _take(self, answer: Answer) -> None:
        """Keep what a page becomes, or why it is refused."""
        page, shown = answer.page, self._shown(answer.page.file)
        if answer.refused or not answer.judged:
            self._refuse(shown, answer.refused or Refused("fault of the import", "no answer"), page.key)
            return
        judged = answer.judged
        self.addresses.wanted = set(answer.files)
        if page.file in self.scratch.old_markup:
            judged.notes.add("written for mmark, which Hugo has no more: read as Markdown")
        cover = cover_file(page, self.addresses)
        text = judged.text
        code: dict[str, str] = {}
        slug = page.doc.removeprefix("posts/").removesuffix(".md")
        if self.options.extract and page.is_post:
            text, code = self._extracted(text, slug, judged.notes.found)
        executed = bool(code) or not has_code(text)
        header = write_header(page, executed, cover, judged.notes, self.words)
        content: dict[str, bytes | Path] = {page.doc: f"{header}\n{text.strip()}\n".encode()}
        content |= {f"blog_code/{name}": module.encode() for name, module in code.items()}
        content |= self._copies(page)
        report = PageReport(
            shown, page=page.doc, notes=judged.notes.found, difference=judged.difference, levels=judged.levels
        )
        report.files = list(content)
        self.report.pages.append(report)
        self.ready.append(Files(page.key, content))

    def _extracted(self, text: str, slug: str, notes: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
        """Move the Python of a post into a package of its own; the names of the machinery are no post's."""
        package = slug.replace("-", "_")
        if package in self.options.reserved:
            notes.setdefault(
                "Python stays in the page: its package would have a name of this site's own", []
            ).append(package)
            return text, {}
        return extract(text, slug)

    def _copies(self, page: Page) -> dict[str, bytes | Path]:
        """Return the files that come with a page; a picture in which something could act is left out."""
        copies: dict[str, bytes | Path] = {}
        for file in sorted(self.addresses.wanted):
            if file.startswith("data:"):
                data = base64.b64decode(unquote(file).partition(",")[2], validate=False)
                self.addresses.write(Place("file", file), page)
                copies[self.addresses.names[file]] = data
            else:
                copies[self.addresses.names[file]] = self.scratch.origin(file)
        return copies

    def _write_all(self, chosen: list[Page]) -> None:
        """Look at every file that would be written, then write them together."""
        self._redirects(chosen)
        by_page = {report.page: report for report in self.report.pages if report.page}
        placed: list[Files] = []
        for files in self.ready:
            report = by_page[next(iter(files.content))]
            states = {name: self.ledger.state(name, content) for name, content in files.content.items()}
            wrong = [
                name
                for name, state in states.items()
                if state == "foreign" or (state == "edited" and not self.options.force)
            ]
            if wrong:
                is_edited = states[wrong[0]] == "edited"
                why = (
                    "was edited since its import; --force replaces it"
                    if is_edited
                    else "is there, and not from an import: rename it, or give the post another slug"
                )
                report.status, report.kind, report.reason = (
                    "refused",
                    "edited here" if is_edited else "name taken",
                    f"{self.into / wrong[0]} {why}",
                )
                continue
            if all(state == "unchanged" for state in states.values()):
                report.status = "unchanged"
            placed.append(files)
        self.report.pages.sort(key=lambda page: page.source)
        self._place(placed, chosen)

    def _place(self, placed: list[Files], chosen: list[Page]) -> None:
        kept = {name for files in placed for name in files.content}
        done = {files.page for files in placed}
        unknown = {page.key for page in self.pages if page.key not in done and page.file}
        gone = [] if self.scratch.source.only else self.ledger.gone(self.name, kept, unknown)
        for name in gone:
            path = self.ledger.path(name)
            is_edited = path.is_file() and self.ledger.state(name, b"") == "edited"
            if is_edited:
                self.report.notes.append(f"{path} is gone from the old site and was edited here: it stays")
            else:
                self.report.removed.append(name)
        if not self.options.dry_run and (placed or self.report.removed):
            self.into.mkdir(parents=True, exist_ok=True)
            place(self.ledger, self.name, placed, self.report.removed)

    def _redirects(self, chosen: list[Page]) -> None:
        """Add a page for each old address, where it is no address of anything else."""
        base = urlsplit(self.site.base).path.rstrip("/")
        by_key = {page.key: page for page in chosen}
        taken = {page.address.strip("/") for page in chosen}
        reports = {report.page: report for report in self.report.pages if report.page}
        for files in self.ready:
            page = by_key[files.page]
            report = reports[page.doc]
            addresses = old_addresses(page, base) if self.scratch.source.is_site else map(str, page.aliases)
            for address in addresses:
                if address.strip("/") == page.address.strip("/") or address == "/":
                    continue
                file = redirect_file(address, taken, self.into)
                if not file or file in self.report.redirects:
                    report.notes.setdefault("old address that cannot lead on", []).append(address)
                    continue
                self.report.redirects[file] = page.address
                report.redirects.append(address)
                report.files.append(file)
                files.content[file] = redirect_page(file, page.doc)
