"""Goldmark's linkify: addresses that stand bare in the text become links."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_PATH = r"(?:[/#?][-a-zA-Z0-9@:%_+.~#!?&/=();,'\">^{}\[\]`]*)?"
_HOST = r"[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-z]+"
_URL = re.compile(rf"(?:https?|ftp)://{_HOST}(?::\d+)?{_PATH.replace('#!', '#$!')}")
_WWW = re.compile(rf"www\.{_HOST}{_PATH}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")

# What an address begins with.
HEAD = r"(?=https?://|ftp://|www\.|[a-zA-Z0-9][a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]*@)"
# Where a run of text stops because an address may begin.
START = rf"(?<=[\s(*_~]){HEAD}"


def linkify_plugin(md: MarkdownIt, protocol: str) -> None:
    """Add the rule that makes a link of a bare address; `www.` gets the site's protocol."""

    def rule(state: StateInline, silent: bool) -> bool:
        if state.linkLevel or not _may_begin(state) or _in_brackets(state.src[: state.pos]):
            return False
        found = _address(state.src[state.pos : state.posMax], protocol)
        if found is None:
            return False
        text, href = found
        if not silent:
            token = state.push("link_open", "a", 1)
            token.attrs, token.info, token.markup = {"href": href}, "auto", "linkify"
            state.push("text", "", 0).content = text
            state.push("link_close", "a", -1).info = "auto"
        state.pos += len(text)
        return True

    md.inline.ruler.push("bare_address", rule)


def _may_begin(state: StateInline) -> bool:
    """Whether Goldmark looks for an address here: at the head of a line or run, or after space, `*_~(`."""
    after_markup = not state.pending and not (state.tokens and state.tokens[-1].type == "text_special")
    return not state.pos or after_markup or state.src[state.pos - 1] in " \t\n*_~("


def _in_brackets(text: str) -> bool:
    depth = 0
    for mark in re.findall(r"\\.|[\[\]]", text):
        depth = depth + 1 if mark == "[" else max(0, depth - 1) if mark == "]" else depth
    return depth > 0


def _address(rest: str, protocol: str) -> tuple[str, str] | None:
    for pattern, prefix in ((_URL, ""), (_WWW, f"{protocol}://")):
        if found := pattern.match(rest):
            text = _without_tail(found[0])
            return text, prefix + text
    if found := _EMAIL.match(rest):
        if rest[found.end() : found.end() + 1] in ("-", "_"):
            return None
        return found[0], f"mailto:{found[0]}"
    return None


def _without_tail(text: str) -> str:
    """Leave out of an address the punctuation that belongs to the sentence."""
    while True:
        shorter = text.rstrip("?!.,:*_~")
        if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
            shorter = shorter[:-1]
        elif entity := re.search(r"&[a-zA-Z0-9]+;$", shorter):
            shorter = shorter[: entity.start()]
        if shorter == text:
            return text
        text = shorter
