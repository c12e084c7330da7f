"""What a page says where it, or its run, is older than it might be; and what may be published at all."""

from collections.abc import Callable

import pytest
from repository import Repository

from blog_code import repository
from blog_code.runner import record
from blog_code.site.notice import write_notice
from blog_code.site.page import Page, Site, read_page, text_of

PAGE = '<article><header class="post-header"><h1>A post</h1></header><p>Prose.</p></article>'


def page_of(repo: Repository, **held: str) -> Page:
    """The page of the post, as it is when its header stands."""
    path = repo.write("site/posts/x/index.html", PAGE)
    site = Site(repository.Repository(repo.root), repo.root / "site")
    site.repository.held.update(held)
    page = read_page(path, site)
    page.post, page.record = repo.read(), record.read_record(repo.read())
    return page


def line(page: Page) -> str:
    """What stands between header and prose."""
    write_notice(page)
    [header] = page.classed("post-header")
    return text_of(header.getnext()) if "older" in (header.getnext().get("class") or "") else ""


def other_look(repo: Repository) -> None:
    pytest.MonkeyPatch().setattr(record, "LOOK", 99)


def other_lock(repo: Repository) -> None:
    repo.edit("requirements.lock", "numpy==", "numpy==9.")


def other_cells(repo: Repository) -> None:
    repo.edit("blog_code/x/story.py", "print(1)", "print(2)")


def other_page(repo: Repository) -> None:
    repo.edit("docs/posts/x.md", "Prose.", "![A picture](../runs/x/nothing.svg)")


@pytest.mark.parametrize(
    ("change", "goes_out", "said"),
    [
        (lambda repo: None, True, ""),
        (other_lock, True, "accepted: lock changed since the run of"),
        (other_look, True, "accepted: look changed since the run of"),
        (other_cells, False, "accepted: cells changed since the run of"),
        (other_page, False, ""),
    ],
)
def test_what_is_older_says_so(
    repo: Repository,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Repository], object],
    goes_out: bool,
    said: str,
) -> None:
    """A run of other versions or another look goes out with a line; new code or a wrong page does not."""
    monkeypatch.setattr(record, "LOOK", record.LOOK)  # and is put back at the end
    repo.post(say="print(1)", front="requirements: [numpy]")
    repo.accept()

    change(repo)

    page = page_of(repo)
    verdict = page.site.repository.verdict(repo.read().path)
    assert page.site.repository.publishable(verdict) is goes_out
    assert said in line(page) and bool(line(page)) == bool(said)


def test_a_held_page_names_its_commit(repo: Repository) -> None:
    """Who reads a page that stands as of an earlier commit is told which."""
    repo.post(say="print(1)")
    repo.accept()
    repo.edit("mkdocs.yml", "docs_dir", "extra: {repository: https://code.example/posts}\ndocs_dir")
    page = page_of(repo, x="0123456789abcdef")

    assert "as of commit 0123456." in line(page)
    assert page.tree.xpath("//a/@href") == ["https://code.example/posts/commit/0123456789abcdef"]
