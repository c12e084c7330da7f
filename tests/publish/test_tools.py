"""What a machine must bring, and what the commands bring for it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "tests" / "tools" / "install.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make test` installs tools from, elsewhere; npm's registry is out of reach, as all hosts are."""
    shutil.copytree(INSTALL.parent, tmp_path / "tests" / "tools")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "uname"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def command(checkout: Path, name: str, text: str) -> None:
    """Put a command on the PATH of the checkout."""
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def install(checkout: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Install the tools as `make test` does."""
    nowhere = dict.fromkeys(("npm_config_registry", "PLAYWRIGHT_DOWNLOAD_HOST"), "http://127.0.0.1:9/")
    environment = {
        **os.environ,
        "PATH": str(checkout / "bin"),
        "npm_config_fetch_retries": "0",
        **nowhere,
        **more,
    }
    script = checkout / "tests" / "tools" / "install.py"
    return subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("there", "taken"), [(["chromium", "google-chrome"], "chromium"), (["google-chrome"], "google-chrome")]
)
def test_the_browser_of_the_machine_is_taken_first(checkout: Path, there: list[str], taken: str) -> None:
    """Who has a browser downloads none."""
    for name in there:
        command(checkout, name, f"echo {name} of the machine")
    install(checkout)
    opened = subprocess.run([checkout / ".blog" / "tools" / "chromium"], capture_output=True, text=True)

    assert opened.stdout == f"{taken} of the machine\n"


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_what_cannot_be_had_is_said(checkout: Path, ci: str, status: int) -> None:
    """Without a registry and a browser that starts each thing has its line, and is an error in CI."""
    command(checkout, "chromium", "echo it does not start >&2; exit 1")
    done = install(checkout, CI=ci)

    assert done.returncode == status
    assert re.findall(r"^(.*) cannot be installed: ", done.stderr, re.MULTILINE) == [
        "the judges",
        "a browser",
    ]
    assert "it does not start" in done.stderr
    assert not (checkout / ".blog" / "tools" / "chromium").exists()


def run_tests(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a test that wants a browser, beside our conftest, in a checkout that has none."""
    tests = folder / "tests"
    tests.mkdir()
    for name in ("conftest.py", "repository.py"):
        shutil.copy(ROOT / "tests" / name, tests)
    shutil.copytree(ROOT / "tests" / "offline", tests / "offline")
    (tests / "test_page.py").write_text("def test_page(browser):\n    assert browser\n")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", folder, "-p", "no:cacheprovider", tests]
    environment = {**os.environ, **more}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_what_was_left_out_is_the_last_line(tmp_path: Path, ci: str, status: int) -> None:
    """A test that could not run is no test that passed: one loud line says what it wanted."""
    done = run_tests(tmp_path, CI=ci)

    assert done.returncode == status, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LEFT OUT: ")]
    assert re.fullmatch(
        r"LEFT OUT: 1 tests?, for want of a browser: .*install\.py installs it, or says why not", line
    )


def makefile(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What make would do."""
    call = [str(shutil.which("make")), "--dry-run", "--no-print-directory", *arguments]
    options = {"cwd": ROOT, "env": {**os.environ, **environment}, "capture_output": True, "text": True}
    return subprocess.run(call, timeout=60, **options)


def test_windows_is_told_in_a_line() -> None:
    """The first command on Windows says what it wants, and starts nothing."""
    done = makefile("site", OS="Windows_NT")

    assert done.returncode != 0 and not done.stdout
    assert "run this inside WSL" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_npm_locks_hold_hashes_and_no_host() -> None:
    """What npm brings is checked by hash, and comes from whatever registry a machine is set up for."""
    for lock in INSTALL.parent.glob("*/package-lock.json"):
        text = lock.read_text("utf-8")

        assert '"resolved"' not in text, lock
        assert text.count('"node_modules/') == text.count('"integrity": "sha512-'), lock
