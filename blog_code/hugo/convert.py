"""The order of work for the body of one post, from Hugo's Markdown to a page that was held against it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from blog_code.errors import PostError
from blog_code.hugo import escapes, parity, raw_html
from blog_code.hugo.anchors import mark_ids_to_write
from blog_code.hugo.attributes import parse_attributes
from blog_code.hugo.dialect import Dialect
from blog_code.hugo.embeds import Rendition, Surroundings, rendition
from blog_code.hugo.goldmark import goldmark
from blog_code.hugo.links import Resolve, Target, resolve_links, with_addresses
from blog_code.hugo.page_renderer import PageRenderer
from blog_code.hugo.policy import Policy
from blog_code.hugo.problems import refusal
from blog_code.hugo.render import Mode, markdown
from blog_code.hugo.shortcodes import MORE, WORD, Body, Shortcode, read_shortcodes, word

# Hugo's divider of the summary always stands alone, whatever is around it.
_MORE = re.compile(r"[ \t]*<!--more-->[ \t]*")
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:[.$]\w|(?:with|range|if|else|end|partial|template|block|define|printf|site|page|hugo|len)\b)"
)

# Text that means the same before Markdown is read and after.
_PLAIN_WORDS = re.compile(r"\w+(?:[ .,/:+-]\w+)*")


@dataclass
class Workshop:
    """What the posts of one import share: the page renderer, the parsers, the shortcodes of the theme."""

    page: PageRenderer
    dialect: Dialect = field(default_factory=Dialect)
    mapping: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def parser(self, dialect: Dialect) -> MarkdownIt:
        """Return the parser of a dialect, made once."""
        key = repr(dialect)
        if key not in self._parsers:
            self._parsers[key] = goldmark(dialect)
        return self._parsers[key]

    def __post_init__(self) -> None:
        self._parsers: dict[str, MarkdownIt] = {}


@dataclass
class Conversion:
    """One text on its way; a shortcode's inner text is a conversion of its own."""

    workshop: Workshop
    dialect: Dialect
    here: Target
    resolve: Resolve
    # Turns `ref` and `relref` into an address that `resolve` knows.
    reference: Callable[[Shortcode], str]
    params: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)

    def body(self, text: str, first_line: int) -> tuple[str, str]:
        """Return a text as Markdown of this site and as the HTML that Hugo makes of it."""
        return self._converted(self._read(text, first_line))

    def page(self, text: str, first_line: int) -> str:
        """Return a whole post as Markdown of this site, which must say where its summary ends."""
        body = self._read(text, first_line)
        if MORE in body.text:
            return self._converted(body)[0]
        place = _behind_first_paragraph(self.parser.parse(body.text, self._environment()))
        line = body.line(place - 1 if place else len(body.lines))
        self.notes.append(f"{line}: no `<!--more-->` in the source; the summary ends here")
        if place:
            return self._converted(_with_own_divider(body, place))[0]
        return f"{self._converted(body)[0]}\n\n<!-- more -->"  # here, for the last fence may never end there

    def _read(self, text: str, first_line: int) -> Body:
        body = self._with_references(read_shortcodes(text, first_line))
        body = _with_divider(body)
        body = _with_block_attributes(body) if self.dialect.block_attributes else body
        _refuse_templates(body)
        return body

    def _converted(self, body: Body) -> tuple[str, str]:
        env = self._environment()
        tokens: list[Token] = self.parser.parse(body.text, env)
        resolve_links(tokens, self.resolve, self.here)
        self._obey_policy(tokens, body)
        mark_ids_to_write(tokens)
        self._note_omitted(tokens, body)
        renditions = [self._rendition(shortcode) for shortcode in body.shortcodes]
        text, checked, is_checked = self._checked(tokens, env, body)
        page_text, html = _with_shortcodes(text, renditions), self._html(checked, env)
        html = _html_with_shortcodes(html, [(r, self.workshop.page) for r in renditions])
        if page_text != text or not is_checked:
            self._check_whole(html, page_text, body)
        return page_text, html

    @property
    def parser(self) -> MarkdownIt:
        """Return the parser of this text's dialect."""
        return self.workshop.parser(self.dialect)

    def _environment(self) -> dict[str, Any]:
        return {
            "inline": self.inline_html,
            "inline_markdown": self.inline_markdown,
        }

    def _html(self, tokens: Sequence[Token], env: dict[str, Any]) -> str:
        return str(self.parser.renderer.render(tokens, self.parser.options, env))

    def inline_html(self, text: str, line: int = 1) -> str:
        """Return one line of Markdown as HTML."""
        env: dict[str, Any] = self._environment()
        tokens = self._inline_tokens(text, env, line)
        return str(self.parser.renderer.render(with_addresses(tokens), self.parser.options, env))

    def inline_markdown(self, text: str) -> str:
        """Return one line of Markdown as it can stand in a title: quotes and dashes are set already."""
        env: dict[str, Any] = self._environment() | {"set type": True}
        return markdown(self._inline_tokens(text, env), env, Mode.READABLE)

    def _inline_tokens(self, text: str, env: dict[str, Any], line: int = 1) -> list[Token]:
        tokens = self.parser.parseInline(text, env)
        resolve_links(tokens, self.resolve, self.here)
        self._obey_policy(tokens, Body(text, [], [line]))
        return tokens

    # Shortcodes

    def _with_references(self, body: Body) -> Body:
        """Write out what may stand in addresses and code: references, and parameters that are plain words."""
        for index, shortcode in enumerate(body.shortcodes):
            if shortcode.name in ("ref", "relref"):
                body.text = body.text.replace(word(index), self.reference(shortcode))
            elif shortcode.name == "param":
                value = self._rendition(shortcode).html
                if _PLAIN_WORDS.fullmatch(value):
                    body.text = body.text.replace(word(index), value)
        return body

    def _rendition(self, shortcode: Shortcode) -> Rendition:
        if shortcode.name in ("ref", "relref"):
            return Rendition("", "", is_block=False)
        became = rendition(
            shortcode,
            Surroundings(
                convert=self._inner,
                inline=partial(self.inline_html, line=shortcode.line),
                link=self._link,
                params=self.params,
                mapping=self.workshop.mapping,
            ),
        )
        self.notes += [f"{shortcode.line}: {change}" for change in became.changes]
        return became

    def _inner(self, text: str, line: int) -> tuple[str, str]:
        inner = Conversion(
            self.workshop, self.dialect, self.here, self.resolve, self.reference, self.params, self.notes
        )
        return inner.body(_dedented(text), line + len(text) - len(text.lstrip("\n")))

    def _link(self, address: str, is_image: bool) -> tuple[str, str]:
        found = self.resolve(address, is_image)
        if isinstance(found, Target):
            return escapes.destination(found.from_page(self.here.file)), found.from_address(self.here.address)
        address = found if found is not None else address
        return escapes.destination(address), address

    def _obey_policy(self, tokens: list[Token], body: Body) -> None:
        policy = Policy()
        policy.obey(tokens)
        self.notes += [f"{body.line(line)}: {change}" for line, change in policy.changes]

    def _note_omitted(self, tokens: Sequence[Token], body: Body) -> None:
        for token in tokens:
            for child in [token, *(token.children or [])]:
                if child.meta.get("omitted"):
                    line = body.line(token.map[0]) if token.map else 1
                    self.notes.append(
                        f"{line}: raw HTML left out, as the Hugo site leaves it out (`unsafe` is off)"
                    )

    # The check

    def _checked(
        self, tokens: Sequence[Token], env: dict[str, Any], body: Body
    ) -> tuple[str, Sequence[Token], bool]:
        """Return tokens as Markdown that renders to the same units, and whether the whole was seen to.

        A block that does not render to the same is written more carefully.
        """
        chunks = list(_chunks(tokens))
        texts = [markdown(chunk, env, Mode.READABLE) for chunk in chunks]
        whole = join(texts, chunks)
        if not self._difference(tokens, env, whole):
            return whole, tokens, True
        stubs = _footnote_stubs(env)
        for index, chunk in enumerate(chunks):
            if self._chunk_difference(chunk, env, texts[index], stubs):
                texts[index], chunks[index] = self._more_careful(chunk, env, stubs, body)
        return join(texts, chunks), [token for chunk in chunks for token in chunk], False

    def _more_careful(
        self, chunk: list[Token], env: dict[str, Any], stubs: str, body: Body
    ) -> tuple[str, list[Token]]:
        """Return a chunk as the first mode writes it that the check accepts, or as HTML, or refuse it."""
        for mode in (Mode.TYPESET, Mode.CAREFUL):
            careful = markdown(chunk, env, mode)
            difference = self._chunk_difference(chunk, env, careful, stubs)
            if not difference:
                return careful, chunk
        addressed = with_addresses(chunk)
        html = self._html(addressed, env)
        block = raw_html.html_block(html)
        has_words = WORD.search(html) or MORE in html or 'class="footnote' in html
        line = body.line(_first_line(chunk))
        if has_words or self._chunk_difference(addressed, env, block, stubs):
            raise _differs(difference, line)
        self.notes.append(f"{line}: kept as HTML, for no Markdown of this site says the same")
        return block, addressed

    def _difference(self, tokens: Sequence[Token], env: dict[str, Any], text: str) -> Any:
        expected = parity.units(self._html(tokens, env))
        return parity.first_difference(expected, parity.units(self._page_html(text)))

    def _chunk_difference(self, chunk: Sequence[Token], env: dict[str, Any], text: str, stubs: str) -> Any:
        is_notes = bool(chunk) and chunk[0].type == "footnote_block_open"
        if is_notes:
            return None
        expected = [_without_id(unit) for unit in parity.units(self._html(chunk, env))]
        html = self._page_html(f"{text}\n\n{stubs}")
        html = re.sub(r'<div class="footnote">.*', "", html, flags=re.DOTALL)
        return parity.first_difference(expected, [_without_id(unit) for unit in parity.units(html)])

    def _page_html(self, text: str) -> str:
        return self.workshop.page.html(text)

    def _check_whole(self, html: str, text: str, body: Body) -> None:
        found = parity.units(self._page_html(text))
        if difference := parity.first_difference(parity.units(html), found):
            raise _differs(difference, body.line(0))


def _differs(difference: tuple[parity.Unit | None, parity.Unit | None], line: int) -> PostError:
    expected, found = difference
    return refusal(
        f"Hugo shows {parity.described(expected)} where the page would show {parity.described(found)}; "
        "write this passage more simply and import again",
        line,
    )


def _without_id(unit: parity.Unit) -> parity.Unit:
    return unit[:2] if unit[0] == "heading" else unit


def _chunks(tokens: Sequence[Token]) -> list[list[Token]]:
    """Split tokens into what can stand alone: a block, or HTML with all that it is left open around."""
    chunks: list[list[Token]] = []
    current: list[Token] = []
    stack: list[str] = []
    depth = 0
    for token in tokens:
        current.append(token)
        if not depth and token.type == "html_block":
            stack = raw_html.open_blocks(token.content, stack)
        depth += token.nesting
        if not depth and not stack:
            chunks.append(current)
            current = []
    return [*chunks, current] if current else chunks


def join(texts: Sequence[str], chunks: Sequence[Sequence[Token]]) -> str:
    """Put chunks together, with something between two lists that would run into one."""
    parts: list[str] = []
    previous = ""
    for text, chunk in zip(texts, chunks, strict=True):
        if not text:
            continue
        kind = chunk[0].type
        is_list = kind in ("bullet_list_open", "ordered_list_open")
        if (
            previous.endswith("list_open")
            and (is_list or kind == "code_block")
            and not text.startswith("<div>")
        ):
            parts.append("<!-- -->")
        parts.append(text)
        previous = kind
    return "\n\n".join(parts)


def _behind_first_paragraph(tokens: Sequence[Token]) -> int:
    """Return the line on which the block behind the first free paragraph of words begins, or 0."""
    starts = [token.map[0] for token in tokens if token.map and not token.level and token.nesting >= 0]
    for chunk in _chunks(tokens):
        opening = chunk[0]
        if opening.type == "paragraph_open" and opening.map and WORD.sub("", chunk[1].content).strip():
            return next((start for start in starts if start >= opening.map[1]), 0)
    return 0


def _first_line(chunk: Sequence[Token]) -> int:
    return next((token.map[0] for token in chunk if token.map), 0)


def _footnote_stubs(env: Mapping[str, Any]) -> str:
    notes = env.get("footnotes", {}).get("list", {})
    return "\n\n".join(f"[^{note['label']}]: x" for note in notes.values() if note.get("label"))


def _dedented(text: str) -> str:
    """Return a shortcode's inner text without the indentation that all of its lines share."""
    lines = text.strip("\n").split("\n")
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] if line.strip() else "" for line in lines).rstrip()


def _with_divider(body: Body) -> Body:
    """Put a word of its own in the place of the summary's divider."""
    if not _MORE.search(body.text):
        return body
    lines: list[int] = []
    texts: list[str] = []
    for number, line in zip(body.lines, body.text.split("\n"), strict=False):
        parts = _MORE.sub(f"\n\n{MORE}\n\n", line).split("\n")
        texts += parts
        lines += [number] * len(parts)
    return Body("\n".join(texts), body.shortcodes, lines)


def _with_own_divider(body: Body, place: int) -> Body:
    """Put the divider's word before a line of a text."""
    lines, line = body.text.split("\n"), body.line(place - 1)
    text = "\n".join([*lines[:place], "", MORE, "", *lines[place:]])
    return Body(text, body.shortcodes, [*body.lines[:place], line, line, line, *body.lines[place:]])


def _with_block_attributes(body: Body) -> Body:
    """Set each line of block attributes apart, or it would run on with the block that it belongs to."""
    lines: list[int] = []
    texts: list[str] = []
    for number, line, in_fence in _lines(body):
        if not in_fence and parse_attributes(line.strip()) and not line.startswith("    "):
            texts += ["", line, ""]
            lines += [number] * 3
        else:
            texts.append(line)
            lines.append(number)
    return Body("\n".join(texts), body.shortcodes, lines)


def _lines(body: Body) -> Iterator[tuple[int, str, bool]]:
    """Return each line of a text with its place in the source, and whether it stands in a fence."""
    fence = ""
    for number, line in zip(body.lines, body.text.split("\n"), strict=False):
        found = re.match(r"\s*(?:>\s*)*(?:(?:[-*+]|\d+[.)])\s+)*(`{3,}|~{3,})", line)
        if found and not fence:
            fence = found[1]
            yield number, line, True
        elif found and found[1].startswith(fence) and not line.strip().strip(fence[0] + ">").strip():
            fence = ""
            yield number, line, True
        else:
            yield number, line, bool(fence)


def _refuse_templates(body: Body) -> None:
    for number, line, in_fence in _lines(body):
        if in_fence or line.startswith(("    ", "\t")):
            continue
        if found := _TEMPLATE.search(re.sub(r"(`+).+?\1", "", line)):
            raise refusal(f"`{found[0]}` begins a Go template; write out what it should print", number)


_LEAD = re.compile(r"(?P<lead>[ >]*(?:(?:[-*]|\d+\.|:  ) )?)(?P<rest>.*)")


def _with_shortcodes(text: str, renditions: Sequence[Rendition]) -> str:
    """Put what the shortcodes became in the place of their words, indented as the words were."""
    lines: list[str] = []
    for line in text.split("\n"):
        became = _line_with_shortcodes(line, renditions) if WORD.search(line) or MORE in line else line
        if became or not line:
            lines.append(became)
        elif lines and not lines[-1].strip():
            lines.pop()
    return "\n".join(lines)


def _line_with_shortcodes(line: str, renditions: Sequence[Rendition]) -> str:
    """Return a line with its shortcodes; a block among words becomes a paragraph of its own."""
    found = _LEAD.fullmatch(line)
    assert found is not None
    lead, rest = found["lead"], found["rest"]
    follow = re.sub(r"(?:[-*:]|\d+\.) *$", "    ", lead)
    in_one_line = rest.startswith(("#", "|"))
    pieces: list[str] = [""]
    for part in re.split(f"(HUGOSHORTCODE\\d{{4}}X|{MORE})", rest):
        if part == MORE:
            pieces[-1] += "<!-- more -->"
        elif word_found := WORD.fullmatch(part):
            became = renditions[int(word_found[1])]
            if became.is_block and not in_one_line:
                pieces += [became.nested if lead and became.nested else became.markdown, ""]
            else:
                pieces[-1] += became.markdown.replace("\n", " ")
        else:
            pieces[-1] += part
    blocks = [piece.strip() for piece in pieces if piece.strip()]
    if not blocks:
        return lead.rstrip()
    whole = "\n\n".join(blocks)
    first, *others = whole.split("\n")
    return "\n".join([lead + first, *(follow + other if other else follow.rstrip() for other in others)])


def _html_with_shortcodes(html: str, renditions: Sequence[tuple[Rendition, PageRenderer]]) -> str:
    def one(found: re.Match[str]) -> str:
        became, page = renditions[int(found[1])]
        return became.html if became.html or not became.markdown else page.html(became.markdown)

    html = re.sub(rf"<p>\s*{WORD.pattern}\s*</p>", one, html)
    return WORD.sub(one, html).replace(MORE, "")
