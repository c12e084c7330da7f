"""Write Hugo's inline HTML as this site's Markdown."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from blog_code.hugo.problems import Notes, listed
from blog_code.hugo.units import Element, tex_of

INLINE = listed(
    "em i strong b del s code a img br span sup sub kbd mark u ins small abbr q cite font input label "
    "time var samp wbr tt big bdi bdo dfn ruby rt rp"
)
_SPECIAL = frozenset("\\`*_{}[]()<>#+-.!|~$^=:&\"'/?@;%")
_ASCII = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
_MARKS = {"em": "*", "i": "*", "strong": "**", "b": "**", "del": "~~", "s": "~~"}
_EMPTY = listed("wbr img input source hr br track col embed")
_AT_START = re.compile(
    r"(?m)^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|:(?=\s)|~~~|!!!|\?\?\?|===|///|-+8<-|\[\^|\d+(?=[.)](?:\s|$)))"
)


@dataclass
class Inline:
    """Writes inline HTML; the mode says how much is escaped: ascii, entities, raw."""

    write: Callable[[str, bool], str]  # an address of Hugo's, and whether HTML holds it, as it is here
    mode: str
    guard: re.Pattern[str]  # what would be read as a program
    labels: dict[str, str] = field(default_factory=dict)  # of footnotes, by Hugo's numbers
    notes: Notes = field(default_factory=Notes)
    in_cell: bool = False

    def text(self, text: str) -> str:
        """Return words so that Markdown reads nothing into them."""
        if self.mode == "entities":
            return _entities(text).replace("\xa0", "&nbsp;")
        text = re.sub(r"[ \t]*\n\s*", "\n", text)  # as HTML has it, no white space counts
        if self.mode == "ascii":
            text = text.translate(_ASCII).replace("…", "...").replace("—", "---").replace("–", "--")
        text = re.sub(r"([\\*`])", r"\\\1", text)
        text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
        text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
        text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
        text = re.sub(r"\[(?=[^\]]*\](?:\(|\[|:)|\^)", "&#91;", text)
        text = text.replace("~~", "\\~~").replace("$", "\\$").replace("\xa0", "&nbsp;")
        text = text.replace("|", "\\|") if self.in_cell else text
        return self.guard.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", text)

    def plain(self, text: str) -> str:
        """Return words for HTML, in which no line begins what would be read as a fence."""
        text = self.guard.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", escape(text, quote=False))
        return re.sub(r"(?m)^([ \t]*)([`~])(?=\2\2)", lambda found: f"{found[1]}&#{ord(found[2])};", text)

    def paragraph(self, node: Element) -> str:
        """Return a paragraph; what begins one of its lines is no list, heading or quote."""
        return _AT_START.sub(_escaped_start, self.inside(node)).strip()

    def inside(self, node: Element) -> str:
        """Return what stands in an element."""
        out = self.text(node.text or "")
        for child in node:
            tail = child.tail or ""
            out += self.one(child) + self.text(tail.lstrip("\n") if child.tag == "br" else tail)
        return out

    def one(self, node: Element) -> str:
        """Return an element of a line."""
        tag, classes = node.tag, (node.get("class") or "").split()
        if not isinstance(tag, str):
            return ""
        if "arithmatex" in classes:
            return f"${' '.join(tex_of(node).split())}$"
        if not node.attrib and tag in _MARKS:
            return self._wrapped(node, _MARKS[tag])
        if tag == "code" and not len(node):
            return self._code(node.text or "")
        if tag == "br":
            return "<br>" if self.in_cell else "\\\n"
        if tag == "img":
            return self._image(node)
        if tag == "sup" and (found := node.xpath("a[contains(@class, 'footnote-ref')]/@href")):
            number = found[0].rpartition("fn:")[2]
            return f"[^{self.labels.get(number, number)}]"
        if tag == "input":
            return "[x]" if node.get("checked") is not None else "[ ]"
        if tag == "a" and node.get("href") is not None and not set(node.attrib) - {"href", "title", "class"}:
            return self._link(node)
        if tag in ("a", "span") and not set(node.attrib) - {"class", "title", "href"}:
            return self.inside(node)
        if tag in _EMPTY:
            return f"<{tag}{self.attributes(node)}>"
        return f"<{tag}{self.attributes(node)}>{self.inside(node)}</{tag}>"

    def _wrapped(self, node: Element, mark: str) -> str:
        text = self.inside(node)
        core = text.strip()
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return f"{before}{mark}{core}{mark}{after}" if core else text

    def _code(self, text: str) -> str:
        ticks = max((len(run) for run in re.findall("`+", text)), default=0) + 1
        if not text.strip() or text != text.strip() or self.guard.search(text):
            return f"<code>{_entities(text)}</code>"
        text = text.replace("|", "\\|") if self.in_cell else text
        return f"`{text}`" if ticks == 1 else f"{'`' * ticks} {text} {'`' * ticks}"

    def _image(self, node: Element) -> str:
        """Return an image: Markdown has no empty alt text that anybody meant, HTML has."""
        alt = re.sub(r"\s+", " ", node.get("alt") or "").strip()
        if not alt:
            self.notes.add("picture without alt text", node.get("src") or "")
        if not alt or set(node.attrib) - {"src", "alt", "title", "width", "height"} or "]" in alt:
            node.set("alt", alt)
            return f"<img{self.attributes(node)}>"
        size = " ".join(f'{key}="{escape(node.get(key))}"' for key in ("width", "height") if node.get(key))
        address = angled(self.write(node.get("src") or "", False))
        return f"![{self.text(alt)}]({address}{self._title(node)})" + (f"{{ {size} }}" if size else "")

    def _link(self, node: Element) -> str:
        href = node.get("href")
        if "footnote-ref" in (node.get("class") or ""):
            return self.inside(node)
        address, words = self.write(href, False), node.text_content()
        if not len(node) and words == href == address and re.match(r"(https?|mailto):[^\s<>]+$", href):
            return f"<{href}>"
        if not len(node) and href == f"mailto:{words}" and re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", words):
            return f"<{words}>"
        return f"[{self.inside(node)}]({angled(address)}{self._title(node)})"

    def _title(self, node: Element) -> str:
        title = self.plain(node.get("title") or "").replace("\\", "&#92;").replace('"', "&quot;")
        return f' "{title}"' if title else ""

    def attributes(self, node: Element) -> str:
        """Return the attributes of an element as HTML holds them, its addresses led to the page's own."""
        out = ""
        for key, value in node.attrib.items():
            if key == "href" and value.startswith("#fn:"):
                value = "#fn:" + self.labels.get(value[4:], value[4:])
            elif key == "id" and value.startswith("fnref"):
                name, _, number = value.partition(":")
                value = f"{name}:{self.labels.get(number, number)}"
            elif key in ("src", "href", "poster"):
                value = self.write(value, True)
            elif key == "style" and (side := re.search(r"text-align:\s*(\w+)", value)):
                key, value = "align", side[1]  # the policy of a page refuses styles
            elif key.startswith("data-") or key == "style":
                continue
            quoted = f'="{self.plain(value).replace('"', "&quot;")}"'
            out += f" {key}" + (quoted if value or key in ("alt", "href", "class") else "")
        return out

    def html(self, node: Element) -> str:
        """Return an element as HTML."""
        if not isinstance(node.tag, str):
            return ""
        if "arithmatex" in (node.get("class") or "").split():
            return f'<{node.tag} class="arithmatex">{self.plain(node.text_content())}</{node.tag}>'
        opening = f"<{node.tag}{self.attributes(node)}>"
        inner = "".join(self.html(child) + self.plain(child.tail or "") for child in node)
        return (
            opening + self.plain(node.text or "") + inner + ("" if node.tag in _EMPTY else f"</{node.tag}>")
        )


def _entities(text: str) -> str:
    return "".join(f"&#{ord(c)};" if c in _SPECIAL else c for c in text)


def angled(address: str) -> str:
    """Return an address as a link of Markdown can hold it."""
    return f"<{address}>" if re.search(r"[\s()]", address) or not address else address


def _escaped_start(found: re.Match[str]) -> str:
    space, mark = found[1], found[2]
    if "8<" in mark:
        return space + mark.replace("<", "&lt;")
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"
