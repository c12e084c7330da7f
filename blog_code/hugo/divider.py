"""Say once on each post where its summary ends, which lists of posts show."""

import re

from blog_code.hugo.blocks import Block, split, still_open

MORE = "<!-- more -->"
DIVIDER = re.compile(r"<!--\s*more\s*-->")
_BLOCK = re.compile(r"!!!|\?\?\?|===|///|\$\$|\[\^|<")  # begins what is no paragraph, here or in Material
_WORDS = frozenset(("paragraph", "list_block", "blockquote"))


def with_divider(text: str) -> str:
    """Divide a page where its author divided it, else behind the first words that stand in nothing else."""
    lines = text.split("\n")
    closed = list(_closed(lines, split(text)))
    said = next((block for block in closed if _source(lines, block).strip() == MORE), None)
    if said:
        before, after = lines[: said.start], lines[said.end :]
    else:
        words = [
            block for block in closed if block.kind in _WORDS and not _BLOCK.match(_source(lines, block))
        ]
        at = words[0].end if words else len(lines)
        before, after = lines[:at], lines[at:]
    parts = ["\n".join(part).strip("\n") for part in (_undivided(before), [MORE], _undivided(after))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _closed(lines: list[str], blocks: list[Block]) -> list[Block]:
    """Return the blocks behind which no element of HTML stays open."""
    closed: list[Block] = []
    stack: list[str] = []
    for block in blocks:
        if block.kind in ("html_block", "paragraph"):
            stack = still_open(_source(lines, block), stack)
        if not stack:
            closed.append(block)
    return closed


def _source(lines: list[str], block: Block) -> str:
    return "\n".join(lines[block.start : block.end])


def _undivided(lines: list[str]) -> list[str]:
    """Take every other divider out."""
    return [line for line in lines if line.strip() != MORE]
