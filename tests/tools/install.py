"""Install what the tests use and Python's lock cannot hold: judges written in JavaScript, and a browser.

`make test` runs this. npm's locks beside this file hold versions and hashes; what they bring lies in
`.blog/tools`, and `.blog/tools/chromium` opens the browser. What this machine cannot have is said in a line;
the tests that want it are left out, which is an error where CI is true.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from playwright.sync_api import sync_playwright

BESIDE = Path(__file__).parent
TOOLS = BESIDE.parents[1] / ".blog" / "tools"
BIN = Path(sys.executable).parent
FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
</fontconfig>
"""


class Missing(Exception):
    """What this machine cannot have, and why."""


def run(*command: str | Path, **options: object) -> str:
    """Run a command and return what it prints; raises Missing with the last line of its errors."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from None
    if done.returncode:
        said = [
            line for line in (done.stderr or done.stdout).splitlines() if line and "complete log" not in line
        ]
        raise Missing(said[-1] if said else f"{command[0]} failed")
    return done.stdout


def npm(name: str) -> Path:
    """Install what a lock of npm's pins, unless that is done; returns the folder of its modules."""
    folder, lock = TOOLS / name, (BESIDE / name / "package-lock.json").read_bytes()
    done, wanted = folder / "installed", hashlib.sha256(lock).hexdigest()
    if not (done.is_file() and done.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(BESIDE / name, folder)
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        environment.setdefault("NODE_EXTRA_CA_CERTS", os.environ.get("SSL_CERT_FILE", ""))
        run(BIN / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder, env=environment)
        done.write_text(wanted)
    return folder / "node_modules"


def write_command(*command: str, **environment: Path) -> None:
    """Write .blog/tools/chromium, which opens a browser; raises Missing where that does not start."""
    chromium = TOOLS / "chromium"
    assignments = [f"export {name}={shlex.quote(str(value))}" for name, value in environment.items()]
    chromium.write_text("\n".join(["#!/bin/sh", *assignments, f'exec {shlex.join(command)} "$@"', ""]))
    chromium.chmod(0o755)
    run(chromium, "--version")


def of_the_machine() -> None:
    """Take the browser that is on the PATH."""
    for name in ("chromium", "google-chrome"):
        if found := shutil.which(name):
            return write_command(found)
    raise Missing("no chromium and no google-chrome on the PATH")


def of_playwright() -> None:
    """Take the browser that Playwright has downloaded earlier."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    write_command(path)


def of_npm() -> None:
    """Take the browser that an npm package ships whole, with its libraries and a font: Linux on x64 only."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing("its npm package is for Linux on x64")
    package = npm("browser") / "@sparticuz" / "chromium" / "bin"
    for path in package.glob("*.br"):
        run(BIN / "node", BESIDE / "unpack.mjs", path, package / path.stem)
        if path.stem.endswith(".tar"):
            with tarfile.open(package / path.stem) as archive:
                archive.extractall(package, filter="data")
        path.unlink()  # the last step: what is still packed was not unpacked whole
    (package / "fonts.conf").write_text(FONTS)
    (package / "chromium").chmod(0o755)
    write_command(
        str(package / "chromium"), LD_LIBRARY_PATH=package / "lib", FONTCONFIG_FILE=package / "fonts.conf"
    )


def by_playwright() -> None:
    """Let Playwright download its browser."""
    run(sys.executable, "-m", "playwright", "install", "chromium")
    of_playwright()


def install_browser() -> None:
    """Write the command that opens a browser, of the first source that has one; else raises Missing."""
    reasons = []
    for source in (of_the_machine, of_playwright, of_npm, by_playwright):
        try:
            return source()
        except Missing as missing:
            reasons.append(str(missing))
    (TOOLS / "chromium").unlink(missing_ok=True)
    raise Missing("; ".join(reasons))


def main() -> int:
    """Install all, and say in a line each what cannot be had; that is an error where CI is true."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    missing = 0
    wanted = {"the judges": lambda: npm("judges"), "a browser": install_browser}
    for what, install in wanted.items():
        try:
            install()
        except Missing as error:
            missing += 1
            print(f"{what} cannot be installed: {error}", file=sys.stderr)
    return int(bool(missing) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
