"""Definition lists as Goldmark reads them.

Each line of the paragraph above `:` is a term, and `~` marks nothing.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin

_MARKER = re.compile(r":[ \t]+\S")


def definition_lists_plugin(md: MarkdownIt) -> None:
    """Add the rule for definition lists, for terms of many lines."""
    md.use(deflist_plugin)
    single = next(rule.fn for rule in md.block.ruler.__rules__ if rule.name == "deflist")

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if silent:
            return bool(_is_marked(state, start, end) and single(state, start, end, silent))
        if _is_marked(state, start, end):
            return False
        last = _last_term(md, state, start, end)
        if last is None:
            return False
        before = len(state.tokens)
        if not single(state, last, end, False):
            return False
        terms = [token for line in range(start, last) for token in _term(state, line)]
        state.tokens[before + 1 : before + 1] = terms
        return True

    md.block.ruler.at("deflist", rule, {"alt": ["paragraph", "reference", "blockquote"]})


def _is_marked(state: StateBlock, line: int, end: int) -> bool:
    if line >= end:
        return False
    begin = state.bMarks[line] + state.tShift[line]
    return bool(_MARKER.match(state.src, begin, state.eMarks[line]))


def _last_term(md: MarkdownIt, state: StateBlock, start: int, end: int) -> int | None:
    """Return the last line of the paragraph that begins here, if a definition follows it."""
    rules = [rule for rule in md.block.ruler.getRules("paragraph")]
    line = start
    while line + 1 < end and not state.isEmpty(line + 1) and not _is_marked(state, line + 1, end):
        if state.sCount[line + 1] < state.blkIndent:
            return None
        if state.sCount[line + 1] - state.blkIndent <= 3 and any(
            rule(state, line + 1, end, True) for rule in rules
        ):
            return None
        line += 1
    following = line + 2 if line + 1 < end and state.isEmpty(line + 1) else line + 1
    return line if _is_marked(state, following, end) else None


def _term(state: StateBlock, line: int) -> list[Token]:
    opening = Token("dt_open", "dt", 1, level=state.level + 1, block=True, map=[line, line])
    inline = Token("inline", "", 0, level=state.level + 2, block=True, map=[line, line], children=[])
    inline.content = state.getLines(line, line + 1, state.blkIndent, False).strip()
    closing = Token("dt_close", "dt", -1, level=state.level + 1, block=True)
    return [opening, inline, closing]
