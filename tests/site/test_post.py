"""The page of a post: its order, its cells, its outputs, its figures, and what stands around it."""

import json
import re
import shutil
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from lxml import etree, html
from sites import REPOSITORY, Built, Visit

from blog_code.errors import PostError
from blog_code.posts.post import INCLUDED, Post, post_paths, read_post
from blog_code.repository import Repository
from blog_code.runner.record import read_record
from blog_code.site.code_blocks import check_code, check_outputs, python_blocks
from blog_code.site.page import Site, element, read_page

Open = Callable[..., Visit]
PLACE = "posts/thin-post/"


@pytest.fixture(scope="session")
def post(thin: Built) -> Post:
    """The thin post."""
    return read_post(thin.root / "docs" / "posts" / "thin-post.md", thin.root)


@pytest.fixture(scope="session")
def page(thin: Built) -> html.HtmlElement:
    """Its built page."""
    return html.fromstring(thin.text(PLACE))


def classes(page: html.HtmlElement, name: str) -> list[html.HtmlElement]:
    return page.xpath(f"//*[contains(concat(' ', @class, ' '), ' {name} ')]")


def test_order_of_the_page(thin: Built) -> None:
    """First title, promise, provenance, actions, demo; last environment, citation, changes, report, notes."""
    text = thin.text(PLACE)
    text = text[text.index("<article") :]
    marks = [
        *("<h1", 'class="promise"', 'class="byline"', 'class="provenance"', 'class="actions"'),
        *('class="explorer"', 'id="code"', 'id="figures"', 'id="environment"'),
        *('id="cite"', 'id="changes"', 'class="report"', 'class="footnote"'),
    ]
    places = [text.index(mark) for mark in marks]

    assert places == sorted(places)


def test_the_last_change_is_dated(thin: Built) -> None:
    """A reader sees at the top when the post last changed, one step from the list of changes."""
    byline = html.fromstring(thin.text(PLACE)).xpath("//*[@class='byline']")[0]

    assert "updated 3 February 2026" in byline.text_content()
    assert "#changes" in byline.xpath(".//@href")


def test_each_cell_says_where_it_comes_from(thin: Built, post: Post, page: html.HtmlElement) -> None:
    """File, true line numbers, an id that outlives insertions, a link to the lines at the run's commit."""
    commit = read_record(post).commit
    source = (thin.root / "blog_code" / "thin_post" / "story.py").read_text("utf-8").split("\n")
    for cell in post.cells:
        [block] = page.xpath(f"//*[@id='cell-{cell.name}']")
        [gutter] = block.xpath(".//*[@data-lines]")
        numbers = [int(number) for number in gutter.get("data-lines").split()]
        code = block.xpath(".//code")[0].text_content().rstrip("\n").split("\n")

        assert [source[number - 1] for number in numbers] == code
        assert "thin_post/story.py" in block.xpath(".//*[@class='cell-title']")[0].text_content()
        lines = f"{REPOSITORY}/blob/{commit}/blog_code/thin_post/story.py#L{numbers[0]}-L{numbers[-1]}"
        assert lines in block.xpath(".//@href")
        assert gutter.get("aria-hidden") == "true"


REVEAL = """(name) => {  // a reader opens a fold or chooses a tab before pressing a button in it
  for (let node = document.getElementById("cell-" + name); node; node = node.parentElement) {
    if (node.tagName === "DETAILS") node.open = true;
    if (node.classList.contains("tabbed-block")) {
      const number = [...node.parentElement.children].indexOf(node);
      node.closest(".tabbed-set").querySelectorAll(":scope > input")[number].click();
    }
  }
}"""


def test_clipboard_holds_the_lines_of_the_module(real: Built, thin: Built, visit: Open) -> None:
    """What a reader copies is the source, and nothing else: no number, no prompt, no output."""
    for site in (thin, real):
        for path in post_paths(site.root):
            post = read_post(path, site.root)
            seen = visit(site, f"posts/{post.slug}/", permissions=["clipboard-read", "clipboard-write"])
            seen.wait("document.querySelectorAll('.cell .md-code__button').length > 0")
            for cell in post.cells:
                seen.page.evaluate(REVEAL, cell.name)
                seen.page.evaluate("navigator.clipboard.writeText('')")
                seen.page.evaluate(f"document.querySelector('#cell-{cell.name} .md-code__button').click()")
                copied = seen.wait("navigator.clipboard.readText()")

                assert copied.strip("\n") == cell.region.source, cell.name


def test_page_and_code_that_disagree_are_an_error(thin: Built, tmp_path: Path) -> None:
    """A page that shows other code than the cells, or more, or less, is never published."""
    folder = tmp_path / "site"
    shutil.copytree(thin.folder / PLACE, folder / PLACE)
    built = read_page(folder / PLACE / "index.html", Site(Repository(thin.root), folder))
    built.post = read_post(thin.root / "docs" / "posts" / "thin-post.md", thin.root)
    blocks = python_blocks(built)

    check_code(built, blocks)
    with pytest.raises(PostError, match=r"thin-post.md:\d+: the page has 7 blocks"):
        check_code(built, blocks[:-1])
    with pytest.raises(PostError, match="other code than region half"):
        check_code(built, [blocks[0], blocks[2], blocks[1], *blocks[3:]])


def test_page_and_outputs_that_disagree_are_an_error(thin: Built, tmp_path: Path) -> None:
    """A page whose outputs are others than those of the run, or that has one more, is never published."""
    folder = tmp_path / "site"
    shutil.copytree(thin.folder / PLACE, folder / PLACE)
    built = read_page(folder / PLACE / "index.html", Site(Repository(thin.root), folder))
    built.post = read_post(thin.root / "docs" / "posts" / "thin-post.md", thin.root)
    names = [mention.file for mention in built.post.mentions if mention.file.endswith(INCLUDED)]
    left = [element((built.post.run_folder / name).read_text("utf-8").strip()) for name in names]

    assert [mention.file for mention in check_outputs(built, left)] == names
    with pytest.raises(PostError, match=r"thin-post.md:\d+: the page shows something else than fails"):
        check_outputs(built, [left[0], left[0]])
    with pytest.raises(PostError, match="the page has 3 outputs, and the post shows 2"):
        check_outputs(built, [*left, left[0]])


def test_outputs_are_set_apart(page: html.HtmlElement, thin: Built, visit: Open) -> None:
    """An output has a name and no button to copy it; an error that was meant says so."""
    outputs = page.xpath("//div[contains(concat(' ', @class, ' '), ' output ')]")

    assert [node.get("aria-label") for node in outputs] == ["Output of print-half", "Output of fails"]
    assert "Expected error" in outputs[1].text_content() and "Expected error" not in outputs[0].text_content()
    assert visit(thin, PLACE).page.locator(".output .md-code__button").count() == 0


def test_long_code_is_folded_and_opens_for_its_address(thin: Built, visit: Open) -> None:
    """Code of more than 25 lines is folded, short code is not, and a link to a folded cell opens it."""
    page = visit(thin, PLACE).page

    assert page.locator("details.fold").count() == 1
    assert not page.locator("#cell-long").is_visible()
    linked = visit(thin, PLACE + "#cell-long").page
    linked.wait_for_timeout(300)
    assert linked.locator("#cell-long").is_visible()


def test_charts_follow_the_page(thin: Built, visit: Open) -> None:
    """A chart is one image to a screen reader, has a caption, and takes the ink of its page, printed too."""
    ink = "getComputedStyle(document.querySelector('svg.chart text')).fill"
    light, dark = (visit(thin, PLACE, color_scheme=scheme).page for scheme in ("light", "dark"))
    chart = light.locator("svg.chart")

    assert chart.get_attribute("role") == "img"
    assert chart.get_attribute("aria-label") == "A line that falls from three to one"
    assert light.locator("figure:has(svg.chart) figcaption").inner_text() == "Figure 1. The line falls."
    colours = [light.evaluate(ink), dark.evaluate(ink)]
    dark.emulate_media(media="print")
    colours.append(dark.evaluate(ink))
    brightness = [sum(map(float, re.findall(r"[\d.]+", colour)[:3])) for colour in colours]
    assert brightness[0] < 200 and brightness[1] > 500 and brightness[2] < 400


def test_pictures_keep_their_room(page: html.HtmlElement) -> None:
    """A picture of digits states its size, so that nothing jumps, and is grey, so that it can be inverted."""
    [picture] = page.xpath("//div[@class='explorer']//img")

    assert (picture.get("width"), picture.get("height"), picture.get("class")) == ("280", "280", "digits")


def test_maths_needs_no_script(page: html.HtmlElement) -> None:
    """Formulas are MathML in the page, in a line and on their own, and no TeX is left."""
    formulas = page.xpath("//*[local-name()='math']")

    assert [node.get("display") for node in formulas] == ["inline", "block"]
    assert r"\frac" not in page.text_content()


def test_notebook_view_is_ours_alone(thin: Built) -> None:
    """The notebook's page loads no MathJax, sets formulas all the same, and is no search result."""
    text = thin.text("runs/thin-post/notebook/")

    assert "mathjax" not in text.lower() and "<math" in text
    assert '<meta name="robots" content="noindex">' in text


def test_pictures_of_a_notebook_have_their_words(real: Built) -> None:
    """Whoever hears the notebook's page is told what each picture shows, as on the page of the post."""
    view = html.document_fromstring(real.text("runs/flax-and-optax/notebook/"))
    words = [picture.get("alt") for picture in view.xpath("//*[@class='notebook-cell']//img")]
    post = (real.root / "docs" / "posts" / "flax-and-optax.md").read_text("utf-8")

    assert len(words) > 5
    assert not [alt for alt in words if f"![{alt}](../runs/" not in post]


def test_files_to_take_away(thin: Built, page: html.HtmlElement) -> None:
    """Script and notebook are files beside the record, and Colab opens the notebook that is committed."""
    links = {link.text_content(): link.get("href") for link in classes(page, "actions")[0].iter("a")}

    for name in ("Download .py", "Download .ipynb", "Record of the run"):
        assert (thin.folder / PLACE / links[name]).resolve().is_file(), name
    colab, notebook = links["Open in Colab"].split("/blob/main/")
    assert colab == "https://colab.research.google.com/github/someone/somewhere"
    assert (thin.root / notebook).is_file() and notebook.endswith("thin-post.ipynb")
    assert not page.xpath("//img[contains(@src, '//')]")


def test_a_post_without_jax_says_what_it_ran_on(thin: Built, page: html.HtmlElement, post: Post) -> None:
    """The line and the row of the status name what the post imports, and lead to commit and environment."""
    record = read_record(post)
    version = f"Matplotlib {record.versions['matplotlib']}"
    [line] = classes(page, "provenance")
    said = line.text_content().split(" · ")
    links = {link.text_content(): link.get("href") for link in line.iter("a")}
    [row] = html.fromstring(thin.text("status/")).xpath("//td[a]/..")

    assert "jax" not in record.versions
    assert said[0].startswith("Ran on CPU (") and said[1] == version
    assert links == {
        f"commit {record.commit[:7]}": f"{REPOSITORY}/commit/{record.commit}",
        "full environment": "#environment",
    }
    assert row[-1].text_content() == version
    assert len(classes(page, "actions")) == 1


def test_no_repository_no_links(real: Built) -> None:
    """Where no address of a repository is configured nothing pretends to link to one."""
    for path in post_paths(real.root):
        text = real.text(f"posts/{path.stem}/")

        assert "Open in Colab" not in text and "Report an error" not in text and "/blob/" not in text


def test_report_is_filled_in(page: html.HtmlElement, post: Post) -> None:
    """Who finds an error gets an issue that already names the page and the commit."""
    [link] = classes(page, "report")[0].iter("a")

    assert link.get("href").startswith(f"{REPOSITORY}/issues/new?title=thin-post")
    assert read_record(post).commit in link.get("href")


def test_machines_can_read_the_post(page: html.HtmlElement, post: Post) -> None:
    """JSON-LD, cards and description say the same as the front matter and the record."""
    [script] = page.xpath("//script[@type='application/ld+json']")
    said = json.loads(script.text)
    cards = {node.get("property"): node.get("content") for node in page.xpath("//meta[@property]")}

    assert said["@type"] == "BlogPosting" and said["headline"] == cards["og:title"] == "A thin post"
    assert said["datePublished"] == "2026-01-02T03:04:05+00:00"
    assert said["dateModified"] == read_record(post).volatile.finished
    described = page.xpath("//meta[@name='description']/@content")
    assert described == [cards["og:description"]] == [said["description"]]
    assert cards["og:image"].endswith("/runs/thin-post/demo.png")


def test_every_page_has_a_description(real: Built, thin: Built) -> None:
    """Search results and cards need a sentence for each page."""
    for site in (real, thin):
        for place in site.pages:
            described = html.fromstring(site.text(place)).xpath("//meta[@name='description']/@content")

            assert described and described[0], place


def test_lists_of_posts(thin: Built) -> None:
    """Index, archive, category and tags lead to the post; an excerpt leaves out provenance and actions."""
    for place in ("", "archive/2026/", "category/thin/", "tags/"):
        tree = html.fromstring(thin.text(place))
        article = tree.xpath("//main")[0]

        assert any(PLACE in link for link in article.xpath(".//@href")), place
        assert not classes(article, "provenance") and not classes(article, "actions"), place


def test_status_tells_of_every_post(thin: Built) -> None:
    """The status page has a row a post, with its state and where it ran."""
    [table] = html.fromstring(thin.text("status/")).xpath("//div[@class='status-table']/table")
    cells = [cell.text_content() for cell in table.xpath(".//tbody/tr/td")]

    assert cells[0] == "A thin post" and cells[1].startswith("fresh") and cells[2].startswith("CPU")


def test_feed_is_valid(thin: Built) -> None:
    """Readers of feeds get what RSS 2.0 asks for: absolute links, real dates, guids, no broken image."""
    channel = etree.parse(thin.folder / "feed_rss_created.xml").getroot().find("channel")
    items = channel.findall("item")

    assert [item.findtext("title") for item in items] == ["A thin post"]
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    for item in items:
        assert item.findtext("link") == item.findtext("guid") == f"https://example.org/{PLACE}"
        assert parsedate_to_datetime(item.findtext("pubDate")).isoformat() == "2026-01-02T03:04:05+00:00"
    assert channel.findtext("image/url") != "None"


def test_search_finds_identifiers(thin: Built, visit: Open) -> None:
    """Search finds the name of a function, by the whole and by a part, and never an output or a notebook.

    The index is fetched when somebody searches, and not by every page.
    """
    index = json.loads((thin.folder / "search" / "search_index.json").read_text("utf-8"))

    assert not any(entry["location"].startswith("runs/") for entry in index["docs"])
    assert "half of 0.5 is 0.25" not in json.dumps(index) and "default_rng" in json.dumps(index)
    seen = visit(thin, "")
    seen.page.wait_for_timeout(500)
    assert not any(url.endswith("search_index.json") for url in seen.requests)
    for query in ("default_rng", "rng"):
        seen.page.locator("[data-md-component='search-query']").press_sequentially(query)
        # The letters typed so far have results of their own, which may stand there for a moment.
        seen.wait(f"document.querySelector('.md-search-result__link')?.href.includes('{PLACE}')")
        seen.page.reload()


def test_search_results_show_no_tex(real: Built) -> None:
    """A result of the search shows the letters of a formula, not its TeX."""
    index = json.loads((real.folder / "search" / "search_index.json").read_text("utf-8"))
    texts = {entry["location"].partition("#")[2]: entry["text"] for entry in index["docs"]}

    assert "PyTorch module is fθ, a function" in texts["from-objects-back-to-functions"]
    assert not any("\\(" in text or "\\[" in text for text in texts.values())


def test_footnotes_open_on_focus(thin: Built, visit: Open) -> None:
    """A footnote opens where it is mentioned, for a keyboard too, and stays in the list at the end."""
    seen = visit(thin, PLACE)
    seen.page.locator(".footnote-ref").focus()
    tips = "[...document.querySelectorAll('.md-tooltip2')]"
    seen.wait(f"{tips}.some((tip) => tip.innerText.includes('at the foot'))")

    assert seen.page.locator(".footnote li").inner_text().startswith("A note at the foot of the page.")


@pytest.mark.parametrize(("width", "shown"), [(390, True), (1280, False)])
def test_sections_can_be_found_on_a_phone(thin: Built, visit: Open, width: int, shown: bool) -> None:
    """Where the theme's list of sections has no room, one under the header leads to each of them."""
    page = visit(thin, PLACE, width=width).page
    listed = page.locator("details.contents")

    assert listed.is_visible() == shown
    if shown:
        listed.locator("summary").click()
        names = [heading.removesuffix("¶") for heading in page.locator("article h2").all_text_contents()]
        assert listed.locator("li.h2").all_text_contents() == names
        listed.get_by_text("Figures").click()
        assert page.url.endswith("#figures")
