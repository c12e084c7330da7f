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
from blog_code.hugo.place import Files, Ledger, old_addresses, place, redirect_file, redirect_page
from blog_code.hugo.problems import Refused, Usage
from blog_code.hugo.scratch import Scratch
from blog_code.hugo.source import PAGES, open_source
from blog_code.hugo.workers import Answer, Shared, judge_pages

type Watch = Callable[[int, int, str], None]
GIT = "-c core.fsmonitor=false -c core.hooksPath=/dev/null -c log.showSignature=false log --follow"
GIT_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


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
    files: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)

    def refuse(self, refused: Refused) -> None:
        """Say that the page does not come in."""
        self.status, self.kind = "refused", refused.kind
        self.reason, self.line = refused.reason, refused.line


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
    undated: Literal["page", "git", "refuse"] = "page"
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
        return _Import(scratch, hugo, into, options, ledger, *hugo.pages()).run()


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
        self.source, options = self.scratch.source, self.options
        self.report = Report(str(self.into), options.dry_run)
        self.site = self._language()
        self._note_the_site()
        coming = [page for page in self.pages if self._comes_in(page)]
        name_pages(coming)
        chosen = [page for page in coming if self._is_chosen(page)]
        for page in coming:  # where only one is chosen, others stand where an earlier import put them
            page.doc = page.doc if self._is_chosen(page) or (self.into / page.doc).is_file() else ""
        self._mark(chosen)
        standing = frozenset(f"posts/{path.name}" for path in self.into.glob("posts/*.md"))
        self.addresses = collect(self.pages, chosen, self.site, self.scratch, standing)
        self.ready: list[tuple[Files, PageReport]] = []
        self.words = Words(self.into)
        shared = Shared(self.addresses, options.extensions, self.site.params, options.problem_of)
        answers = []
        for number, answer in enumerate(judge_pages(chosen, shared, options.jobs), 1):
            options.watch(number, len(chosen), answer.page.file)
            answers.append(answer)
        for answer in sorted(answers, key=lambda answer: answer.page.file):
            self._take(answer)
        self._place([files for files, report in self.ready if self._may_stand(files, report)])
        self.report.pages.sort(key=lambda page: page.source)
        return self.report

    def _language(self) -> SiteFacts:
        """Return the language of the site that comes in."""
        names = [site.lang for site in self.sites]
        wanted = self.options.language or self.scratch.language
        if self.options.language and wanted not in names:
            raise Usage(f"this site has no language {wanted!r}; it has: {', '.join(names)}")
        site = next((site for site in self.sites if site.lang == wanted), self.sites[0])
        if others := " or ".join(name for name in names if name != site.lang):
            self.report.notes.append(f"pages in {site.lang!r} come in; for others: --language {others}")
        return site

    def _note_the_site(self) -> None:
        """Report what is to be said of the site, and the files that Hugo never saw, or that stopped it."""
        notes = [self.hugo.warning] if self.hugo.warning else []
        notes += [f"theme {theme} is not there: {self.source.fetch}" for theme in self.hugo.absent]
        broken = self.hugo.broken.items()
        self.report.notes += notes + [f"template {name} is not for this Hugo: {why}" for name, why in broken]
        dropped = self.hugo.dropped.items()
        refused = {name: Refused("Hugo cannot read it", why, _line_in(name, why)) for name, why in dropped}
        for name, why in (self.scratch.refused | refused).items():
            self._report(name).refuse(why)

    def _report(self, file: str, page: str = "") -> PageReport:
        """Begin the report on a page, which is called as the caller would write its path."""
        path = self.scratch.origin(file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        self.report.pages.append(PageReport(str(shown), page=page))
        return self.report.pages[-1]

    def _comes_in(self, page: Page) -> bool:
        """Whether a page has a place here; one that could have and does not is refused."""
        is_text = page.kind == "page" or (page.kind in ("section", "home") and page.raw.strip())
        if not page.file or page.lang != self.site.lang or not is_text:
            return False
        if page.kind == "page" and not page.date and self.options.undated == "git":
            page.date = self._date_of_git(page)
        refused = self._reason(page)
        if refused and self._is_chosen(page):
            self._report(page.file).refuse(refused)
        return refused is None

    def _is_chosen(self, page: Page) -> bool:
        only = self.source.only
        return not only or self.scratch.origin(page.file).resolve().is_relative_to(only)

    def _reason(self, page: Page) -> Refused | None:
        """Say why a page does not come in."""
        suffix = PurePosixPath(page.file).suffix
        if suffix.lower() not in PAGES:
            return Refused("no Markdown", f"{suffix} is no Markdown: convert it first")
        if page.content is None:
            line = _line_in(page.file, page.error)
            return Refused("Hugo cannot render it", self.hugo.plain(page.error), line)
        if missing := sorted(set(re.findall(r"hgmissing:([\w./-]+):", page.content))):
            way = f"layouts/_shortcodes/{missing[0]}.html"
            fix = f"fetch its theme ({self.source.fetch}), or write {way}"
            fix = fix if self.source.is_site else f"import its whole site, or write {way} there"
            starts = [tag.start for tag in blocks.shortcode_tags(page.raw) if tag.name == missing[0]]
            text = (self.scratch.folder / page.file).read_text("utf-8")
            line = text[: max(text.rfind(page.raw), 0) + (starts or [0])[0]].count("\n") + 1
            reason = f"{', '.join(missing)}: no template here: {fix}"
            return Refused("shortcode without a template", reason, line)
        if page.kind == "page" and not page.date and self.options.undated != "page":
            return Refused("no date", "has no date: add one, or import with --undated page")
        return None

    def _date_of_git(self, page: Page) -> str:
        """Return when git first saw a file; the repository's own configuration runs nothing for it."""
        command = ["git", "-C", str(self.source.root), *GIT.split(), "--no-ext-diff", "--format=%aI", "--"]
        try:
            command.append(page.file)
            printed = subprocess.check_output(command, env=GIT_ENVIRONMENT, text=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return ""
        return (printed.split() or [""])[-1]

    def _mark(self, pages: list[Page]) -> None:
        """Let Hugo render the pages again with a mark before each block."""
        for page in pages:
            path = self.scratch.folder / page.file
            text = path.read_bytes().decode("utf-8")
            at = text.rfind(page.raw) if page.raw else len(text)
            if at >= 0:
                marked = blocks.with_marks(page.raw, blocks.split(page.raw))
                path.write_bytes((text[:at] + marked).encode())
        self.scratch.write_templates("marked", self.hugo.token)
        found = {page.key: page.content or "" for page in self.hugo.pages()[0]}
        for page in pages:
            page.marked = found.get(page.key, "")

    def _take(self, answer: Answer) -> None:
        """Keep what a page becomes, or why it is refused."""
        page, judged = answer.page, answer.judged
        report = self._report(page.file, page.doc)
        if not judged:
            report.refuse(answer.refused or Refused("fault of the import", "no answer"))
            return
        self.addresses.wanted = set(answer.files)
        if page.file in self.scratch.old_markup:
            judged.notes.add("written for mmark, which Hugo has no more: read as Markdown")
        text, code, slug = judged.text, dict[str, str](), PurePosixPath(page.doc).stem
        if self.options.extract and page.is_post:
            if slug.replace("-", "_") in self.options.reserved:
                judged.notes.add("Python stays: its package would have a name of this site's own", slug)
            else:
                text, code = extract(text, slug)
        executed = bool(code) or not has_code(text)
        cover = cover_file(page, self.addresses)
        header = write_header(page, executed, cover, judged.notes, self.words)
        content: dict[str, bytes | Path] = {page.doc: f"{header}\n{text.strip()}\n".encode()}
        content |= {f"blog_code/{name}": module.encode() for name, module in code.items()}
        content |= self._copies(page)
        report.notes, report.difference, report.files = judged.notes.found, judged.difference, list(content)
        files = Files(page.key, content)
        self._redirects(page, files, report)
        self.ready.append((files, report))

    def _copies(self, page: Page) -> dict[str, bytes | Path]:
        """Return the files that come with a page."""
        copies: dict[str, bytes | Path] = {}
        for file in sorted(self.addresses.wanted):
            content: bytes | Path = self.scratch.origin(file)
            if file.startswith("data:"):
                self.addresses.write(Place("file", file), page)
                content = base64.b64decode(unquote(file).partition(",")[2])
            copies[self.addresses.names[file]] = content
        return copies

    def _redirects(self, page: Page, files: Files, report: PageReport) -> None:
        """Add a page for each old address, where it is no address of anything else."""
        base = urlsplit(self.site.base).path.rstrip("/")
        taken = {doc.removesuffix(".md") for doc in self.addresses.docs}
        for address in old_addresses(page, base) if self.source.is_site else page.aliases:
            if address.strip("/") in ("", page.address.strip("/")):
                continue
            file = redirect_file(address, taken, self.into)
            if not file or file in self.report.redirects:
                report.notes.setdefault("old address that cannot lead on", []).append(address)
                continue
            self.report.redirects[file] = page.address
            report.redirects.append(address)
            report.files.append(file)
            files.content[file] = redirect_page(file, page.doc)

    def _may_stand(self, files: Files, report: PageReport) -> bool:
        """Whether nothing of somebody else's stands in the way of a page; say whether it changes anything."""
        states = {name: self.ledger.state(name, content) for name, content in files.content.items()}
        refused = {"foreign"} if self.options.force else {"foreign", "edited"}
        wrong = [name for name, state in states.items() if state in refused]
        if wrong and states[wrong[0]] == "edited":
            why = f"{self.into / wrong[0]} was edited since its import; --force replaces it"
            report.refuse(Refused("edited here", why))
        elif wrong:
            why = f"{self.into / wrong[0]} is there, not from an import: rename it, or give the post a slug"
            report.refuse(Refused("name taken", why))
        elif set(states.values()) == {"unchanged"}:
            report.status = "unchanged"
        return not wrong

    def _place(self, placed: list[Files]) -> None:
        """Write what may stand, and remove what the old site has no more."""
        name = self.site.base.rstrip("/") if self.source.is_site else str(self.source.only)
        kept = {name for files in placed for name in files.content}
        done = {files.page for files in placed}
        unknown = {page.key for page in self.pages if page.key not in done and page.file}
        for gone in [] if self.source.only else self.ledger.gone(name, kept, unknown):
            if self.ledger.state(gone, b"") == "edited":
                self.report.notes.append(f"{gone} is gone from the old site and was edited here: it stays")
            else:
                self.report.removed.append(gone)
        if not self.options.dry_run and (placed or self.report.removed):
            place(self.ledger, name, placed, self.report.removed)


def _line_in(file: str, said: str) -> int:
    """Return the line of a file that Hugo names in an error, or 1."""
    found = re.search(rf"{re.escape(PurePosixPath(file).name)}:(\d+)", said)
    return int(found[1]) if found else 1
