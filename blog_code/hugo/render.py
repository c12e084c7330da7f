"""Writes what Goldmark read in the Markdown that Python-Markdown reads.

Each function below is one difference between the two dialects. The frame, which walks the tree, is
mdformat's.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, ClassVar

from markdown_it.token import Token
from mdformat.renderer import MDRenderer, RenderContext, RenderTreeNode

from blog_code.hugo import escapes, raw_html
from blog_code.hugo.attributes import attribute_list, parse_attributes
from blog_code.hugo.goldmark import alert_title, plain_text

INDENT = " " * 4
# What ends one list or quote before another of its kind, and what a list item that starts with a block holds.
NOTHING = "<!-- -->"

# Alerts and notices of Hugo's themes, by the type of Material's that looks like them.
ADMONITIONS = {"caution": "danger", "important": "info", "error": "danger", "alert": "warning", "hint": "tip"}


class Mode(IntEnum):
    """How much of the source's own look is kept; the next mode is for what the check refused."""

    # As an author would write it.
    READABLE = 0
    # The same with quotes, dashes and dots as the characters that Goldmark makes of them.
    TYPESET = 1
    # Every character that may mean anything as an entity, emphasis as HTML.
    CAREFUL = 2


def markdown(tokens: Sequence[Token], env: dict[str, Any], mode: Mode) -> str:
    """Return tokens as Markdown of this site."""
    env["mode"] = mode
    kept = [token for token in tokens if token.type != "footnote_anchor"]
    options = {"parser_extension": [_Differences], "mdformat": {}}
    return MDRenderer().render_tree(RenderTreeNode(kept), options, env, finalize=False)


# Blocks -------------------------------------------------------------------------------------------


def _blocks(nodes: Sequence[RenderTreeNode], context: RenderContext) -> list[str]:
    """Render sibling blocks, with something between lists and quotes that would run into one."""
    parts: list[str] = []
    previous = None
    for node in raw_html.with_containers(nodes):
        text = node.render(context) if isinstance(node, RenderTreeNode) else _container(node, context)
        if not text:
            continue
        kind = node.type
        if previous in ("bullet_list", "ordered_list") and kind in (
            "bullet_list",
            "ordered_list",
            "code_block",
        ):
            parts.append(NOTHING)
        parts.append(text)
        previous = kind
    return parts


def _root(node: RenderTreeNode, context: RenderContext) -> str:
    return "\n\n".join(_blocks(node.children, context))


def _container(container: raw_html.Container, context: RenderContext) -> str:
    """HTML that is left open around Markdown needs `markdown="block"`, and no indentation inside.

    In lists and quotes that is not read; there only what folds has a form.
    """
    inside = "\n\n".join(_blocks(container.children, context))
    folding = _FOLDING.fullmatch(container.opening.content.strip())
    if folding and context.env.get("nested") and container.closing.strip() == "</details>":
        return folded(
            raw_html.escaped_text(folding["summary"].strip()), inside, is_open=bool(folding["open"])
        )
    opening = raw_html.with_markdown(container.opening.content)
    closing = raw_html.escaped_text(container.closing.strip())
    return "\n\n".join(part for part in (opening, inside, closing) if part)


_FOLDING = re.compile(r"<details(?P<open>\s+open[^>]*)?>\s*<summary>(?P<summary>.*?)</summary>", re.DOTALL)


def folded(summary: str, inside: str, *, is_open: bool) -> str:
    """Return what folds as it can stand in a list or a quote."""
    title = re.sub(r"\s+", " ", summary).replace('"', "&quot;")
    return f'???{"+" if is_open else ""} "{title}"\n\n{INDENT}{_indented(inside)}'


@contextmanager
def _nested(context: RenderContext) -> Iterator[None]:
    """Remember that what is rendered stands in a list, a quote or a definition."""
    before = context.env.get("nested", 0)
    context.env["nested"] = before + 1
    yield
    context.env["nested"] = before


def _paragraph(node: RenderTreeNode, context: RenderContext) -> str:
    lines = [line.strip(" \t") for line in node.children[0].render(context).split("\n")]
    text = "\n".join(escapes.escape_line_start(line) if not _starts_raw(line) else line for line in lines)
    attributes = {key: value for key, value in node.attrs.items() if key != "hidden"}
    return f"{text}\n{attribute_list(attributes)}" if attributes else text


def _starts_raw(line: str) -> bool:
    return bool(re.match(r"\*{1,3}\S|<", line))


def _heading(node: RenderTreeNode, context: RenderContext) -> str:
    inline = node.children[0]
    text = inline.render(context).replace("\n", " ").strip()
    text = re.sub(r"#(#*)$", r"\\#\1", text)
    text = re.sub(r"\{(?=[^{}]*\}\s*$)", escapes.entity("{"), text)
    attributes = dict(node.attrs)
    wanted = str(attributes.pop("id", ""))
    opening = node.nester_tokens.opening if node.nester_tokens else None
    if wanted and (opening is None or opening.meta.get("write id") or context.env["mode"] is Mode.CAREFUL):
        attributes = {"id": wanted, **attributes}
    suffix = f" {attribute_list(attributes)}" if attributes else ""
    return f"{'#' * int(node.tag[1])} {text}{suffix}"


def _rule(node: RenderTreeNode, context: RenderContext) -> str:
    return "---"


def _fence(node: RenderTreeNode, context: RenderContext) -> str:
    language, options = fence_header(node.info or "")
    return code_block(node.content, language, options)


def fence_header(info: str) -> tuple[str, dict[str, Any]]:
    """Return the language and the options of a fence: ```` ```go {linenos=true} ````."""
    info = info.strip()
    head, brace, rest = info.partition("{")
    options = parse_attributes(brace + rest) if brace else None
    words = head.split()
    return (words[0] if words else ""), {key.lower(): value for key, value in (options or {}).items()}


def code_block(code: str, language: str, options: dict[str, Any]) -> str:
    """Return a fence with the options that Material knows: lines to mark and numbers to count."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    header = re.sub(r"[^\w#.+-]", "", language)
    header = header if header.lower() not in ("goat", "plain", "plaintext") else "text"
    wanted = []
    if lines := options.get("hl_lines"):
        lines = lines if isinstance(lines, list) else str(lines).replace(",", " ").split()
        spans = [line for line in lines if re.fullmatch(r"\d+(-\d+)?", str(line))]
        if spans:
            wanted.append(f'hl_lines="{" ".join(str(span) for span in spans)}"')
    if (
        str(options.get("linenos", "false")).lower() in ("true", "table", "inline")
        or "linenostart" in options
    ):
        wanted.append(f'linenums="{options.get("linenostart", 1)}"')
    header = " ".join([header or ("text" if wanted else ""), *wanted]).strip()
    body = code if not code or code.endswith("\n") else code + "\n"
    body = re.sub(r"(?m)^([ \t]*)(;*-+8<-+)", r"\1;\2", body)
    return f"{ticks}{' ' if header else ''}{header}\n{body}{ticks}"


def _list(node: RenderTreeNode, context: RenderContext) -> str:
    """Lists are four columns wide; the marker is written with one space."""
    tight = all(
        child.hidden for item in node.children for child in item.children if child.type == "paragraph"
    )
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    items, plain = [], True
    for offset, item in enumerate(node.children):
        marker = f"{number + offset}." if node.type == "ordered_list" else "-"
        body, is_plain = _item(item, context, tight)
        plain = plain and is_plain
        items.append(f"{marker} {_indented(body)}")
    return ("\n" if tight and plain else "\n\n").join(items)


def _item(node: RenderTreeNode, context: RenderContext, tight: bool) -> tuple[str, bool]:
    """Return an item's text, and whether it holds only a line of text and lists."""
    children = node.children
    with _nested(context):
        parts = _blocks(children, context)
    starts_with_text = bool(parts) and bool(children) and _runs_on(children[0])
    if not starts_with_text:
        parts.insert(0, NOTHING)
    plain = all(child.type in ("paragraph", "bullet_list", "ordered_list") for child in children)
    plain = plain and starts_with_text and len(parts) <= 2 and not any("\n\n" in part for part in parts)
    return ("\n" if tight and plain else "\n\n").join(parts), plain


def _runs_on(node: RenderTreeNode) -> bool:
    """Whether a list item may begin with a block on its marker's line: text, or HTML that stands in text."""
    if node.type == "html_block":
        name = re.match(r"<([A-Za-z][\w-]*)", node.content.strip())
        return (
            name is not None and not raw_html.is_block_element(name[1]) and "\n" not in node.content.strip()
        )
    return node.type == "paragraph"


def _indented(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *(INDENT + line if line else line for line in rest)])


def _quote(node: RenderTreeNode, context: RenderContext) -> str:
    with _nested(context):
        inside = "\n\n".join(_blocks(node.children, context))
    if alert := node.meta.get("alert"):
        return admonition(
            alert["type"], context.env["inline_markdown"](alert_title(alert)), inside, alert["sign"]
        )
    return "\n".join(f"> {line}" if line else ">" for line in inside.split("\n"))


def admonition(kind: str, title: str, inside: str, sign: str = "") -> str:
    """Return a note in a box, or one that folds where the sign is `+` or `-`."""
    kind = ADMONITIONS.get(kind.lower(), kind.lower())
    opening = {"+": "???+", "-": "???"}.get(sign, "!!!")
    title = title.replace('"', "&quot;")
    head = f'{opening} {kind} "{title}"'
    return f"{head}\n\n{INDENT}{_indented(inside)}" if inside else head


def _table(node: RenderTreeNode, context: RenderContext) -> str:
    rows = [row for part in node.children for row in part.children]
    context.env["in_cell"] = True
    lines = [
        [cell.children[0].render(context).replace("\n", " ").strip() for cell in row.children] for row in rows
    ]
    context.env["in_cell"] = False
    rulers = []
    for cell in rows[0].children:
        style = str(cell.attrs.get("style", ""))
        left, right = "left" in style or "center" in style, "right" in style or "center" in style
        rulers.append(f"{':' if left else '-'}-{':' if right else '-'}")
    lines.insert(1, rulers)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _definitions(node: RenderTreeNode, context: RenderContext) -> str:
    parts: list[str] = []
    previous = ""
    for child in node.children:
        if child.type == "dt":
            parts.append(
                ("\n" if parts and previous == "dd" else "")
                + escapes.escape_line_start(child.children[0].render(context).strip())
            )
        else:
            with _nested(context):
                body = "\n\n".join(_blocks(child.children, context))
            parts.append(f":   {_indented(body or NOTHING)}")
            if "\n\n" in body or any(c.type == "paragraph" and not c.hidden for c in child.children):
                parts[-1] = "\n" + parts[-1]
        previous = child.type
    return "\n".join(parts)


def _footnotes(node: RenderTreeNode, context: RenderContext) -> str:
    notes = []
    for note in node.children:
        label = context.env["footnotes"]["list"][note.meta["id"]]["label"]
        with _nested(context):
            parts = _blocks(note.children, context)
        if not parts or note.children[0].type != "paragraph":
            parts.insert(0, NOTHING)
        body = "\n\n".join(parts)
        notes.append(f"[^{label}]: {_indented(body)}")
    return "\n\n".join(notes)


def _math_block(content: str) -> str:
    lines = [line.strip() for line in content.strip().split("\n") if line.strip()]
    body = "\n".join(re.sub(r"<(?=[A-Za-z/!?])", "< ", line) for line in lines)
    return f"$$\n{body}\n$$"


def _html_block(node: RenderTreeNode, context: RenderContext) -> str:
    return raw_html.block(node.content.strip("\n"), careful=context.env["mode"] is Mode.CAREFUL)


# Inline -------------------------------------------------------------------------------------------


def _inline(node: RenderTreeNode, context: RenderContext) -> str:
    return _run(node.children, context)


def _run(nodes: Sequence[RenderTreeNode], context: RenderContext, *, in_link: bool = False) -> str:
    """Render siblings in a line; text is escaped with an eye on its neighbours."""
    out = ""
    for index, node in enumerate(nodes):
        following = _first_character(nodes[index + 1]) if index + 1 < len(nodes) else ""
        if node.type in ("text", "text_special"):
            out += _text(node.content, out[-1:], following, context, in_link)
        elif node.type == "typographic":
            plain = context.env["mode"] is Mode.READABLE and node.markup not in ("<<", ">>")
            plain = plain and not context.env.get("set type")
            out += node.markup if plain else node.content
        elif node.type == "math_display":
            out = f"{out.rstrip()}\n\n{_math_block(node.content)}\n\n"
        else:
            out += node.render(context)
    return out.strip("\n")


def _first_character(node: RenderTreeNode) -> str:
    first = {
        "em": "*",
        "strong": "*",
        "s": "~",
        "code_inline": "`",
        "link": "[",
        "image": "!",
        "html_inline": "<",
        "softbreak": "\n",
        "hardbreak": "\n",
        "math_inline": "$",
    }
    return first.get(node.type) or (node.markup if node.type == "typographic" else node.content)[:1]


def _text(text: str, before: str, after: str, context: RenderContext, in_link: bool) -> str:
    if context.env["mode"] is Mode.CAREFUL:
        return escapes.entities(text)
    in_link = in_link or bool(context.env.get("in_link"))
    return escapes.escape_text(text, before, after, in_link=in_link, in_cell=bool(context.env.get("in_cell")))


def _em(node: RenderTreeNode, context: RenderContext) -> str:
    return _marked(node, context, "*", "em")


def _strong(node: RenderTreeNode, context: RenderContext) -> str:
    return _marked(node, context, "**", "strong")


def _struck(node: RenderTreeNode, context: RenderContext) -> str:
    return _marked(node, context, "~~", "del")


def _marked(node: RenderTreeNode, context: RenderContext, mark: str, tag: str) -> str:
    inside = _run(node.children, context)
    if context.env["mode"] is Mode.CAREFUL:
        return f"<{tag}>{inside}</{tag}>"
    if mark == "*" and (inside.startswith("*") or inside.endswith("*")):
        mark = "_"
    return f"{mark}{inside}{mark}"


def _code(node: RenderTreeNode, context: RenderContext) -> str:
    """Python-Markdown strips code, and has no way to begin or end it with a backtick and a space."""
    code = node.content
    simple = code.strip() == code and code and not ("`" in code and context.env["mode"] is Mode.CAREFUL)
    if simple and not (context.env.get("in_cell") and "|" in code and context.env["mode"] is Mode.CAREFUL):
        ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
        if len(ticks) < 3:
            space = " " if "`" in code else ""
            return f"{ticks}{space}{code}{space}{ticks}"
    return f"<code>{escapes.entities(code)}</code>"


def _math_inline(node: RenderTreeNode, context: RenderContext) -> str:
    body = re.sub(r"\s*\n\s*", " ", node.content.strip())
    return f"${body}$" if "$" not in body else f"\\({body}\\)"


def _link(node: RenderTreeNode, context: RenderContext) -> str:
    href = str(node.attrs.get("href", ""))
    if node.info == "auto":
        text = node.children[0].content
        bare = href.removeprefix("mailto:")
        if bare == text and re.fullmatch(r"(?:https?|ftp)://[^<>\s]*|[^<>\s!]+@[^@<>\s]+", text):
            return f"<{text}>"
    outer, context.env["in_link"] = context.env.get("in_link"), True
    inside = _run(node.children, context, in_link=True)
    context.env["in_link"] = outer
    return (
        f"[{inside}]({_target(href, node.attrs.get('title'))}){_inline_attributes(node, ('href', 'title'))}"
    )


def _image(node: RenderTreeNode, context: RenderContext) -> str:
    alt = plain_text([token for child in node.children for token in child.to_tokens()])
    target = _target(str(node.attrs.get("src", "")), node.attrs.get("title"))
    return f"![{escapes.attribute(alt)}]({target}){_inline_attributes(node, ('src', 'title', 'alt'))}"


def _target(address: str, title: Any) -> str:
    shown = f' "{escapes.attribute(str(title))}"' if title else ""
    return escapes.destination(address) + shown


def _inline_attributes(node: RenderTreeNode, known: tuple[str, ...]) -> str:
    extra = {key: value for key, value in node.attrs.items() if key not in known}
    return attribute_list(extra) if extra else ""


def _html_inline(node: RenderTreeNode, context: RenderContext) -> str:
    if 'class="task-list-item-checkbox"' in node.content:
        return "[x]" if "checked" in node.content.replace("checkbox", "") else "[ ]"
    return node.content


def _softbreak(node: RenderTreeNode, context: RenderContext) -> str:
    return "\n"


def _hardbreak(node: RenderTreeNode, context: RenderContext) -> str:
    return "<br>\n"


def _footnote_ref(node: RenderTreeNode, context: RenderContext) -> str:
    return f"[^{context.env['footnotes']['list'][node.meta['id']]['label']}]"


def _emoji(node: RenderTreeNode, context: RenderContext) -> str:
    return node.content


class _Differences:
    """The renderers in which Python-Markdown and Goldmark differ, as mdformat takes them."""

    RENDERERS: ClassVar = {
        "root": _root,
        "paragraph": _paragraph,
        "heading": _heading,
        "hr": _rule,
        "fence": _fence,
        "code_block": _fence,
        "bullet_list": _list,
        "ordered_list": _list,
        "blockquote": _quote,
        "table": _table,
        "dl": _definitions,
        "footnote_block": _footnotes,
        "html_block": _html_block,
        "inline": _inline,
        "em": _em,
        "strong": _strong,
        "s": _struck,
        "code_inline": _code,
        "math_inline": _math_inline,
        "link": _link,
        "image": _image,
        "html_inline": _html_inline,
        "softbreak": _softbreak,
        "hardbreak": _hardbreak,
        "footnote_ref": _footnote_ref,
        "emoji": _emoji,
    }
