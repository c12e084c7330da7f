"""Find in what stands around the fences of a page what its policy refuses: scripts, handlers, foreign frames.

A built page is held to its policy once more (`site/csp.py`); here the line is known.
"""

import re
from collections.abc import Iterator

CODE = re.compile(r"(?<![`\\])(`+)(?!`)(?:(?!\n[ \t]*\n).)*?(?<!`)\1(?!`)", re.S)
COMMENT = re.compile(r"<!--(?!-?>).*?-->", re.S)
HTML = re.compile(r"<[A-Za-z/!?]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff]")
ELEMENTS = "script|i?frame|frameset|object|embed|applet|base|meta|link|style|form|noscript|template|portal"
INSIDE = r"(?<!\\)(?:<[A-Za-z][^<>]*[\s/\"']|\{:?[^{}\n]*\s)"  # a tag of HTML, or attributes in braces
ADDRESS = r"(?:\]\(\s*<?|\]:\s*<?|(?:href|src|action|data)\s*=\s*[\"']?|<)\s*"
STYLED = "give it a class, and the class a rule in docs/assets/site.css"
OURS = "leave it out: what a page does is code in docs/assets/"
REFUSED = (
    (re.compile(rf"(?<!\\)</?(?:{ELEMENTS})\b", re.I), OURS),
    (re.compile(rf"{INSIDE}(?:on[a-z]+|srcdoc|formaction)\s*=", re.I), OURS),
    (re.compile(rf"{ADDRESS}(?:javascript|vbscript|data:text/html)[:;,]", re.I), OURS),
    (re.compile(rf"{INSIDE}style\s*=", re.I), STYLED),
)


def refused(text: str, first_line: int = 1) -> Iterator[tuple[int, str, str]]:
    """Yield what a page may not hold: its line, what is wrong with it, and the way out."""
    prose = without_code(text)
    for pattern, fix in REFUSED:
        for found in pattern.finditer(prose):
            line = first_line + text.count("\n", 0, found.end())
            yield line, f"the policy of the page refuses {' '.join(found[0].split())[-60:]}", fix


def without_code(text: str) -> str:
    """Return a text with blanks in the place of comments and of the code in its lines."""
    for hidden in (CODE, COMMENT):
        text = hidden.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text


def unprintable(text: str, first_line: int = 1) -> Iterator[tuple[int, str, str]]:
    """Yield characters that no page can show."""
    for found in CONTROL.finditer(text):
        line = first_line + text.count("\n", 0, found.start())
        yield line, f"the character U+{ord(found[0]):04X} cannot be shown", "take it out"
