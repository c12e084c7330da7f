"""What a Hugo site's configuration says about its Markdown."""

from dataclasses import dataclass, field
from enum import StrEnum

# The element that each of Goldmark's `extras` becomes, by the name of its setting.
EXTRA_TAGS = {"mark": "mark", "insert": "ins", "superscript": "sup", "delete": "del", "subscript": "sub"}


class Maths(StrEnum):
    """Whether dollars and `\\(` are maths where the site protects nothing with passthrough delimiters."""

    ON = "on"
    GUESS = "guess"
    OFF = "off"


@dataclass(frozen=True)
class Delimiters:
    """Pairs of strings between which Goldmark passes text through untouched."""

    inline: tuple[tuple[str, str], ...] = ()
    block: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dialect:
    """Goldmark as Hugo's configuration sets it up; the defaults are Hugo's own, but for raw HTML.

    Hugo leaves raw HTML out unless the site asks for it. A post that comes alone says nothing about that, and
    a post with HTML was written for a site that shows it.
    """

    raw_html: bool = True
    typographer: bool = True
    linkify: bool = True
    linkify_protocol: str = "https"
    hard_wraps: bool = False
    wide_lines_join: bool = False
    emoji: bool = False
    footnotes: bool = True
    definition_lists: bool = True
    strikethrough: bool = True
    tables: bool = True
    task_lists: bool = True
    heading_attributes: bool = True
    block_attributes: bool = False
    heading_ids: bool = True
    heading_id_type: str = "github"
    # Goldmark's `extras` that are on: the element that each becomes.
    extras: dict[str, str] = field(default_factory=dict)
    passthrough: Delimiters = Delimiters()
    maths: Maths = Maths.GUESS
