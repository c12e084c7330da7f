"""Look at front matter and configuration before Hugo reads them: what would take all memory is refused."""

import re

import yaml

from blog_code.hugo.problems import Refused

LONGEST = 256 * 1024  # characters of front matter or of a configuration
DEEPEST = 60  # brackets within brackets, or steps of indentation
MOST = 20_000  # values, after every alias is written out
_HEADER = re.compile(
    r"\A\ufeff?(?:---[ \t]*\r?\n(.*?)^---|\+\+\+[ \t]*\r?\n(.*?)^\+\+\+)[ \t]*(?:\r?\n|\Z)", re.S | re.M
)


def front_matter(text: str) -> tuple[str, str]:
    """Return the format and the text of front matter, without its marks."""
    if found := _HEADER.match(text):
        return ("yaml", found[1]) if found[1] is not None else ("toml", found[2])
    return ("json", text) if text.lstrip("\ufeff").startswith("{") else ("", "")


def refuse_bombs(kind: str, text: str) -> None:
    """Refuse a text that is small and becomes huge, or so deep that a parser ends in it."""
    if kind == "json":  # which has no end mark: the text is the whole post
        text = text[:LONGEST]
    elif len(text) > LONGEST:
        raise Refused("front matter", f"front matter of more than {LONGEST // 1024} KB")
    if _depth(text) > DEEPEST or re.search(
        rf"(?m)^[ \t]{{{DEEPEST * 8},}}\S|^(?:- ){{{DEEPEST},}}|\d{{4000}}", text
    ):
        raise Refused("front matter", f"values more than {DEEPEST} deep, or a number that no program holds")
    if kind in ("yaml", "yml") and "*" in text and "&" in text and _size(text) > MOST:
        raise Refused("front matter", f"aliases (*name) that stand for more than {MOST} values")


def _depth(text: str) -> int:
    """Return how deep brackets stand in each other, wherever they stand."""
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if mark in "[{" else -1))
        deepest = max(deepest, depth)
    return deepest


def _size(text: str) -> int:
    """Return how many values a document of YAML has when each alias is written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MOST  # of a node within itself
            inner = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(map(size, inner)))
        return sizes[id(node)]

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return size(node) if node else 0
    except (yaml.YAMLError, RecursionError):
        return 0  # Hugo says what is wrong with it
