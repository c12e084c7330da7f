"""Maths in the source: between the site's passthrough delimiters, or unprotected between the usual ones."""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

from blog_code.hugo.dialect import Delimiters, Maths

# The delimiters that KaTeX and MathJax look for, as an author types them for Goldmark to leave them alone.
_DISPLAY = (("$$", "$$"), (r"\\[", r"\\]"))
_INLINE = (("$", "$"), (r"\\(", r"\\)"))
# What only TeX looks like; a text that has it somewhere has maths in lesser forms too.
_TEX = re.compile(r"\\[a-zA-Z]|[\^_]")
_TEX_IN_TEXT = re.compile(r"\$[^$\n`]*\\[a-zA-Z]+[^$\n`]*\$|\$\$[^$`]*[\\^_=][^$`]*\$\$")
_MAY_BE_TEX = re.compile(r"[=<>+*/|]|^\s*[A-Za-z](?:\s*[,(].*)?\s*$", re.DOTALL)


def passthrough_plugin(md: MarkdownIt, delimiters: Delimiters) -> None:
    """Add the rule that keeps what stands between the site's own delimiters as it is."""
    pairs = [(*pair, True) for pair in delimiters.block] + [(*pair, False) for pair in delimiters.inline]
    pairs.sort(key=lambda pair: -len(pair[0]))

    def rule(state: StateInline, silent: bool) -> bool:
        for opening, closing, display in pairs:
            if state.src.startswith(opening, state.pos):
                start = state.pos + len(opening)
                end = state.src.find(closing, start, state.posMax)
                if end > start:
                    _push(state, silent, state.src[start:end], display, end + len(closing), "passthrough")
                    return True
        return False

    md.inline.ruler.before("escape", "passthrough", rule)


def unprotected_maths_plugin(md: MarkdownIt, maths: Maths) -> None:
    """Add the rule that takes for maths what a script on the Hugo page would have typeset."""

    def rule(state: StateInline, silent: bool) -> bool:
        for pairs, display in ((_DISPLAY, True), (_INLINE, False)):
            for opening, closing in pairs:
                if not state.src.startswith(opening, state.pos):
                    continue
                body = _body(state, opening, closing)
                guess = maths is Maths.GUESS and opening.startswith("$")
                if body is None or (guess and not _is_maths(body, state)):
                    continue
                _push(state, silent, _unescaped(body), display, state.pos + len(opening + body + closing))
                return True
        return False

    def look(state: StateCore) -> None:
        state.env["has TeX"] = bool(_TEX_IN_TEXT.search(state.src))

    md.core.ruler.before("inline", "look_for_tex", look)
    md.inline.ruler.before("escape", "unprotected_maths", rule)


def _is_maths(body: str, state: StateInline) -> bool:
    """Guess whether dollars enclose maths, where neither the post nor the site says so."""
    return bool(_TEX.search(body) or (state.env.get("has TeX") and _MAY_BE_TEX.search(body)))


def _body(state: StateInline, opening: str, closing: str) -> str | None:
    start = state.pos + len(opening)
    end = start
    while True:
        end = state.src.find(closing, end, state.posMax)
        if end < 0:
            return None
        if closing == "$" and state.src[end - 1] == "\\":
            end += 1
            continue
        break
    body = state.src[start:end]
    if not body.strip() or "`" in body:
        return None
    if opening == "$":
        after = state.src[end + 1 : end + 2]
        if body[0].isspace() or body[-1].isspace() or after.isdigit() or "$" in body:
            return None
    return body


def _push(state: StateInline, silent: bool, body: str, display: bool, end: int, markup: str = "") -> None:
    if not silent:
        token = state.push("math_display" if display else "math_inline", "", 0)
        token.content, token.markup = body, markup
    state.pos = end


def _unescaped(body: str) -> str:
    """Remove the backslashes that Goldmark removes before a script reads the page."""
    return re.sub(r"\\(.)", lambda m: m[1] if isMdAsciiPunct(ord(m[1])) else m[0], body, flags=re.DOTALL)
