"""What stops a post from being imported, and what its author should know though it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """A place in a source and what is wrong with it."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


class Refused(Exception):
    """A post that cannot be imported; nothing of it is written."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


class Usage(Exception):
    """A request that makes no sense, such as a path that is not there."""
