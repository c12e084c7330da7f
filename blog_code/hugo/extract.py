"""Move the Python blocks of an imported post into a module of regions, so that the post can be run."""

import re

_FENCE = re.compile(
    r"(?m)^(?P<indent>[ ]*)(?P<ticks>`{3,})[ ]*(?P<lang>python3?|py|py3)(?P<options>[ ][^\n`]*)?\n"
    r"(?P<code>(?:.*\n)*?)(?P=indent)(?P=ticks)[ ]*$"
)
_HEADING = re.compile(r"(?m)^#{1,6} (?P<text>.*?)(?:\s*\{[^{}]*\})?$")
_MARK = re.compile(r"-+8<-+")


def extract(text: str, slug: str) -> tuple[str, dict[str, str]]:
    """Return a page that names regions, and the module that holds them; one without Python stays as it is."""
    package = slug.replace("-", "_")
    regions: list[str] = []
    names: set[str] = set()

    def replaced(found: re.Match[str]) -> str:
        code = re.sub(rf"(?m)^{found['indent']}", "", found["code"])
        if is_session(code) or _MARK.search(code):
            return found[0]
        name = _name(text[: found.start()], names)
        names.add(name)
        regions.append(f"# --8<-- [start:{name}]\n{code.rstrip()}\n# --8<-- [end:{name}]\n")
        indent, ticks = found["indent"], found["ticks"]
        options = " " + (found["options"] or "").strip() if (found["options"] or "").strip() else ""
        shown = f'--8<-- "{package}/story.py:{name}"'
        return f"{indent}{ticks} {{ .python{options} }}\n{indent}{shown}\n{indent}{ticks}"

    page = _FENCE.sub(replaced, text)
    if not regions:
        return text, {}
    title = f'the post "{slug.replace("-", " ")}"'
    module = f'"""The code of {title}, in the order in which it is read."""\n\n' + "\n\n".join(regions)
    return page, {f"{package}/__init__.py": f'"""The code of {title}."""\n', f"{package}/story.py": module}


def has_code(text: str) -> bool:
    """Whether a page holds a block of code that somebody typed."""
    return bool(re.search(r"(?m)^[ >]*(`{3,}|~{3,})", text))


def _name(before: str, taken: set[str]) -> str:
    """Return a region's name: that of the heading above it, with a number from the second on."""
    headings = list(_HEADING.finditer(before))
    base = re.sub(r"[^a-z0-9]+", "-", headings[-1]["text"].lower()).strip("-") if headings else ""
    base = (base if base and base[0].isalpha() else f"code-{base}")[:40].strip("-")
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, 10_000))
    return next(name for name in names if name not in taken)


def is_session(code: str) -> bool:
    """Whether a block shows a session or output rather than code."""
    lines = [line for line in code.splitlines() if line.strip()]
    return (
        not lines or lines[0].startswith((">>>", "In [", "Out[", "$ ")) or lines[0].strip() in ("Out:", "===")
    )
