"""The real site and a thin one, each built once a session, and a real browser to look at them."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from sites import ROOT, Built, Visit, build_thin, opened, thin_repository

from blog_code.site.build import write_pages
from blog_code.site.finish import finish_site


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve folders on this machine's loopback until the session ends."""
    servers: list[http.server.ThreadingHTTPServer] = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    def start(folder: Path) -> str:
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> Built:
    """The site of this checkout, from its accepted runs."""
    folder = tmp_path_factory.mktemp("real") / "site"
    write_pages(ROOT, folder)
    finish_site(folder, ROOT)
    return Built(ROOT, folder, serve(folder))


@pytest.fixture(scope="session")
def thin(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> Built:
    """A site with one small post that has one of each thing a page can hold, executed and committed."""
    root = thin_repository(tmp_path_factory.mktemp("thin"))
    folder = root / "site"
    build_thin(root, folder)
    return Built(root, folder, serve(folder))


@pytest.fixture(params=["real", "thin"], scope="session")
def site(request: pytest.FixtureRequest) -> Built:
    """Each of the two sites."""
    built: Built = request.getfixturevalue(request.param)
    return built


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page of a site: `visit(site, "about/", width=390, color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def open_page(site: Built, place: str, **options: Any) -> Visit:
        visit = opened(browser, site, place, **options)
        contexts.append(visit.context)
        return visit

    yield open_page
    for context in contexts:
        context.close()
