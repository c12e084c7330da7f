"""What the runner says when something is wrong: file, line, reason, and the command to run next."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # which a terminal would obey


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, and where; `path` is relative to the root of the repository."""

    path: str
    line: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        said = f"{self.path}:{self.line}: {self.message}" + (f"\n    {self.fix}" if self.fix else "")
        return CONTROLS.sub(lambda found: repr(found[0])[1:-1], said)  # names of files may hold any


class PostError(Exception):
    """A post, its code or its record cannot be used; holds the findings that say why, and a traceback."""

    def __init__(self, *findings: Finding, detail: str = "") -> None:
        self.findings = findings
        self.detail = detail
        super().__init__("\n".join(map(str, findings)))


@contextlib.contextmanager
def writing(what: str, root: Path, command: str) -> Iterator[None]:
    """Say in one line why something cannot be written, and what to do before the command is given again."""
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename or root))
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        message = f"{what} could not be written: {error.strerror or error}"
        fix = f"make room and give write access, then: {command}"
        raise PostError(Finding(name, 1, message, fix)) from None


def read_text(path: Path, root: Path) -> str:
    """Return the text of a file, or say in one line why it cannot be read."""
    line, fix = 1, ""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = "no such file"
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        message, fix = "the file is not UTF-8", "save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    raise PostError(Finding(name, line, message, fix))
