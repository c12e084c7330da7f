"""Say once on each post where its summary ends, which lists of posts show."""

import re

from blog_code.hugo.blocks import split, still_open

MORE = "<!-- more -->"
DIVIDER = re.compile(r"<!--\s*more\s*-->")
_BLOCK = re.compile(r"!!!|\?\?\?|===|///|\$\$|\[\^|<")  # begins what is no paragraph, here or in Material
_RAW = re.compile(r"""<[a-z][^<>]*\s(?:href|poster|src)="(?!https?:|mailto:|//)""")  # not from a list
_WORDS = ("paragraph", "list_block", "blockquote")


def with_divider(text: str, title: str) -> str:
    """Divide a page where its author did, else behind the first words.

    Links in HTML, which lists would lead elsewhere, and a heading that repeats the title stand below.
    """
    lines, stack, opened = text.split("\n"), list[str](), 0
    said: list[tuple[int, int]] = []
    words: list[tuple[int, int]] = []
    last = len(lines)
    for block in split(text):
        source = "\n".join(lines[block.start : block.end])
        opened = opened if stack else block.start
        stack = still_open(source, stack) if block.kind in ("html_block", "paragraph") else stack
        is_heading = block.kind in ("heading", "lheading")
        repeats = is_heading and bool(words_of(title)) and words_of(title) in words_of(source)
        if repeats or (block.kind != "fence" and _RAW.search(source)):
            last = min(last, opened)
        if not stack and source.strip() == MORE:
            said.append((block.start, block.end))
        elif not stack and block.kind in _WORDS and not _BLOCK.match(source):
            words.append((block.end, block.end))
    start, end = [*said, *words, (last, last)][0]
    start, end = (start, end) if start <= last else (last, last)
    undivided = ([line for line in part if line.strip() != MORE] for part in (lines[:start], lines[end:]))
    before, after = ("\n".join(part).strip("\n") for part in undivided)
    return "\n\n".join(part for part in (before, MORE, after) if part) + "\n"


def words_of(text: str) -> str:
    """Return the letters of a text, which is what an address is made of."""
    return re.sub(r"\W+", "", text).lower()
