"""markdown-it set up to read what Goldmark reads, and to print the HTML that Hugo prints.

What this parser makes of a source is what the imported page is held against.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pymdownx.gemoji_db import aliases, emoji

from blog_code.hugo import autolinks
from blog_code.hugo.anchors import Anchors, heading_text
from blog_code.hugo.attributes import parse_attributes
from blog_code.hugo.definitions import definition_lists_plugin
from blog_code.hugo.dialect import Dialect, Maths
from blog_code.hugo.passthrough import passthrough_plugin, unprotected_maths_plugin
from blog_code.hugo.typographer import typographer_plugin

_HEADING_ATTRIBUTES = re.compile(r"[ \t]*(\{[^{}\n]*\})[ \t]*$")
_ALERT = re.compile(r"\\?\[!(?P<type>[\w-]+)\\?\](?P<sign>[-+]?)[ \t]*(?P<title>[^\n]*)(?:\n|$)")
# The marks of Goldmark's `extras` by the names of their settings.
EXTRAS = {"==": "mark", "++": "insert", "^": "superscript", "~~": "delete", "~": "subscript"}
_WIDE = re.compile(
    r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]"
)


def goldmark(dialect: Dialect) -> MarkdownIt:
    """Return a parser for the dialect of one Hugo site."""
    md = MarkdownIt("commonmark", {"html": True, "strikethrough_single_tilde": True, "maxNesting": 100})
    for wanted, rule in ((dialect.tables, "table"), (dialect.strikethrough, "strikethrough")):
        if wanted:
            md.enable(rule)
    if dialect.footnotes:
        md.use(footnote_plugin, inline=False)
    if dialect.definition_lists:
        md.use(definition_lists_plugin)
    if dialect.task_lists:
        md.use(tasklists_plugin)
    for name in ("normalizeLink", "normalizeLinkText"):
        setattr(md, name, lambda url: url)
    setattr(md, "validateLink", lambda url: True)  # noqa: B010  a method, which cannot be assigned in typed code
    _text_stops(md)
    if dialect.passthrough.inline or dialect.passthrough.block:
        md.use(passthrough_plugin, dialect.passthrough)
    elif dialect.maths is not Maths.OFF:
        md.use(unprotected_maths_plugin, dialect.maths)
    if dialect.linkify:
        md.use(autolinks.linkify_plugin, dialect.linkify_protocol)
    for mark, name in EXTRAS.items():
        if name in dialect.extras:
            md.inline.ruler.before("emphasis", name, _extra(mark, dialect.extras[name]))
    if dialect.emoji:
        md.inline.ruler.before("emphasis", "emoji", _emoji)
    if dialect.typographer:
        md.use(typographer_plugin)
    md.core.ruler.before("inline", "alerts", _alerts)
    if dialect.heading_attributes:
        md.core.ruler.before("inline", "heading_attributes", _heading_attributes)
    if dialect.block_attributes:
        md.core.ruler.before("inline", "block_attributes", _block_attributes)
    if dialect.wide_lines_join:
        md.core.ruler.push("wide_lines", _join_wide_lines)
    if dialect.hard_wraps:
        md.core.ruler.push("hard_wraps", _hard_wraps)
    if not dialect.raw_html:
        md.core.ruler.push("no_raw_html", _no_raw_html)
    if dialect.heading_ids:
        md.core.ruler.push("heading_ids", lambda state: _heading_ids(state, dialect.heading_id_type))
    for name, html_rule in _HTML_RULES.items():
        md.add_render_rule(name, html_rule)
    return md


def _text_stops(md: MarkdownIt) -> None:
    """End a run of plain text wherever one of Goldmark's inline rules may begin."""
    stop = re.compile(r"[\n!#$%&*+\-:<=>@\[\]\\^_`{}~'\"]|\.\.\.|" + autolinks.START)

    head = re.compile(autolinks.HEAD)

    def text(state: StateInline, silent: bool) -> bool:
        if not state.pending and head.match(state.src, state.pos):
            return False
        found = stop.search(state.src, state.pos, state.posMax)
        end = found.start() if found else state.posMax
        if end == state.pos:
            return False
        if not silent:
            state.pending += state.src[state.pos : end]
        state.pos = end
        return True

    md.inline.ruler.at("text", text)


def _extra(mark: str, tag: str) -> Callable[[StateInline, bool], bool]:
    """Return the rule for one of the `extras`: text between two marks that hug it."""
    pair = re.compile(
        re.escape(mark) + rf"(?=[^\s{re.escape(mark[0])}])(?P<inside>.+?)(?<=\S){re.escape(mark)}"
    )

    def rule(state: StateInline, silent: bool) -> bool:
        found = pair.match(state.src, state.pos, state.posMax)
        if not found:
            return False
        if not silent:
            end = state.posMax
            state.push("html_inline", "", 0).content = f"<{tag}>"
            state.pos, state.posMax = found.start("inside"), found.end("inside")
            state.md.inline.tokenize(state)
            state.push("html_inline", "", 0).content = f"</{tag}>"
            state.posMax = end
        state.pos = found.end()
        return True

    return rule


def _join_wide_lines(state: StateCore) -> None:
    """Join lines between wide characters, where a site breaks lines as East Asian writing does."""
    for token in state.tokens:
        children = token.children or []
        for before, middle, after in zip(children, children[1:], children[2:], strict=False):
            if (
                middle.type == "softbreak"
                and _WIDE.match(before.content[-1:])
                and _WIDE.match(after.content[:1])
            ):
                middle.type, middle.content = "text", ""


def _emoji(state: StateInline, silent: bool) -> bool:
    found = re.compile(r":[\w+-]+:").match(state.src, state.pos, state.posMax)
    if not found:
        return False
    name = aliases.get(found[0], found[0])
    if name not in emoji or "unicode" not in emoji[name]:
        return False
    if not silent:
        points = emoji[name].get("unicode_alt") or emoji[name]["unicode"]
        token = state.push("emoji", "", 0)
        token.content, token.markup = "".join(chr(int(point, 16)) for point in points.split("-")), found[0]
    state.pos = found.end()
    return True


def _alerts(state: StateCore) -> None:
    """Mark the quotes that begin with `[!NOTE]`, and take that line out of them."""
    for index, token in enumerate(state.tokens[:-2]):
        if token.type != "blockquote_open" or state.tokens[index + 1].type != "paragraph_open":
            continue
        inline = state.tokens[index + 2]
        if found := _ALERT.match(inline.content):
            token.meta["alert"] = {key: value.strip() for key, value in found.groupdict().items()}
            inline.content = inline.content[found.end() :]
            if not inline.content.strip():
                for hidden in state.tokens[index + 1 : index + 4]:
                    hidden.meta["drop"] = True
    state.tokens[:] = [token for token in state.tokens if not token.meta.get("drop")]


def _heading_attributes(state: StateCore) -> None:
    """Read `{#id}` at the end of a heading's line; behind closing hashes it would be text."""
    lines = state.src.split("\n")
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open" and (found := _HEADING_ATTRIBUTES.search(inline.content)):
            is_last = (
                opening.markup[0] != "#" or not opening.map or lines[opening.map[0]].rstrip().endswith("}")
            )
            attributes = parse_attributes(found[1])
            if attributes is not None and is_last:
                opening.attrs.update({key: str(value) for key, value in attributes.items()})
                inline.content = inline.content[: found.start()]


def _block_attributes(state: StateCore) -> None:
    """Give a paragraph that is only `{.cls}` to the block before it."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type != "inline" or tokens[index - 1].type != "paragraph_open":
            continue
        attributes = parse_attributes(token.content.strip())
        if attributes and index >= 2 and (opening := _opening_of(tokens, index - 2)):
            opening.attrs.update({key: str(value) for key, value in attributes.items()})
            for hidden in tokens[index - 1 : index + 2]:
                hidden.meta["drop"] = True
    tokens[:] = [token for token in tokens if not token.meta.get("drop")]


def _opening_of(tokens: Sequence[Token], index: int) -> Token | None:
    if tokens[index].nesting == 0:
        return tokens[index]
    level = tokens[index].level
    return next((t for t in reversed(tokens[:index]) if t.level == level and t.nesting == 1), None)


def _hard_wraps(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or []:
            if child.type == "softbreak":
                child.type, child.tag = "hardbreak", "br"


def _no_raw_html(state: StateCore) -> None:
    """Leave raw HTML out, as Hugo does where `unsafe` is off; the comment marks the place."""
    for token in state.tokens:
        for child in [token, *(token.children or [])]:
            if child.type in ("html_block", "html_inline") and "task-list-item" not in child.content:
                child.content, child.meta["omitted"] = "", child.content


def _heading_ids(state: StateCore, kind: str) -> None:
    anchors = Anchors(kind)
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            text = heading_text(inline.children or [])
            if given := opening.attrs.get("id"):
                anchors.taken.add(str(given))
            elif text:
                opening.attrs["id"] = anchors.add(text)


def plain_text(tokens: Sequence[Token]) -> str:
    """Return the text of inline tokens without any markup, as an image's alternative text has it."""
    parts = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.children:
            parts.append(plain_text(token.children))
        elif token.type != "html_inline":
            parts.append(token.content)
    return "".join(parts)


Rule = Callable[[Any, Sequence[Token], int, Any, Any], str]


def _math(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    display = tokens[index].type == "math_display"
    tag, opening, closing = ("div", r"\[", r"\]") if display else ("span", r"\(", r"\)")
    return f'<{tag} class="arithmatex">{opening}{escape(tokens[index].content)}{closing}</{tag}>'


def _literal(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return escape(tokens[index].content)


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrs["alt"] = plain_text(token.children or [])
    return f"<img{renderer.renderAttrs(token)}>"


def footnote_label(env: Any, identity: int) -> str:
    """Return the name by which the source calls a footnote."""
    return str(env["footnotes"]["list"][identity]["label"])


def _footnote_ref(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    label = escape(footnote_label(env, tokens[index].meta["id"]))
    return f'<sup id="fnref:{label}"><a class="footnote-ref" href="#fn:{label}"></a></sup>'


def _footnote_open(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<li id="fn:{escape(footnote_label(env, tokens[index].meta["id"]))}">'


def _blockquote(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    alert = tokens[index].meta.get("alert")
    if not alert:
        return f"<blockquote{renderer.renderAttrs(tokens[index])}>\n"
    title = env["inline"](alert_title(alert))
    return f'<blockquote class="admonition"><p class="admonition-title">{title}</p>'


def alert_title(alert: dict[str, str]) -> str:
    """Return the heading of an alert: its own, or its type as a word."""
    return alert["title"] or alert["type"].capitalize()


_HTML_RULES: dict[str, Rule] = {
    "math_inline": _math,
    "math_display": _math,
    "typographic": _literal,
    "emoji": _literal,
    "image": _image,
    "footnote_ref": _footnote_ref,
    "footnote_block_open": lambda *_: '<div class="footnote"><ol>',
    "footnote_block_close": lambda *_: "</ol></div>",
    "footnote_open": _footnote_open,
    "footnote_anchor": lambda *_: "",
    "blockquote_open": _blockquote,
}
