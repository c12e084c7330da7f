"""Moves the Python blocks of an imported post into a module of regions, so that the post can be run."""

import re

_FENCE = re.compile(
    r"(?m)^(?P<indent>[ ]*)(?P<ticks>`{3,})[ ]*(?P<lang>python3?|py|py3)(?P<options>[ ][^\n`]*)?\n"
    r"(?P<code>(?:.*\n)*?)(?P=indent)(?P=ticks)[ ]*$"
)
_RAW = re.compile("\ue000\n([ ]*`{3,}[ ]*(?:python3?|py|py3)\\b.*?)\n[ ]*\ue001", re.DOTALL)
_HEADING = re.compile(r"(?m)^#{1,6} (?P<text>.*?)(?:\s*\{[^{}]*\})?$")


def extract(text: str, slug: str) -> tuple[str, dict[str, bytes]]:
    """Return a page that names regions, and the module that holds them; one without Python stays as it is."""
    package = slug.replace("-", "_")  # where the runner looks, even if it begins with a digit
    regions: list[str] = []
    names: set[str] = set()
    text = _RAW.sub(lambda found: found[1] if _FENCE.match(found[1].lstrip("\n")) else found[0], text)

    def replaced(found: re.Match[str]) -> str:
        code = _outdented(found["code"], found["indent"])
        if _is_session(code):
            return found[0]
        name = _name(text[: found.start()], names)
        names.add(name)
        regions.append(f"# --8<-- [start:{name}]\n{code.rstrip()}\n# --8<-- [end:{name}]\n")
        indent, ticks = found["indent"], found["ticks"]
        options = f" {found['options'].strip()}" if found["options"] and found["options"].strip() else ""
        return (
            f"{indent}{ticks} {{ .python{options} }}\n"
            f'{indent}--8<-- "{package}/story.py:{name}"\n{indent}{ticks}'
        )

    page = _FENCE.sub(replaced, text)
    if not regions:
        return text, {}
    title = slug.replace("-", " ")
    module = f'"""The code of the post "{title}", in the order in which it is read."""\n\n' + "\n\n".join(
        regions
    )
    init = f'"""The code of the post "{title}"."""\n'
    return page, {f"{package}/__init__.py": init.encode(), f"{package}/story.py": module.encode()}


def has_python(text: str) -> bool:
    """True where a page holds a block of Python that somebody typed."""
    return bool(re.search(r"(?mi)^[ >]*(`{3,}|~{3,}) ?\{? ?\.?(python3?|py3?|pycon|ipython3?)\b", text))


def has_nested_fence(text: str) -> bool:
    """True where a note or a list may hold a block of code: in a note, no run would see it."""
    return bool(re.search(r"(?m)^ {4}[ >]*(`{3,}|~{3,})", text))


def _name(before: str, taken: set[str]) -> str:
    """Return a region's name: that of the heading above it, with a number from the second on."""
    headings = list(_HEADING.finditer(before))
    base = re.sub(r"[^a-z0-9]+", "-", headings[-1]["text"].lower()).strip("-") if headings else ""
    base = base if base and base[0].isalpha() else f"code-{base}".rstrip("-")
    base = base[:40].rstrip("-")
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _outdented(code: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in code.splitlines(keepends=True))


def _is_session(code: str) -> bool:
    """Whether a block shows a session or output rather than code: prompts, or nothing but output."""
    lines = [line for line in code.splitlines() if line.strip()]
    return (
        not lines or lines[0].startswith((">>>", "In [", "Out[", "$ ")) or lines[0].strip() in ("Out:", "===")
    )
