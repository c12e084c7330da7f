"""What is made from a run and its post without executing anything: editions, values, provenance.

It is made again whenever it is looked at, and compared with what lies there; no index is believed.
"""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.post import INCLUDED, RUNS, Cell, Post
from blog_code.posts.values import shown_values
from blog_code.runner.editions import edition_files, no_script, parts_of
from blog_code.runner.outputs import Output, files_of, included_files
from blog_code.runner.provenance import page_files
from blog_code.runner.record import Record, digest
from blog_code.runner.view import VIEW

VALUES = f"{RUNS}/values.yml"  # of all posts, so that mkdocs.yml names one file
TORN = (LookupError, TypeError, AttributeError, ValueError, RecursionError)


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def edition_names(post: Post) -> set[str]:
    return {f"{post.slug}.ipynb"} | (set() if no_script(post) else {f"{post.slug}.py"})


def derived_names(post: Post, record: Record | None = None) -> set[str]:
    """Name all derived files of a post, or of a run of it: then what the page includes of outputs too."""
    left = [name.partition(".") for entry in (record.cells if record else []) for name in entry.outputs]
    included = {stem + INCLUDED for stem, _, suffix in left if suffix in {"txt", "html"}}
    return {"provenance.md", "environment.md", VIEW, *edition_names(post), *included}


def derived_files(post: Post, record: Record, outputs: dict[str, list[Output]]) -> dict[str, bytes]:
    """Make every derived file; `outputs` maps each cell to what it displayed, as a notebook has it."""
    included: dict[str, bytes] = {}
    for cell in post.cells:
        try:
            included |= included_files(cell, outputs.get(cell.name, []))
        except ValueError as unfit:
            message = f"region {cell.name} {unfit}"
            raise PostError(post.finding(cell.line, message, f"then: blog run --force {post.slug}")) from None
    return {**page_files(post, record), **edition_files(post, record, outputs), **included}


def values_of(runs: Iterable[tuple[Post, Record]]) -> dict[str, dict[str, str]]:
    """Make the values of many posts, under the names of their packages, because so Zensical reads them too.

    A post whose values cannot be shown is left out: a check of it says why.
    """
    made = {}
    for post, record in runs:
        with contextlib.suppress(PostError):
            made[post.package] = shown_values(post, record.all_values)
    return made


def read_values(root: Path) -> dict[str, dict[str, str]] | None:
    """Return what docs/runs/values.yml holds; None where that is not as we write it."""
    try:
        read = json.loads(text := read_text(root / VALUES, root)) if (root / VALUES).exists() else {}
        return read if isinstance(read, dict) and (not read or as_json(read).decode() == text) else None
    except (PostError, ValueError, RecursionError):
        return None


def differing(post: Post, record: Record) -> dict[str, bytes]:
    """Return the derived files that are not, byte by byte, what lies there."""
    made = derived_files(post, record, accepted_outputs(post, record))
    return {name: content for name, content in made.items() if _lying(post, name) != content}


def differ_in_prose(post: Post, record: Record) -> bool:
    """Say whether the editions are right but for their prose, so that it is the post that is newer."""
    outputs, notebook = accepted_outputs(post, record), json.loads(_lying(post, f"{post.slug}.ipynb") or b"")
    try:
        made = edition_files(post, record, outputs, parts_of(post, notebook))
    except TORN:  # it is no prose that the notebook has
        return False
    return all(_lying(post, name) == content for name, content in made.items())


def _lying(post: Post, name: str) -> bytes | None:
    """Return what a file of the accepted run holds; None where it is gone."""
    path = post.run_folder / name
    return path.read_bytes() if path.is_file() else None


def accepted_outputs(post: Post, record: Record) -> dict[str, list[Output]]:
    """Return what each cell displayed, from the accepted notebook; PostError where that is not the run's."""
    name = f"{post.slug}.ipynb"

    def torn(message: str) -> PostError:
        return PostError(Finding(f"{post.run_name}/{name}", 1, message, f"blog run {post.slug}"))

    cells = {cell.name: cell for cell in post.cells if cell.runs}
    try:
        read = json.loads(read_text(post.run_folder / name, post.root))["cells"]
        outputs = {cell["id"]: cell["outputs"] for cell in read if cell["id"] in cells}
        wrong = [name for name, cell in cells.items() if not _as_run(cell, outputs[name], record)]
    except TORN as error:
        raise torn(f"the notebook is torn: {type(error).__name__}") from None
    if wrong:
        raise torn(f"the notebook was edited by hand: {wrong[0]} displayed something else")
    return outputs


def _as_run(cell: Cell, outputs: list[Output], record: Record) -> bool:
    """Say whether a cell's outputs are those of the run: its record has their checksum, and their files'."""
    entry = next(entry for entry in record.cells if entry.region == cell.name)
    files = {name: digest(content) for name, content in files_of(cell, outputs).items()}
    if files != {name: record.outputs[name] for name in entry.outputs}:
        return False
    return record.format == 1 or entry.displayed == digest(outputs)
