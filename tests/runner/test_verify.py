"""`blog run --verify`: what differs from the accepted run, and what may."""

import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from repository import Repository, messages, pretend

from blog_code.errors import PostError
from blog_code.runner import verify
from blog_code.runner.verify import compare_charts, compare_pictures, near, touched_posts, verify_post


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison does not care who executed the cells."""
    monkeypatch.setattr(verify, "execute", pretend)


def accept_other(repo: Repository, old: str, new: str) -> None:
    """Accept a run that printed `old` of cells that, when they are run again, print `new`."""
    repo.write("printed", old)
    repo.post(
        first=f"text = open({str(repo.root / 'printed')!r}).read()\nprint(text)",
        front="values: {number: {is: 10, within: 1}, seconds: {timing: true}}",
        second="number = seconds = float(text.split()[-1])",
        end="{{ x.number }} {{ x.seconds }}",
    )
    repo.accept()
    repo.write("printed", new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss 10.0", "loss 10.0"),
        ("loss 10.0", "loss 10.1"),
        ("epoch  3 loss −98.31 of 10", "epoch 3 loss -98.90 of 10"),
        ("tiny 0.00 of 10.0", "tiny 0.01 of 10.0"),
        ("big 1.25e+03 of 10.0", "big 1.26e+03 of 10.0"),
    ],
)
def test_numbers_may_differ_a_little(repo: Repository, old: str, new: str) -> None:
    """Another processor rounds otherwise: that is no difference that anybody should look at."""
    accept_other(repo, old, new)
    before = repo.tree("docs/runs/x")

    assert verify_post(repo.read(), say=lambda text: None) == "verified"

    assert repo.tree("docs/runs/x") == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("loss 10.0", "lost 10.0", "  - loss 10.0"),
        ("loss 10.0", "loss 10.9", "  + loss 10.9"),
        ("7 digits of 10", "8 digits of 10", "  - 7 digits of 10"),
        ("one\n10", "10", "2 lines accepted, 1 now"),
        ("loss 10.5", "loss 12.5", "value number: 10.5 accepted, 12.5 now, and 10 within 1 is declared"),
    ],
)
def test_what_differs_is_shown_and_replaces_nothing(repo: Repository, old: str, new: str, said: str) -> None:
    """Words, counts and values outside their tolerance are differences, in lines that can be read."""
    accept_other(repo, old, new)
    before = repo.tree("docs/runs/x")

    with pytest.raises(PostError) as differs:
        verify_post(repo.read(), say=lambda text: None)

    assert said in messages(differs.value)
    assert "blog run --force x" in messages(differs.value)
    assert repo.tree("docs/runs/x") == before
    assert (repo.root / ".blog/verify/x/first.txt").read_text().strip() == new


def test_timings_are_reported_only(repo: Repository) -> None:
    """Nobody fails because a machine was busy."""
    accept_other(repo, "loss 10.0", "loss 10.1")
    said: list[str] = []

    verify_post(repo.read(), say=said.append)

    assert "  value seconds: 10.0 accepted, 10.1 now (a timing)" in said


def test_an_output_more_or_less_is_a_difference(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that is no longer drawn is found, however small the post."""
    repo.post(first="import os\nprint(1) if os.environ.get('MODE') else None", second="print(2)")
    monkeypatch.setenv("MODE", "1")
    repo.accept()
    monkeypatch.delenv("MODE")

    with pytest.raises(PostError, match=r"first\.txt: the accepted run wrote it, this one did not"):
        verify_post(repo.read(), say=lambda text: None)


def test_without_a_whole_accepted_run_there_is_nothing_to_compare(repo: Repository) -> None:
    """A comparison with nothing, with a stale run or with an edited one never passes."""
    repo.post(first="print(1)")
    with pytest.raises(PostError, match="there is no accepted run"):
        verify_post(repo.read())
    repo.accept()
    repo.write("docs/runs/x/first.txt", "2\n")
    with pytest.raises(PostError, match="the accepted run is not whole"):
        verify_post(repo.read())
    repo.accept()
    repo.edit("blog_code/x/story.py", "print(1)", "print(3)")
    with pytest.raises(PostError, match=r"the accepted run is stale \(cells changed\)"):
        verify_post(repo.read())


def picture(colour: int, size: tuple[int, int] = (20, 10)) -> bytes:
    kept = io.BytesIO()
    Image.new("L", size, colour).save(kept, "PNG")
    return kept.getvalue()


def test_pictures_are_compared_by_size_and_on_the_whole() -> None:
    """A sheet of digits may differ in its greys, not in its size, and not from paper to ink."""
    assert compare_pictures(picture(100), picture(110)) == (
        [],
        "pictures differ by 3.9% of the range on average",
    )
    assert compare_pictures(picture(0), picture(255))[0] == [
        "pictures differ by 100.0% of the range on average"
    ]
    assert compare_pictures(picture(0), picture(0, (10, 10)))[0] == ["(20, 10) pixels accepted, (10, 10) now"]


def chart(words: str, width: int = 100, points: int = 1) -> bytes:
    shapes = "<path/>" * points
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}">{shapes}<text>{words}</text></svg>'.encode()
    )


def test_charts_are_compared_by_size_and_words() -> None:
    """The curve and its ticks may differ, the axes and their names may not."""
    assert compare_charts(chart("epoch"), chart("epoch", points=2)) == ([], "charts of 3 and 4 elements")
    assert compare_charts(chart("0.5"), chart("0.6"))[0] == []
    assert compare_charts(chart("epoch"), chart("step"))[0] == ["other words in the chart: epoch, step"]
    assert compare_charts(chart("epoch"), chart("epoch", width=90))[0] == ["width 100 accepted, 90 now"]


def test_whole_numbers_count_things() -> None:
    """Two per cent of sixty thousand is room; of seven it is none."""
    assert near("60,000 digits", "59,900 digits")
    assert not near("7 digits", "8 digits")
    assert not near("nan", "1.0")


def commit(repo: Repository) -> None:
    subprocess.run(["git", "add", "."], cwd=repo.root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "a step"], cwd=repo.root, check=True)


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        ("docs/posts/a-b.md", {"a-b"}),
        ("blog_code/a_b/story.py", {"a-b"}),
        ("docs/runs/a-b/first.txt", {"a-b"}),
        ("blog_code/a_b/größe.py", {"a-b"}),
        ("requirements.lock", {"a-b", "c"}),
        (".python-version", {"a-b", "c"}),
        ("blog_code/runner/execute.py", {"a-b", "c"}),
        ("blog_code/posts/post.py", {"a-b", "c"}),
        ("blog_code/errors.py", {"a-b", "c"}),
        ("README.md", set()),
    ],
)
def test_only_what_a_commit_touches_is_verified(with_git: Repository, touch: str, expected: set[str]) -> None:
    """CI executes a post when its run, or what that depends on, differs from the branch it goes into."""
    with_git.post("a-b", first="print(1)")
    with_git.post("c", first="print(1)")
    with_git.accept("a-b")
    machinery = ("blog_code/runner/execute.py", "blog_code/posts/post.py", "blog_code/errors.py")
    for name in ("README.md", ".python-version", "blog_code/a_b/größe.py", *machinery):
        with_git.write(name, "")
    commit(with_git)
    path = with_git.root / touch
    path.write_text(path.read_text() + "\n")
    commit(with_git)

    assert {path.stem for path in touched_posts(with_git.root, "HEAD~1")} == expected


def test_a_post_that_git_does_not_know_yet_is_verified(with_git: Repository) -> None:
    """A new post differs from every commit, before `git add` too."""
    with_git.post("a", first="print(1)")
    commit(with_git)
    with_git.post("b", first="print(1)")

    assert {path.stem for path in touched_posts(with_git.root, "HEAD")} == {"b"}


def test_without_git_nothing_can_be_compared(with_git: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no git the error says so."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(PostError, match="no git on the PATH"):
        touched_posts(with_git.root, "HEAD")


def test_a_commit_that_is_not_there_is_an_error(with_git: Repository) -> None:
    """A shallow clone in CI never passes by comparing with nothing."""
    with_git.post(first="print(1)")
    commit(with_git)

    done = with_git.blog("run", "--verify", "--since", "no-such-commit")

    assert done.returncode == 1
    assert "cannot compare with no-such-commit" in done.stderr
    assert with_git.blog("run", "--since", "HEAD").returncode == 2


def test_the_command_verifies_in_a_real_kernel(with_git: Repository) -> None:
    """`blog run --verify` says what it did, and exits by what it found."""
    counter = with_git.write("counter", "")
    with_git.post(first=f"open({str(counter)!r}, 'a').write('x')\nprint(len(open({str(counter)!r}).read()))")
    with_git.run()
    commit(with_git)

    untouched = with_git.blog("run", "--verify", "--since", "HEAD")
    differs = with_git.blog("run", "--verify")
    Path(counter).write_text("")
    same = with_git.blog("run", "--verify")

    assert (untouched.returncode, differs.returncode, same.returncode) == (0, 1, 0)
    assert "differs from HEAD" in untouched.stdout
    assert "x: verified, 1 outputs and 0 values" in same.stdout
    assert "first.txt: line 1" in differs.stdout and "failed: x" in differs.stdout
