"""What is made from a run and the prose without executing anything: editions, values, provenance.

`derived.yml` keeps the checksum of the prose and of each file, so that `blog check` tells in a moment whether
they are those of the post as it stands.
"""

import json
from typing import Any

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.post import Post
from blog_code.posts.values import shown_values
from blog_code.runner.record import Record, digest, fits, missing_outputs

INDEX = "derived.yml"
TORN = (LookupError, TypeError, AttributeError, ValueError, RecursionError)


def as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def derived_names(post: Post) -> set[str]:
    """The names of all derived files of a post."""
    return {"values.yml", "provenance.md", "environment.md", f"{post.slug}.ipynb", f"{post.slug}.py", INDEX}


def derived_files(post: Post, record: dict[str, Any], outputs: dict[str, Any]) -> dict[str, bytes]:
    """Every derived file; `outputs` maps each cell to what it displayed, as a notebook has it."""
    from blog_code.runner.editions import edition_files
    from blog_code.runner.provenance import page_files

    files = {
        # Under the name of the package, because that is how Zensical reads it too.
        "values.yml": as_json({post.package: shown_values(post, record)}),
        **page_files(post, record),
        **edition_files(post, record, outputs),
    }
    index = {"prose": prose_digest(post), "files": {name: digest(files[name]) for name in sorted(files)}}
    return {**files, INDEX: as_json(index)}


def prose_digest(post: Post) -> str:
    """The checksum of the file that the author writes."""
    return digest(post.text.encode())


def edited(post: Post) -> list[Finding]:
    """Derived files that are gone or were edited by hand."""
    again = f"blog run {post.slug}"
    index = _index(post)
    if index is None:
        return [
            Finding(f"{post.run_name}/{INDEX}", 1, "is missing or torn, so the editions may be old", again)
        ]
    return [
        Finding(f"{post.run_name}/{name}", 1, "was edited by hand, or is gone", again)
        for name in missing_outputs(post, dict.fromkeys(derived_names(post) - {INDEX}, "") | index["files"])
    ]


def outdated(post: Post) -> list[Finding]:
    """Says that the prose is newer than what was made from it; that is wrong for a release only."""
    index = _index(post)
    if index is None or index["prose"] == prose_digest(post):
        return []
    message = "the prose is newer than the editions and values of its run"
    return [Finding(post.name, 1, message, f"blog run {post.slug}")]


def _index(post: Post) -> dict[str, Any] | None:
    """What `derived.yml` says; None where it cannot be believed."""
    try:
        index = json.loads(read_text(post.run_folder / INDEX, post.root))
    except (PostError, ValueError, RecursionError):
        return None
    whole = fits(index, {"prose": str, "files": {str: str}}) and set(index["files"]) <= derived_names(post)
    return index if whole else None


def accepted_outputs(post: Post) -> dict[str, Any]:
    """What each cell displayed, from the accepted notebook; PostError where that is not the run's."""
    import nbformat

    path = post.run_folder / f"{post.slug}.ipynb"

    def torn(message: str) -> PostError:
        return PostError(Finding(f"{post.run_name}/{path.name}", 1, message, f"blog run --force {post.slug}"))

    text = read_text(path, post.root)
    index = _index(post)
    if index and index["files"].get(path.name) != digest(text.encode()):
        raise torn("the notebook was edited by hand")
    try:
        nbformat.validate(notebook := json.loads(text), version=4, version_minor=5)
        return {cell["id"]: cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"}
    except (*TORN, nbformat.ValidationError) as error:
        raise torn(f"the notebook is torn: {type(error).__name__}") from None


def remade(post: Post, record: Record) -> dict[str, bytes]:
    """The derived files as they ought to be, where any differs from what lies there; else nothing."""
    made = derived_files(post, record.content, accepted_outputs(post))
    same = all((p := post.run_folder / name).is_file() and p.read_bytes() == made[name] for name in made)
    return {} if same else made
