"""What makes a post stale or due, each part by name, and what does not."""

import json
import os
from collections.abc import Callable

import pytest
from repository import NUMPY, Repository, messages

from blog_code.errors import PostError
from blog_code.runner.look import LOOK, STYLE
from blog_code.runner.record import fingerprint, seal

CELLS = {"first": "scale = 2", "second": "print(scale * 21)"}
FRONT = "quick: {scale: 1}\nrequirements: [numpy]"
LOCK = """\
numpy=={numpy} \\
    --hash=sha256:00
    # via jax
jax==0.9.0 \\
    --hash=sha256:00
    # via
    #   flax
    #   fixture (pyproject.toml)
ruff=={ruff} \\
    --hash=sha256:00
    # via fixture (pyproject.toml)
"""


def accepted(repo: Repository, *, jax: bool = True) -> Repository:
    """A repository with one post and an accepted run of it."""
    repo.post(**CELLS, flags={"first": ".parameters"}, front=FRONT)
    repo.accept(jax=jax)
    assert repo.check().status == "fresh"
    return repo


def swap_cells(repo: Repository) -> None:
    page = (repo.root / "docs/posts/x.md").read_text()
    page = page.replace(":first", ":kept").replace(":second", ":first").replace(":kept", ":second")
    repo.write("docs/posts/x.md", page.replace(".parameters", "").replace("quick: {scale: 1}\n", ""))


STALE: dict[str, tuple[Callable[[Repository], object], str]] = {
    "a region": (lambda repo: repo.edit("blog_code/x/story.py", "* 21", "* 22"), "cells changed"),
    "a comment inside a region": (
        lambda repo: repo.edit("blog_code/x/story.py", "print(scale", "# why\nprint(scale"),
        "changed second",
    ),
    "the cell of parameters": (
        lambda repo: repo.edit("blog_code/x/story.py", "scale = 2", "scale = 3"),
        "changed first",
    ),
    "a flag": (
        lambda repo: repo.edit("docs/posts/x.md", ".parameters", ".parameters .quiet"),
        "changed first",
    ),
    "the order": (swap_cells, "cells changed"),
    "a new cell": (
        lambda repo: repo.post(**CELLS, third="pass", flags={"first": ".parameters"}, front=FRONT),
        "new third",
    ),
    "a cell less": (
        lambda repo: repo.post(second="print(42)"),
        "gone first",
    ),
    "the name of a region": (
        lambda repo: repo.post(
            initial=CELLS["first"],
            second=CELLS["second"],
            flags={"initial": ".parameters"},
            front="quick: {scale: 1}",
        ),
        "new initial; gone first",
    ),
    "the declared data": (
        lambda repo: repo.edit("docs/posts/x.md", "title:", "data: {digits.gz: abc}\ntitle:"),
        "data changed",
    ),
}


@pytest.mark.parametrize("what", STALE)
def test_what_makes_a_post_stale_is_noticed_and_named(repo: Repository, what: str) -> None:
    """A page never keeps the output of other code, other parameters or other data."""
    change, named = STALE[what]
    accepted(repo)

    change(repo)

    verdict = repo.check()
    assert verdict.status == "stale"
    assert verdict.wrong(release=False)
    assert named in verdict.reasons[0]
    assert "blog run x" in verdict.reasons[-1]


def test_another_profile_is_stale(repo: Repository) -> None:
    """A quick run that somebody copied over the accepted one is refused."""
    accepted(repo)
    quick = repo.accept(quick=True)
    for path in quick.iterdir():
        (repo.root / "docs/runs/x" / path.name).write_bytes(path.read_bytes())

    verdict = repo.check()

    assert verdict.status == "stale"
    assert "profile" in verdict.reasons[0] and "quick" in verdict.reasons[0]


def test_the_lock_is_what_the_post_leads_to(repo: Repository) -> None:
    """A new linter makes no post due, and a new version of what JAX needs makes each due that imports JAX."""
    repo.write("requirements.lock", LOCK.format(numpy="2.0", ruff="1.0"))
    repo.post(**CELLS)
    repo.accept(jax=True)

    repo.write("requirements.lock", LOCK.format(numpy="2.0", ruff="1.1"))
    assert repo.check().status == "fresh"

    repo.write("requirements.lock", LOCK.format(numpy="2.1", ruff="1.1"))
    assert repo.check().status == "due"


def test_another_look_is_stale(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colour of the style sheet, and another way to write figures, are in every chart that lies there."""
    accepted(repo)
    style = repo.write("figures.mplstyle", STYLE.read_bytes() + b"\nlines.linewidth: 3\n")

    with monkeypatch.context() as patch:
        patch.setattr("blog_code.runner.record.LOOK", LOOK + 1)
        written = repo.check()
    monkeypatch.setattr("blog_code.runner.record.STYLE", style)
    coloured = repo.check()

    for verdict in (written, coloured):
        assert verdict.status == "stale"
        assert verdict.reasons[0].startswith("look changed since the run of")


def test_a_record_of_the_first_format_is_read(repo: Repository) -> None:
    """A new format of the record asks for no execution: what it lacks is as it was when it was written."""
    accepted(repo)
    record = json.loads((repo.root / "docs/runs/x/record.json").read_text())
    record["format"] = 1
    record["fingerprint"] |= {"lock": "of the whole file"}
    del record["fingerprint"]["look"]
    for cell in record["cells"]:
        del cell["displayed"]
    record["seal"] = seal(record)
    repo.write("docs/runs/x/record.json", json.dumps(record, indent=2))

    assert (repo.check().status, repo.check().findings) == ("fresh", [])
    repo.write("requirements.lock", LOCK.format(numpy=NUMPY, ruff="1.0"))
    assert repo.check().status == "fresh", "the version of JAX is that of the record"
    repo.edit("requirements.lock", "jax==0.9.0", "jax==0.9.1")
    assert repo.check().status == "due"
    text = (repo.root / "docs/runs/x/x.ipynb").read_text()
    repo.write("docs/runs/x/x.ipynb", text.replace('"42\\n"', '"43\\n"'))
    assert "second displayed something else" in messages(repo.check())


DUE: dict[str, tuple[Callable[[Repository], object], str]] = {
    "the lock": (
        lambda repo: repo.edit("requirements.lock", "numpy==", "numpy==9."),
        "lock changed since the run of",
    ),
    "the device": (lambda repo: os.environ.update(BLOG_DEVICE="gpu"), "device changed since the run of"),
}


@pytest.mark.parametrize("what", DUE)
def test_what_makes_a_post_due_warns_and_fails_a_release(repo: Repository, what: str) -> None:
    """New versions or another device leave a page true of its run, and a release has to say so."""
    change, named = DUE[what]
    accepted(repo)

    change(repo)

    verdict = repo.check()
    assert verdict.status == "due"
    assert named in verdict.reasons[0]
    assert "blog run --force x" in verdict.reasons[-1]
    assert (verdict.wrong(release=False), verdict.wrong(release=True)) == (False, True)


def test_a_post_without_jax_is_never_due_for_another_device(repo: Repository) -> None:
    """What computes without JAX does so on the CPU, and a release on a GPU must not ask for more."""
    accepted(repo, jax=False)

    os.environ["BLOG_DEVICE"] = "gpu"

    assert repo.check().status == "fresh"


def test_regions_that_swap_names_are_stale(repo: Repository) -> None:
    """Outputs lie under the names of regions: with names swapped, each would show the output of the other."""
    repo.post(small="print(1 + 1)", large="print(10 * 10)")
    repo.accept()
    assert repo.check().status == "fresh"

    repo.post(large="print(1 + 1)", small="print(10 * 10)")

    assert repo.check().status == "stale"


IRRELEVANT: dict[str, Callable[[Repository], object]] = {
    "prose": lambda repo: repo.edit("docs/posts/x.md", "Prose.", "Other prose, with a caption."),
    "a comment outside regions": lambda repo: repo.edit(
        "blog_code/x/story.py", '"""\n', '"""\n# a comment\n'
    ),
    "code outside regions": lambda repo: repo.edit("blog_code/x/story.py", '"""\n', '"""\nimport os\n'),
    "the times of files": lambda repo: [os.utime(p, (0, 0)) for p in repo.root.rglob("*") if p.is_file()],
    "another post": lambda repo: repo.post("a-first-one", other="print(1)"),
    "the title": lambda repo: repo.edit("docs/posts/x.md", "title: A post", "title: Another title"),
}


@pytest.mark.parametrize("what", IRRELEVANT)
def test_what_does_not_matter_runs_nothing(repo: Repository, what: str) -> None:
    """An edit that cannot change an output never costs a run."""
    accepted(repo)

    IRRELEVANT[what](repo)

    verdict = repo.check()
    assert verdict.status == "fresh"
    assert not verdict.wrong(release=False)


def test_the_path_of_the_checkout_does_not_matter(repo: Repository) -> None:
    """A run that was accepted on one machine is fresh on every other."""
    accepted(repo)
    moved = repo.root.rename(repo.root.with_name("elsewhere"))

    elsewhere = Repository.__new__(Repository)
    elsewhere.root = moved

    assert elsewhere.check().status == "fresh"


def test_the_parts_have_their_own_hashes(repo: Repository) -> None:
    """A part that changes leaves the hashes of the other parts alone, so that it can be named."""
    accepted(repo)
    before = fingerprint(repo.read(), ["numpy"])

    repo.edit("requirements.lock", "numpy==", "numpy==9.")

    after = fingerprint(repo.read(), ["numpy"])
    assert {part for part in before if before[part] != after[part]} == {"lock"}
    assert set(before) == {"cells", "look", "lock", "data", "device", "profile"}


@pytest.mark.parametrize(
    "source",
    [
        "import blog_code.x",
        "from blog_code.x import story",
        "from . import story",
        "def f():\n    import blog_code",
    ],
)
def test_a_post_that_imports_blog_code_is_refused(repo: Repository, source: str) -> None:
    """A post stands alone: code that the page does not show would be missing from its fingerprint."""
    repo.post(first=source)

    with pytest.raises(PostError) as refused:
        repo.run()

    assert "imports blog_code" in messages(refused.value)
    assert "blog_code/x/story.py:4" in messages(refused.value) or "story.py:5" in messages(refused.value)


def test_an_import_of_blog_code_that_hides_is_refused_too(repo: Repository) -> None:
    """What no reading of the source can see is seen at the end of the run."""
    repo.post(first='print(len(__import__("blog" + "_code").__name__))')

    with pytest.raises(PostError, match="imported blog_code"):
        repo.run()

    assert not (repo.root / "docs/runs/x").exists()
