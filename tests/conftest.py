"""The repository that each test of the runner gets."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import Repository

from blog_code.runner.kernels import ForkServer


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
    if not shutil.which("git"):
        pytest.skip("no git on this machine")
    for arguments in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        subprocess.run(["git", *arguments], cwd=repo.root, check=True)
    repo.write(".gitignore", ".blog/\nsite/\n")
    return repo
