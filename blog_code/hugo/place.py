"""Write what an import makes, in one step with its ledger, and only where an import wrote before.

Everything is staged first. What is to be moved stands in a journal, so that an import that was killed among
its moves is finished by the next one. Old addresses get small pages that lead on.
"""

import contextlib
import hashlib
import json
import os
import posixpath
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from blog_code.hugo.pages import Page
from blog_code.hugo.problems import Usage, listed

LEDGER = "posts/.imported.json"
STAGE = ".import"  # in docs, for as long as an import lasts
JOURNAL = "journal.json"
# Addresses that this site gives to something else.
RESERVED = listed(
    "404.html archive assets category files index.html javascripts page pages runs search sitemap.xml "
    "stylesheets tags"
)
_PART = re.compile(r"(?!\.)[^\x00-\x1f\x7f<>\"'\\|*?:`{}]+(?<! )")


@dataclass
class Files:
    """Holds the files that a page needs, by their names in docs; code goes into blog_code."""

    page: str  # key of the page in the old site
    content: dict[str, bytes | Path]


@dataclass
class Ledger:
    """Holds what was written last: of each file its digest, its site and its page."""

    into: Path
    files: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, into: Path) -> "Ledger":
        """Read the ledger, after an import that was killed is finished."""
        finish(into)
        path = into / LEDGER
        try:
            found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
            files = found.get("files") or {name: {"sha256": digest} for name, digest in found.items()}
            return cls(into, {str(name): dict(entry) for name, entry in files.items()})
        except (ValueError, AttributeError, TypeError):
            reason = "is no ledger of an import: restore it, or remove it and what was imported"
            raise Usage(f"{path} {reason}") from None

    def path(self, name: str) -> Path:
        """Return where a file stands."""
        return self.into.resolve().parent / name if name.startswith("blog_code/") else self.into / name

    def state(self, name: str, content: bytes | Path) -> str:
        """Say of a file whether it is new, unchanged, older, edited, or foreign: not from an import."""
        path = self.path(name)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return "foreign"
        if not path.exists():
            above = next(folder for folder in path.parents if folder.exists())
            is_ours = above.is_dir() and above.resolve().is_relative_to(self.into.resolve().parent)
            return "new" if is_ours or not self.into.exists() else "foreign"
        found = digest(path)
        if found == digest(content):
            return "unchanged"
        if name not in self.files:
            return "foreign"
        return "older" if found == self.files[name].get("sha256") else "edited"

    def gone(self, site: str, kept: set[str], pages: set[str]) -> list[str]:
        """Return files of a site that no page needs now; of `pages` nothing new is known."""
        mine = {name: entry for name, entry in self.files.items() if entry.get("site") == site}
        return [name for name, entry in mine.items() if name not in kept and entry.get("page") not in pages]


def digest(content: bytes | Path) -> str:
    """Return the digest of a content."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha256(data).hexdigest()


def place(ledger: Ledger, site: str, pages: list[Files], gone: list[str]) -> None:
    """Write the files of pages, and remove what is gone, with the ledger."""
    stage = ledger.into / STAGE
    before = dict(ledger.files)
    moves: dict[str, str] = {}
    try:
        stage.mkdir(parents=True)
        for page in pages:
            for name, content in page.content.items():
                ledger.files[name] = {"sha256": digest(content), "site": site, "page": page.page}
                if not ledger.path(name).is_file() or digest(ledger.path(name)) != digest(content):
                    data = content if isinstance(content, bytes) else content.read_bytes()
                    (stage / str(len(moves))).write_bytes(data)
                    moves[str(len(moves))] = name
        for name in gone:
            ledger.files.pop(name, None)
        if ledger.files != before:
            text = json.dumps({"files": ledger.files}, ensure_ascii=False, indent=1, sort_keys=True)
            (stage / "ledger").write_text(text + "\n", "utf-8")
            moves["ledger"] = LEDGER
        _write_journal(stage, {"moves": moves, "gone": gone})
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        reason = f"{error.strerror}: {error.filename}; make room and give write access"
        raise Usage(f"nothing was imported: {reason}") from None
    finish(ledger.into)


def _write_journal(stage: Path, journal: dict[str, Any]) -> None:
    with (stage / "new").open("w", encoding="utf-8") as file:
        json.dump(journal, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(stage / "new", stage / JOURNAL)


def finish(into: Path) -> None:
    """Do what the journal of an import says; without one, what was staged goes."""
    stage, ledger = into / STAGE, Ledger(into)
    if not stage.is_dir():
        return
    with _undisturbed():
        if (stage / JOURNAL).is_file():
            journal = json.loads((stage / JOURNAL).read_text("utf-8"))
            for staged, name in journal["moves"].items():
                ledger.path(name).parent.mkdir(parents=True, exist_ok=True)
                if (stage / staged).exists():
                    os.replace(stage / staged, ledger.path(name))
            for name in journal["gone"]:
                _remove(ledger.path(name), into)
        shutil.rmtree(stage)


def _remove(path: Path, into: Path) -> None:
    """Remove a file, and the folders that it leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder in (into, into / "posts") or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals wait until all is in place."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def old_addresses(page: Page, base: str) -> Iterator[str]:
    """Yield the addresses that a page had on the old site, from its root."""
    for address in [page.url, *page.aliases]:
        path = unquote(str(address)).split("#")[0].split("?")[0]
        if not path.startswith("/"):
            path = posixpath.join(posixpath.dirname(page.url.rstrip("/")) or "/", path)
        path = path.removeprefix(base) if path.startswith(f"{base}/") else path
        yield posixpath.normpath(re.sub(r"/index\.html?$", "/", path))


def redirect_file(address: str, taken: set[str], into: Path) -> str:
    """Return the file that leads on from an old address; nothing where it is another's, or none."""
    parts = address.strip("/").split("/")
    name, is_page = "/".join(parts), address.endswith((".html", ".htm"))
    if len(address) > 240 or not all(_PART.fullmatch(part) and len(part.encode()) < 120 for part in parts):
        return ""
    if parts[0].lower() in RESERVED or name in taken or re.search(r"\.(?!html?$)[a-z]{2,4}$", name):
        return ""  # an address of this site's own, or of a picture
    if (into / f"{name}.md").exists() or (into / name / "index.md").exists():
        return ""
    above = ["/".join(parts[:number]) for number in range(1, len(parts))]
    if any((into / folder).is_file() or folder.endswith((".html", ".htm")) for folder in above):
        return ""
    return name if is_page else f"{name}/index.html"


def redirect_page(file: str, doc: str) -> bytes:
    """Return a page that leads to a doc."""
    there = escape("../" * file.count("/") + quote(doc.removesuffix(".md")) + "/")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>This page has moved</title>\n'
        f'<link rel="canonical" href="{there}">\n<meta name="robots" content="noindex">\n'
        f'<meta http-equiv="refresh" content="0; url={there}">\n'
        f'<p>This page has moved: <a href="{there}">read it in its new place</a>.</p>\n</html>\n'
    ).encode()
