"""The site can move to Zensical: the same sources make the same pages under both generators."""

import shutil
from pathlib import Path

import canary
import pytest
from lxml import html

ROOT = Path(__file__).parents[2]


def test_both_generators_make_the_same_pages(tmp_path: Path):
    """Every page of MkDocs' exists under Zensical with the same text, the view of a notebook too."""
    differences, _ = canary.compare(ROOT, tmp_path)

    assert differences == []


@pytest.fixture
def two_sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small sites that are alike, in the place of what the generators build; returns Zensical's."""
    page = "<title>A</title><div class='md-content'><p>One <b>two</b></p><pre>x = 1\ny</pre></div>"
    for generator in ("mkdocs", "zensical"):
        for name in ("index.html", "posts/one/index.html"):
            (tmp_path / generator / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / generator / name).write_text(page)
    monkeypatch.setattr(canary, "build_mkdocs", lambda root, scratch: tmp_path / "mkdocs")
    monkeypatch.setattr(canary, "build_zensical", lambda root, scratch: tmp_path / "zensical")
    return tmp_path / "zensical"


def test_equal_sites_pass(two_sites: Path):
    """The comparison finds nothing where nothing differs; markup and spaces are no text."""
    other = "<title>A</title><main class='md-content'><p>One\ntwo</p><pre>x = 1\n<i>y</i></pre></main>"
    (two_sites / "index.html").write_text(other)
    differences, _ = canary.compare(ROOT, two_sites)

    assert differences == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda site: (site / "index.html").write_text("<title>A</title>"), "index.html: the text differs"),
        (lambda site: shutil.rmtree(site / "posts/one"), "posts/one/index.html: by MkDocs only"),
        (lambda site: shutil.copytree(site / "posts/one", site / "two"), "two/index.html: by Zensical only"),
    ],
    ids=["text", "missing", "more"],
)
def test_differences_are_told(two_sites: Path, change, told: str):
    """A page that reads otherwise, is missing or is too many is named: the canary can fail."""
    change(two_sites)
    differences, _ = canary.compare(ROOT, two_sites)

    assert [difference.split("\n")[0] for difference in differences] == [told]


def test_words_hold_formulas_alternative_texts_and_code():
    """What a generator may lose without a word is compared: code, formulas, tables, alternative texts."""
    page = html.fromstring(
        "<title>T</title><div class='md-content'><div class='arithmatex'>\\[x\\]</div><img alt='ten digits'>"
        "<table><tr><td>cell</td></tr></table><pre>x = 1</pre><script>no</script></div>"
    )

    assert canary.words(page) == ["T", r"\[x\]", "[ten digits]", "cell", "x = 1"]
