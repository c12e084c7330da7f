"""Every page, in a real browser: no barrier, no complaint, no stranger, and not too heavy."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_playwright_python
import pytest
from lxml import etree, html
from sites import Built, Visit

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text("utf-8")
VIOLATIONS = """axe.run(document, {resultTypes: ['violations']}).then((found) =>
    found.violations.map(({id, nodes}) => id + ': ' + nodes.map((node) => node.html).join(' ')))"""
Open = Callable[..., Visit]


@pytest.fixture(params=["real", "thin"], scope="session")
def site(request: pytest.FixtureRequest) -> Built:
    """Each of the two sites."""
    built: Built = request.getfixturevalue(request.param)
    return built


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_complaint_or_stranger(site: Built, visit: Open, width: int, scheme: str) -> None:
    """Anybody can use every page: axe finds nothing, the console is silent, and no other host is asked."""
    for place in site.pages:
        seen = visit(site, place, width=width, color_scheme=scheme)
        seen.page.wait_for_timeout(200)
        seen.page.evaluate(AXE)

        assert seen.page.evaluate(VIOLATIONS) == [], place
        assert seen.complaints == [], place
        assert [url for url in seen.requests if not url.startswith((site.address, "data:"))] == [], place
        seen.context.close()


@pytest.mark.parametrize("width", [390, 320])
def test_no_sideways_scroll(site: Built, visit: Open, width: int) -> None:
    """On a phone only blocks of code scroll sideways, never the page."""
    for place in site.pages:
        page = visit(site, place, width=width).page

        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, place


def test_numbers_stand_flush_right(real: Built, visit: Open) -> None:
    """A column that Markdown aligns is aligned: numbers under each other can be compared at a glance."""
    page = visit(real, "benchmarks/").page
    aligned = "[...document.querySelectorAll('.align-right')].map((cell) => getComputedStyle(cell).textAlign)"

    assert set(page.evaluate(aligned)) == {"right"}


def test_links_and_fragments(site: Built) -> None:
    """Every link within the site leads to a file, and every fragment to an element."""
    trees = {place: html.fromstring(site.text(place)) for place in site.pages}
    ids = {place: {str(name) for name in tree.xpath("//@id")} for place, tree in trees.items()}

    def leads_nowhere(place: str, link: str) -> bool:
        whole, fragment = urldefrag(urljoin(f"https://site.test/{place}", link))
        target = unquote(urlsplit(whole).path.lstrip("/"))
        path = site.folder / target
        if urlsplit(whole).netloc != "site.test":
            return False
        if not (path / "index.html" if path.is_dir() else path).exists():
            return True
        return target in ids and bool(fragment) and unquote(fragment) not in ids[target]

    links = [(place, str(link)) for place, tree in trees.items() for link in tree.xpath("//@href | //@src")]

    assert [link for link in links if leads_nowhere(*link)] == []


def test_ids_are_unique(site: Built) -> None:
    """An id names one element, also where many charts stand on a page."""
    for place in site.pages:
        if "jupyter-wrapper" in site.text(place):
            continue
        ids = html.fromstring(site.text(place)).xpath("//@id")

        assert len(ids) == len(set(ids)), (place, sorted(name for name in set(ids) if ids.count(name) > 1))


def test_charts_say_what_the_run_drew(site: Built) -> None:
    """Every number on an axis is the run's own: making a chart lighter changes no text in it."""
    drawn = {
        path: [text for text in etree.parse(path).xpath("//*[local-name()='text']//text()") if text.strip()]
        for path in sorted((site.root / "docs" / "runs").glob("*/*.svg"))
    }
    shown = [
        [str(text) for text in chart.xpath(".//text//text()") if text.strip()]
        for place in site.pages
        if place.startswith("posts/")
        for chart in html.fromstring(site.text(place)).xpath("//svg[contains(@class, 'chart')]")
    ]

    assert drawn and all(texts in shown for texts in drawn.values()), [*drawn]


def test_the_site_map_names_pages_for_readers_only(site: Built) -> None:
    """Search engines are sent to posts, not to notebooks, and told no day that is only that of the build."""
    text = (site.folder / "sitemap.xml").read_text("utf-8")

    assert "/posts/" in text and "/runs/" not in text and "<lastmod>" not in text
    assert gzip.decompress((site.folder / "sitemap.xml.gz").read_bytes()).decode() == text


def test_policy_stands_before_the_first_script(site: Built) -> None:
    """The browser enforces that only our files and the scripts we know run: no page allows inline scripts."""
    for place in site.pages:
        text = site.text(place)
        policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)

        assert policy and policy.start() < text.index("<script"), place
        scripts = next(part for part in policy[1].split("; ") if part.startswith("script-src"))
        assert "unsafe" not in scripts, place
        assert "unsafe-inline" not in policy[1] or "jupyter-wrapper" in text, place


def test_policy_is_enforced(thin: Built, visit: Open) -> None:
    """A script that slipped into a page does not run, and an image of another host is not fetched."""
    seen = visit(thin, "about/")
    ran = """() => {
        const script = Object.assign(document.createElement('script'), {textContent: 'window.slipped = 1'});
        const image = Object.assign(new Image(), {src: 'https://stranger.test/pixel.png'});
        document.body.append(script, image);
        return window.slipped;
    }"""

    assert seen.page.evaluate(ran) is None
    seen.page.wait_for_timeout(200)
    assert len(seen.complaints) == 2 and all("Content Security Policy" in text for text in seen.complaints)


def test_weight_of_a_page(site: Built, visit: Open) -> None:
    """A page without the weights of its demo is at most 150 KB on the wire."""
    for place in site.pages:
        if "jupyter-wrapper" in site.text(place):
            continue
        seen = visit(site, place)
        seen.page.wait_for_timeout(200)
        urls = {url for url in seen.requests if not re.match(r"data:|.*[.](bin|png)$", url)}
        sizes = {url: wire_size(site.folder / unquote(urlsplit(url).path.lstrip("/"))) for url in urls}

        assert sum(sizes.values()) <= 150 * 1024, (place, sizes)


def wire_size(path: Path) -> int:
    """Bytes of a file as a server would send it."""
    path = path / "index.html" if path.is_dir() else path
    return len(gzip.compress(path.read_bytes(), 6)) if path.exists() else 0


def test_print_to_pdf(site: Built, visit: Open) -> None:
    """A reader in dark mode prints dark ink on white, and every page prints."""
    for place in site.pages:
        page = visit(site, place, color_scheme="dark").page
        page.emulate_media(media="print")
        colour = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
        ink = [float(part) for part in re.findall(r"[\d.]+", colour)]

        assert max(ink[:3]) < 140, (place, ink)
        assert page.pdf().startswith(b"%PDF"), place


def test_readable_without_scripts(thin: Built, visit: Open) -> None:
    """Without JavaScript the figures, the outputs, the maths and the picture of the demo are there."""
    page = visit(thin, "posts/thin-post/", java_script_enabled=False).page

    for selector in ("svg.chart", ".output code", "math", ".explorer img", "#cell-half code", "#cite"):
        assert page.locator(selector).first.is_visible(), selector
