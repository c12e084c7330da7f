"""The post for other hands: an executed notebook, and a plain script."""

import re
from typing import Any

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

from blog_code.runner.cells import IMAGE, SNIPPET, Post, read_text
from blog_code.runner.errors import PostError

FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})(.*)$")
BLOCK = re.compile(r"^/{3,}\s*(.*)$")
VALUE = re.compile(r"\{\{\s*\w+\.(\w+)\s*\}\}")
ATTRIBUTES = re.compile(r"[ ]?\{:?[ ]*[.#][^}\n]*\}|\{ (?:width|height|download)[^}\n]*\}")


def edition_files(post: Post, record: dict[str, Any], outputs: dict[str, list[NotebookNode]]) -> dict[str, bytes]:
    """`<slug>.ipynb` and `<slug>.py`."""
    notebook = make_notebook(post, record, outputs)
    return {
        f"{post.slug}.ipynb": (nbformat.writes(notebook, indent=1) + "\n").encode(),
        f"{post.slug}.py": make_script(post, notebook).encode(),
    }


def accepted_outputs(post: Post) -> dict[str, list[NotebookNode]]:
    """The outputs of each cell, from the notebook of the accepted run."""
    path = post.run_folder / f"{post.slug}.ipynb"
    try:
        notebook = nbformat.reads(read_text(path, post.root), as_version=4)
        return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        line = post.finding(1, f"the notebook of the accepted run is torn: {error}", f"blog run --force {post.slug}")
        raise PostError(line) from None


def requirements(record: dict[str, Any], post: Post) -> list[str]:
    """What the cells import, pinned to the versions of `requirements.lock`."""
    lock = post.root / "requirements.lock"
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text() if lock.exists() else "", re.M))
    wanted = post.meta.get("requirements") or sorted(set(record["versions"]) - {"python", "jaxlib"})
    return [f"{name}=={pinned[name]}" if name in pinned else name for name in wanted]


def make_notebook(post: Post, record: dict[str, Any], outputs: dict[str, list[NotebookNode]]) -> NotebookNode:
    """The notebook edition: prose, cells with stable ids, and the outputs of the run."""
    wanted = " ".join(requirements(record, post))
    install = nbformat.v4.new_code_cell(f"%pip install --quiet {wanted}", id="install", metadata={"tags": ["install"]})
    cells: list[NotebookNode] = []
    for number, part in enumerate(_parts(post, record)):
        if isinstance(part, str):
            cells.append(nbformat.v4.new_markdown_cell(part, id=f"prose-{number}"))
        else:
            cell = post.cells[part[0]]
            if not cell.runs:
                cells.append(nbformat.v4.new_markdown_cell(f"```python\n{cell.region.source}\n```", id=cell.name))
                continue
            made = nbformat.v4.new_code_cell(cell.region.source, id=cell.name, outputs=outputs.get(cell.name, []))
            made.execution_count = None
            made.metadata["tags"] = sorted(cell.flags - {"raises"} | ({"raises-exception"} if "raises" in cell.flags else set()))
            cells.append(made)
    cells.insert(1, install)
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec, "language_info": language})


def make_script(post: Post, notebook: NotebookNode) -> str:
    """The script edition: the prose as comments, the cells in order, a header that uv and pipx understand."""
    cells = [cell for cell in notebook.cells if cell.id != "install"]
    plain = nbformat.v4.new_notebook(cells=[_script_cell(cell) for cell in cells], metadata={})
    body = jupytext.writes(plain, fmt="py:light")
    body = re.sub(r"\A# ---\n.*?^# ---\n+", "", body, flags=re.S | re.M)
    install = next(cell for cell in notebook.cells if cell.id == "install")
    wanted = install.source.split()[3:]
    listed = "".join(f'#     "{name}",\n' for name in wanted)
    header = f'# /// script\n# requires-python = ">=3.12"\n# dependencies = [\n{listed}# ]\n# ///\n\n'
    return header + body


def _script_cell(cell: NotebookNode) -> NotebookNode:
    """A cell for the script: a last expression is printed, a raising cell is caught."""
    if cell.cell_type != "code":
        return nbformat.v4.new_markdown_cell(cell.source)
    source = _print_last(cell.source)
    if "raises-exception" in cell.metadata.get("tags", []):
        inner = "\n".join("    " + line if line else "" for line in source.split("\n"))
        source = f'try:  # this cell raises, and that is its point\n{inner}\nexcept Exception as error:\n    print(f"{{type(error).__name__}}: {{error}}")'
    return nbformat.v4.new_code_cell(source)


def _print_last(source: str) -> str:
    """Wrap a last expression in print, because a script does not show it."""
    import ast

    tree = ast.parse(source)
    if not tree.body or not isinstance(last := tree.body[-1], ast.Expr):
        return source
    called = last.value.func if isinstance(last.value, ast.Call) else None
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    if name in {"print", "show"} or isinstance(last.value, ast.Constant):
        return source
    lines = source.split("\n")
    head, shown = lines[: last.lineno - 1], "\n".join(lines[last.lineno - 1 :]).rstrip().rstrip(";")
    return "\n".join([*head, f"print({shown})"])


def _parts(post: Post, record: dict[str, Any]) -> list[Any]:
    """The body as plain Markdown, with each cell's number where its fence stands."""
    parts: list[Any] = []
    prose = [f"# {post.meta['title']}\n"]
    values = _values(post, record)
    lines = iter(post.body.split("\n"))
    number = 0
    for line in lines:
        if opened := FENCE.match(line):
            block = [line]
            for inner in lines:
                block.append(inner)
                if re.match(rf"^[ ]{{0,3}}{re.escape(opened[1])}", inner):
                    break
            if number < len(post.cells) and any(
                (s := SNIPPET.match(text)) and s[1].endswith(f":{post.cells[number].name}") for text in block
            ):
                parts += ["\n".join(prose), (number,)]
                prose, number = [], number + 1
            elif ".output" not in opened[2]:
                prose += block
        elif SNIPPET.match(line) or line.strip() == "<!-- more -->":
            continue
        elif block_line := BLOCK.match(line):
            kind, _, title = block_line[1].partition("|")
            if title.strip():
                prose.append(f"**{title.strip()}**\n")
        else:
            image = IMAGE.search(line)
            if image and f"../runs/{post.slug}/" in image[2]:
                continue
            prose.append(ATTRIBUTES.sub("", VALUE.sub(lambda found: values.get(found[1], "?"), line)))
    parts.append("\n".join(prose))
    tidy = [re.sub(r"\n{3,}", "\n\n", part).strip() if isinstance(part, str) else part for part in parts]
    return [part for part in tidy if part]


def _values(post: Post, record: dict[str, Any]) -> dict[str, str]:
    """Values as the page quotes them; timings differ from run to run, so the editions leave them to their reader."""
    from blog_code.runner.run import shown_values

    shown = shown_values(post, record)
    return {name: "(time it)" if post.values.get(name, {}).get("timing") else text for name, text in shown.items()}


__all__ = ["accepted_outputs", "edition_files", "make_notebook", "make_script", "yaml"]
