"""The post for other hands: an executed notebook, and a plain script where its cells are plain Python."""

import ast
import contextlib
import inspect
import json
import math
import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from blog_code.errors import PostError
from blog_code.posts.post import IMAGE, SNIPPET, Cell, Fence, Post
from blog_code.posts.values import EXPRESSION, shown_values
from blog_code.runner.lock import normal_name, read_lock
from blog_code.runner.outputs import Output
from blog_code.runner.record import Record

BLOCK = re.compile(r"^[ \t]*(/{3,})[ \t]*(?:([\w-]+)[ \t]*(?:\|[ \t]*(.*))?)?$")
LITERAL = re.compile(r"(`+[^`]+`+|\$[^$]+\$|\\\(.+?\\\))")  # code and mathematics, which stay as they are
ATTRIBUTE = r"""(?:[.#][A-Za-z][\w-]*|[A-Za-z][\w-]*=(?:"[^"]*"|'[^']*'|[\w%.-]+)|download)"""
ATTRIBUTES = re.compile(rf"(?<![\w\\^}}])[ ]?\{{:?[ ]*(?:{ATTRIBUTE}[ ]*)+\}}")
LINK = re.compile(
    r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:)[^)\s]*(?:\s+\"[^\"]*\")?\)"
    rf"(?:\{{:?[ ]*(?:{ATTRIBUTE}[ ]*)+\}})?"
)
WRAPPER = re.compile(r"^\s*</?(?:div|figure|figcaption|section|p)\b[^>]*>\s*$")
PAGE_ONLY = re.compile(r"""^\s*<div\b[^>]*\bclass=["'][^"']*\bpage-only\b""")  # of no use elsewhere
NOTE = re.compile(r"(\s?)\[\^([\w-]+)\](:?)")
INSTALL = "_install"
MAGIC = re.compile(r"^\s*(?:[%!?]|[\w, ]+=\s*[%!])|\?\s*$", re.M)  # a command of IPython
NOTEBOOK_NAMES = {"display", "get_ipython", "In", "Out"}  # which are bound there without an import
INSTALL_CELL = Path(__file__).with_name("install_cell.py")
SCRIPT_START = Path(__file__).with_name("script_start.py")
QUIET_BLOCKS = {"tab", "details", "html", "define", "definition"}  # blocks whose kind is not worth a word


def edition_files(
    post: Post,
    record: Record,
    outputs: dict[str, list[Output]],
    parts: list[str | Cell] | None = None,
) -> dict[str, bytes]:
    """Make `<slug>.ipynb` and `<slug>.py` of the parts of a post, or of others; `outputs` has each cell's."""
    parts = list(_parts(post, record)) if parts is None else parts
    wanted = requirements(post, record)
    files = {f"{post.slug}.ipynb": make_notebook(parts, wanted, outputs).encode()}
    if not no_script(post):
        quick = post.meta.quick if record.fingerprint.get("profile") == "quick" else {}
        script = make_script(post, record, parts, wanted, outputs, quick)
        try:
            compile(script, f"{post.slug}.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            message = f"the script of the post would not run: {error}"
            raise PostError(post.finding(1, message, "this is a fault of blog_code: report it")) from None
        files[f"{post.slug}.py"] = script.encode()
    return files


def no_script(post: Post) -> tuple[int, str] | None:
    """Say on which line of a post, and why, it can have no script edition; None where it has one."""
    return _no_script(tuple(cell for cell in post.cells if cell.runs))


@lru_cache(maxsize=1)  # it is asked several times of one post
def _no_script(cells: tuple[Cell, ...]) -> tuple[int, str] | None:
    bound: set[str] = set()
    for cell in cells:
        if reason := _no_plain_python(cell, bound):
            return cell.line, f"region {cell.name} {reason}"
    return None


def _no_plain_python(cell: Cell, bound: set[str]) -> str:
    """Say what of a cell a script cannot do; empty where it can do all. Adds to the names that are bound."""
    source = cell.region.source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        mistake = "raises" in cell.flags and not MAGIC.search(source)  # which a script makes too
        return "" if mistake else "has commands of IPython"
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.Name) and node.id in NOTEBOOK_NAMES - bound:
            return f"uses {node.id}, which only a notebook has: import it from IPython"
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return "imports from __future__, which a script does at its top"
    with contextlib.suppress(SyntaxError, ValueError):  # which a script raises too
        code = compile(source, cell.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        return "awaits outside a function" if code.co_flags & inspect.CO_COROUTINE else ""
    return ""


def parts_of(post: Post, notebook: dict[str, Any]) -> list[str | Cell]:
    """Return the parts that a notebook edition was made of, with the prose that it has."""
    cells = {cell.name: cell for cell in post.cells}
    made = [cell for cell in notebook["cells"] if cell["id"] != INSTALL]
    return [cells.get(cell["id"]) or "".join(cell["source"]) for cell in made]


def requirements(post: Post, record: Record) -> list[str]:
    """List what the cells import and the front matter adds, in the versions that ran, or else of the lock."""
    locked, added = read_lock(post.root).pins, map(normal_name, post.meta.requirements)
    wanted = {name: locked.get(name, [""])[-1] for name in added} | record.versions
    for name in ("python", "jaxlib"):
        wanted.pop(name, None)
    return [f"{name}=={version}" if version else name for name, version in sorted(wanted.items())]


def make_notebook(parts: list[str | Cell], wanted: list[str], outputs: dict[str, list[Output]]) -> str:
    """Write the notebook edition: prose, cells with stable ids, and the outputs of the run."""
    cells: list[dict[str, Any]] = []
    executed = 0
    for number, part in enumerate(parts):
        if isinstance(part, Cell):
            executed += 1
            known = {"parameters": "parameters", "raises": "raises-exception"}  # to papermill and Jupyter
            tags = sorted(known[flag] for flag in part.flags & set(known))
            cells.append(_code(part.name, part.region.source, tags, outputs.get(part.name, []), executed))
        else:
            following = parts[number + 1] if number + 1 < len(parts) else None
            name = f"_before-{following.name}" if isinstance(following, Cell) else "_end"
            prose = {"cell_type": "markdown", "id": name, "metadata": {}, "source": part.splitlines(True)}
            cells.append(prose)
    if wanted:
        install = _code(INSTALL, install_source(wanted), ["install"], [], None)
        cells.insert(next(n for n, cell in enumerate(cells) if cell["cell_type"] == "code"), install)
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    }
    # Nbformat writes the same bytes, and takes longer to import than a check to do all that it does.
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _code(
    name: str, source: str, tags: list[str], outputs: list[Output], number: int | None
) -> dict[str, Any]:
    metadata = {"tags": tags} if tags else {}
    made = {"id": name, "metadata": metadata, "outputs": outputs, "source": source.splitlines(True)}
    return {"cell_type": "code", "execution_count": number, **made}


def install_source(wanted: list[str]) -> str:
    """Write the cell that installs what a notebook wants; one that wants JAX may meet a CUDA plugin of it."""
    pins = dict(name.split("==") for name in wanted if "==" in name)
    if "jax" not in pins:
        return f"%pip install --quiet {' '.join(wanted)}"
    return f"{_code_of(INSTALL_CELL)}\n\n\ninstall({json.dumps(pins, indent=4)})"


def _code_of(path: Path) -> str:
    """The lines of a module behind its docstring."""
    return path.read_text("utf-8").partition('"""\n\n')[2].strip()


def make_script(
    post: Post,
    record: Record,
    parts: list[str | Cell],
    wanted: list[str],
    outputs: dict[str, list[Output]],
    quick: dict[str, Any],
) -> str:
    """Write the script edition: a header that uv and pipx understand, then prose as comments, and cells.

    That of a quick run has the parameters of a quick run.
    """
    listed = "".join(f'#     "{name}",\n' for name in wanted)
    written = [f'# /// script\n# requires-python = ">=3.12"\n# dependencies = [\n{listed}# ]\n# ///']
    written += [_manual(post, record), _code_of(SCRIPT_START), _beginning(post, wanted)]
    for part in parts:
        if isinstance(part, Cell):
            types = {kind for output in outputs.get(part.name, []) for kind in output.get("data", {})}
            shows = any(output["output_type"] == "execute_result" for output in outputs.get(part.name, []))
            source = print_last(part.region.source) if shows else part.region.source
            source = _caught(source, part.name) if "raises" in part.flags else source
            saved = f'\n_save_figures("{part.name}")' if types & {"image/png", "image/svg+xml"} else ""
            written.append(f"# %% {part.name}\n{source}{saved}")
            if "parameters" in part.flags and quick:
                written.append(assignments(quick))
        else:
            lines = [f"# {line}".rstrip() for line in part.split("\n")]
            written.append("\n".join(["# %% [markdown]", *lines]))
    return "\n\n".join(written) + "\n"


def assignments(quick: dict[str, Any]) -> str:
    """Write the code that gives parameters their quick values; some numbers have no literal in Python."""
    finite = {name: not isinstance(value, float) or math.isfinite(value) for name, value in quick.items()}
    literals = {name: repr(v) if finite[name] else f"float({str(v)!r})" for name, v in quick.items()}
    return "\n".join(f"{name} = {literal}" for name, literal in literals.items())


def _manual(post: Post, record: Record) -> str:
    """Say how a script is run, how long that takes, what it needs, and what it leaves."""
    took = max(1, round(record.volatile.seconds / 60))
    mac = "a Mac with Apple silicon" if "jax" in record.versions else "macOS"  # JAX has no wheels for others
    about = [
        f"Run it: uv run {post.slug}.py, which installs what is listed above; or python {post.slug}.py where",
        f"that is installed, on Linux, Windows or {mac}. It took {took} min on {record.volatile.host}.",
        f"What it leaves lies in {post.slug}/ beside it: figures, by the names of its cells, and files.",
    ]
    if post.meta.environment:
        about.append(f"It reads the variables {', '.join(post.meta.environment)}, where they are set.")
    return "\n".join(f"# {line}" for line in about)


def _beginning(post: Post, wanted: list[str]) -> str:
    pins = dict(name.split("==") for name in wanted if "==" in name)
    return f"_begin({post.slug!r}, {post.meta.environment!r}, {pins!r})"


def _caught(source: str, name: str) -> str:
    """Code that is meant to raise, made to print what it raised."""
    try:
        compile(f"try:\n{textwrap.indent(source, '    ')}\nfinally: 0", name, "exec", dont_inherit=True)
        strings = [
            node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant | ast.JoinedStr)
        ]
    except (SyntaxError, ValueError):  # the mistake is meant, and must not be the whole script's
        source, strings = f"exec(compile({source!r}, {name!r}, 'exec'))", []
    inside = {n for node in strings for n in range(node.lineno + 1, (node.end_lineno or 0) + 1)}
    lines = enumerate(source.split("\n"), 1)
    code = [line if not line or number in inside else f"    {line}" for number, line in lines]
    said = ["except BaseException as error:", '    print(f"{type(error).__name__}: {error}")']
    return "\n".join(["try:  # this raises, and that is its point", *code, *said])


def print_last(source: str) -> str:
    """Print the last expression of a cell, which a notebook shows and a script does not."""
    tree = ast.parse(source)
    if not tree.body or not isinstance(last := tree.body[-1], ast.Expr):
        return source
    lines = source.split("\n")
    before = lines[last.lineno - 1].encode()[: last.col_offset].decode()
    shown = f"{before}print(repr({ast.get_source_segment(source, last)}))"
    return "\n".join([*lines[: last.lineno - 1], shown])


def _parts(post: Post, record: Record) -> Iterator[str | Cell]:
    """The body in order: prose as plain Markdown, and the cells that run where their fences stand."""
    shown = shown_values(post, record.all_values)
    shown |= dict.fromkeys(record.volatile.timings, "…")  # no run has another's
    values = {f"{post.package}.{name}": text for name, text in shown.items()}
    prose = [f"# {post.meta.title}", ""]
    lines = post.body.split("\n")
    blocks: list[str] = []
    behind = 0  # where what is page-only ends
    for part in post.parts:
        number = part.line - post.first_line
        if isinstance(part, Fence):
            if number < behind:
                if part.cell:
                    message = "a cell that is page-only, and the editions have all cells"
                    raise PostError(post.finding(part.line, message, "move it out of the div"))
            elif part.cell and part.cell.runs:
                yield from _tidy(prose)
                yield part.cell
                prose = []
            else:
                prose += _plain_fence(part, values)
            continue
        end = number + len(part.lines)
        while (number := max(number, behind)) < end:
            line = lines[number]
            if PAGE_ONLY.match(line):
                behind = _closing_div(lines, number) + 1
                continue
            if line.lstrip().startswith("<!--"):
                while number < end - 1 and "-->" not in lines[number]:
                    number += 1
                if rest := lines[number].partition("-->")[2].strip():
                    lines[number] = rest
                    continue
            elif block := BLOCK.match(line):
                _block(block, _quoted(block[3] or "", values).strip(), blocks, prose)
                while block[2] and number + 1 < end and lines[number + 1].startswith("    "):
                    number += 1  # the options of the block
            elif not SNIPPET.match(line) and not WRAPPER.match(line):
                text = _plain(line, post, values)
                if text.strip() or not line.strip():
                    caption = text.strip() and blocks and blocks[-1].endswith("caption")
                    prose.append(f"*{text.strip()}*" if caption and "*" not in text else text)
            number += 1
    yield from _tidy(prose)


def _closing_div(lines: list[str], number: int) -> int:
    """The number of the line that closes the div of a line, or of the last line."""
    depth = 0
    for end in range(number, len(lines)):
        depth += len(re.findall(r"<div\b", lines[end])) - lines[end].count("</div>")
        if depth <= 0:
            return end
    return len(lines) - 1


def _plain_fence(fence: Fence, values: dict[str, str]) -> list[str]:
    """A fence that is not executed: code that is only shown, or text; outputs stand below their cells."""
    if fence.cell:
        return ["", "```python", *fence.cell.region.source.split("\n"), "```", ""]
    if "output" in fence.classes:
        return []
    inner = [_quoted(text, values) for text in fence.lines]
    return [f"```{(fence.classes or [''])[0]}", *inner, "```"]


def _block(block: re.Match[str], title: str, blocks: list[str], prose: list[str]) -> None:
    """Open or close a block such as `/// tab | NNX`, of which a plain page keeps the title."""
    if not block[2]:
        if blocks:
            blocks.pop()
        prose.append("")
        return
    blocks.append(block[2])
    if not title and block[2] not in QUIET_BLOCKS and not block[2].endswith("caption"):
        title = block[2].capitalize()
    prose += ["", f"**{title}**", ""] if title else [""]


def _quoted(text: str, values: dict[str, str]) -> str:
    """A text with the values that it quotes."""
    return EXPRESSION.sub(lambda found: values.get(found[1], found[0]), text)


def _plain(line: str, post: Post, values: dict[str, str]) -> str:
    """A line of prose as any Markdown reader understands it."""
    line = _quoted(line, values)
    pieces = LITERAL.split(line)
    for number in range(0, len(pieces), 2):
        text = ATTRIBUTES.sub("", pieces[number])
        text = IMAGE.sub(lambda found: _picture(found[1], found[2], post), text)
        text = NOTE.sub(lambda found: f"- [{found[2]}]" if found[3] else f" [{found[2]}]", text)
        pieces[number] = LINK.sub(r"\1", text)
    return "".join(pieces).rstrip() + ("  " if line.endswith("  ") and line.strip() else "")


def _picture(alt: str, target: str, post: Post) -> str:
    """An image as the editions have it: a run's figure stands below its cell, others only on the site."""
    if target.startswith(("https://", "http://")):
        return f"![{alt}]({target})"
    return "" if target.startswith(f"../runs/{post.slug}/") else f"*{alt}*"


def _tidy(prose: list[str]) -> Iterator[str]:
    """One piece of prose without needless empty lines, if anything of it is left."""
    if text := re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", "\n".join(prose)).strip():
        yield text
