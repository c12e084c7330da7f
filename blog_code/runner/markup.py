"""Make what a page includes of outputs: elements on one line, in which nothing but text can be read.

Every character of a text but ASCII letters, digits and single spaces is a numeric entity, line feeds too. No
fence can end there, no include mark, brace, tag or Markdown be read, whichever generator renders the page.
HTML is sanitised by nh3 before; what it would lose, but for what DROPPED and ALIGNMENT name, is refused.
"""

import re
from collections import Counter
from html.parser import HTMLParser

import nh3

OTHER = re.compile(r"[^A-Za-z0-9 ]|(?<= ) ")
# Control characters but tab and line feed, lone surrogates, and two numbers that are no characters.
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Refused(ValueError):
    """A page cannot show something; says what, and the way out."""


def names(text: str) -> set[str]:
    return set(text.split())


TAGS = names("""
    a abbr b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em
    figcaption figure h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q rp rt ruby s samp small span
    strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr
""")
DRAWN = names("""
    svg circle clipPath defs desc ellipse g line linearGradient marker mask path pattern polygon
    polyline radialGradient rect stop symbol text textPath title tspan use
""")
ATTRIBUTES = names("""
    abbr colspan datetime dir headers href id lang open reversed rowspan scope span start title
    clip-path clip-rule clipPathUnits cx cy d dominant-baseline dx dy fill fill-opacity fill-rule
    font-family font-size font-style font-weight fx fy gradientTransform gradientUnits height
    markerHeight markerUnits markerWidth marker-end marker-mid marker-start offset opacity orient
    patternTransform patternUnits points preserveAspectRatio r refX refY rotate rx ry spreadMethod
    stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin
    stroke-miterlimit stroke-opacity stroke-width text-anchor transform version viewBox visibility
    width x x1 x2 xmlns y y1 y2
""")
# Python's parser of HTML tells lower from upper case no more than HTML does; drawings are spelled so.
SPELLED = {name.lower(): name for name in DRAWN | ATTRIBUTES}
# What is lost without a word: it says how things look, and here the page says that.
DROPPED = {"align", "border", "cellpadding", "cellspacing", "class", "valign"}
ALIGNMENT = re.compile(r"\s*(?:(?:text-align|vertical-align)\s*:\s*[\w-]+\s*;?\s*)*", re.I)
PANDAS = re.compile(r"<style scoped>(?:\s*\.dataframe [\w\s>:-]+\{[^{}<]*\})+\s*</style>")
ADDRESS = re.compile(r"(?:https?://|mailto:|#)", re.I)
ELSEWHERE = re.compile(r"url\(\s*[\"']?(?!#)|javascript:|data:", re.I)
PRINT = "print plain text, with rich: Console(force_jupyter=False), or display a table without a style"
LINK = "link to it in the prose"
WAYS = {
    "<script>": "save the chart as SVG or PNG, and display that",
    "<style>": PRINT,
    "style=": PRINT,
    "<img>": "display the picture itself, as PNG or SVG",
    "<h1>": "begin with h2: the page has a title",
    **{f"<{tag}>": LINK for tag in ("iframe", "audio", "video", "embed", "object")},
}


def visible(text: str) -> str:
    """Write control characters, and what no page can hold, as Python does: \\x1b."""
    return INVISIBLE.sub(lambda found: repr(found[0])[1:-1], text)


def encoded(text: str) -> str:
    """Write a text so that nothing in it means anything."""
    return OTHER.sub(lambda found: f"&#{ord(found[0])};", text)


def text_element(text: str, attributes: str = "") -> str:
    """Make the element, on one line, that shows a text to the letter."""
    return f"<pre{attributes}><code>{encoded(text)}</code></pre>"


def html_element(markup: str, prefix: str) -> str:
    """Return HTML that does no harm, on one line; ValueError names what of it no page can show."""
    read = _Reader(markup := PANDAS.sub("", markup))
    if wrong := read.refused():
        raise Refused(cannot(wrong))
    clean = nh3.clean(
        markup,
        tags={*TAGS, *DRAWN},
        attributes={"*": ATTRIBUTES},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    kept = _Reader(clean)
    if kept.text != read.text or read.tags - kept.tags:
        raise Refused("displays HTML in which tags are not closed, or stand where they cannot: mend it")
    return _Writer(clean, prefix).written


def cannot(wrong: list[str]) -> str:
    """Say what a page cannot show, and the way out."""
    way = next((way for name in wrong for sign, way in WAYS.items() if name.startswith(sign)), "leave it out")
    return f"displays {', '.join(wrong[:5])}, which no page shows: {way}"


def svg_faults(tag: str, attributes: dict[str, str]) -> list[str]:
    """Name what of an element of a drawing could do something: a script, a frame, another file."""
    if tag not in DRAWN:
        return [f"<{tag}>"]
    return [
        f"{name}= of <{tag}>"
        for name, value in attributes.items()
        if name.lower().startswith("on") or ELSEWHERE.search(value) or (name == "href" and value[:1] != "#")
    ]


class _Reader(HTMLParser):
    """Collects the tags, attributes and text of a piece of HTML."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += "".join(data.split())

    def refused(self) -> list[str]:
        """Name what has to go, and is not what goes without a word."""
        tags = [f"<{tag}>" for tag in self.tags if SPELLED.get(tag, tag) not in TAGS | DRAWN]
        named = [f"{name}= of <{tag}>" for tag, name, value in self.attributes if not _fits(name, value)]
        return list(dict.fromkeys(tags + named))


def _fits(name: str, value: str) -> bool:
    """Say whether an attribute may stay, or may go without a word."""
    if name in DROPPED or name.startswith("data-"):
        return True
    if name == "style":
        return ALIGNMENT.fullmatch(value) is not None
    if name == "href":
        return ADDRESS.match(value) is not None
    return SPELLED.get(name, name) in ATTRIBUTES and not ELSEWHERE.search(value)


class _Writer(HTMLParser):
    """Writes sanitised HTML on one line, texts and values of attributes encoded; ids get a prefix."""

    def __init__(self, markup: str, prefix: str) -> None:
        super().__init__()
        self.prefix, self.written = prefix, ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.written += f"<{SPELLED.get(tag, tag)}"
        for name, value in attrs:
            value = visible(value or "")
            value = (
                f"{self.prefix}-{value}" if name == "id" else value.replace("url(#", f"url(#{self.prefix}-")
            )
            if name == "href" and value.startswith("#"):
                value = f"#{self.prefix}-{value[1:]}"
            self.written += f' {SPELLED.get(name, name)}="{encoded(value)}"'
        self.written += ">"

    def handle_endtag(self, tag: str) -> None:
        self.written += f"</{SPELLED.get(tag, tag)}>"

    def handle_data(self, data: str) -> None:
        self.written += encoded(visible(data))
