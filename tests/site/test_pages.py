"""Every page, in a real browser: no barrier, no complaint, no stranger, and not too heavy."""

import functools
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_playwright_python
import pytest
from lxml import etree, html
from playwright.sync_api import Browser, Page
from sites import Built, Visit, opened

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text("utf-8")
VIOLATIONS = """axe.run(document, {resultTypes: ['violations']}).then((found) =>
    found.violations.map(({id, nodes}) => id + ': ' + nodes.map((node) => node.html).join(' ')))"""
Open = Callable[..., Visit]


@dataclass(frozen=True)
class Seen:
    """What judges say: whom it shuts out, what the console said, who was asked, where it scrolls."""

    barriers: list[str]
    complaints: list[str]
    strangers: list[str]
    requests: list[str]
    too_wide: list[int]


@pytest.fixture(params=["1280-light", "1280-dark", "390-light", "390-dark"])
def seen(site: Built, browser: Browser, request: pytest.FixtureRequest) -> dict[str, Seen]:
    """Every page of a site on a screen of a width and in a scheme."""
    screen, scheme = request.param.split("-")
    return look(browser, site, int(screen), scheme)


@functools.cache
def look(browser: Browser, site: Built, width: int, scheme: str) -> dict[str, Seen]:
    """Open every page of a site, once for all judges."""
    found = {}
    for place in site.pages:
        visit = opened(browser, site, place, width=width, color_scheme=scheme)
        visit.page.wait_for_timeout(200)
        visit.page.evaluate(AXE)
        found[place] = Seen(
            visit.page.evaluate(VIOLATIONS),
            visit.complaints,
            [url for url in visit.requests if not url.startswith((site.address, "data:"))],
            visit.requests,
            [
                narrow
                for narrow in (width, 390, 320)
                if narrow <= width and scrolls_sideways(visit.page, narrow)
            ],
        )
        visit.context.close()
    return found


def scrolls_sideways(page: Page, width: int) -> bool:
    """True where a page is wider than a screen of so many pixels."""
    page.set_viewport_size({"width": width, "height": 900})
    return bool(page.evaluate("document.scrollingElement.scrollWidth") > width)


def test_anybody_can_use_every_page(seen: dict[str, Seen]) -> None:
    """Nobody is shut out, by sight or by hand: axe finds nothing, on no screen and in no scheme."""
    assert {place: page.barriers for place, page in seen.items() if page.barriers} == {}


def test_no_complaint(seen: dict[str, Seen]) -> None:
    """The browser's console is silent on every page."""
    assert {place: page.complaints for place, page in seen.items() if page.complaints} == {}


def test_no_stranger(seen: dict[str, Seen]) -> None:
    """Who reads is nobody else's business: no page asks another host for anything."""
    assert {place: page.strangers for place, page in seen.items() if page.strangers} == {}


def test_no_sideways_scroll(seen: dict[str, Seen]) -> None:
    """Only blocks of code scroll sideways, never the page, down to a screen of 320 pixels."""
    assert {place: page.too_wide for place, page in seen.items() if page.too_wide} == {}


def test_weight_of_a_page(site: Built, seen: dict[str, Seen]) -> None:
    """A page without the weights of its demo is at most 150 KB on the wire."""
    for place, page in seen.items():
        if "jupyter-wrapper" in site.text(place):
            continue
        urls = {url for url in page.requests if not re.match(r"data:|.*[.](bin|png)$", url)}
        sizes = {url: wire_size(site.folder / unquote(urlsplit(url).path.lstrip("/"))) for url in urls}

        assert sum(sizes.values()) <= 150 * 1024, (place, sizes)


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
