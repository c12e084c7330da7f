"""What each shortcode becomes: Hugo's own, those that many themes share, and those of a mapping file."""

import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blog_code.hugo.escapes import entities
from blog_code.hugo.policy import Policy, is_outside, link
from blog_code.hugo.problems import Usage, refusal
from blog_code.hugo.render import INDENT, admonition, code_block, folded
from blog_code.hugo.shortcodes import Shortcode


@dataclass(frozen=True)
class Rendition:
    """What stands on the page for a shortcode, and the HTML that it is held against."""

    markdown: str
    html: str
    is_block: bool = True
    # The form for lists and quotes, where it is another.
    nested: str = ""
    # What is not as Hugo had it, for the report.
    changes: tuple[str, ...] = ()


@dataclass
class Surroundings:
    """What a shortcode may ask of the post in which it stands."""

    # Converts Markdown of the source; returns this site's Markdown and Hugo's HTML.
    convert: Callable[[str, int], tuple[str, str]]
    # Converts a piece of a line to HTML.
    inline: Callable[[str], str]
    # Returns the path for Markdown and the address for HTML.
    link: Callable[[str, bool], tuple[str, str]]
    params: Mapping[str, Any]
    mapping: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def rendition(shortcode: Shortcode, around: Surroundings) -> Rendition:
    """Return what a shortcode becomes, or refuse one that nothing is known about."""
    if shortcode.name in around.mapping:
        return _mapped(shortcode, around, around.mapping[shortcode.name])
    known = KNOWN.get(shortcode.name.lower())
    if known is None:
        raise refusal(
            f"the shortcode `{shortcode.name}` is not known; say what it becomes in a mapping file, "
            f"as in [shortcodes.{shortcode.name}] markdown = '...'",
            shortcode.line,
        )
    return known(shortcode, around)


# Hugo's own ---------------------------------------------------------------------------------------


def _figure(code: Shortcode, around: Surroundings) -> Rendition:
    source = code.get("src") or code.get(0)
    caption = around.inline(code.get("caption")) if code.get("caption") else ""
    alt = code.get("alt") or re.sub(r"<[^>]+>", "", caption)
    path, address = around.link(source, True)
    markdown_image, html_image, changes = _image(code, alt, path, address)
    if code.get("link"):
        link_path, link_address = around.link(code.get("link"), False)
        rest = "".join(f' {key}="{escape(code.get(key))}"' for key in ("target", "rel") if code.get(key))
        markdown_image = f"[{markdown_image}]({link_path})" + (f"{{{rest} }}" if rest else "")
        html_image = f'<a href="{escape(link_address)}"{rest}>{html_image}</a>'
    lines = []
    if code.get("title"):
        lines.append(f"<h4>{escape(code.get('title'))}</h4>")
    if caption or code.get("attr"):
        credit = around.inline(code.get("attr")) if code.get("attr") else ""
        if code.get("attrlink"):
            credit = f'<a href="{escape(around.link(code.get("attrlink"), False)[1])}">{credit}</a>'
        lines.append(f"<p>{' '.join(part for part in (caption, credit) if part)}</p>")
    words = f"<figcaption>{''.join(lines)}</figcaption>" if lines else ""
    class_ = f' class="{escape(code.get("class"))}"' if code.get("class") else ""
    parts = [f'<figure{class_} markdown="span">', markdown_image, words, "</figure>"]
    # The link inside is written twice: as a path for MkDocs, and as it is compared.
    html = html_image.replace(escape(address), escape(path), 1) if address != path else html_image
    if code.get("link"):
        html = html.replace(escape(link_address), escape(link_path), 1)
    text = "\n".join(part for part in parts if part)
    return Rendition(text, f"<figure{class_}>{html}{words}</figure>", changes=changes)


def _image(code: Shortcode, alt: str, path: str, address: str) -> tuple[str, str, tuple[str, ...]]:
    """Return a figure's image as Markdown and HTML; one on another host is a link, and said to be so."""
    if is_outside(address):
        policy, words = Policy(), code.get("alt") or code.get("title")
        policy.html(f'<img src="{escape(address)}">')
        changes = tuple(change for _, change in policy.changes)
        if code.get("link"):
            return escape_alt(words or address), escape(words or address), changes
        return link(address, words), f'<a href="{escape(address)}">{escape(words or address)}</a>', changes
    extra = "".join(
        f' {key}="{escape(code.get(key))}"' for key in ("width", "height", "loading") if code.get(key)
    )
    image = f"![{escape_alt(alt)}]({path})" + (f"{{{extra} }}" if extra else "")
    return image, f'<img src="{escape(address)}" alt="{escape_alt(alt)}"{extra}>', ()


def escape_alt(text: str) -> str:
    """Return alternative text with entities for what Markdown or HTML would read."""
    return "".join(f"&#{ord(c)};" if c in '\\`*_{}[]<>$~|"!&' else c for c in re.sub(r"\s+", " ", text))


def _highlight(code: Shortcode, around: Surroundings) -> Rendition:
    text = _inner(code).strip("\n")
    options = _pairs(code.get(1)) | {key.lower(): value for key, value in code.named.items()}
    language = code.get(0) or code.get("lang")
    return Rendition(code_block(text, language, options), f"<pre><code>{escape(text)}</code></pre>")


def _pairs(text: str) -> dict[str, Any]:
    """Read `linenos=table,hl_lines=8 15-17,linenostart=199`."""
    return {
        key.lower(): value.strip(" \"'[]") for key, value in re.findall(r"(\w+)=([^=]*?)(?=,\s*\w+=|$)", text)
    }


def _details(code: Shortcode, around: Surroundings) -> Rendition:
    summary = around.inline(code.get("summary") or code.get("title") or "Details")
    inside, html = around.convert(_inner(code), code.line)
    is_open = " open" if code.get("open") in ("true", "open") else ""
    head = f'<details{is_open} markdown="block">\n<summary>{summary}</summary>'
    return Rendition(
        f"{head}\n\n{inside}\n\n</details>",
        f"<details{is_open}><summary>{summary}</summary>{html}</details>",
        nested=folded(summary, inside, is_open=bool(is_open)),
    )


def _youtube(code: Shortcode, around: Surroundings) -> Rendition:
    start = code.get("start")
    at = f"&t={quote(start)}s" if start not in ("", "0") else ""
    identity = quote(code.get(0) or code.get("id"))
    return _elsewhere(f"https://www.youtube.com/watch?v={identity}{at}", "YouTube video", code)


def _vimeo(code: Shortcode, around: Surroundings) -> Rendition:
    return _elsewhere(f"https://vimeo.com/{quote(code.get(0) or code.get('id'))}", "Vimeo video", code)


def _gist(code: Shortcode, around: Surroundings) -> Rendition:
    file = f"#file-{re.sub(r'[^a-z0-9]+', '-', code.get(2).lower())}" if code.get(2) else ""
    address = f"https://gist.github.com/{quote(code.get(0))}/{quote(code.get(1))}{file}"
    return _elsewhere(address, "Gist", code)


def _x(code: Shortcode, around: Surroundings) -> Rendition:
    identity = code.get("id") or code.get(0)
    address = f"https://x.com/{quote(code.get('user') or 'i')}/status/{quote(identity)}"
    return _elsewhere(address, "Post on X", code)


def _instagram(code: Shortcode, around: Surroundings) -> Rendition:
    address = f"https://www.instagram.com/p/{quote(code.get(0) or code.get('id'))}/"
    return _elsewhere(address, "Post on Instagram", code)


def _elsewhere(address: str, kind: str, code: Shortcode) -> Rendition:
    """Return a link in a paragraph for what another host would send: the site calls no third party."""
    title = code.get("title")
    change = f"`{code.name}` is a link to {address} here: the site calls no other host"
    before = "" if title else f"{kind}: "
    html = f'<p>{before}<a href="{escape(address)}">{escape(title or address)}</a></p>'
    return Rendition(before + link(address, title), html, changes=(change,))


def _param(code: Shortcode, around: Surroundings) -> Rendition:
    value: Any = around.params
    for key in (code.get(0) or code.get("name")).lower().split("."):
        value = _lowered(value).get(key) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, Mapping):
        raise refusal(
            f"`param {code.get(0)}` names nothing in the post's header or the site's params", code.line
        )
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Rendition(text if "<" in text else entities(text), text, is_block=False)


def _lowered(table: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in table.items()}


# Those of many themes -----------------------------------------------------------------------------


def _notice(code: Shortcode, around: Surroundings) -> Rendition:
    kind = (
        code.get("type")
        or code.get("kind")
        or code.get(0)
        or (code.name if code.name != "notice" else "note")
    )
    if kind in ("admonition", "callout", "alert"):
        kind = "note"
    kind = re.sub(r"[^\w-]", "", kind.split()[0]) or "note"
    title = code.get("title") or code.get(1) or kind.capitalize()
    sign = {"false": "-", "true": "+"}.get(code.get("open"), "")
    inside, html = around.convert(_inner(code), code.line)
    heading = around.inline(title)
    return Rendition(
        admonition(kind, title, inside, sign),
        f'<blockquote class="admonition"><p class="admonition-title">{heading}</p>{html}</blockquote>'
        if not sign
        else f"<details{' open' if sign == '+' else ''}><summary>{heading}</summary>{html}</details>",
    )


def _mermaid(code: Shortcode, around: Surroundings) -> Rendition:
    text = _inner(code).strip("\n")
    return Rendition(code_block(text, "mermaid", {}), f"<pre><code>{escape(text)}</code></pre>")


def _katex(code: Shortcode, around: Surroundings) -> Rendition:
    text = (code.inner if code.inner is not None else code.get(0)).strip()
    display = "display" in code.positional or code.get("display") == "true" or "\n" in text
    if display:
        body = "\n".join(line.strip() for line in text.split("\n") if line.strip())
        return Rendition(f"$$\n{body}\n$$", f'<div class="arithmatex">\\[{escape(text)}\\]</div>')
    return Rendition(f"${text}$", f'<span class="arithmatex">\\({escape(text)}\\)</span>', is_block=False)


def _nothing(code: Shortcode, around: Surroundings) -> Rendition:
    return Rendition("", "")


def _inner(code: Shortcode) -> str:
    if code.inner is None:
        raise refusal(f"the shortcode `{code.name}` is never closed; end it with /{code.name}", code.line)
    return code.inner


Known = Callable[[Shortcode, Surroundings], Rendition]

KNOWN: dict[str, Known] = {
    "figure": _figure,
    "highlight": _highlight,
    "details": _details,
    "youtube": _youtube,
    "vimeo": _vimeo,
    "vimeo_simple": _vimeo,
    "gist": _gist,
    "x": _x,
    "tweet": _x,
    "twitter": _x,
    "instagram": _instagram,
    "param": _param,
    "comment": _nothing,
    "notice": _notice,
    "admonition": _notice,
    "callout": _notice,
    "alert": _notice,
    "mermaid": _mermaid,
    "katex": _katex,
}


# A mapping file -----------------------------------------------------------------------------------

# Stands for the inner text while a template is filled.
_INNER = "\ue002"
_FORMS = ("markdown", "html", "drop")


def read_mapping(path: Path | None) -> dict[str, dict[str, Any]]:
    """Read a mapping file: a table [shortcodes.NAME] for each, with `markdown`, `html` or `drop = true`."""
    if path is None:
        return {}
    try:
        entries: dict[str, dict[str, Any]] = tomllib.loads(path.read_text("utf-8")).get("shortcodes", {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{path}: the mapping cannot be read: {error}") from error
    for name, entry in entries.items():
        forms = [form for form in _FORMS if form in entry] if isinstance(entry, dict) else []
        if len(forms) != 1:
            raise Usage(f"{path}: [shortcodes.{name}] needs one of `markdown`, `html` and `drop = true`")
        if unknown := sorted(set(entry) - {*_FORMS, "inner", "inline"}):
            raise Usage(f"{path}: [shortcodes.{name}] has {', '.join(unknown)}, which means nothing here")
    return entries


class _Template(string.Formatter):
    """Fills `{src}`, `{0}`, `{inner}`; what a post does not give is left empty."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        name, _, default = field_name.partition("|")
        return kwargs.get(name) or default, field_name


def _mapped(code: Shortcode, around: Surroundings, entry: Mapping[str, Any]) -> Rendition:
    if entry.get("drop"):
        return Rendition("", "")
    form = "markdown" if "markdown" in entry else "html"
    values = {str(index): value for index, value in enumerate(code.positional)} | code.named
    for key in ("src", "url", "href", "link", "image", "0"):
        if values.get(key) and re.search(rf"\(\{{{key}\}}|(?:src|href)=\"\{{{key}\}}", str(entry[form])):
            values[key] = around.link(values[key], key != "href")[0 if form == "markdown" else 1]
    raw = entry.get("inner") == "raw"
    inside, html = (code.inner or "",) * 2 if raw else around.convert(code.inner or "", code.line)
    template = str(entry[form])
    one_paragraph = re.fullmatch(r"\s*<p>((?:(?!<p>).)*)</p>\s*", html, re.DOTALL)
    html = one_paragraph[1] if one_paragraph else html
    # The inner text obeyed the policy when it was converted; code in it must stay as it is.
    values["inner"] = _INNER
    try:
        filled = _Template().vformat(template, (), values)
    except (ValueError, KeyError, IndexError) as error:
        raise refusal(f"the mapping of `{code.name}` cannot be filled: {error}", code.line) from error
    filled = re.sub(r'\s+[\w-]+=""', "", filled)
    filled = re.sub(r"\{\s*\}", "", filled)
    policy = Policy()
    filled = policy.markdown(filled.strip("\n"))
    filled = filled.replace(_INNER, html if form == "html" else _with_indent(inside, template)).strip("\n")
    is_block = not entry.get("inline", _stands_in_text(filled))
    return Rendition(filled, "", is_block, changes=tuple(change for _, change in policy.changes))


def _stands_in_text(text: str) -> bool:
    """Whether what a mapping makes can stand among words."""
    starts_block = re.match(
        r"(?:!!!|\?\?\?|#|>|\||```|[-*] |<(?:!--|div|p|figure|details|iframe|table|ul|ol)\b)", text
    )
    return "\n" not in text and not starts_block


def _with_indent(text: str, template: str) -> str:
    found = re.search(r"(?m)^([ ]+)\{inner\}", template)
    indent = found[1] if found else ""
    return re.sub(r"\n(?=.)", "\n" + indent, text)


__all__ = ["INDENT", "KNOWN", "Rendition", "Surroundings", "read_mapping", "rendition"]
