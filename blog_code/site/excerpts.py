"""A Markdown extension: convert of a post only what a list shows, which halves the time of a build.

The theme converts each post anew for every list that it is on, and then keeps what stands before the divider.
"""

import re
from itertools import pairwise

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from blog_code.posts.post import Prose, split_parts

DIVIDER = "<!-- more -->"
DEFINITION = re.compile(r" {0,3}\[[^\]]+\]:")  # of a link or a footnote, which the excerpt may use
TITLE = re.compile(r"\s*[\"'(]")


class Cut(Preprocessor):  # type: ignore[misc]
    """Drop what stands behind the divider, where the theme makes an excerpt."""

    def run(self, lines: list[str]) -> list[str]:
        """The lines up to the last divider, and the definitions behind it.

        The last, since one may stand in a block of code: too much is kept, never too little.
        """
        dividers = [number for number, line in enumerate(lines) if line.strip() == DIVIDER]
        if "excerpt" not in self.md.treeprocessors or not dividers:
            return lines
        parts = split_parts("\n".join(lines[dividers[-1] + 1 :]))
        behind = [line for part in parts if isinstance(part, Prose) for line in part.lines]
        kept = [*lines[: dividers[-1] + 1], "", "More follows: the theme asks whether anything does."]
        for line, next_line in pairwise([*behind, ""]):
            if DEFINITION.match(line):
                kept += ["", line]
                if line.rstrip().endswith("]:") or TITLE.match(next_line):
                    kept.append(next_line)  # an address, or a title, may stand on a line of its own
        return kept


class ExcerptExtension(Extension):  # type: ignore[misc]
    """Runs before all other preprocessors: no code needs to be read that no list shows."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(Cut(md), "cut", 1000)


def makeExtension(**options: object) -> Extension:
    """How Python-Markdown finds the extension by the name of its module."""
    return ExcerptExtension(**options)
