"""What stops an import as a whole, and what is said of a page."""

from dataclasses import dataclass, field


class Usage(Exception):
    """A request that makes no sense, or a site that cannot be read at all; the message says what to do."""


class Refused(Exception):
    """A page that cannot come in; `kind` is what the counts at the end call the reason."""

    def __init__(self, kind: str, reason: str, line: int = 1) -> None:
        super().__init__(kind, reason, line)
        self.kind, self.reason, self.line = kind, reason, line


@dataclass
class Notes:
    """Collects what changed on a page, each kind with its instances."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, what: str = "") -> None:
        """Keep an instance of a kind of note, once."""
        what = what if len(what) < 200 else f"{what[:60]} … {what[-20:]}"
        kept = self.found.setdefault(kind, [])
        if what not in kept:
            kept.append(what)


def listed(text: str) -> frozenset[str]:
    """Return the names in a text."""
    return frozenset(text.split())
