"""`blog run --verify`: what differs from the accepted run, and what may."""

from pathlib import Path

import pytest
from repository import Repository, messages, pretend

from blog_code.errors import PostError
from blog_code.runner import verify
from blog_code.runner.verify import touched_posts, verify_post


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
        end="{{= x.number }} {{= x.seconds }}",
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
        ("loss 10.0 of 10.0", "loss 10.9 of 10.0", "  + loss 10.9 of 10.0"),
        ("7 digits of 10", "8 digits of 10", "  - 7 digits of 10"),
        ("50000 digits of 10", "50900 digits of 10", "  + 50900 digits of 10"),
        ("the year 2025 of 10", "the year 2026 of 10", "  - the year 2025 of 10"),
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


def test_a_whole_number_moves_as_far_as_it_is_declared_to(repo: Repository) -> None:
    """A count that a value declares may differ within its tolerance, there and in no other number."""
    front = "values: {count: {is: 50000, within: 2000}}"
    body = (
        f"lines = open({str(repo.root / 'printed')!r}).read()\ncount = int(lines.split()[-1])\nprint(lines)"
    )

    def accept_and_print(old: str, new: str) -> None:
        repo.write("printed", old)
        repo.post(first=body, front=front, end="{{= x.count }}")
        repo.accept()
        repo.write("printed", new)

    accept_and_print("50,000 digits, or 50000", "50,900 digits, or 50900")
    assert verify_post(repo.read(), say=lambda text: None) == "verified"

    accept_and_print("7 digits of 50000", "8 digits of 50900")
    with pytest.raises(PostError, match=r"first\.txt: 1 of 2 lines differ"):
        verify_post(repo.read(), say=lambda text: None)


def test_a_checkout_that_cannot_be_written_to_is_said_first(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits a quarter of an hour for a run of which nothing can be kept."""
    repo.post(first="print(1)")
    repo.accept()
    repo.write(".blog/verify", "a file where a folder should be")
    monkeypatch.setattr(verify, "execute", lambda *_, **__: pytest.fail("a cell was executed"))

    with pytest.raises(PostError, match="the second run could not be written"):
        verify_post(repo.read(), say=lambda text: None)


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
    with_git.commit()
    path = with_git.root / touch
    path.write_text(path.read_text() + "\n")
    with_git.commit()

    assert {path.stem for path in touched_posts(with_git.root, "HEAD~1")} == expected


def test_a_post_that_git_does_not_know_yet_is_verified(with_git: Repository) -> None:
    """A new post differs from every commit, before `git add` too."""
    with_git.post("a", first="print(1)")
    with_git.commit()
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
    with_git.commit()

    done = with_git.blog("run", "--verify", "--since", "no-such-commit")

    assert done.returncode == 1
    assert "cannot compare with no-such-commit" in done.stderr
    assert with_git.blog("run", "--since", "HEAD").returncode == 2


def test_the_command_verifies_in_a_real_kernel(with_git: Repository) -> None:
    """`blog run --verify` says what it did, and exits by what it found."""
    counter = with_git.write("counter", "")
    with_git.post(first=f"open({str(counter)!r}, 'a').write('x')\nprint(len(open({str(counter)!r}).read()))")
    with_git.run()
    with_git.commit()

    untouched = with_git.blog("run", "--verify", "--since", "HEAD")
    differs = with_git.blog("run", "--verify")
    Path(counter).write_text("")
    same = with_git.blog("run", "--verify")

    assert (untouched.returncode, differs.returncode, same.returncode) == (0, 1, 0)
    assert "differs from HEAD" in untouched.stdout
    assert "x: verified, 1 outputs and 0 values" in same.stdout
    assert (
        "first.txt: 1 of 2 lines differ, the worst is line 1" in differs.stdout
        and "failed: x" in differs.stdout
    )


def test_a_run_of_another_device_is_not_compared(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU and a GPU differ by more than anybody has tried: that is said, and costs no run."""
    repo.post(first="print(1)")
    repo.accept(jax=True)
    monkeypatch.setenv("BLOG_DEVICE", "gpu")
    said: list[str] = []

    assert verify_post(repo.read(), say=said.append) == "left for another device"
    assert said == ["x: not compared: it ran on a cpu, and this is a gpu; verify it on a cpu"]


def test_what_came_to_the_base_meanwhile_is_not_of_this_branch(with_git: Repository) -> None:
    """Posts that others changed after a branch left are not executed for it."""
    for slug in ("one", "two"):
        with_git.post(slug, first="print(1)")
    with_git.commit()
    with_git.git("branch", "base")
    with_git.edit("blog_code/one/story.py", "print(1)", "print(2)")
    with_git.commit()
    with_git.git("checkout", "-q", "-b", "branch", "base")
    with_git.git("branch", "-f", "base", "@{-1}")
    with_git.edit("blog_code/two/story.py", "print(1)", "print(3)")

    assert [path.stem for path in touched_posts(with_git.root, "base")] == ["two"]
