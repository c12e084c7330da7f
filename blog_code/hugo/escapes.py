"""What must be escaped so that Python-Markdown prints it as it stands.

Goldmark took these characters for text. Each rule below names a reader on this side that would take them for
markup: Python-Markdown itself, attr_list, arithmatex, smarty, tilde, snippets, or `{{= post.value }}`.
"""

import re

# Characters that mean something somewhere. In the careful mode each is written as an entity.
SPECIAL = frozenset("\\`*_{}[]()<>#+-.!|~$^=:&\"'/?@;%")

_TAG_START = re.compile(r"<(?=[A-Za-z/!?]|$)")
_ENTITY = re.compile(r"&(?=#\d+;|#[xX][0-9a-fA-F]+;|\w+;)")
_VALUE = re.compile(r"\{(?=\{=)")
_LINK_LIKE = re.compile(r"\[(?=\^|[^\]]*$|[^\]]*\]\s?[(\[:]|TOC\])")


def entity(character: str) -> str:
    """Return the numeric entity of a character."""
    return f"&#{ord(character)};"


def entities(text: str) -> str:
    """Return text in which nothing can be taken for markup."""
    return "".join(entity(c) if c in SPECIAL or _is_odd_space(c) else c for c in text)


def escape_text(text: str, before: str, after: str, *, in_link: bool, in_cell: bool) -> str:
    """Escape what would be markup in a run of text between two neighbours, so that it stays readable."""
    escaped = []
    for index, character in enumerate(text):
        left = text[index - 1] if index else before
        right = text[index + 1] if index + 1 < len(text) else after
        escaped.append(_one(character, left, right, text[index:], in_link, in_cell))
    return _whole("".join(escaped))


def _one(character: str, left: str, right: str, rest: str, in_link: bool, in_cell: bool) -> str:
    if character == "\\":
        return entity("\\") if right in "([)]$" else "\\\\"
    if character == "`" or character == "$":
        return "\\" + character
    if character == "*":
        return character if _blank(left) and _blank(right) else "\\*"
    if character == "_":
        return (
            character if (left.isalnum() and right.isalnum()) or (_blank(left) and _blank(right)) else "\\_"
        )
    if character == "~" and (left == "~" or right == "~"):
        return "\\~"
    if character == "<":
        return "&lt;" if _TAG_START.match(rest) or right == "<" else character
    if character == "&":
        return "&amp;" if _ENTITY.match(rest) or (not right.isspace() and len(rest) == 1) else character
    if character == "[":
        return entity("[") if in_link or _LINK_LIKE.match(rest) else character
    if character == "]":
        return entity("]") if in_link or (len(rest) == 1 and right in "([") else character
    if character == "{":
        return entity("{") if _VALUE.match(rest + right) else "\\{" if left in "\n`*_)]>~" else character
    if character in "\"'":
        return "&quot;" if character == '"' else "&#39;"
    if character == "|" and in_cell:
        return "\\|"
    if _is_odd_space(character):
        return "&nbsp;" if character == "\xa0" else entity(character)
    if character == "!" and right in "[!":
        return "\\!" if right == "[" else character
    return character


def _is_odd_space(character: str) -> bool:
    """Whether a character is white space that Python-Markdown strips and Goldmark prints."""
    return character.isspace() and character not in " \t\n"


def _blank(character: str) -> bool:
    return not character or character.isspace()


def _whole(text: str) -> str:
    """Keep smarty from the dashes and dots that Goldmark's typographer left alone."""
    text = re.sub(r"-(?=-)", entity("-"), text)
    return text.replace("...", "." + entity(".") + ".")


# Starts of a line that open a block, with the place where a backslash stops them.
_LINE_STARTS = [
    (re.compile(r"#"), 0),
    (re.compile(r">"), 0),
    (re.compile(r"[-+*](?=\s|$)"), 0),
    (re.compile(r"\d+[.)](?=\s|$)"), -1),
    (re.compile(r":(?=\s|$)"), 0),
    (re.compile(r"!!!|\?\?\?|={3}|/{3}|~{3}"), 0),
    (re.compile(r"(?:=+|-+)\s*$"), 0),
    (re.compile(r"([-_*])[ ]*(?:\1[ ]*){2,}$"), 0),
    (re.compile(r"-+8<-+"), 0),
    (re.compile(r"[|:\- ]*-[|:\- ]*$"), 0),
    (re.compile(r"\{"), 0),
]


def escape_line_start(line: str) -> str:
    """Keep the beginning of a line of text from opening a block."""
    if line.startswith("[") and re.match(r"\[[^\]]*\]:", line):
        return entity("[") + line[1:]
    for pattern, offset in _LINE_STARTS:
        if found := pattern.match(line):
            place = found.end() - 1 if offset else 0
            return f"{line[:place]}\\{line[place:]}"
    return line


def destination(address: str) -> str:
    """Return a link's address as it can stand between parentheses, odd characters percent-encoded."""
    encoded = "".join(f"%{ord(c):02X}" if c in ' "<>\\`$|*' or ord(c) < 32 else c for c in address)
    depth = 0
    for character in encoded:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
    if depth:
        encoded = encoded.replace("(", "%28").replace(")", "%29")
    return _ENTITY.sub("&amp;", encoded)


def attribute(text: str) -> str:
    """Return a title or alternative text, where Python-Markdown reads entities but leaks backslashes."""
    text = re.sub(r"\s+", " ", text)
    return "".join(entity(c) if c in '\\`*_{}[]<>$~|"!' or c == "&" else c for c in text)
