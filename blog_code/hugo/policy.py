"""Make of Hugo's HTML what this site can show: nothing of another host, no formula that nobody can set.

Pictures, frames and scripts of other hosts become links, formulas that cannot be set become code, links that
lead nowhere become words. Each is a note.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import lxml.html

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.clean import clean
from blog_code.hugo.pages import Page
from blog_code.hugo.problems import Notes
from blog_code.hugo.units import Element, parse, tex_of

_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)"
    r"|(?<![\\$\w])\$(?![\s$])([^$\n]+?)(?<![\s\\])\$(?![\d\w])",
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
        r"(?:https?:)?//(?:www\.)?youtube[-\w]*\.com/embed/([\w-]+).*",
        r"https://www.youtube.com/watch?v=\1",
    ),
    (r"(?:https?:)?//player\.vimeo\.com/video/(\d+).*", r"https://vimeo.com/\1"),
    (r"(?:https?:)?(//gist\.github\.com/[^?]+)\.js(?:\?.*)?", r"https:\1"),
    (r"(//.*)", r"https:\1"),
)
_FRAMES = ("iframe", "embed", "object", "script")
_KINDS = {"img": "picture", "script": "script", "video": "video", "audio": "sound"}


def to_read(address: str) -> str:
    """Return the address that a reader opens for one that a page would load."""
    address = address.strip()
    ways = (re.sub(loaded, read, address) for loaded, read in _TO_READ if re.fullmatch(loaded, address))
    return next(ways, address)


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
        if re.search(r"<h1\b", self.page.content or ""):  # the title is the only one of its level here
            for node in root.xpath(".//h1|.//h2|.//h3|.//h4|.//h5"):
                node.tag = f"h{int(node.tag[1]) + 1}"
        for node in list(root.iter("img", "video", "audio", *_FRAMES)):
            if node.getparent() is not None:
                self._load(node)
        for node in list(root.iter("a")):
            self._link(node)
        for node in root.xpath(".//*[contains(concat(' ', @class, ' '), ' arithmatex ')]"):
            self._formula(node)
        for node in root.xpath(".//input[not(@type='checkbox')]"):
            node.drop_tree()
        for node in root.xpath(".//*[@style][self::span or not(contains(@style, 'text-align'))]"):
            del node.attrib["style"]
        return root

    def _load(self, node: Element) -> None:
        """Replace what would be loaded from elsewhere, or from nowhere."""
        inner = [child.get("src") for child in node.iter("source", "embed") if child.get("src")]
        address = node.get("src") or node.get("data") or (inner or [""])[0]
        if not address or (node.tag == "script" and "gist.github.com" not in address):
            if node.tag != "img":
                node.drop_tree()
            return
        places = [self.addresses.place(source, self.page) for source in (address, *inner)]
        if node.tag in _FRAMES or any(place.kind != "file" for place in places):
            self._instead(node, address)

    def _instead(self, node: Element, address: str) -> None:
        """Put a link in the place of an element; within a link, its words alone."""
        place, kind = self.addresses.place(address, self.page), _KINDS.get(node.tag, "frame")
        said = "of another host is a link" if place.kind == "out" else "that is not there"
        self.notes.add(f"{kind} {said}", address)
        label = " ".join((node.get("title") or node.get("alt") or "").split())
        if node.tag == "iframe" and label.lower() in ("youtube video", "vimeo video"):
            label = ""
        new = lxml.html.Element("span")
        in_link = any(True for _ in node.iterancestors("a"))
        if not in_link and self.addresses.leads(place) and not address.startswith("data:"):
            old = self.addresses.write(place, self.page, raw=True)
            new = lxml.html.Element("a", href=to_read(address) if place.kind == "out" else old)
        new.text, new.tail = label or new.get("href") or "", node.tail
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
        leads = self.addresses.leads(place)
        if place.kind == "dead" or not leads:
            said = "to what is not here leads to the old site" if leads else "that leads nowhere"
            self.notes.add(f"link {said}", href)
        if not leads or href.strip().lower().startswith("data:"):
            node.drop_tag()

    def _formula(self, node: Element) -> None:
        """Make code of a formula that cannot be set."""
        tex = tex_of(node)
        if not (problem := self.problem_of(tex)):
            return
        shown = " ".join(tex.split())[:80]
        self.notes.add("formula that cannot be set stands as code", f"{shown}: {problem}")
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
    for index in range(0, len(parts), 4):
        parts[index] = _FORMULA.sub(_marked, parts[index])
    return "".join(part for index, part in enumerate(parts) if index % 4 < 2)


def _marked(found: re.Match[str]) -> str:
    tex = next(group for group in found.groups() if group is not None)
    if found[1] is not None or found[2] is not None:
        return f'<span class="arithmatex block">\\[{tex}\\]</span>'
    return f'<span class="arithmatex">\\({tex}\\)</span>'
