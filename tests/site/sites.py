"""Two sites to look at: this checkout's own, and a thin one that has one of each thing."""

import importlib.metadata
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from blog_code.posts.post import read_post
from blog_code.runner.run import run_post, write_values
from blog_code.site.build import write_pages
from blog_code.site.finish import finish_site

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/someone/somewhere"


@dataclass(frozen=True)
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


@dataclass
class Visit:
    """An open page, with what the browser complained of and what it asked for."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def wait(self, expression: str, seconds: float = 10) -> Any:
        """Poll for a true value: Playwright's own waiting evaluates strings, which the policy forbids."""
        deadline = time.monotonic() + seconds
        while not (value := self.page.evaluate(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}"
            self.page.wait_for_timeout(50)
        return value


def opened(browser: Browser, site: Built, place: str, *, width: int = 1280, **options: Any) -> Visit:
    """Open a page of a site in a context of its own, and note what is complained of and asked for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    visit = Visit(context.new_page(), context)
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.goto(site.address + place, wait_until="load")
    return visit


def thin_repository(root: Path) -> Path:
    """Lay out a repository with this one's configuration and assets, and run its post."""
    source = Path(__file__).parent / "project"
    shutil.copytree(source, root, dirs_exist_ok=True)
    for name in ("docs/assets", "benchmarks/results"):  # the benchmarks page quotes the results
        shutil.copytree(ROOT / name, root / name)
    for path in (ROOT / "docs").glob("*.md"):
        shutil.copy(path, root / "docs")
    (root / "docs" / "runs").mkdir()
    shutil.copy(ROOT / "mkdocs.yml", root)
    pinned = f"matplotlib=={importlib.metadata.version('matplotlib')}"
    (root / "requirements.lock").write_text(f"{pinned} \\\n    --hash=sha256:00\n")
    git = ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All of it"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    run_post(read_post(root / "docs" / "posts" / "thin-post.md", root), say=lambda text: None)
    write_values(root)
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
