"""Judges that nobody here wrote, fetched by npm: the Nu HTML checker of the W3C, and Lighthouse."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from sites import Built

# The theme's own: an input of its search, and nothing else.
KNOWN = ".*Attribute “autocomplete” is only allowed.*"


def npm(package: str, request: pytest.FixtureRequest, *needs: str) -> Path:
    """The folder of a package's modules, fetched once and kept with pytest's cache."""
    if missing := [name for name in ("npm", *needs) if not shutil.which(name)]:
        pytest.skip(f"{package} needs {' and '.join(missing)} on the PATH")
    folder = Path(request.config.cache.mkdir("npm"))
    modules = folder / "node_modules"
    if not (modules / package.partition("@")[0]).is_dir():
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, package]
        subprocess.run(install, check=True, capture_output=True, timeout=600)
    return modules


def test_html_is_valid(real: Built, thin: Built, request: pytest.FixtureRequest) -> None:
    """Every page is HTML as the standard has it; only the notebook view, made by others, may keep its own."""
    jar = npm("vnu-jar@26.9.27", request, "java") / "vnu-jar" / "build" / "dist" / "vnu.jar"
    pages = [
        path
        for site in (real, thin)
        for path in site.folder.rglob("*.html")
        if "jupyter-wrapper" not in path.read_text("utf-8")
    ]
    checker = ["java", "-jar", jar, "--errors-only", "--format", "gnu", "--filterpattern", KNOWN, *pages]

    said = subprocess.run(checker, capture_output=True, text=True, timeout=300)

    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("place", ["", "about/", "status/", "benchmarks/", "posts/flax-and-optax/"])
def test_lighthouse(real: Built, place: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Accessibility, best practices and what search engines ask for: 100 of 100 on each kind of page."""
    lighthouse = npm("lighthouse@12.8.2", request, "node", "chromium") / ".bin" / "lighthouse"
    report = tmp_path / "report.json"
    command = [
        *(lighthouse, real.address + place, "--quiet", "--output=json", f"--output-path={report}"),
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
        "--only-categories=accessibility,best-practices,seo",
    ]

    subprocess.run(
        command,
        env={**os.environ, "CHROME_PATH": shutil.which("chromium") or ""},
        check=True,
        capture_output=True,
        timeout=180,
    )

    told = json.loads(report.read_text("utf-8"))
    failed = {name: audit["title"] for name, audit in told["audits"].items() if audit["score"] == 0}
    scores = {name: category["score"] for name, category in told["categories"].items()}
    assert scores == {"accessibility": 1, "best-practices": 1, "seo": 1}, failed
