"""Make of Hugo's HTML what this site can show: nothing that another host sends, no formula that nobody can
set.

Pictures, frames and scripts of other hosts become links, formulas that cannot be set become code, links
that lead
nowhere become words. Each is a note.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import lxml.html

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.clean import clean
from blog_code.hugo.pages import Page
from blog_code.hugo.problems import Notes
from blog_code.hugo.units import Element, parse

_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\$\w])\$(?![\s$])([^$\n]+?)(?<![\s\\])\$(?![\d\w])",
    re.S,
)
_VERBATIM = re.compile(
    r"(<(pre|code|script|style|textarea|svg)\b.*?</\2>"
    r'|<(span|div) class="arithmatex">.*?</\3>|<!--.*?-->|<[^>]*>)',
    re.S,
)
# Addresses that only a frame or a script can use, and what a reader can open instead.
_TO_READ = (
    (
        r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+).*",
        r"https://www.youtube.com/watch?v=\1",
    ),
    (r"(?:https?:)?//player\.vimeo\.com/video/(\d+).*", r"https://vimeo.com/\1"),
    (r"(?:https?:)?(//gist\.github\.com/[^?]+)\.js(?:\?.*)?", r"https:\1"),
    (r"(//.*)", r"https:\1"),
)
_LOADS = ("img", "iframe", "embed", "object", "video", "audio", "script")


def to_read(address: str) -> str:
    """Return the address that a reader opens for one that a page would load."""
    address = address.strip()
    for loaded, read in _TO_READ:
        if re.fullmatch(loaded, address):
            return re.sub(loaded, read, address)
    return address


@dataclass
class Policy:
    """Changes the HTML of a page to what may stand here."""

    page: Page
    addresses: Addresses
    maths: bool  # whether a script of the old site would look for formulas in the text
    problem_of: Callable[[str], str]  # what is wrong with a formula, or nothing
    notes: Notes

    def tree(self, html: str) -> Element:
        """Return Hugo's HTML, cleaned and changed, as a tree."""
        root = parse(clean(_with_formulas(html) if self.maths else html))
        for node in list(root.iter(*_LOADS)):
            if node.getparent() is not None:
                self._load(node)
        for node in list(root.iter("a")):
            self._link(node)
        for node in root.xpath(".//*[contains(concat(' ', @class, ' '), ' arithmatex ')]"):
            self._formula(node)
        for node in list(root.iter("input")):
            if node.get("type") != "checkbox":
                node.drop_tree()
        for node in root.xpath(".//*[@style]"):
            if node.tag == "span" or "text-align" not in node.get("style"):
                del node.attrib["style"]
        return root

    def _load(self, node: Element) -> None:
        """Replace what would be loaded from elsewhere, or from nowhere."""
        inner = (child.get("src") for child in node.iter("source", "embed") if child.get("src"))
        address = node.get("src") or node.get("data") or next(inner, "")
        is_gist = node.tag == "script" and "gist.github.com" in address
        if node.tag == "script" and not is_gist:
            node.drop_tree()
        elif not address:
            if node.tag != "img":
                node.drop_tree()
        elif node.tag in ("iframe", "embed", "object", "script") or not self._is_here(node, address):
            self._instead(node, address)

    def _is_here(self, node: Element, address: str) -> bool:
        sources = [address, *(child.get("src") or "" for child in node.iter("source"))]
        return all(
            self.addresses.is_here(self.addresses.place(source, self.page)) for source in sources if source
        )

    def _instead(self, node: Element, address: str) -> None:
        """Put a link in the place of an element; within a link, its words alone."""
        place = self.addresses.place(address, self.page)
        kind = {"img": "picture", "script": "script", "video": "video", "audio": "sound"}.get(
            node.tag, "frame"
        )
        href = to_read(address) if place.kind == "out" else self.addresses.write(place, self.page, raw=True)
        self.notes.add(
            f"{kind} of another host is a link" if place.kind == "out" else f"{kind} that is not there",
            address,
        )
        is_plain = node.tag == "iframe" and (node.get("title") or "").lower() in (
            "youtube video",
            "vimeo video",
        )
        label = "" if is_plain else re.sub(r"\s+", " ", node.get("title") or node.get("alt") or "").strip()
        may_link = (
            not any(True for _ in node.iterancestors("a"))
            and self.addresses.leads(place)
            and not address.startswith("data:")
        )
        new = lxml.html.Element("a" if may_link else "span")
        if may_link:
            new.set("href", href)
        new.text, new.tail = label or (href if may_link else ""), node.tail
        parent = node.getparent()
        parent.replace(node, new)
        if parent.tag == "body" and node.tag != "img":
            wrapper = lxml.html.Element("p")
            wrapper.tail, new.tail = new.tail, None
            parent.replace(new, wrapper)
            wrapper.append(new)

    def _link(self, node: Element) -> None:
        """Leave the words of a link that leads nowhere."""
        href = node.get("href")
        if href is None or "footnote" in (node.get("class") or ""):
            return
        place = self.addresses.place(href, self.page)
        if place.kind == "dead" or not self.addresses.leads(place):
            self.notes.add(
                "link to what is not here leads to the old site"
                if self.addresses.root
                else "link that leads nowhere",
                href,
            )
        if href.strip().lower().startswith("data:") or not self.addresses.leads(place):
            node.drop_tag()

    def _formula(self, node: Element) -> None:
        """Make code of a formula that cannot be set."""
        tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", node.text_content().strip()).strip()
        if not (problem := self.problem_of(tex)):
            return
        self.notes.add(
            "formula that cannot be set stands as code", f"{' '.join(tex.split())[:80]}: {problem}"
        )
        code = lxml.html.Element("code")
        code.text = tex if node.tag == "div" else " ".join(tex.split())
        if node.tag == "div":
            wrapper = lxml.html.Element("pre", {"data-fence": '{"lang": "latex"}'})
            wrapper.append(code)
            code = wrapper
        code.tail = node.tail
        node.getparent().replace(node, code)


def _with_formulas(html: str) -> str:
    """Mark the formulas that a script would find in the text of Hugo's page."""
    parts = _VERBATIM.split(html)
    out = []
    for index in range(0, len(parts), 4):
        out.append(_FORMULA.sub(_marked, parts[index]))
        out += parts[index + 1 : index + 2]
    return "".join(out)


def _marked(found: re.Match[str]) -> str:
    tex = next(group for group in found.groups() if group is not None)
    if found[1] is not None or found[2] is not None:
        return f'<span class="arithmatex block">\\[{tex}\\]</span>'
    return f'<span class="arithmatex">\\({tex}\\)</span>'
