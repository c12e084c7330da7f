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
from blog_code.hugo.units import Element, fence_of, highlighted_lines

_SLUG = slugify(case="lower")
_HOLDS = listed(
    "div section aside details article center figure blockquote figcaption header footer main nav ul ol"
)
_HELD = listed("p ul ol pre blockquote table div h2 h3 h4 h5 h6 figure dl section details")
_LIST = re.compile(r"(?:- |\d+\. )")
_ENDS_CLOSED = re.compile(r"(^|\n)\s*(`{3,}|~{3,}|\|.*\|)$")
_ADMONITIONS = {"caution": "danger", "important": "info"}
_AS_IT_IS = re.compile(r"\w[\w+#.-]*")


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
        run = lxml.html.Element("p")
        run.text = text or ""

        def end_run() -> None:
            nonlocal run
            if words := self.inline.paragraph(run):
                out.append(words)
            run = lxml.html.Element("p")
            run.text = ""

        for node in nodes:
            if isinstance(node.tag, str) and node.tag in INLINE:
                run.append(copy.deepcopy(node))
                continue
            end_run()
            run.text = node.tail or ""
            if block := self.block(node):
                if out and _LIST.match(block) and _LIST.match(out[-1]):
                    out.append("<!-- -->")
                out.append(block)
        end_run()
        return out

    def block(self, node: Element) -> str:
        """Return a block."""
        if not isinstance(node.tag, str):
            return ""
        tag, classes = node.tag, (node.get("class") or "").split()
        if tag == "hr":
            return "---"
        if re.fullmatch("h[1-6]", tag):
            return self._heading(node)
        if "arithmatex" in classes:
            return _display(node)
        written = ""
        if tag == "p":
            written = self._paragraph(node)
        elif tag == "pre":
            written = self._code(node)
        elif tag == "div" and "highlight" in classes and node.xpath(".//pre"):
            written = self._code(node.xpath("(.//pre)[last()]")[0])
        elif tag in ("ul", "ol") and not set(node.attrib) - {"start"}:
            written = self._list(node)
        elif tag == "blockquote" and not node.attrib:
            written = _prefixed("> ", "\n\n".join(self.blocks(list(node), node.text)))
        elif tag == "table" and not node.attrib:
            written = self._table(node)
        elif tag == "dl" and not node.attrib:
            written = self._definitions(node)
        elif "admonition" in classes and node.find("p[@class='admonition-title']") is not None:
            written = self._admonition(node, classes)
        elif tag in _HOLDS:
            written = self._container(node)
        return written or self.html(node)

    def html(self, node: Element) -> str:
        """Return a block as HTML, without the white space that Markdown would read."""
        html = self.inline.html(node)
        if "<pre" not in html:
            html = re.sub(r"(?m)^[ \t]+", "", re.sub(r"\n\s*\n", "\n", html))
        else:
            html = re.sub(r"\n(?=[ \t]*\n)", "&#10;", html)
        is_block = node.tag not in INLINE and node.tag not in ("video", "audio")
        return html if is_block or not html else f"<div>{html}</div>"

    def _paragraph(self, node: Element) -> str:
        only = (
            node[0]
            if len(node) == 1 and not (node.text or "").strip() and not (node[0].tail or "").strip()
            else None
        )
        if only is not None and "arithmatex" in (only.get("class") or "") and "\\[" in only.text_content():
            return _display(only)
        text = self.inline.paragraph(node)
        keep = {key: value for key, value in node.attrib.items() if key in ("class", "id")}
        if not keep or not text:
            return text
        if set(node.attrib) - {"class", "id", "style"} or not all(
            map(_AS_IT_IS.fullmatch, " ".join(keep.values()).split())
        ):
            return f'<p{self.inline.attributes(node)} markdown="span">{text}</p>'
        marks = [f"#{keep['id']}"] if keep.get("id") else []
        marks += [f".{name}" for name in keep.get("class", "").split()]
        return f"{text}\n{{: {' '.join(marks)} }}" if marks else text

    def _heading(self, node: Element) -> str:
        text = " ".join(self.inline.inside(node).split())
        name, classes = node.get("id"), (node.get("class") or "").split()
        marks = (
            [f"#{name}"] if name and (_SLUG(node.text_content(), "-") != name or name in self.seen) else []
        )
        marks += [f".{one}" for one in classes if _AS_IT_IS.fullmatch(one)]
        self.seen |= {name} if name else set()
        if name and re.search(r"[\s{}\"'=]", name):
            return self.html(node)
        return f"{'#' * int(node.tag[1])} {text}" + (f" {{ {' '.join(marks)} }}" if marks else "")

    def _list(self, node: Element) -> str:
        number = int(node.get("start")) if re.fullmatch(r"\d{1,9}", node.get("start") or "") else 1
        rows = [child for child in node if child.tag == "li"]
        if len(rows) != len(node) or not rows or any(row.attrib for row in rows):
            return "" if rows else self.html(node)
        is_loose = any(row.find("p") is not None for row in rows)
        items = []
        for row in rows:
            mark = "-" if node.tag == "ul" else f"{number}."
            number += 1
            items.append(f"{mark} {_indented(self._item(row, is_loose))}".rstrip())
        out = items[0]
        for before, item in pairwise(items):
            out += ("\n\n" if is_loose or _ENDS_CLOSED.search(before) else "\n") + item
        return out

    def _item(self, row: Element, is_loose: bool) -> str:
        parts = self.blocks(list(row), row.text) or [""]
        out = parts[0]
        if re.match(r"`{3,}|\||    |<|!!!|\?\?\?|> |#", out):
            out = f"<!-- -->\n\n{out}"
        for before, part in pairwise(parts):
            is_tight = not is_loose and _LIST.match(part) and not _ENDS_CLOSED.search(before)
            out += ("\n" if is_tight else "\n\n") + part
        return out

    def _code(self, node: Element) -> str:
        fence = fence_of(node)
        code = node.find("code")
        if code is None and "mermaid" not in (node.get("class") or ""):
            return ""
        lines = highlighted_lines(node)
        shown = node.xpath("ancestor::table[1]//span[@class='lnt']/text() | .//span[@class='ln']/text()")
        first = int(shown[0]) if shown and shown[0].strip().isdigit() else 0
        for number in node.xpath(".//span[@class='ln' or @class='lnt']"):
            number.drop_tree()
        text = (node if code is None else code).text_content()
        found = re.search(r"language-([^\s\"]+)", (code.get("class") if code is not None else "") or "")
        language = str(fence.get("lang") or (found[1] if found else "") or "")
        language = (
            "mermaid"
            if code is None
            else {"output": "text", "plaintext": "text", "goat": "text"}.get(language, language)
        )
        options = {str(key).lower(): value for key, value in (fence.get("options") or {}).items()}
        return self.fence(text, language, lines, first or _first_number(options))

    def fence(self, text: str, language: str, lines: list[int], first: int) -> str:
        """Return code in a fence, or as HTML where something in it would be read as a program."""
        text = re.sub(r"(?m)^([ \t]*)(-+8<-+)", r"\1;\2", text.rstrip("\n").replace("\r", ""))
        if self.inline.guard.search(text):
            return f"<pre><code>{self.inline.plain(text).replace('\n\n', '\n&#10;')}</code></pre>"
        ticks = "`" * (max((len(run) for run in re.findall(r"(?m)^\s*(`{3,})", text)), default=2) + 1)
        info = language if _AS_IT_IS.fullmatch(language) else ("text" if lines or first else "")
        info += f' hl_lines="{_as_ranges(lines)}"' if lines else ""
        info += f' linenums="{first}"' if first else ""
        return f"{ticks}{info}\n{text}\n{ticks}"

    def _table(self, node: Element) -> str:
        """Return a table, if it has a head and nothing but lines in its cells."""
        rows, wrong = (
            node.findall(".//tr"),
            ".//*[@rowspan or @colspan or self::ul or self::ol or self::pre or self::p or self::table/table]",
        )
        if node.find("thead") is None or node.find("caption") is not None or node.xpath(wrong) or not rows:
            return ""
        outer, self.inline.in_cell = self.inline.in_cell, True
        try:
            out, width = [], len(rows[0])
            for row in rows:
                cells = [
                    " ".join(self.inline.inside(cell).split()) for cell in row if cell.tag in ("td", "th")
                ]
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
                is_loose = child.find("p") is not None
                text = "\n\n".join(self.blocks(list(child), child.text))
                out += ("\n\n" if is_loose else "\n") + ":   " + _indented(text)
        return out

    def _admonition(self, node: Element, classes: list[str]) -> str:
        title = node.find("p[@class='admonition-title']")
        kind = next((name for name in classes if name != "admonition"), "note").lower()
        body = "\n\n".join(self.blocks([child for child in node if child is not title], title.tail))
        words = " ".join(title.text_content().split()).replace('"', "'")
        if self.inline.guard.search(words) or "`" in words:
            return ""
        said = "" if words.lower() == kind else f' "{self.inline.text(words)}"'
        return f"!!! {_ADMONITIONS.get(kind, kind)}{said}\n\n    {_indented(body)}"

    def _container(self, node: Element) -> str:
        """Return an element that holds blocks: its tags stand as HTML, and what it holds as Markdown."""
        tag = node.tag
        if tag == "div" and not node.attrib and len(node):
            return "\n\n".join(self.blocks(list(node), node.text))
        holds = any(isinstance(child.tag, str) and child.tag in _HELD for child in node)
        if tag == "figure" and not holds:
            return self._figure(node)
        if tag in ("ul", "ol") or not (holds or tag == "details"):
            return ""
        rest, head, text = list(node), "", node.text
        if tag == "details" and rest and rest[0].tag == "summary":
            if folded := self._folded(node, rest[0]):
                return folded
            head, text = f"\n{self.inline.html(rest[0])}", rest[0].tail
            rest = rest[1:]
        body = "\n\n".join(self.blocks(rest, text))
        return f'<{tag}{self.inline.attributes(node)} markdown="block">{head}\n\n{body}\n\n</{tag}>'

    def _folded(self, node: Element, summary: Element) -> str:
        """Return details that have a kind as Material writes them."""
        kind, words = node.get("class") or "", " ".join(summary.text_content().split())
        if (
            set(node.attrib) - {"class", "open"}
            or not re.fullmatch(r"[a-z]+", kind)
            or len(summary)
            or '"' in words
        ):
            return ""
        mark = "???" if node.get("open") is None else "???+"
        body = "\n\n".join(self.blocks(list(node)[1:], summary.tail))
        return f'{mark} {kind} "{self.inline.text(words)}"\n\n    {_indented(body)}'

    def _figure(self, node: Element) -> str:
        """Return a figure: a picture in Markdown, with its caption in Markdown too."""
        caption = node.find("figcaption")
        if node.attrib and set(node.attrib) - {"class", "id"}:
            return ""
        pictures = [self.inline.one(child) for child in node if child.tag in INLINE]
        lines = [f'<figure{self.inline.attributes(node)} markdown="span">', *pictures]
        if caption is not None:
            inner = [self.inline.paragraph(child) for child in caption if child.tag in ("p", "h4")]
            words = " ".join(filter(None, inner)) if inner else self.inline.paragraph(caption)
            if inner and any(child.tag == "h4" for child in caption):
                return ""
            lines.append(f'<figcaption{self.inline.attributes(caption)} markdown="span">{words}</figcaption>')
        return "\n".join([*lines, "</figure>"])


def _display(node: Element) -> str:
    tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", node.text_content().strip()).strip()
    return "$$\n" + re.sub(r"\n\s*\n", "\n", tex) + "\n$$"


def _indented(text: str) -> str:
    """Indent all lines but the first."""
    return re.sub(r"(?m)^(?=.)", "    ", text)[4:] if text else ""


def _prefixed(prefix: str, text: str) -> str:
    return "\n".join((prefix + line).rstrip() for line in text.split("\n"))


def _rule(cell: Element) -> str:
    found = re.search(r"text-align:\s*(\w+)", cell.get("style") or "")
    return {"left": ":--", "right": "--:", "center": ":-:"}.get(
        found[1] if found else cell.get("align") or "", "---"
    )


def _as_ranges(lines: list[int]) -> str:
    """Return numbers of lines as people write them: 1 3-5."""
    groups: list[list[int]] = []
    for line in lines:
        if groups and line == groups[-1][1] + 1:
            groups[-1][1] = line
        else:
            groups.append([line, line])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in groups)


def _first_number(options: dict[str, object]) -> int:
    """Return the number of the first line of code where Hugo numbers lines, else 0."""
    wanted = options.get("linenos") not in (None, False, "false", "")
    start = str(options.get("linenostart") or 1)
    return (int(start) if start.isdigit() else 1) if wanted else 0
