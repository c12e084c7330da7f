"""Goldmark's typographer.

Quotes, dashes, dots and angle quotes become the characters that typesetters use.
"""

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

# Contractions whose quote stands at the start of a word, by the letter after it.
_SHORTENED = "tenl"


def typographer_plugin(md: MarkdownIt) -> None:
    """Add the rule that makes a `typographic` token of each mark, with its source in `markup`."""
    md.inline.ruler.push("typographer", _rule)


def _rule(state: StateInline, silent: bool) -> bool:
    line_end = state.src.find("\n", state.pos, state.posMax)
    rest = state.src[state.pos : state.posMax if line_end < 0 else line_end + 1]
    # Goldmark counts open quotes through the whole text: one that is never closed tells on later blocks.
    still_open = state.env.setdefault("open quotes", [0, 0])
    found = _mark(state, rest, list(still_open) if silent else still_open)
    if found is None:
        return False
    source, character = found
    if not silent:
        token = state.push("typographic", "", 0)
        token.content, token.markup = character, source
    state.pos += len(source)
    return True


def _mark(state: StateInline, rest: str, still_open: list[int]) -> tuple[str, str] | None:
    for source, character in (("---", "—"), ("--", "–"), ("...", "…"), ("<<", "«"), (">>", "»")):
        if rest.startswith(source):
            return source, character
    if rest[0] not in "'\"":
        return None
    before = state.src[state.pos - 1] if state.pos else "\n"
    quote = _quote(rest, before, still_open)
    return (rest[0], quote) if quote else None


def _quote(rest: str, before: str, still_open: list[int]) -> str | None:
    """Return the curly form of a straight quote, or nothing where Goldmark leaves it straight."""
    after_all = rest.lstrip(rest[0])[:1] or "\n"
    can_open, can_close = _flanking(before, after_all)
    if not can_open and not can_close:
        return None
    if rest[0] == '"':
        return _double(rest, before, can_open, can_close, still_open)
    return _single(rest, before, can_open, can_close, still_open)


def _single(rest: str, before: str, can_open: bool, can_close: bool, still_open: list[int]) -> str | None:
    after = rest[1] if len(rest) > 1 else "\n"
    opens = can_open and not can_close
    if opens and rest[1:3].isdigit() and rest[3:4] == "s" and not (rest[4:5] and rest[4].isalnum()):
        return "’"
    if (_is_punctuation(before, ascii_symbols=False) or before.isspace()) and after in _SHORTENED:
        return "’"
    if before.isalnum() and after.isalpha():
        return "’"
    if opens:
        if (after in "smtd" and _ends_word(rest, 2)) or (
            rest[1:3] in ("ve", "ll", "re") and _ends_word(rest, 3)
        ):
            return "’"
        still_open[0] += 1
        return "‘"
    if len(rest) > 2 and not after.isdigit():
        return "’"
    if still_open[0] and (not can_open or _closes_both(rest)):
        still_open[0] -= 1
        return "’"
    return None


def _double(rest: str, before: str, can_open: bool, can_close: bool, still_open: list[int]) -> str | None:
    if can_open and not can_close:
        still_open[1] += 1
        return "“"
    if still_open[1] and can_close and (not can_open or _closes_both(rest)):
        if rest[1:2] == '"' and before.isdigit():
            return None
        still_open[1] -= 1
        return "”"
    return None


def _closes_both(rest: str) -> bool:
    """Whether a quote that could open or close is taken for a closing one."""
    return (
        len(rest) > 1
        and _is_punctuation(rest[1], ascii_symbols=False)
        and (len(rest) == 2 or _is_punctuation(rest[2]) or rest[2].isspace())
    )


def _ends_word(rest: str, index: int) -> bool:
    return len(rest) <= index or _is_punctuation(rest[index]) or rest[index].isspace()


def _flanking(before: str, after: str) -> tuple[bool, bool]:
    """Say whether a mark between two characters can open and can close, as for emphasis."""
    left = not after.isspace() and (not _is_punctuation(after) or before.isspace() or _is_punctuation(before))
    right = not before.isspace() and (
        not _is_punctuation(before) or after.isspace() or _is_punctuation(after)
    )
    return left, right


def _is_punctuation(character: str, *, ascii_symbols: bool = True) -> bool:
    if ascii_symbols and unicodedata.category(character).startswith("S"):
        return True
    return unicodedata.category(character).startswith("P")
