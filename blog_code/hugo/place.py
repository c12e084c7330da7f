"""Write what an import makes, in one step with its ledger, and only where an import wrote before.

Everything is staged and looked at first. What is to be moved stands in a journal, so that an import that
was killed
among its moves is finished by the next one.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog_code.hugo.problems import Usage

LEDGER = "posts/.imported.json"
STAGE = ".import"  # in docs, for as long as an import lasts
JOURNAL = "journal.json"


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
            raise Usage(
                f"{path} is no ledger of an import: restore it, or remove it and what was imported"
            ) from None

    def path(self, name: str) -> Path:
        """Return where a file stands."""
        return self.into.resolve().parent / name if name.startswith("blog_code/") else self.into / name

    def state(self, name: str, content: bytes | Path) -> str:
        """Say of a file whether it is new, unchanged, older, edited, or foreign: not from an import."""
        path = self.path(name)
        if not path.exists() and not path.is_symlink():
            return "new" if self._may_be_made(path) else "foreign"
        if not path.is_file() or path.is_symlink():
            return "foreign"
        found = digest(path)
        if found == digest(content):
            return "unchanged"
        if name not in self.files:
            return "foreign"
        return "older" if found == self.files[name].get("sha256") else "edited"

    def _may_be_made(self, path: Path) -> bool:
        """Whether all above a path are folders, or nothing yet, and lead nowhere else."""
        root = self.into.resolve().parent
        for folder in path.parents:
            if folder.exists():
                return folder.is_dir() and folder.resolve().is_relative_to(root)
        return True

    def gone(self, site: str, kept: set[str], pages: set[str]) -> list[str]:
        """Return files of a site that no page needs now; of `pages` nothing new is known."""
        return [
            name
            for name, entry in self.files.items()
            if entry.get("site") == site and name not in kept and entry.get("page") not in pages
        ]


def digest(content: bytes | Path) -> str:
    """Return the digest of a content."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha256(data).hexdigest()


def place(ledger: Ledger, site: str, pages: list[Files], gone: list[str]) -> None:
    """Write the files of pages, and remove what is gone, with the ledger."""
    stage = ledger.into / STAGE
    before = json.dumps(ledger.files, sort_keys=True)
    moves: dict[str, str] = {}
    try:
        stage.mkdir(parents=True)
        for page in pages:
            for name, content in page.content.items():
                ledger.files[name] = {"sha256": digest(content), "site": site, "page": page.page}
                if ledger.path(name).is_file() and digest(ledger.path(name)) == digest(content):
                    continue
                staged = f"{len(moves)}"
                (stage / staged).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
                moves[staged] = name
        for name in gone:
            ledger.files.pop(name, None)
        if json.dumps(ledger.files, sort_keys=True) != before:
            text = json.dumps(
                {"format": 2, "files": ledger.files}, ensure_ascii=False, indent=1, sort_keys=True
            )
            (stage / "ledger").write_text(text + "\n", "utf-8")
            moves["ledger"] = LEDGER
        _write_journal(stage, {"moves": moves, "gone": gone})
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise Usage(
            f"nothing was imported: {error.strerror}: {error.filename}; make room and give write access"
        ) from None
    finish(ledger.into)


def _write_journal(stage: Path, journal: dict[str, Any]) -> None:
    with (stage / "new").open("w", encoding="utf-8") as file:
        json.dump(journal, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(stage / "new", stage / JOURNAL)


def finish(into: Path) -> None:
    """Do what the journal of an import says; without one, what was staged goes."""
    stage = into / STAGE
    if not stage.is_dir():
        return
    ledger = Ledger(into)
    with _undisturbed():
        if (stage / JOURNAL).is_file():
            journal = json.loads((stage / JOURNAL).read_text("utf-8"))
            for staged, name in journal["moves"].items():
                path = ledger.path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                if (stage / staged).exists():
                    os.replace(stage / staged, path)
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
