"""The wheel and the sdist: what they hold, and that the command works from the wheel alone."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = (".venv", ".blog", "site", "dist", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")
NEEDED = {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "Makefile",
    "mkdocs.yml",
    "requirements.lock",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist, built without a network from a checkout in which much was built."""
    root, folder = tmp_path_factory.mktemp("checkout") / "here", tmp_path_factory.mktemp("dist")
    root.mkdir()
    for path in ROOT.iterdir():
        if path.is_dir() and path.name not in {".git", *BUILT}:
            shutil.copytree(path, root / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, root)
    for name in (*BUILT, "blog_code/__pycache__", "docs/__pycache__"):
        (root / name).mkdir()
        (root / name / "built.txt").write_text("not a source")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return folder


def sources(*folders: str) -> set[str]:
    """The files of this checkout below some folders."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_nothing_else(packages: Path) -> None:
    """The style sheet that the code reads beside itself comes with it; tests do not."""
    with zipfile.ZipFile(next(packages.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert names == sources("blog_code")
    assert "blog_code/runner/figures.mplstyle" in names


def test_the_sdist_holds_the_sources_and_nothing_built(packages: Path) -> None:
    """Who has the sdist can build the wheel and the site and run the tests, and gets nobody's caches."""
    with tarfile.open(next(packages.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert NEEDED | sources("blog_code", "docs", "tests", "benchmarks") <= names
    assert not [name for name in names if name.endswith("built.txt")]


def test_the_command_works_from_the_wheel(packages: Path, tmp_path: Path) -> None:
    """Installed elsewhere, `blog` says its version and what it can do; nothing of the checkout is read."""
    wheel, target = next(packages.glob("*.whl")), tmp_path / "target"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    subprocess.run([*uv, "--python", sys.executable, "--target", target, wheel], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def said(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    blog = str(target / "bin" / "blog")
    assert said(blog, "--version") == f"blog-code {wheel.name.split('-')[1]}\n"
    assert all(command in said(blog, "--help") for command in ("import", "run", "check", "build", "site"))
    assert said(sys.executable, "-c", "import blog_code; print(blog_code.__path__[0])").startswith(
        str(target)
    )
