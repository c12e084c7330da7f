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

    assert len(pins(lock)) == len(named) > 10


def test_locks_are_for_every_platform():
    """The locks serve Linux, macOS and Windows: what only one of them needs carries a marker."""
    markers = " ".join(marker for _, _, marker in pins(LOCKS[0]))

    assert "sys_platform == 'win32'" in markers
    assert "sys_platform == 'darwin'" in markers
    assert {marker for _, _, marker in pins(LOCKS[1])} == {"sys_platform == 'linux'"}


def test_locks_agree():
    """The GPU's lock adds packages to the other and changes none: a post's versions are the same on both."""
    cpu, gpu = ({(name, version) for name, version, _ in pins(lock)} for lock in LOCKS)
    added = {name for name, _ in gpu - cpu}

    assert added.isdisjoint(name for name, _ in cpu)
    assert added >= {"jax-cuda13-plugin", "jax-cuda13-pjrt"}


def test_what_make_lock_resolves_is_divided(tmp_path: Path):
    """Of the lock that is resolved with a GPU, the second holds what the first has not, and both install."""
    [recipe] = re.findall(r"awk .*\\\n.*", read("Makefile"))
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements.lock").write_text("a==1 \\\n    --hash=x\n    # via b\nb==2 ; m\n")
    (tmp_path / ".venv/gpu.lock").write_text(
        "a==1 \\\n    --hash=x\nb==2\nc==3 ; n \\\n    --hash=y\n    # via b\n"
    )
    subprocess.run(["sh", "-c", recipe.replace("$$", "$")], cwd=tmp_path, check=True)

    assert read(tmp_path / LOCKS[1]) == "b==2\nc==3 ; n \\\n    --hash=y\n    # via b\n"


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
    weekly = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "maintain.yml")
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
