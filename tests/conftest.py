"""What all tests share: a home folder of their own, no host but this machine, a line on what was left out."""

import os
import random
import runpy
import shutil
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser, sync_playwright
from repository import Repository

from blog_code.runner.kernels import ForkServer

ROOT = Path(__file__).parents[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores for what it runs behind it
TOOLS = ROOT / ".blog" / "tools"
OFFLINE = Path(__file__).with_name("offline")
LEFT_OUT = "left out for want of "
# Where programs keep things, by the variable that they ask; the tests' home folder holds them all.
FOLDERS = {
    "HOME": ".",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "TFDS_DATA_DIR": "tensorflow_datasets",
    "JAX_COMPILATION_CACHE_DIR": ".cache/jax",
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Wall(BaseHTTPRequestHandler):
    """The proxy of all that the tests start: it lets nothing through."""

    def do_GET(self) -> None:
        self.send_error(403, "a test may reach this machine only")

    do_HEAD = do_POST = do_CONNECT = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Point the home folder, caches and proxies of this process, and of all that it starts, elsewhere.

    A hook and no fixture, since JAX reads where its cache is when it is imported.
    """
    hypothesis.settings.register_profile("short", max_examples=20, deadline=None, database=None)
    hypothesis.settings.register_profile("long", max_examples=1200, deadline=None, database=None)
    hypothesis.settings.load_profile("long" if os.environ.get("LONG") else "short")
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))
    if (
        "BLOG_TESTS" in os.environ
    ):  # xdist's workers, and a pytest that a test starts, share what stands already
        return
    os.environ["BLOG_TESTS"] = "set up"
    config.option.hypothesis_seed = config.option.hypothesis_seed or str(random.randrange(2**32))
    home = Path(tempfile.mkdtemp(prefix="blog-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    wall = ThreadingHTTPServer(("127.0.0.1", 0), Wall)
    threading.Thread(target=wall.serve_forever, daemon=True).start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = os.environ[name.lower()] = f"http://127.0.0.1:{wall.server_port}"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1,::1"
    os.environ["HUGO_SECURITY_HTTP_URLS"] = "none"  # it asks no proxy
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"  # what one test compiles, no other does
    os.environ.pop("MNIST_DIR", None)
    os.environ.update({name: str((home / folder).resolve()) for name, folder in FOLDERS.items()})
    os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what opens a browser and what trains; their files start first, as they take longest."""
    long = set()
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if "jax" in vars(item.module):
            item.add_marker(pytest.mark.training)
        if {"browser", "training"} & {mark.name for mark in item.iter_markers()}:
            long.add(item.path)
    items.sort(key=lambda item: item.path not in long)


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to draw the same examples again."""
    return f"properties: --hypothesis-seed={config.option.hypothesis_seed}"


def left_out(config: pytest.Config) -> Counter[str]:
    """What this machine lacks, and how many tests were left out for want of it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons = [str(report.longrepr) for report in reporter.getreports("skipped")] if reporter else []
    return Counter(reason.partition(LEFT_OUT)[2].rstrip("')") for reason in reasons if LEFT_OUT in reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where CI is true and anything was left out."""
    if os.environ.get("CI") == "true" and left_out(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with a loud line for each thing that this machine lacks."""
    for what, number in left_out(terminalreporter.config).items():
        tests = "1 test" if number == 1 else f"{number} tests"
        terminalreporter.write_line(f"LEFT OUT: {tests}, for want of {what}", red=True, bold=True)


def tool(name: str, what: str) -> Path:
    """The path of what tests/tools/install.py installs; without it the test is left out."""
    path = TOOLS / name
    if not path.exists():
        pytest.skip(f"{LEFT_OUT}{what}: .venv/bin/python tests/tools/install.py installs it, or says why not")
    return path


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The command that opens a browser."""
    return tool("chromium", "a browser")


@pytest.fixture(scope="session")
def judges() -> Path:
    """The folder of the modules that judge, in JavaScript."""
    return tool("judges/node_modules", "the judges in JavaScript")


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """A real browser, which stays open until the last test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """One warm process for all kernels of the tests."""
    with ForkServer() as shared:
        yield shared


@pytest.fixture
def repo(tmp_path: Path, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty repository, on a machine whose device is the CPU."""
    monkeypatch.setenv("BLOG_DEVICE", "cpu")
    return Repository(tmp_path, fork_server)


@pytest.fixture
def with_git(repo: Repository) -> Repository:
    """The repository, kept by git."""
    for arguments in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        repo.git(*arguments)
    repo.write(".gitignore", ".blog/\nsite/\n")
    return repo
