"""Marks of every kind: sixty posts, each with one difficulty, show what Hugo shows; some are read as a person reads."""

import re
from pathlib import Path

import pytest
from hugo_sites import bring, build, empty_repository, page

from blog_code.hugo.importing import Report

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in (HERE / "cases" / "content" / "posts").glob("*.md"))
GOLDEN = sorted(path.stem for path in (HERE / "golden").glob("*.md"))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """Import the cases, and build what came in."""
    root = empty_repository(tmp_path_factory.mktemp("cases"))
    report = bring(HERE / "cases", root)
    build(root)
    return root, report


@pytest.mark.parametrize("case", CASES)
def test_page_shows_what_hugo_shows(case: str, imported: tuple[Path, Report]) -> None:
    """Words, headings, lists, links, pictures, code, tables, notes and formulas of each case are Hugo's."""
    [found] = [entry for entry in imported[1].pages if entry.source.endswith(f"/{case}.md")]

    assert found.status == "written" and found.difference is None
    assert (imported[0] / "site" / found.page.removesuffix(".md") / "index.html").is_file()


@pytest.mark.parametrize("case", GOLDEN)
def test_page_reads_as_a_person_writes(case: str, imported: tuple[Path, Report]) -> None:
    """What comes in is pleasant to edit: Markdown where Markdown says it, HTML only where nothing else does."""
    assert page(imported[0], f"pages/{case}") == (HERE / "golden" / f"{case}.md").read_text("utf-8").strip()


def test_html_says_which_shortcode_it_came_from(imported: tuple[Path, Report]) -> None:
    """Who edits raw HTML later finds the name of the shortcode that made it above it."""
    text = page(imported[0], "pages/sc-box")

    assert re.search(r'<!-- box -->\n<div class="box" markdown="block">', text)
