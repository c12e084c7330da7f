"""Keep what could act on a reader out of HTML, and say of a page as it will be whether anything in it could.

Hugo's HTML is cleaned before anything is written from it. What was written is rendered again, and that HTML
must be
made of allowed tags with allowed attributes alone, each spelt so that no two parsers can disagree about it.
"""

import re
from html import unescape

import nh3

from blog_code.hugo.problems import listed

TEXT = listed(
    "a abbr b bdi bdo big br center cite code del dfn em font i img input ins kbd label mark q rp rt ruby "
    "s samp small span strong sub sup time tt u var wbr"
)
BLOCKS = listed(
    "article aside audio blockquote caption col colgroup dd details div dl dt figcaption figure footer h1 "
    "h2 h3 h4 h5 h6 header hr li main nav ol p pre section source summary table tbody td tfoot th thead "
    "tr track ul video"
)
FRAMES = frozenset(["embed", "iframe", "object", "script"])  # read in Hugo's HTML only, to make links of them
_SCHEMES = {"http", "https", "mailto", "tel", "ftp"}
_ALL = {"align", "class", "dir", "id", "lang", "style", "title"}
_MORE = {
    "a": {"href", "name"},
    "audio": {"controls", "loop", "muted", "src"},
    "col": {"span"},
    "colgroup": {"span"},
    "del": {"cite", "datetime"},
    "details": {"name", "open"},
    "font": {"color", "size"},
    "img": {"alt", "height", "src", "width"},
    "input": {"checked", "disabled", "type"},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "q": {"cite"},
    "source": {"src", "type"},
    "table": {"border"},
    "td": {"colspan", "rowspan"},
    "th": {"abbr", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "track": {"kind", "label", "src", "srclang"},
    "video": {"controls", "height", "loop", "muted", "poster", "src", "width"},
}
_READ = {
    "embed": {"src"},
    "iframe": {"src", "title"},
    "object": {"data"},
    "script": {"src"},
    "pre": {"data-fence"},
}
_ATTRIBUTES = {"*": _ALL, **_MORE, **_READ}
_ALIGNED = re.compile(r"\s*text-align:\s*(left|right|center|justify);?\s*")
_TAG = re.compile(r"""<(?:/([a-z0-9]+)\s*|([a-z0-9]+)((?:\s+[a-z][a-z0-9-]*(?:="[^"<>]*")?)*)\s*/?)>""", re.I)
_COMMENT = re.compile(r"<!--[ \w]*-->")
_PAIR = re.compile(r'\s+([a-z][a-z0-9-]*)(?:="([^"<>]*)")?', re.I)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def clean(html: str) -> str:
    """Return HTML without scripts, styles, handlers and forms; frames stay, for links to be made of them."""
    return nh3.clean(
        _CONTROL.sub("", html),
        tags=set(TEXT | BLOCKS | FRAMES),
        clean_content_tags={"style", "svg", "template", "textarea", "title", "noscript", "math", "select"},
        attributes=_ATTRIBUTES,
        filter_style_properties={"text-align"},
        url_schemes=_SCHEMES | {"data"},
        link_rel=None,
    )


def what_acts(html: str) -> str:
    """Return the first thing in rendered HTML that is not plainly harmless, or nothing."""
    position = 0
    while (at := html.find("<", position)) >= 0:
        if comment := _COMMENT.match(html, at):
            position = comment.end()
            continue
        tag = _TAG.match(html, at)
        if not tag:
            return html[at : at + 60]
        if found := _what_is_wrong((tag[1] or tag[2]).lower(), tag[3] or ""):
            return found
        position = tag.end()
    return ""


def _what_is_wrong(name: str, attributes: str) -> str:
    """Say what in a tag is not allowed, or nothing."""
    if name not in TEXT | BLOCKS:
        return f"<{name}>"
    for key, value in _PAIR.findall(attributes):
        key = key.lower()
        if key not in _ALL | _MORE.get(name, set()):
            return f"<{name} {key}>"
        if key == "style" and not _ALIGNED.fullmatch(value):
            return f"<{name} {key}>"
        if key in ("cite", "href", "poster", "src") and not is_harmless_address(unescape(value)):
            return f"<{name} {key}={value[:40]}>"
    return ""


def is_harmless_address(address: str) -> bool:
    """Whether an address has no scheme, or one that only leads somewhere."""
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", address), re.I)
    return not scheme or scheme[1].lower() in _SCHEMES
