"""Find shortcodes in the raw text of a post, code included, as Hugo does; leave a word in each place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blog_code.hugo.problems import refusal

_OPENING = re.compile(r"\{\{(?P<mark>[<%])")
_NAME = re.compile(r"\s*(?P<close>/\s*)?(?P<name>[\w./-]*[\w-])")
_PARAMETER = re.compile(
    r"""\s*(?:(?P<key>[\w-]+)\s*=\s*)?
        (?: "(?P<double>(?:\\.|[^"\\])*)" | `(?P<raw>[^`]*)` | '(?P<single>[^']*)'
          | (?P<bare>(?:(?![>%]\}\})[^\s"`])+) )""",
    re.VERBOSE | re.DOTALL,
)

# The word that stands for a shortcode while Markdown is read; Hugo itself does it so.
_WORD = "HUGOSHORTCODE{:04d}X"
WORD = re.compile(r"HUGOSHORTCODE(\d{4})X")
# The word that stands for the divider of the summary.
MORE = "HUGOMOREDIVIDERX"


@dataclass
class Shortcode:
    """One use of a shortcode: its parameters and, where it is closed, what stands inside."""

    name: str
    line: int
    positional: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    inner: str | None = None
    is_markdown: bool = False

    def get(self, key: str | int, default: str = "") -> str:
        """Return a parameter by its name or place."""
        if isinstance(key, int):
            return self.positional[key] if key < len(self.positional) else default
        return self.named.get(key, default)


@dataclass
class _Tag:
    start: int
    end: int
    closes: bool
    ends_itself: bool
    shortcode: Shortcode


# Where an escaped shortcode begins and ends, and the text that it shows.
_Escaped = tuple[int, int, str]


@dataclass
class Body:
    """A text with a word in the place of each shortcode, and the line of the source of each of its lines."""

    text: str
    shortcodes: list[Shortcode]
    lines: list[int]

    def line(self, index: int) -> int:
        """Return the source's line of one of the text's lines, counted from zero."""
        return self.lines[min(index, len(self.lines) - 1)] if self.lines else 1


def word(index: int) -> str:
    """Return the word that stands for a shortcode."""
    return _WORD.format(index)


def read_shortcodes(text: str, first_line: int) -> Body:
    """Put a word in the place of each shortcode of a text; escaped ones become the text that they show."""
    tags = list(_tags(text, first_line))
    spans = _paired(tags, text)
    found: list[Shortcode] = []
    out: list[str] = []
    lines = [first_line]
    position = 0

    def copy(piece: str, start: int) -> None:
        out.append(piece)
        number = first_line + text.count("\n", 0, start)
        lines.extend(range(number + 1, number + 1 + piece.count("\n")))

    for start, end, replacement in spans:
        copy(text[position:start], position)
        if isinstance(replacement, str):
            copy(replacement, start)
        else:
            out.append(word(len(found)))
            found.append(replacement)
        position = end
    copy(text[position:], position)
    return Body("".join(out), found, lines)


def _tags(text: str, first_line: int) -> Iterator[_Tag | _Escaped]:
    position = 0
    while opening := _OPENING.search(text, position):
        mark = opening["mark"]
        ending = (">" if mark == "<" else "%") + "}}"
        line = first_line + text.count("\n", 0, opening.start())
        if text.startswith("/*", opening.end()):
            stop = text.find("*/" + ending, opening.end())
            if stop < 0:
                raise refusal(
                    "an escaped shortcode `{{" + mark + "/*` is never closed with `*/" + ending + "`", line
                )
            shown = "{{" + mark + text[opening.end() + 2 : stop] + ending
            position = stop + 2 + len(ending)
            yield opening.start(), position, shown
            continue
        tag = _tag(text, opening.start(), opening.end(), mark, ending, line)
        yield tag
        position = tag.end


def _tag(text: str, start: int, position: int, mark: str, ending: str, line: int) -> _Tag:
    name = _NAME.match(text, position)
    if not name:
        raise refusal("a shortcode without a name; write it as `{{</* name */>}}` if it is only shown", line)
    if name["name"].endswith(".inline"):
        raise refusal(
            f"`{name['name']}` is an inline shortcode, a Go template; write out what it prints", line
        )
    shortcode = Shortcode(name["name"], line, is_markdown=mark == "%")
    position = name.end()
    while True:
        rest = re.compile(r"\s*(?P<self>/?)" + re.escape(ending)).match(text, position)
        if rest:
            return _Tag(start, rest.end(), bool(name["close"]), bool(rest["self"]), shortcode)
        found = _PARAMETER.match(text, position)
        if not found or found.end() == position:
            raise refusal(f"the shortcode `{name['name']}` is never closed with `{ending}`", line)
        value = next(
            value for key in ("double", "raw", "single", "bare") if (value := found[key]) is not None
        )
        if found["double"] is not None:
            value = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value, flags=re.DOTALL)
        if found["key"]:
            shortcode.named[found["key"]] = value
        else:
            shortcode.positional.append(value)
        position = found.end()


def _paired(tags: Sequence[_Tag | _Escaped], text: str) -> list[tuple[int, int, Shortcode | str]]:
    """Match closing tags with opening ones; only the outermost stay, with what is inside them as text."""
    stack: list[_Tag] = []
    spans: list[tuple[int, int, Shortcode | str]] = []
    for tag in tags:
        if isinstance(tag, tuple):
            spans.append(tag)
            continue
        if not tag.closes:
            spans.append((tag.start, tag.end, tag.shortcode))
            if not tag.ends_itself:
                stack.append(tag)
            continue
        while stack and stack[-1].shortcode.name != tag.shortcode.name:
            stack.pop()
        if not stack:
            name = tag.shortcode.name
            raise refusal(
                f"`/{name}` closes a shortcode that was not opened; open it or remove it", tag.shortcode.line
            )
        opening = stack.pop()
        opening.shortcode.inner = _outdented(text, opening, tag)
        spans = [span for span in spans if span[0] < opening.start]
        spans.append((opening.start, tag.end, opening.shortcode))
    return spans


def _outdented(text: str, opening: _Tag, closing: _Tag) -> str:
    """Return what is inside a shortcode, less the indentation before it on each line, as Hugo has it."""
    inner = text[opening.end : closing.start]
    before = text[text.rfind("\n", 0, opening.start) + 1 : opening.start]
    return inner.replace("\n" + before, "\n") if before and not before.strip() else inner
