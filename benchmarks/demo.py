"""The demo on the post's page: its bytes on the wire, and the time between frames while someone drags.

Bytes are those of the files that the page loads for it: its modules, and the weights that the accepted run
exported. Frames are taken in headless Chromium, without a graphics card, on the site that `blog build` made.
"""

import gzip
import http.server
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.common import ROOT, busy, processor, table, versions, write

PAGE = "posts/flax-and-optax/"
PARTS = {
    "code": sorted((ROOT / "docs" / "assets" / "demo").glob("*.js")),
    "weights": sorted((ROOT / "docs" / "runs" / "flax-and-optax").glob("decoder.*")),
}
TARGETS = {"wire_bytes": 40_000, "p95_ms": 17}
RECORD = """() => {
  window.frames_ = [];
  const tick = (now) => { frames_.push(now); requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder at an address of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def wire(paths: list[Path]) -> int:
    """The bytes of the files as a server sends them, compressed one by one."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def frames(site: Path) -> list[float]:
    """Milliseconds between frames while the pointer is dragged across the plane and back."""
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address + PAGE)
        plane = page.locator(".explorer-plane")
        page.locator(".explorer-live, .explorer, [data-explorer]").first.scroll_into_view_if_needed()
        plane.wait_for(timeout=30_000)
        box = plane.bounding_box()
        assert box
        page.mouse.move(box["x"] + 4, box["y"] + 4)
        page.mouse.down()
        page.evaluate(RECORD)
        for across in (box["width"] - 8, 8.0):
            page.mouse.move(box["x"] + across, box["y"] + box["height"] / 2, steps=150)
        page.mouse.up()
        times = page.evaluate("frames_")
        browser.close()
    return [after - before for before, after in pairwise(times)]


def measure(full: bool) -> None:
    """Weigh the files, and drag where there is a built site with a demo."""
    rows = [
        {
            "part": name,
            "files": len(paths),
            "bytes": sum(p.stat().st_size for p in paths),
            "wire": wire(paths),
        }
        for name, paths in PARTS.items()
    ]
    if not all(PARTS.values()):
        raise SystemExit("the demo's modules or weights are missing: blog run flax-and-optax")
    rows.append(
        {"part": "together", **{key: sum(row[key] for row in rows) for key in ("files", "bytes", "wire")}}
    )
    print(table(rows, list(rows[0])))
    site = ROOT / "site"
    if not (site / PAGE / "index.html").exists():
        raise SystemExit("there is no built site: blog build")
    load = busy()
    between = frames(site)
    drag = {
        "frames": len(between),
        "median_ms": round(statistics.median(between), 1),
        "p95_ms": round(statistics.quantiles(between, n=20)[-1], 1),
    }
    print(table([drag], list(drag)))
    write(
        "demo",
        {
            "load": load,
            "device": processor(),
            "versions": versions("playwright"),
            "targets": TARGETS,
            "rows": rows,
            "drag": drag,
        },
    )
