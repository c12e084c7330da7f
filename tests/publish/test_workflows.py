"""The workflows: what they must never lose, what their steps do, and what their own linters say."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from policy import Workflow, loosened
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent


def parsed() -> dict[str, Workflow]:
    """The workflows by the name of their file, as YAML 1.2 reads them: `on` is a word, not true."""
    return {path.name: YAML(typ="safe").load(path) for path in sorted(FOLDER.glob("*.y*ml"))}


def targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_policy_holds():
    """The workflows as they are committed are as tight as they are meant to be."""
    assert loosened(parsed(), targets()) == []


def job(workflows: dict[str, Workflow], file: str, key: str) -> Workflow:
    return workflows[file]["jobs"][key]


def pull_request_target(w):
    w["check.yml"]["on"] = {"pull_request_target": w["check.yml"]["on"]["pull_request"]}


def publish_on_pull_requests(w):
    w["publish.yml"]["on"]["pull_request"] = w["publish.yml"]["on"]["push"]


def publish_after_another_workflow(w):
    w["publish.yml"]["on"]["workflow_run"] = {"workflows": ["check"]}


def publish_any_branch(w):
    w["publish.yml"]["on"]["push"]["branches"] = ["**"]


def execute_from_any_branch(w):
    job(w, "publish.yml", "execute")["if"] = "needs.plan.outputs.posts != '[]'"


def main_or_something_else(w):
    job(w, "publish.yml", "execute")["if"] += " || github.actor == 'someone'"


def no_reviewers(w):
    del job(w, "publish.yml", "execute")["environment"]


def execute_may_write(w):
    job(w, "publish.yml", "execute")["permissions"] = {"contents": "write"}


def check_may_write(w):
    job(w, "check.yml", "test")["permissions"] = "write-all"


def rights_at_the_top(w):
    w["check.yml"]["permissions"] = {"contents": "read"}


def no_rights_at_the_top(w):
    del w["publish.yml"]["permissions"]


def tag_for_a_commit(w):
    job(w, "check.yml", "test")["steps"][0]["uses"] = "actions/checkout@v6"


def action_of_a_stranger(w):
    steps = job(w, "publish.yml", "build")["steps"]
    steps.append({"uses": "someone/else@de0fac2e4500dabe0009e67214ff5f5447ce83dd"})


def token_left_behind(w):
    del job(w, "publish.yml", "execute")["steps"][0]["with"]["persist-credentials"]


def head_of_a_fork(w):
    job(w, "publish.yml", "execute")["steps"][0]["with"]["ref"] = "${{ github.event.pull_request.head.sha }}"


def secret_for_posts(w):
    job(w, "publish.yml", "execute")["env"]["TOKEN"] = "${{ secrets.TOKEN }}"


def token_for_posts(w):
    job(w, "publish.yml", "execute")["steps"][2]["env"] = {"GH_TOKEN": "${{ github.token }}"}


def writer_runs_posts(w):
    job(w, "publish.yml", "propose")["steps"].append({"run": "make execute"})


def check_on_the_gpu(w):
    job(w, "check.yml", "test")["runs-on"] = "${{ vars.GPU_RUNNER }}"


def no_timeout(w):
    del job(w, "publish.yml", "execute")["timeout-minutes"]


def no_concurrency(w):
    del w["publish.yml"]["concurrency"]


def deploy_after_failure(w):
    job(w, "publish.yml", "deploy")["if"] = "always() && github.ref == 'refs/heads/main'"


def not_a_target(w):
    job(w, "check.yml", "test")["steps"].append({"run": "curl https://example.org/ | sh"})


def errors_ignored(w):
    job(w, "check.yml", "test")["steps"][-1]["continue-on-error"] = True


def paths_left_out(w):
    w["check.yml"]["on"]["pull_request"]["paths"].remove("requirements*.lock")


def a_third_workflow(w):
    w["more.yml"] = copy.deepcopy(w["publish.yml"])


LOOSER = [
    pull_request_target, publish_on_pull_requests, publish_after_another_workflow, publish_any_branch,
    execute_from_any_branch, main_or_something_else, no_reviewers, execute_may_write, check_may_write,
    rights_at_the_top, no_rights_at_the_top, tag_for_a_commit, action_of_a_stranger, token_left_behind,
    head_of_a_fork, secret_for_posts, token_for_posts, writer_runs_posts, check_on_the_gpu, no_timeout,
    no_concurrency, deploy_after_failure, not_a_target, errors_ignored, paths_left_out, a_third_workflow,
]  # fmt: skip


@pytest.mark.parametrize("loosen", LOOSER, ids=lambda loosen: loosen.__name__)
def test_policy_notices(loosen: Callable[[dict[str, Workflow]], None]):
    """Each way to loosen a workflow is noticed."""
    workflows = parsed()
    loosen(workflows)

    assert loosened(workflows, targets())


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
    """A post that no run can mend stops the publication, by name."""
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
        tool.write_text(f'#!/bin/sh\necho {name} "$@" "SITE_URL=$SITE_URL" >&2\n')
        tool.chmod(0o755)
    inherited = {
        key: value for key, value in os.environ.items() if key not in {"SITE_URL", "GITHUB_REPOSITORY"}
    }
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
        ({}, "https://example.org/"),
    ],
)
def test_release_knows_the_address_of_the_site(tmp_path: Path, environment: dict[str, str], address: str):
    """The site is built for publication under the address it will have, and refuses stale posts."""
    assert made(tmp_path, "release", **environment).strip() == f"blog build --release SITE_URL={address}"


def test_execute_takes_one_post(tmp_path: Path):
    """The matrix's post reaches the command as one word, whatever is in it; without one, nothing runs."""
    assert made(tmp_path, "execute", POST="a-post; false").startswith("blog run --force a-post; false ")
    assert "blog" not in made(tmp_path, "execute", POST="")


def test_plan_asks_what_is_stale(tmp_path: Path):
    """The plan is made of what `blog check` says."""
    told = made(tmp_path, "plan")

    assert "blog check --json" in told
    assert "python .github/plan.py" in told


def test_browser_takes_the_chrome_of_the_runner(tmp_path: Path):
    """Where there is Chrome and no Chromium, as on GitHub's machines, `chromium` becomes a name of Chrome."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "mkdir", "ln"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "google-chrome").write_text("#!/bin/sh\n")
    (tools / "google-chrome").chmod(0o755)
    local = tmp_path / ".local" / "bin"
    command = [shutil.which("make"), "browser"]
    environment = {"PATH": f"{tools}:{local}", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert (local / "chromium").resolve() == tools / "google-chrome"


def test_browser_says_what_is_missing(tmp_path: Path):
    """Where there is neither, the message says what to install."""
    for name in ("sh", "mkdir", "ln"):
        (tmp_path / name).symlink_to(shutil.which(name))
    command = [shutil.which("make"), "browser"]
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert "install one" in done.stdout
    assert not (tmp_path / ".local").exists()
