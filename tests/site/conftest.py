"""The real site and a thin one, each built once a session, and a real browser to look at them."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from blog_code.runner.cells import read_post
from blog_code.runner.run import run_post
from blog_code.site.build import write_pages
from blog_code.site.finish import finish_site

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/someone/somewhere"
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()


@dataclass
class Built:
    """A built site: the repository it came from, its folder, and its address on this machine."""

    root: Path
    folder: Path
    address: str

    @property
    def pages(self) -> list[str]:
        """The places of all pages, relative to the site."""
        found = sorted(self.folder.rglob("*.html"))
        return [path.relative_to(self.folder).as_posix().removesuffix("index.html") for path in found]

    def text(self, place: str) -> str:
        path = self.folder / place
        return (path / "index.html" if path.is_dir() else path).read_text("utf-8")


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


def thin_repository(root: Path) -> Path:
    """Lay out a repository with this one's configuration and assets, and run its post."""
    source = Path(__file__).parent / "project"
    shutil.copytree(source, root, dirs_exist_ok=True)
    shutil.copytree(ROOT / "docs" / "assets", root / "docs" / "assets")
    for path in (ROOT / "docs").glob("*.md"):
        shutil.copy(path, root / "docs")
    configuration = (ROOT / "mkdocs.yml").read_text("utf-8")
    (root / "mkdocs.yml").write_text(configuration.replace("flax-and-optax/values", "thin-post/values"), "utf-8")
    (root / "requirements.lock").write_text("matplotlib==3.0.0 \\\n    --hash=sha256:00\n")
    git = ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All of it"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    run_post(read_post(root / "docs" / "posts" / "thin-post.md", root), say=lambda text: None)
    return root


def build_thin(root: Path, folder: Path) -> None:
    """Build the thin site as if its repository were published."""
    before = os.environ.get("REPOSITORY_URL")
    os.environ["REPOSITORY_URL"] = REPOSITORY
    try:
        write_pages(root, folder)
        finish_site(folder, root)
    finally:
        if before is None:
            del os.environ["REPOSITORY_URL"]
        else:
            os.environ["REPOSITORY_URL"] = before


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or whatever `chromium` is on the PATH."""
    chromium = shutil.which("chromium")
    assert chromium, "no chromium on the PATH: see make browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, with what the browser complained of and what it asked for."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page of a site: `visit(site, "about/", width=390, scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def open_page(site: Built, place: str, *, width: int = 1280, scheme: str = "light", **options: object) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options  # type: ignore[arg-type]
        )
        contexts.append(context)
        visit = Visit(context.new_page(), context)
        visit.page.on("console", lambda m: visit.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(site.address + place, wait_until="load")
        return visit

    yield open_page
    for context in contexts:
        context.close()


def python() -> str:
    return sys.executable
