"""`blog check`: a line a post, and every lint with its file and line."""

import json
from collections.abc import Callable

import pytest
from repository import Repository, messages

from blog_code.posts.post import read_post
from blog_code.repository import check_posts
from blog_code.runner.check import as_json

PAGE = "docs/posts/x.md"
MODULE = "blog_code/x/story.py"


def accepted(repo: Repository, **options: str) -> Repository:
    """A repository with one post, a value it quotes, and an accepted run."""
    front = "values: {answer: {is: 42, within: 1}}\nrequirements: [numpy]"
    repo.post(first="answer = 42", second="print(answer)", front=front, end="It is {{= x.answer }}.")
    repo.accept()
    return repo


def test_a_good_post_has_nothing_to_say(repo: Repository) -> None:
    """The lints below are about faults: a post without any is fresh, in one line."""
    accepted(repo)

    assert [str(verdict) for verdict in check_posts(repo.root)] == ["x: fresh"]


def add(text: str) -> Callable[[Repository], object]:
    return lambda repo: repo.write(PAGE, (repo.root / PAGE).read_text() + "\n" + text)


TYPED = "``` { .text .output }\nright in 99.9 %\n```\n"
FENCE = '``` { .python }\n--8<-- "x/story.py:%s"\n```\n'
LINTS: dict[str, tuple[Callable[[Repository], object], str, str]] = {
    "a typed output": (add(TYPED), PAGE, "an output typed into the page"),
    "a line typed below an output": (
        add('``` { .text .output }\n--8<-- "x/second.out.html"\nand more\n```\n'),
        PAGE,
        "an output typed into the page",
    ),
    "an include of many files": (
        add("``` { .text .output }\n--8<--\nx/record.json\n--8<--\n```\n"),
        PAGE,
        "an include of many files",
    ),
    "an address that is not the file's": (
        lambda repo: repo.edit(PAGE, "title:", "slug: y\ntitle:"),
        PAGE,
        "slug is not x",
    ),
    "no date": (lambda repo: repo.edit(PAGE, "date: 2024-02-03\n", ""), PAGE, "date is missing or no date"),
    "a tag that is no text": (
        lambda repo: repo.edit(PAGE, "title:", "tags: [JAX, 2024]\ntitle:"),
        PAGE,
        "tags is no list of plain names",
    ),
    "a description that is no text": (
        lambda repo: repo.edit(PAGE, "title:", "description: 2024\ntitle:"),
        PAGE,
        "description is no text",
    ),
    "a region that snippets cannot name": (
        lambda repo: repo.edit(MODULE, "[start:second]", "[start:2nd]"),
        MODULE,
        "region 2nd cannot be called so",
    ),
    "a region without end": (
        lambda repo: repo.edit(MODULE, "# --8<-- [end:second]\n", ""),
        MODULE,
        "region second has no end",
    ),
    "a region without start": (
        lambda repo: repo.edit(MODULE, "# --8<-- [start:second]\n", ""),
        MODULE,
        "region second has an end and no start",
    ),
    "a region that starts in another": (
        lambda repo: repo.edit(MODULE, "# --8<-- [end:first]\n", ""),
        MODULE,
        "region first has no end before second starts",
    ),
    "a region twice": (
        lambda repo: repo.edit(
            MODULE, "# --8<-- [start:second]", "# --8<-- [start:first]\n1\n# --8<-- [end:first]\n"
        ),
        MODULE,
        "region first stands twice",
    ),
    "an empty region": (lambda repo: repo.edit(MODULE, "answer = 42\n", ""), MODULE, "region first is empty"),
    "a region with a name that climbs": (
        lambda repo: repo.edit(MODULE, "[start:second]", "[start:../second]"),
        MODULE,
        "region ../second cannot be called so",
    ),
    "an unused region": (
        lambda repo: repo.edit(MODULE, '"""\n', '"""\n# --8<-- [start:spare]\n1\n# --8<-- [end:spare]\n'),
        MODULE,
        "region spare is shown by no post",
    ),
    "an unused module": (
        lambda repo: repo.module("x/other.py", spare="1"),
        "blog_code/x/other.py",
        "region spare is shown by no post",
    ),
    "a region used twice": (add(FENCE % "first"), PAGE, "region first is used twice"),
    "a region that is not there": (add(FENCE % "third"), PAGE, "blog_code/x/story.py has no region third"),
    "a module that is not there": (
        add(FENCE.replace("story", "gone") % "first"),
        PAGE,
        "there is no blog_code/x/gone.py",
    ),
    "a path that climbs": (add(FENCE.replace("x/", "../x/") % "first"), PAGE, "climbs out of blog_code"),
    "a module of another post": (
        add(FENCE.replace("x/", "y/") % "first"),
        PAGE,
        "is no module of blog_code/x/",
    ),
    "typed Python": (add("``` { .python }\nprint(1)\n```\n"), PAGE, "a fence with Python typed into it"),
    "typed Python, short": (add("```python\nprint(1)\n```\n"), PAGE, "a fence with Python typed into it"),
    "Python beside an include": (
        add(FENCE.replace("\n```", "\nprint(1)\n```") % "first"),
        PAGE,
        "a fence with Python typed into it",
    ),
    "an unknown flag": (
        add(FENCE.replace(".python", ".python .raise") % "first"),
        PAGE,
        "unknown flag .raise",
    ),
    "flags beside the braces": (
        add(FENCE.replace("{ .python }", "python { .shown }") % "first"),
        PAGE,
        "flags beside the braces",
    ),
    "a fence never closed": (add("```text\nabc\n"), PAGE, "a fence that is never closed"),
    "a fence closed by too few": (add("````text\nabc\n```\n"), PAGE, "a fence that is never closed"),
    "an indented fence": (
        add("Text.\n\n" + "".join(f"    {line}\n" for line in (FENCE % "first").splitlines())),
        PAGE,
        "an indented fence or include",
    ),
    "a fence inside HTML": (
        add("<div>\n" + FENCE % "first" + "</div>\n"),
        PAGE,
        "inside HTML, which no run sees",
    ),
    "a fence in a comment": (
        add("<!--\n" + FENCE % "first" + "-->\n"),
        PAGE,
        "inside HTML, which no run sees",
    ),
    "a region in a fence of text": (
        add(FENCE.replace(".python", ".text") % "first"),
        PAGE,
        "that is not { .python }",
    ),
    "another post's output": (
        add('``` { .text .output }\n--8<-- "y/first.txt"\n```\n'),
        PAGE,
        "y/first.txt is no output of this post",
    ),
    "an output that no page shows": (
        lambda repo: repo.edit(PAGE, '--8<-- "x/second.out.html"\n', ""),
        PAGE,
        "second.out.html is shown nowhere",
    ),
    "an output that no run wrote": (
        add('--8<-- "x/third.out.html"\n'),
        PAGE,
        "third.out.html was written by no run",
    ),
    "a figure that no run wrote": (
        add("![A curve](../runs/x/curve.svg)\n"),
        PAGE,
        "curve.svg was written by no run",
    ),
    "an output that was edited": (
        lambda repo: repo.write("docs/runs/x/second.txt", "43\n"),
        "docs/runs/x/second.txt",
        "is not what the run wrote",
    ),
    "an output that is gone": (
        lambda repo: (repo.root / "docs/runs/x/second.txt").unlink(),
        "docs/runs/x/second.txt",
        "is not what the run wrote",
    ),
    "a file that no run wrote": (
        lambda repo: repo.write("docs/runs/x/old.txt", "1\n"),
        "docs/runs/x/old.txt",
        "was written by no run",
    ),
    "an image without alt text": (add("![](../assets/a.png)\n"), PAGE, "without alt text"),
    "a value undeclared": (add("{{= x.other }}\n"), PAGE, "value other is used and not declared"),
    "a value of another post": (
        add("{{= y.other }}\n"),
        PAGE,
        "the expression y.other is no value of this post",
    ),
    "a value unused": (
        lambda repo: repo.edit(PAGE, "It is {{= x.answer }}.", ""),
        PAGE,
        "value answer is declared and not used",
    ),
    "a value that the run does not have": (
        lambda repo: repo.edit(PAGE, "values: {", "values: {more: {is: 1}, "),
        PAGE,
        "value more is not in the record",
    ),
    "a value outside its tolerance": (
        lambda repo: repo.edit(PAGE, "is: 42", "is: 40"),
        PAGE,
        "value answer is 42, and 40 within 1 was expected",
    ),
    "a format that does not fit": (
        lambda repo: repo.edit(PAGE, "within: 1", "within: 1, format: 's'"),
        PAGE,
        "value answer is no {is",
    ),
    "quick without a cell of parameters": (
        lambda repo: repo.edit(PAGE, "title:", "quick: {answer: 1}\ntitle:"),
        PAGE,
        "no cell is marked .parameters",
    ),
    "a title that is none": (
        lambda repo: repo.edit(PAGE, "title: A post", "title: [1]"),
        PAGE,
        "title is missing",
    ),
}


@pytest.mark.parametrize("what", LINTS)
def test_each_lint_names_file_and_line_and_fails(repo: Repository, what: str) -> None:
    """Each fault that a reader could meet is found where it stands, and fails the check."""
    fault, path, message = LINTS[what]
    accepted(repo)

    fault(repo)

    (verdict,) = check_posts(repo.root)
    found = [finding for finding in verdict.findings if message in finding.message]
    assert found, messages(verdict)
    assert found[0].path == path
    assert found[0].line >= 1
    assert verdict.wrong(release=False)


def test_the_line_is_that_of_the_fault(repo: Repository) -> None:
    """Somebody who clicks on a finding lands on the fence that is meant."""
    accepted(repo)
    add(FENCE % "third")(repo)

    (finding,) = check_posts(repo.root)[0].findings

    lines = (repo.root / PAGE).read_text().splitlines()
    assert lines[finding.line - 1] == "``` { .python }"
    assert 'story.py:third"' in lines[finding.line]


def test_a_finding_about_a_key_has_its_line(repo: Repository) -> None:
    """A value that has the name of a parameter, or ends like another key, is found on its own line."""
    front = """
    quick: {epochs: 2}
    values:
      epochs: {is: 9}
      e: {is: 1}
    """
    repo.post(first="epochs = 3; e = 1", flags={"first": ".parameters"}, front=front, end="{{= x.epochs }}")
    repo.accept()
    lines = (repo.root / PAGE).read_text().splitlines()

    found = {finding.message.split()[1]: lines[finding.line - 1] for finding in repo.check().findings[1:]}

    assert found == {"epochs": "  epochs: {is: 9}", "e": "  e: {is: 1}"}


def test_quiet_outputs_need_not_be_shown(repo: Repository) -> None:
    """A fence marked quiet says that its output is not for the page."""
    repo.post(first="print(1)", second="print(2)", flags={"first": ".quiet"})
    repo.accept()

    assert repo.check().findings == []


def test_a_run_with_no_outputs_is_refused(repo: Repository) -> None:
    """A post that executes and shows nothing has lost its outputs on the way."""
    repo.post(first="x = 1")
    repo.accept()

    assert "the run has no outputs at all" in messages(repo.check())


def test_a_post_without_a_run_is_stale(repo: Repository) -> None:
    """A post that was never executed says which command does that, and lists no outputs as faults."""
    repo.post(first="print(1)")

    verdict = repo.check()

    assert (verdict.status, verdict.reasons) == ("stale", ["it has no run: blog run x"])


def test_prose_and_unexecuted_posts_need_no_run(repo: Repository) -> None:
    """A post that has no code, or whose code is said to be shown only, is neither fresh nor stale."""
    repo.post("prose")
    repo.post("old", front="executed: false", end="```python\nprint 1\n```\n")
    repo.post("shown", front="executed: false", first="1 / 0")

    verdicts = check_posts(repo.root)

    assert [(v.post, v.status, v.findings) for v in verdicts] == [
        ("old", "unexecuted", []),
        ("prose", "prose", []),
        ("shown", "unexecuted", []),
    ]


def test_prose_newer_than_the_editions_warns(repo: Repository) -> None:
    """After an edit of the prose the notebook tells the old story: a warning, and an error for a release."""
    accepted(repo)
    repo.edit(PAGE, "Prose.", "Better prose.")

    verdict = repo.check()

    assert "the prose is newer than the editions" in str(verdict)
    assert "blog run x" in str(verdict)
    assert (verdict.wrong(release=False), verdict.wrong(release=True)) == (False, True)


@pytest.mark.parametrize("name", ["x/x.py", "x/x.ipynb", "values.yml", "x/provenance.md", "x/environment.md"])
def test_an_edited_derived_file_fails_and_is_mended_by_the_next_run(repo: Repository, name: str) -> None:
    """A number that somebody typed into what is derived is refused, and `blog run` makes it again."""
    accepted(repo)
    before = repo.tree("docs/runs")
    repo.write(f"docs/runs/{name}", "something else")

    assert f"docs/runs/{name}:1: " in "\n".join(map(messages, check_posts(repo.root)))
    assert repo.blog("build").returncode == 1

    done = repo.blog("run", "x")
    assert done.returncode == 0, done.stderr + done.stdout
    assert [str(verdict) for verdict in check_posts(repo.root)] == ["x: fresh"]
    after = repo.tree("docs/runs")
    assert [after[kept] for kept in ("x/second.txt", "values.yml")] == [
        before["x/second.txt"],
        before["values.yml"],
    ]


def test_another_wording_of_ours_is_noticed(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is derived is made again: whoever changes how a line reads is told what to refresh."""
    accepted(repo)
    with monkeypatch.context() as patch:
        patch.setattr("blog_code.runner.provenance.duration", lambda seconds: "a while")
        line = messages(repo.check())
    monkeypatch.setattr("blog_code.runner.editions.INSTALL", "_needs")
    edition = messages(repo.check())

    assert "docs/runs/x/environment.md:1: " in line and "docs/runs/x/provenance.md:1: " in line
    assert "docs/runs/x/x.ipynb:1: " in edition and "x.py" not in edition
    assert "would be written otherwise today\n    blog run x, which executes nothing" in line
    assert "would be written otherwise today\n    blog run x, which executes nothing" in edition


def test_values_of_a_post_that_is_gone_are_found(repo: Repository) -> None:
    """A page could quote them still, and no run would say that they are as they were."""
    accepted(repo)
    repo.post("y", first="b = 2\nprint(b)", front="values: {b: {is: 2}}", end="{{= y.b }}")
    repo.accept("y")
    (repo.root / "docs/posts/y.md").rename(repo.root / "docs/posts/z.md")

    assert "docs/runs/values.yml:1: " in messages(check_posts(repo.root)[-1])


@pytest.mark.parametrize(
    ("name", "front", "said"),
    [
        ("runner", "", "runner cannot be the package of a post"),
        ("posts", "", "posts cannot be the package of a post"),
        ("errors", "", "errors cannot be the package of a post"),
        ("2024-in-review", "values: {a: {is: 1}}", "2024_in_review.value cannot be quoted"),
        ("2024-in-review", "", None),
    ],
)
def test_a_name_that_cannot_work(repo: Repository, name: str, front: str, said: str | None) -> None:
    """A post whose values nobody could quote, or whose code would lie among ours, is told to be renamed."""
    repo.post(name, first="a = 1", front=front)

    found = [str(finding) for finding in read_post(repo.root / f"docs/posts/{name}.md", repo.root).findings]

    assert any(said in finding for finding in found) if said else not found


def test_a_run_of_no_post_is_found(repo: Repository) -> None:
    """A folder that stayed after its post was renamed would be published for ever."""
    accepted(repo)
    repo.write("docs/runs/renamed/record.json", "{}")

    assert "docs/runs/renamed:1: is the run of no post" in messages(check_posts(repo.root)[-1])


def test_machines_read_the_same(repo: Repository) -> None:
    """`--json` holds status, reasons, findings and warnings of each post."""
    accepted(repo)
    repo.edit(MODULE, "answer = 42", "answer = 43")

    (read,) = json.loads(as_json(check_posts(repo.root)))

    assert (read["post"], read["status"]) == ("x", "stale")
    assert "changed first" in read["reasons"][0]


def test_the_command_prints_a_line_a_post_and_exits_by_what_it_found(repo: Repository) -> None:
    """CI trusts the exit code: 0 fresh or due, 1 stale, or due for a release, 2 a wrong use."""
    accepted(repo)
    codes = {"fresh": repo.blog("check").returncode}
    repo.edit("requirements.lock", "numpy==", "numpy==9.")
    codes["due"] = repo.blog("check").returncode
    codes["release"] = repo.blog("check", "--release").returncode
    repo.edit(MODULE, "answer = 42", "answer = 43")
    stale = repo.blog("check")
    codes["stale"] = stale.returncode
    codes["no such post"] = repo.blog("check", "none").returncode

    assert codes == {"fresh": 0, "due": 0, "release": 1, "stale": 1, "no such post": 2}
    assert stale.stdout.startswith("x: stale\n")
    assert "first" in stale.stdout


def test_a_check_imports_nothing_heavy(repo: Repository) -> None:
    """The check stays fast on a thousand posts because it never loads what executes, draws or builds."""
    accepted(repo)
    code = (
        "import sys; from pathlib import Path; from blog_code.repository import check_posts;"
        f"check_posts(Path({str(repo.root)!r}));"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'nbclient', 'nbformat', 'zmq', 'PIL', 'lxml',"
        " 'mkdocs', 'markdown', 'jax', 'IPython', 'jupyter_client'}))"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


def test_a_post_in_a_folder_is_named(repo: Repository) -> None:
    """A page that the site would show, and that no run and no check would see, is refused."""
    accepted(repo)
    repo.write("docs/posts/2026/sub.md", "---\ntitle: Sub\ndate: 2026-01-01\n---\n")

    said = messages(check_posts(repo.root)[-1])

    assert "docs/posts/2026/sub.md:1: is a post in a folder, which no run sees" in said


def test_a_stale_post_is_not_built(repo: Repository) -> None:
    """If page, code and output disagree, the build fails, says where, and leaves the site as it was."""
    accepted(repo)
    repo.write("site/index.html", "old")
    repo.edit(MODULE, "answer = 42", "answer = 43")

    done = repo.blog("build")

    assert done.returncode == 1
    assert "x: stale" in done.stderr and "changed first" in done.stderr
    assert repo.tree("site") == {"index.html": b"old"}


def test_a_release_makes_the_editions_of_newer_prose(repo: Repository) -> None:
    """A sentence mended in a pull request is published with editions that have it, without a run."""
    accepted(repo)
    before = (repo.root / "docs/runs/x/record.json").read_bytes()
    repo.edit(PAGE, "Prose.", "Mended prose.")

    repo.blog("build", "--release")  # which may fail: this fixture speaks another Markdown

    assert repo.check().warnings == []
    assert "Mended prose." in (repo.root / "docs/runs/x/x.py").read_text()
    assert (repo.root / "docs/runs/x/record.json").read_bytes() == before
