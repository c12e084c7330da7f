"""Write Hugo's HTML as the Markdown that a person would write; where nothing else says the same, as HTML."""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import lxml.html
from pymdownx.slugs import slugify

from blog_code.hugo.inline import INLINE, Inline
from blog_code.hugo.problems import listed
from blog_code.hugo.units import Element, fence_of, highlighted_lines, options_of, tex_of

_SLUG = slugify(case="lower")
_HOLDS = listed("div section aside details article center figure blockquote figcaption header footer main")
_HELD = listed("p ul ol pre blockquote table div h2 h3 h4 h5 h6 figure dl section details")
_LIST = re.compile(r"(?:- |\d+\. )")
_ENDS_CLOSED = re.compile(r"(^|\n)\s*(`{3,}|~{3,}|\|.*\|)$")
_NO_ITEM = re.compile(r"`{3,}|\||    |<|!!!|\?\?\?|> |#")  # begins a block that cannot begin an item
_ADMONITIONS = {"caution": "danger", "important": "info"}
_LANGUAGES = {"output": "text", "plaintext": "text", "goat": "text"}
_NAME = re.compile(r"\w[\w+#.-]*")
_NO_TABLE = ".//*[@rowspan or @colspan or self::ul or self::ol or self::pre or self::p or self::caption]"


@dataclass
class Writer:
    """Writes blocks; what is said of a line is Inline's."""

    inline: Inline
    seen: set[str] = field(default_factory=set)  # ids of headings above

    def page(self, root: Element) -> str:
        """Return the Markdown of a piece of HTML."""
        if self.inline.mode != "raw":
            return "\n\n".join(self.blocks(list(root), root.text))
        parts = [self.inline.plain(root.text or "").strip()]
        for node in root:
            parts += [self.html(node), self.inline.plain(node.tail or "").strip()]
        html = "\n".join(part for part in parts if part)
        return f"<div>\n{html}\n</div>" if html else ""

    def blocks(self, nodes: Iterable[Element], text: str | None) -> list[str]:
        """Return the blocks that stand beside each other; what is inline between them is a paragraph."""
        out: list[str] = []
        run = _paragraph(text)
        for node in [*nodes, None]:
            if node is not None and isinstance(node.tag, str) and node.tag in INLINE:
                run.append(copy.deepcopy(node))
                continue
            if words := self.inline.paragraph(run):
                out.append(words)
            if node is None:
                break
            run = _paragraph(node.tail)
            if block := self.block(node):
                if out and _LIST.match(block) and _LIST.match(out[-1]):
                    out.append("<!-- -->")
                out.append(block)
        return out

    def block(self, node: Element) -> str:
        """Return a block."""
        if not isinstance(node.tag, str):
            return ""
        tag, classes = node.tag, (node.get("class") or "").split()
        if tag == "hr":
            return "---"
        if "arithmatex" in classes:
            return _display(node)
        plain = {"blockquote": self._quote, "table": self._table, "dl": self._definitions}
        written = ""
        if re.fullmatch("h[1-6]", tag):
            written = self._heading(node, classes)
        elif tag == "p":
            written = self._paragraph(node)
        elif tag == "pre" or (tag == "div" and "highlight" in classes and node.xpath(".//pre")):
            written = self._code(node if tag == "pre" else node.xpath("(.//pre)[last()]")[0])
        elif tag in ("ul", "ol") and not set(node.attrib) - {"start"}:
            written = self._list(node)
        elif tag in plain and not node.attrib:
            written = plain[tag](node)
        elif "admonition" in classes and node.find("p[@class='admonition-title']") is not None:
            written = self._admonition(node, classes)
        elif tag in _HOLDS:
            written = self._container(node)
        return written or self.html(node)

    def html(self, node: Element) -> str:
        """Return a block as HTML, without the white space that Markdown would read."""
        html = self.inline.html(node)
        if "<pre" in html:
            html = re.sub(r"\n(?=[ \t]*\n)", "&#10;", html)
        else:
            html = re.sub(r"(?m)^[ \t]+", "", re.sub(r"\n\s*\n", "\n", html))
        is_block = node.tag not in INLINE and node.tag not in ("video", "audio")
        return html if is_block or not html else f"<div>{html}</div>"

    def _paragraph(self, node: Element) -> str:
        inner = [(node.text or "").strip(), *((child.tail or "").strip() for child in node)]
        if len(node) == 1 and not any(inner) and node[0].text_content().strip().startswith("\\["):
            return _display(node[0])
        text, names = self.inline.paragraph(node), (node.get("class") or "").split()
        if not text or not set(node.attrib) - {"style"}:
            return text
        are_names = all(map(_NAME.fullmatch, [*names, node.get("id") or "x"]))
        if set(node.attrib) - {"class", "id"} or not are_names:
            return f'<p{self.inline.attributes(node)} markdown="span">{text}</p>'
        marks = [f"#{node.get('id')}"] if node.get("id") else []
        return f"{text}\n{{: {' '.join(marks + [f'.{name}' for name in names])} }}"

    def _heading(self, node: Element, classes: list[str]) -> str:
        text, name = " ".join(self.inline.inside(node).split()), node.get("id")
        if name and re.search(r"[\s{}\"'=]", name):
            return ""
        is_usual = not name or (_SLUG(node.text_content(), "-") == name and name not in self.seen)
        marks = [] if is_usual else [f"#{name}"]
        marks += [f".{one}" for one in classes if _NAME.fullmatch(one)]
        self.seen |= {name} if name else set()
        return f"{'#' * int(node.tag[1])} {text}" + (f" {{ {' '.join(marks)} }}" if marks else "")

    def _quote(self, node: Element) -> str:
        lines = "\n\n".join(self.blocks(list(node), node.text)).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)

    def _list(self, node: Element) -> str:
        number = int(node.get("start")) if re.fullmatch(r"\d{1,9}", node.get("start") or "") else 1
        rows = [child for child in node if child.tag == "li"]
        if len(rows) != len(node) or not rows or any(row.attrib for row in rows):
            return ""
        is_loose = any(row.find("p") is not None for row in rows)
        items = []
        for count, row in enumerate(rows, number):
            mark = "-" if node.tag == "ul" else f"{count}."
            items.append(f"{mark} {_indented(self._item(row, is_loose))}".rstrip())
        out = items[0]
        for before, item in pairwise(items):
            out += ("\n\n" if is_loose or _ENDS_CLOSED.search(before) else "\n") + item
        return out

    def _item(self, row: Element, is_loose: bool) -> str:
        parts = self.blocks(list(row), row.text) or [""]
        out = f"<!-- -->\n\n{parts[0]}" if _NO_ITEM.match(parts[0]) else parts[0]
        for before, part in pairwise(parts):
            is_tight = not is_loose and _LIST.match(part) and not _ENDS_CLOSED.search(before)
            out += ("\n" if is_tight else "\n\n") + part
        return out

    def _code(self, node: Element) -> str:
        code, is_mermaid = node.find("code"), "mermaid" in (node.get("class") or "")
        if code is None and not is_mermaid:
            return ""
        lines, options = highlighted_lines(node), options_of(node)
        shown = node.xpath("ancestor::table[1]//span[@class='lnt']/text() | .//span[@class='ln']/text()")
        start = shown[0] if shown else str(options.get("linenostart") or 1)
        numbered = shown or options.get("linenos") not in (None, False, "false", "")
        first = (int(start) if start.strip().isdigit() else 1) if numbered else 0
        for number in node.xpath(".//span[@class='ln' or @class='lnt']"):
            number.drop_tree()
        found = re.search(r"language-([^\s\"]+)", "" if code is None else code.get("class") or "")
        language = str(fence_of(node).get("lang") or (found[1] if found else ""))
        language = "mermaid" if code is None else _LANGUAGES.get(language, language)
        return self.fence((node if code is None else code).text_content(), language, lines, first)

    def fence(self, text: str, language: str, lines: list[int], first: int) -> str:
        """Return code in a fence, or as HTML where something in it would be read as a program."""
        text = re.sub(r"(?m)^([ \t]*)(-+8<-+)", r"\1;\2", text.rstrip("\n").replace("\r", ""))
        if self.inline.guard.search(text):
            return f"<pre><code>{self.inline.plain(text).replace('\n\n', '\n&#10;')}</code></pre>"
        ticks = "`" * (max((len(run) for run in re.findall(r"(?m)^\s*(`{3,})", text)), default=2) + 1)
        info = language if _NAME.fullmatch(language) else ("text" if lines or first else "")
        info += f' hl_lines="{_as_ranges(lines)}"' if lines else ""
        info += f' linenums="{first}"' if first else ""
        return f"{ticks}{info}\n{text}\n{ticks}"

    def _table(self, node: Element) -> str:
        """Return a table, if it has a head and nothing but lines in its cells."""
        rows = node.findall(".//tr")
        if node.find("thead") is None or node.xpath(_NO_TABLE) or not rows:
            return ""
        outer, self.inline.in_cell = self.inline.in_cell, True
        try:
            out, width = [], len(rows[0])
            for row in rows:
                cells = [" ".join(self.inline.inside(cell).split()) for cell in row.xpath("td|th")]
                out.append("| " + " | ".join(cells + [""] * (width - len(cells))) + " |")
            out.insert(1, "| " + " | ".join(map(_rule, rows[0])) + " |")
            return "\n".join(out)
        finally:
            self.inline.in_cell = outer

    def _definitions(self, node: Element) -> str:
        out = ""
        for child in node:
            if child.tag == "dt":
                out += ("\n\n" if out else "") + self.inline.paragraph(child)
            elif child.tag == "dd":
                text = "\n\n".join(self.blocks(list(child), child.text))
                out += ("\n" if child.find("p") is None else "\n\n") + ":   " + _indented(text)
        return out

    def _admonition(self, node: Element, classes: list[str]) -> str:
        title = node.find("p[@class='admonition-title']")
        kind = next((name for name in classes if name != "admonition"), "note").lower()
        words = " ".join(title.text_content().split()).replace('"', "'")
        if self.inline.guard.search(words) or "`" in words:
            return ""
        said = "" if words.lower() == kind else f' "{self.inline.text(words)}"'
        body = "\n\n".join(self.blocks([child for child in node if child is not title], title.tail))
        return f"!!! {_ADMONITIONS.get(kind, kind)}{said}\n\n    {_indented(body)}"

    def _container(self, node: Element) -> str:
        """Return an element that holds blocks: its tags stand as HTML, and what it holds as Markdown."""
        tag, rest, text, head = node.tag, list(node), node.text, ""
        if tag == "div" and not node.attrib and len(node):
            return "\n\n".join(self.blocks(rest, text))
        holds = any(isinstance(child.tag, str) and child.tag in _HELD for child in node)
        if tag == "figure" and not holds:
            return self._figure(node)
        if tag == "details" and rest and rest[0].tag == "summary":
            if folded := self._folded(node, rest[0]):
                return folded
            head, text, rest, holds = f"\n{self.inline.html(rest[0])}", rest[0].tail, rest[1:], True
        body = "\n\n".join(self.blocks(rest, text))
        opening = f'<{tag}{self.inline.attributes(node)} markdown="block">{head}'
        return f"{opening}\n\n{body}\n\n</{tag}>" if holds else ""

    def _folded(self, node: Element, summary: Element) -> str:
        """Return details that have a kind as Material writes them."""
        kind, words = node.get("class") or "", " ".join(summary.text_content().split())
        is_plain = re.fullmatch(r"[a-z]+", kind) and not len(summary) and '"' not in words
        if set(node.attrib) - {"class", "open"} or not is_plain:
            return ""
        mark = "???" if node.get("open") is None else "???+"
        body = "\n\n".join(self.blocks(list(node)[1:], summary.tail))
        return f'{mark} {kind} "{self.inline.text(words)}"\n\n    {_indented(body)}'

    def _figure(self, node: Element) -> str:
        """Return a figure: a picture in Markdown, with its caption in Markdown too."""
        caption = node.find("figcaption")
        if set(node.attrib) - {"class", "id"} or (caption is not None and caption.find("h4") is not None):
            return ""
        pictures = [self.inline.one(child) for child in node if child.tag in INLINE]
        lines = [f'<figure{self.inline.attributes(node)} markdown="span">', *pictures]
        if caption is not None:
            words = " ".join(map(self.inline.paragraph, caption.findall("p") or [caption]))
            lines.append(f'<figcaption{self.inline.attributes(caption)} markdown="span">{words}</figcaption>')
        return "\n".join([*lines, "</figure>"])


def _paragraph(text: str | None) -> Element:
    run = lxml.html.Element("p")
    run.text = text or ""
    return run


def _display(node: Element) -> str:
    """Return a formula on lines of its own."""
    return "$$\n" + re.sub(r"\n\s*\n", "\n", tex_of(node)) + "\n$$"


def _indented(text: str) -> str:
    """Indent all lines but the first."""
    return re.sub(r"(?m)^(?=.)", "    ", text)[4:] if text else ""


def _rule(cell: Element) -> str:
    found = re.search(r"text-align:\s*(\w+)", cell.get("style") or "")
    side = found[1] if found else cell.get("align") or ""
    return {"left": ":--", "right": "--:", "center": ":-:"}.get(side, "---")


def _as_ranges(lines: list[int]) -> str:
    """Return numbers of lines as people write them: 1 3-5."""
    groups: list[list[int]] = []
    for line in lines:
        if groups and line == groups[-1][1] + 1:
            groups[-1][1] = line
        else:
            groups.append([line, line])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in groups)
