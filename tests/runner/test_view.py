"""The page of a notebook: made once by the run, safe from every generator, and never another notebook's."""

import re

import pytest
from lxml import html
from repository import Repository, messages

from blog_code.runner.jobs import run_posts

VIEW = "docs/runs/x/notebook.md"
SHOWN = "print('{{ a }} <b>', '--8<-- \"y\"')"


@pytest.fixture
def seen(repo: Repository) -> Repository:
    """A repository whose post x, with a heading and all that a page could misread, has run."""
    repo.post(end="## More {\n\nA formula, $a_1 b_1$.\n\n<div>left open\n", shown=SHOWN)
    repo.accept()
    return repo


def test_no_generator_reads_what_a_notebook_holds(seen: Repository) -> None:
    """Code and output with braces, marks and tags stand on one line of one element, to the letter."""
    head, body = (seen.root / VIEW).read_text("utf-8").rsplit("---\n", 1)
    [line] = body.strip().split("\n")
    page = html.fragment_fromstring(line)

    assert "{" not in line and not re.search("^ *;*-+8<", line)
    assert page.xpath("//pre[@class='output']/code/text()") == ['{{ a }} <b> --8<-- "y"\n']
    assert page.xpath("//*[@id='cell-shown']//pre")[0].text_content() == f"{SHOWN}\n"
    assert page.xpath("//details//a/text()") == ["More {"]
    assert page.xpath("//*[@class='arithmatex']/text()") == [r"\(a_1 b_1\)"]
    assert "search: {exclude: true}" in head


@pytest.mark.parametrize("tags", ["</div></div> after", "<div><p> open", "<b><i>crossed</b></i>"])
def test_tags_of_an_author_break_no_page(repo: Repository, tags: str) -> None:
    """Tags left open, closed twice or crossed stay in one element, and a heading of tags is words."""
    repo.post(end=f"## Of `<script>` and \\<b>\n\nText {tags}\n\n## Last\n", shown=SHOWN)
    repo.accept()
    line = (repo.root / VIEW).read_text("utf-8").rsplit("---\n", 1)[1].strip()
    page = html.fragment_fromstring(line)

    assert page.get("class") == "notebook" and not page.xpath(".//script | .//details//b")
    assert page.xpath(".//details//a/text()") == ["Of <script> and <b>", "Last"]
    assert page.xpath(".//*[@id='cell-shown']//pre")


@pytest.mark.parametrize("harm", ["edited", "gone", "torn"])
def test_only_the_run_writes_the_page(seen: Repository, harm: str) -> None:
    """A page that somebody edited or deleted is found, and made again without executing anything."""
    right = (seen.root / VIEW).read_text("utf-8")
    (seen.root / VIEW).write_text(right.replace("&lt;b&gt;", "<b>") if harm == "edited" else right[:99])
    if harm == "gone":
        (seen.root / VIEW).unlink()

    assert f"{VIEW}:1: is gone, was edited by hand" in messages(seen.check())
    assert run_posts([seen.read().path], seen.root)
    assert (seen.root / VIEW).read_text("utf-8") == right and not seen.check().findings


def test_the_page_follows_post_and_converter(seen: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another title, or another converter, is a warning, and wrong for a release, until it is made anew."""
    assert not seen.check().wrong(release=True)
    with monkeypatch.context() as patch:
        patch.setattr("blog_code.runner.view.PACKAGES", ("nbconvert", "numpy"))
        assert [str(w).split(": ")[1] for w in seen.check().warnings] == ["would be made otherwise today"]
        assert seen.check().wrong(release=True) and not seen.check().wrong(release=False)

    seen.edit("docs/posts/x.md", "title: A post", "title: Another")
    assert seen.check().wrong(release=True)
    assert run_posts([seen.read().path], seen.root) and not seen.check().wrong(release=True)
    assert 'title: "Another, as a notebook"' in (seen.root / VIEW).read_text("utf-8")
