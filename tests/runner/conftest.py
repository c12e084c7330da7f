"""The repository that each test of the runner gets."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import Repository

from blog_code.runner.kernels import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """One warm process for all kernels of the tests."""
    with Nursery() as shared:
        yield shared


@pytest.fixture
def repo(tmp_path: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty repository, on a machine whose device is the CPU."""
    monkeypatch.setenv("BLOG_DEVICE", "cpu")
    return Repository(tmp_path, nursery)


@pytest.fixture
def with_git(repo: Repository) -> Repository:
    """The repository, kept by git."""
    if not shutil.which("git"):
        pytest.skip("no git on this machine")
    for arguments in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        subprocess.run(["git", *arguments], cwd=repo.root, check=True)
    repo.write(".gitignore", ".blog/\nsite/\n")
    return repo
