"""The live demo: by mouse, keyboard, touch and prose, in any scheme, and gracefully not at all."""

import gzip
from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from sites import Built, Visit

Open = Callable[..., Visit]
PLACE = "posts/thin-post/"
LIVE = "document.querySelector('.explorer-result') !== null"
PIXELS = """(() => { const canvas = document.querySelector('.explorer-result');
    return Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data); })()"""


@pytest.fixture
def live(thin: Built, visit: Open) -> Visit:
    """The page with its demo running."""
    seen = visit(thin, PLACE)
    seen.wait(LIVE)
    return seen


def label(page: Page) -> str:
    return str(page.locator(".explorer-result").get_attribute("aria-label"))


def test_a_mouse_drags_over_the_plane(live: Visit) -> None:
    """Dragging moves the dot, the two sliders and the digit together, and says so when it ends."""
    page, before = live.page, live.page.evaluate(PIXELS)
    page.locator(".explorer-plane").scroll_into_view_if_needed()
    box = page.locator(".explorer-plane").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25, steps=5)
    page.mouse.up()
    live.wait("document.querySelector('.explorer-result').ariaLabel.includes('(1.00, 1.00)')")

    assert page.evaluate(PIXELS) != before
    assert [page.locator("input[type=range]").nth(i).input_value() for i in (0, 1)] == ["1", "1"]
    live.wait("document.querySelector('.explorer-output').textContent === 'A 4 at z₁ = 1.00, z₂ = 1.00'")


def test_beyond_the_edge_is_the_edge(live: Visit) -> None:
    """A pointer that leaves the plane while dragging holds at its edge."""
    page = live.page
    box = page.locator(".explorer-plane").bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 300, box["y"] + 20)
    live.wait("document.querySelector('input[type=range]').value === '2'")
    page.mouse.up()

    assert "(2.00," in label(page)


def test_a_keyboard_reaches_everything(live: Visit) -> None:
    """Arrows choose the digit and move along each latent, with native controls that screen readers know."""
    page = live.page
    page.locator(".explorer-digits input:checked").focus()
    page.keyboard.press("ArrowRight")
    page.locator("input[type=range]").nth(0).focus()
    page.keyboard.press("End")
    page.locator("input[type=range]").nth(1).focus()
    page.keyboard.press("ArrowLeft")

    assert label(page) == "Decoder output for digit 5 at z = (2.00, −0.05)"
    assert page.locator("input[type=range]").nth(0).get_attribute("aria-label") == "latent z₁"


def test_a_finger_works_too(thin: Built, visit: Open) -> None:
    """On a phone a tap on the plane and on a digit set the demo, and the plane does not scroll the page."""
    seen = visit(thin, PLACE, width=390, has_touch=True, is_mobile=True)
    seen.page.locator(".explorer").scroll_into_view_if_needed()
    seen.wait(LIVE)
    seen.page.locator(".explorer-digits label").nth(7).tap()
    box = seen.page.locator(".explorer-plane").bounding_box()
    assert box
    seen.page.locator(".explorer-plane").tap(position={"x": box["width"] * 0.25, "y": box["height"] * 0.5})
    seen.wait("Math.abs(document.querySelector('input[type=range]').valueAsNumber + 1) < 0.06")

    assert label(seen.page).startswith("Decoder output for digit 7")
    style = "getComputedStyle(document.querySelector('.explorer-plane')).touchAction"
    assert seen.page.evaluate(style) == "none"


def test_words_in_the_prose_set_the_demo(live: Visit) -> None:
    """A link in the text shows what the sentence says."""
    live.page.get_by_role("link", name="A seven, to the right").click()

    assert label(live.page) == "Decoder output for digit 7 at z = (1.50, −1.00)"
    assert live.page.locator(".explorer-digits input").nth(7).is_checked()


def test_the_digit_takes_the_ink_of_the_page(live: Visit) -> None:
    """After a change of scheme, and for print, the digit is painted anew in the ink that is seen."""
    page = live.page
    page.locator("[for='__palette_1']").first.click()
    live.wait("document.body.dataset.mdColorScheme === 'slate'")
    page.wait_for_timeout(200)
    dark = page.evaluate(PIXELS)
    page.emulate_media(media="print")
    page.wait_for_timeout(200)
    printed = page.evaluate(PIXELS)

    assert max(dark[0::4]) > 180 and max(printed[0::4]) < 140
    assert dark[3::4] == printed[3::4]


def test_weights_come_only_when_the_demo_is_near(thin: Built, visit: Open) -> None:
    """Who does not scroll to the demo does not pay for its weights."""
    seen = visit(thin, "about/")
    pushed = thin.text(PLACE).replace('<div class="explorer"', "<br>" * 200 + '<div class="explorer"')
    seen.context.route(f"**/{PLACE}", lambda route: route.fulfill(body=pushed, content_type="text/html"))
    seen.page.goto(thin.address + PLACE)
    seen.page.wait_for_timeout(500)

    assert not any(url.endswith((".bin", "explorer.js")) for url in seen.requests)
    seen.page.locator(".explorer").scroll_into_view_if_needed()
    seen.wait(LIVE)
    assert any(url.endswith("decoder.bin") for url in seen.requests)


@pytest.mark.parametrize("lost", ["decoder.bin", "decoder.json", "demo/explorer.js"])
def test_without_weights_the_picture_stays(thin: Built, visit: Open, lost: str) -> None:
    """If a file of the demo does not come, the picture stands in its place and the console says why, once."""
    seen = visit(thin, "about/")
    seen.context.route(f"**/{lost}", lambda route: route.fulfill(status=404))
    seen.page.goto(thin.address + PLACE)
    seen.wait("document.querySelector('.md-code__nav') !== null")
    seen.page.wait_for_timeout(500)

    assert seen.page.locator(".explorer img").is_visible()
    assert seen.page.locator(".explorer-live").count() == 0
    assert len([text for text in seen.complaints if "stays a picture" in text]) == 1


def test_nothing_jumps(thin: Built, visit: Open) -> None:
    """The demo takes the room that was kept for it: the text below stays where it was."""
    seen = visit(thin, "about/")
    seen.page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) =>"
        " (window.shift += entry.value))).observe({type: 'layout-shift', buffered: true});"
    )
    seen.page.goto(thin.address + PLACE)
    seen.wait(LIVE)
    seen.page.wait_for_timeout(300)

    assert seen.page.evaluate("window.shift") < 0.05


def test_code_and_weights_fit_the_budget(thin: Built) -> None:
    """The demo costs at most 40 KB on the wire: its modules, its weights and their shapes."""
    run, assets = thin.folder / "runs" / "thin-post", thin.folder / "assets"
    files = [run / "decoder.bin", run / "decoder.json", assets / "site.js", *assets.glob("demo/*.js")]
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in files}

    assert sum(sizes.values()) <= 40 * 1024, sizes
