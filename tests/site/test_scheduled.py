"""A post of a day to come is kept back until then."""

import datetime

import pytest
from repository import Repository

from blog_code import repository
from blog_code.site.page import Site, is_draft

NOW = datetime.datetime(2026, 11, 28, 4, 17, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("front", "kept"),
    [
        ("date: 2026-11-28", False),
        ("date: 2026-11-29", True),
        ("date: 2026-11-28T04:00:00+00:00", False),
        ("date: 2026-11-28T05:00:00+02:00", False),
        ("date: 2026-11-28T05:00:00", True),
        ("date: 2026-11-29\ndraft: false", False),
        ("date: 2026-11-27\ndraft: true", True),
        ("tags: [x]", False),
    ],
)
def test_a_post_is_kept_back_until_its_day(repo: Repository, front: str, kept: bool) -> None:
    """A date to come keeps a post back, unless its front matter says that it is no draft."""
    repo.post(say="print(1)")
    repo.edit("docs/posts/x.md", "date: 2024-02-03", front)

    assert is_draft(repo.read().meta, NOW) is kept


def test_the_site_is_without_posts_to_come(repo: Repository) -> None:
    """Status, notebooks and all that is made of the list of posts leave out what is not published yet."""
    for slug in ("past", "future"):
        repo.post(slug, say="print(1)")
    repo.edit("docs/posts/future.md", "date: 2024-02-03", "date: 9999-01-01")

    assert [*Site(repository.Repository(repo.root), repo.root / "site").posts] == ["posts/past/"]
