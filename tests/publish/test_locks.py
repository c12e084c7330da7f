"""The two locks: complete, of one mind, and silent about where packages come from."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-gpu.lock")
HASHES = r"(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?$)+"
PIN = re.compile(rf"^([a-z0-9.-]+)==(\S+)(?: ; (.*?))? \\${HASHES}", re.MULTILINE)


def read(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str, str]]:
    """Name, version and marker of each package of a lock that has its hashes."""
    return set(PIN.findall(read(lock)))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes(lock: str):
    """A package without a hash could be swapped for another on its way."""
    named = [line for line in read(lock).splitlines() if line and not line.startswith((" ", "#"))]

    assert len(pins(lock)) == len(named) > 100


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_for_every_platform(lock: str):
    """One lock serves Linux, macOS and Windows: what only one of them needs carries a marker."""
    markers = " ".join(marker for _, _, marker in pins(lock))

    assert "sys_platform == 'win32'" in markers
    assert "sys_platform == 'darwin'" in markers


def test_locks_agree():
    """The GPU's lock adds packages to the other and changes none: a post's versions are the same on both."""
    cpu, gpu = pins(LOCKS[0]), pins(LOCKS[1])

    assert cpu - gpu == set()
    assert {name for name, _, _ in gpu - cpu} >= {"jax-cuda13-plugin", "jax-cuda13-pjrt"}


def test_locks_hold_what_the_project_asks_for():
    """A dependency that someone adds to pyproject.toml without `make lock` is noticed."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["posts"], *extras["test"], *extras["audit"]]
    locked = {name: version for name, version, _ in pins(LOCKS[0])}
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)

        assert name in locked, f"{name} is not in requirements.lock: make lock"
        assert requirement.specifier.contains(locked[name]), f"{name} {locked[name]}: make lock"


def test_no_committed_lock_names_a_host():
    """Locks work behind any registry: none says where packages are, and no format that would is committed."""
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()

    assert not [name for name in files if Path(name).name in {"uv.lock", "pylock.toml", "poetry.lock"}]
    for name in files:
        if name.endswith(".lock"):
            found = re.search(r"://|--index|--extra-index|--find-links|--trusted-host", read(name))

            assert not found, f"{name}: {found}"


def test_updates_of_actions_are_configured():
    """The pinned commits of actions do not grow old unnoticed; packages are the weekly workflow's."""
    config = YAML(typ="safe").load(ROOT / ".github" / "dependabot.yml")
    weekly = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "publish.yml")
    runs = [step.get("run") for step in weekly["jobs"]["locks"]["steps"]]

    assert [update["package-ecosystem"] for update in config["updates"]] == ["github-actions"]
    assert weekly["on"]["schedule"]
    assert "make lock" in runs


def test_every_licence_is_stated():
    """The list of licences has a line a package, and no package here keeps its licence to itself."""
    command = [sys.executable, ROOT / ".github" / "licences.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert re.search(r"^jax +\S+ +Apache-2.0$", done.stdout, re.MULTILINE)
