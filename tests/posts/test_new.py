"""`blog new`: a post that runs as it was written, and never in the place of anything."""

import datetime
import re
from pathlib import Path

import pytest
from repository import Repository

from blog_code.errors import PostError
from blog_code.posts.front_matter import FrontMatter
from blog_code.posts.new import new_post
from blog_code.posts.post import FLAGS

DAY = datetime.date(2026, 2, 3)
ROOMS = sorted(path.stem for path in (Path(__file__).parents[2] / "blog_code").glob("[a-z]*"))


def test_a_new_post_runs_as_it_is(repo: Repository) -> None:
    """Two files are written, nothing is wrong with them, and the page shows what the region prints."""
    done = repo.blog("new", "my-first-post")

    assert done.stdout.splitlines() == [
        "wrote docs/posts/my-first-post.md",
        "wrote blog_code/my_first_post/story.py",
        "next: blog run --quick my-first-post",
    ]
    assert repo.read("my-first-post").meta.title == "My first post"
    repo.accept("my-first-post")
    assert not repo.check("my-first-post").findings
    assert (repo.root / "docs/runs/my-first-post/greet.txt").read_text() == "Hello, reader.\n"


@pytest.mark.parametrize("name", ["X", "a--b", "../a", "a/b", "a.b", "1a", "class", "", "x", "mine", "a_b"])
def test_names_that_no_post_can_have(repo: Repository, name: str) -> None:
    """A name that is no address, no package, or taken is refused, and nothing is written."""
    repo.post("x", first="print(1)")
    repo.write("blog_code/mine.py", "")
    before = repo.tree(".")

    with pytest.raises(PostError, match="blog new my-post"):
        new_post(repo.root, name, DAY)
    assert repo.tree(".") == before


@pytest.mark.parametrize("room", ROOMS)
def test_no_post_takes_the_place_of_the_machinery(repo: Repository, room: str) -> None:
    """The rooms are read from the folder, whatever they are called."""
    (repo.root / "blog_code" / room).mkdir(parents=True)

    with pytest.raises(PostError):
        new_post(repo.root, room.replace("_", "-"), DAY)


def test_every_key_and_flag_is_described(repo: Repository) -> None:
    """Whoever writes a post finds each key and each flag with what it is for, where it is defined."""
    said = repo.blog("help").stdout
    keys = [line.split()[0] for line in repo.blog("help", "keys").stdout.splitlines()]

    assert keys == list(FrontMatter.model_fields) and all(f"\n{key} " in f"\n{said}" for key in keys)
    assert {f".{flag}" for flag in FLAGS} == set(re.findall(r"^\.\w+", said, re.M))
    assert "None" not in said and repo.blog("help", "nothing").returncode == 2
