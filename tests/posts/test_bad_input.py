"""Bad posts, modules and records end in errors with file and line, never in a traceback."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import Repository, messages

from blog_code.errors import PostError
from blog_code.posts.post import post_paths, read_post
from blog_code.repository import check_posts
from blog_code.runner.check import as_json
from blog_code.runner.derived import differing
from blog_code.runner.execute import RunResult
from blog_code.runner.kernels import ForkServer
from blog_code.runner.outputs import CellResult
from blog_code.runner.record import seal
from blog_code.runner.run import fresh_record, run_files

PAGE, MODULE, RECORD = "docs/posts/x.md", "blog_code/x/story.py", "docs/runs/x/record.json"
NOTEBOOK = "docs/runs/x/x.ipynb"
ABOUT, DRAWING, PAINTING = "docs/about.md", "docs/posts/d.svg", "docs/posts/e.png"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def with_run(repo: Repository) -> Repository:
    """A repository with a post and its accepted run."""
    repo.post(
        first="scale = 2",
        second="total = 21 * scale\nprint(total)",
        flags={"first": ".parameters"},
        front="quick: {scale: 1}\nvalues: {total: {is: 42, within: 1, format: .1f}}\ntimeout: {cell: 9}",
        end=(
            "It is {{= x.total }}.\n\n- item\n\nText.\n\n    more\n\n> Quoted.\n\nText\nof two lines.\n\n"
            "/// details | More\n**Bold**{ .wide } [a](b.md) ![c](d.svg) ![e](e.png)\n///\n"
        ),
    )
    repo.accept()
    return repo


def edit(name: str, old: str, new: str) -> Callable[[Repository], object]:
    return lambda repo: repo.edit(name, old, new)


def write(name: str, content: str | bytes) -> Callable[[Repository], object]:
    return lambda repo: repo.write(name, content)


def resealed(**changes: Any) -> Callable[[Repository], object]:
    """A record that somebody edited with care: its seal fits."""

    def apply(repo: Repository) -> None:
        record = json.loads((repo.root / RECORD).read_text()) | changes
        record["seal"] = seal(record)
        repo.write(RECORD, json.dumps(record))

    return apply


BAD: dict[str, tuple[Callable[[Repository], object], str]] = {
    "no front matter": (write(PAGE, "# A title\n"), f"{PAGE}:1: front matter is missing"),
    "front matter never closed": (write(PAGE, "---\ntitle: A\n"), f"{PAGE}:1: front matter is missing"),
    "an empty post": (write(PAGE, ""), f"{PAGE}:1: front matter is missing"),
    "front matter that is a list": (write(PAGE, "---\n- a\n---\n"), f"{PAGE}:1: front matter is a list"),
    "front matter that is no YAML": (write(PAGE, "---\ntitle: A\nb: [\n---\n"), f"{PAGE}:4: front matter: "),
    "a date that is none": (write(PAGE, "---\ndate: 2024-13-45\n---\n"), f"{PAGE}:1: front matter: "),
    "a date of two parts": (
        edit(PAGE, "date: 2024-02-03", "date: {created: 2024-02-03}"),
        "front matter: date is missing or no date, such as 2026-02-03",
    ),
    "a change without a date": (
        edit(PAGE, "values:", "changes: {once: A word was mended.}\nvalues:"),
        "front matter: changes is no {DATE: SENTENCE}",
    ),
    "values that are a list": (
        edit(PAGE, "values: {total: {is: 42, within: 1, format: .1f}}", "values: [1]"),
        f"{PAGE}:5: front matter: values is no {{NAME: {{is: ",
    ),
    "a value that is text": (edit(PAGE, "is: 42", "is: many"), f"{PAGE}:5: front matter: value total is no "),
    "a tolerance below zero": (edit(PAGE, "within: 1", "within: -1"), "value total is no {is"),
    "files that are no names": (
        edit(PAGE, "title:", "files: [../a]\ntitle:"),
        f"{PAGE}:2: front matter: files is no",
    ),
    "a picture that is not there": (
        edit(PAGE, "title:", "image: assets/none.png\ntitle:"),
        f"{PAGE}:2: image assets/none.png is no file of docs",
    ),
    "a picture that no run wrote": (
        edit(PAGE, "title:", "image: runs/x/none.png\ntitle:"),
        f"{PAGE}:2: none.png was written by no run",
    ),
    "a timeout that is none": (
        edit(PAGE, "cell: 9", "cell: soon"),
        f"{PAGE}:6: front matter: timeout is no {{cell",
    ),
    "quick that is no text": (edit(PAGE, "scale: 1", "scale: [1]"), f"{PAGE}:4: front matter: quick is no "),
    "a post that is not UTF-8": (write(PAGE, b"---\ntitle: \xff\n---\n"), f"{PAGE}:2: the file is not UTF-8"),
    "a module that is not UTF-8": (write(MODULE, b"\n\xff"), f"{MODULE}:2: the file is not UTF-8"),
    "a torn record": (write(RECORD, '{"format": 1'), f"{RECORD}:1: the record is torn"),
    "an empty record": (write(RECORD, ""), f"{RECORD}:1: the record is torn"),
    "a record of another format": (
        resealed(format=99),
        f"{RECORD}:1: the record is of a format that is not 1 to 2",
    ),
    "a record that is a list": (write(RECORD, "[]"), f"{RECORD}:1: the record is of a format"),
    "a record nested without end": (write(RECORD, "[" * 100_000), f"{RECORD}:1: the record is torn"),
    "a record edited by hand": (
        edit(RECORD, '"total": 42', '"total": 43'),
        f"{RECORD}:1: the record was edited by",
    ),
    "a record without versions": (resealed(versions=None), f"{RECORD}:1: the record has no proper versions"),
    "a record with cells of text": (resealed(cells=["a"]), f"{RECORD}:1: the record has no proper cells"),
    "a record that names a path": (
        resealed(outputs={"../../a": "b"}),
        f"{RECORD}:1: the record has no proper outputs",
    ),
    "a record without a date": (
        resealed(volatile={"finished": "now", "seconds": 1, "timings": {}, "host": "a"}),
        f"{RECORD}:1: the record has no proper volatile",
    ),
    "a record that is gone": (lambda repo: (repo.root / RECORD).unlink(), f"{RECORD}:1: no such file"),
    "a configuration that is no YAML": (write("mkdocs.yml", "a: [\n"), "mkdocs.yml:2: "),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_an_error_with_file_and_line(repo: Repository, what: str) -> None:
    """Whoever made the slip is told where it is, and the check fails."""
    with_run(repo)
    fault, said = BAD[what]

    fault(repo)

    try:
        verdicts = check_posts(repo.root)
    except PostError as error:
        assert said in messages(error)
        return
    assert said in "\n".join(map(messages, verdicts))
    assert any(verdict.wrong(release=False) for verdict in verdicts)


@pytest.mark.parametrize("what", ["no front matter", "a module that is not UTF-8", "values that are a list"])
def test_a_run_of_bad_input_writes_nothing(repo: Repository, what: str) -> None:
    """A post that cannot be read leaves the accepted run as it was, and the command fails in a line."""
    with_run(repo)
    before = repo.tree("docs/runs/x")
    fault, said = BAD[what]
    fault(repo)

    done = repo.blog("run", "--force")

    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert repo.tree("docs/runs/x") == before


@pytest.mark.parametrize("what", ["a torn record", "a record edited by hand", "a record without versions"])
def test_a_bad_record_is_mended_by_the_next_run(repo: Repository, what: str) -> None:
    """What a check refuses, `blog run` replaces: nobody has to delete a file by hand."""
    with_run(repo)
    BAD[what][0](repo)

    assert fresh_record(repo.read()) is None
    repo.accept()

    assert repo.check().status == "fresh"


def test_unknown_posts_and_folders_are_wrong_use(
    repo: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A mistyped name or the wrong folder exits with 2 and says which names or which folder would do."""
    repo.post(first="print(1)")

    unknown = repo.blog("run", "y")
    elsewhere = Repository.__new__(Repository)
    elsewhere.root = tmp_path_factory.mktemp("elsewhere")
    nowhere = elsewhere.blog("check")

    assert (unknown.returncode, nowhere.returncode) == (2, 2)
    assert "no post y; there are: x" in unknown.stderr
    assert "go to the root of the repository" in nowhere.stderr


TOKENS = [
    *"{}[]()<>|&*!%@`~#'\"\\:-_=+?,.$^/\n\t\r\0\x0c\x85\u2028\ufeff é",
    "---\n",
    "```",
    "````\n",
    "~~~",
    "--8<--",
    '--8<-- "x/story.py:first"',
    "# --8<-- [start:",
    "[end:first]",
    ":",
    "{{",
    "}}",
    "{{= x.",
    "{%",
    "<!--",
    "-->",
    "<div>",
    "///",
    "/// tab | ",
    "    ",
    "![](",
    "](../runs/x/",
    ".python",
    ".output",
    ".raises",
    ".shown",
    ".parameters",
    "../",
    "blog_code",
    "null",
    "true",
    "NaN",
    "-1",
    "1e999",
    "!!python/object:os.system",
    "!ENV",
    "&a [*a]",
    "? [a]\n: b",
    "0o9",
    "2024-99-99",
    "é: ",
    "is",
    "within",
    "%",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats()
    | st.sampled_from(["", "a", "../a", "2024-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "is", "files"]), inner, max_size=2)
    ),
    max_leaves=4,
)
MUTATION = st.tuples(
    st.sampled_from([PAGE, PAGE, PAGE, MODULE, RECORD, NOTEBOOK, ABOUT, DRAWING, PAINTING, "mkdocs.yml"]),
    st.sampled_from(["cut", "insert", "replace", "double", "bytes", "value"]),
    st.floats(0, 1),
    st.integers(0, 40),
    st.sampled_from(TOKENS),
    JSON,
    st.booleans(),
)


def mutate(content: bytes, how: str, where: float, length: int, token: str) -> bytes:
    """A copy of a file with one slip in it."""
    at = int(where * len(content))
    match how:
        case "cut":
            return content[:at] + content[at + length :]
        case "insert":
            return content[:at] + token.encode() + content[at:]
        case "replace":
            return content[:at] + token.encode() + content[at + length :]
        case "double":
            return content[: at + length] + content[at:]
        case _:
            return content[:at] + bytes([128 + length]) + content[at + 1 :]


def set_value(content: bytes, where: float, value: Any, reseal: bool) -> bytes:
    """A copy of a JSON file with another value somewhere, and a seal that fits if asked."""
    try:
        read = json.loads(content)
    except ValueError:
        return content
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(read)
    if places:
        node, key = places[int(where * (len(places) - 1))]
        node[key] = value
    if reseal and isinstance(read, dict) and "seal" in read:
        read["seal"] = seal(read)
    return json.dumps(read).encode()


@pytest.fixture(scope="module")
def mutated(
    tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer
) -> tuple[Repository, dict[str, bytes]]:
    repo = with_run(Repository(tmp_path_factory.mktemp("mutated"), fork_server))
    repo.write(ABOUT, "---\ntitle: About\n---\n\nIt is {{= x.total }}. <b>Bold</b> `code`\n")
    repo.write(DRAWING, '<svg xmlns="http://www.w3.org/2000/svg"><a href="#b"><text>b</text></a></svg>')
    repo.write(PAINTING, base64.b64decode(DOT))
    return repo, {
        name: (repo.root / name).read_bytes()
        for name in (PAGE, MODULE, RECORD, NOTEBOOK, ABOUT, DRAWING, PAINTING, "mkdocs.yml")
    }


def everything(root: Path) -> None:
    """All that reads posts, modules, records and what is derived, short of a kernel; PostError is fine."""
    try:
        as_json(check_posts(root))
        for path in post_paths(root):
            post = read_post(path, root)
            record = fresh_record(post)
            if post.findings or not post.runs:
                continue
            if record:
                differing(post, record)
            else:
                results = [CellResult(cell, {f"{cell.name}.txt": b"1\n"}) for cell in post.cells if cell.runs]
                values: dict[str, Any] = {name: 1.5 for name in post.meta.values}
                run_files(post, RunResult(results, {}, values, {}, "cpu", {"numpy": "1"}, 1.0, "", None))
    except PostError as error:
        assert all(finding.line >= 1 and finding.path for finding in error.findings)


def test_a_comment_that_prose_ends_hides_no_cell(repo: Repository) -> None:
    """A fence below a comment of several paragraphs is a cell, as it is for MkDocs."""
    repo.post(first="print(1)")
    repo.edit(PAGE, "Prose.\n", "Prose.\n\n<!-- A note\n\nthat goes on. -->\n")

    assert [cell.name for cell in repo.read().cells] == ["first"]


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(MUTATION, min_size=1, max_size=4))
def test_no_mutation_ends_in_a_traceback(
    mutated: tuple[Repository, dict[str, bytes]], mutations: list[tuple[Any, ...]]
) -> None:
    """Slips in all that is read, over a thousand with LONG=1: none ends in an error of ours."""
    repo, originals = mutated
    changed = dict(originals)
    for name, how, where, length, token, value, reseal in mutations:
        if how == "value":
            changed[name] = set_value(changed[name], where, value, reseal)
        else:
            changed[name] = mutate(changed[name], how, where, length, token)
    touched = {name for name, content in changed.items() if content != originals[name]}
    for name in touched:
        repo.write(name, changed[name])

    try:
        everything(repo.root)
    finally:
        for name in touched:
            repo.write(name, originals[name])
