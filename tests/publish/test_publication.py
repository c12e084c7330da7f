"""What a repository lives through: events in sequence, with a git and a `gh` that keeps notes."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from repository import Repository
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / ".github"))
decide, publish = (importlib.import_module(name) for name in ("decide", "publish"))
GH = '''#!{python}
"""Answers as GitHub would, from the state beside it, and keeps the calls."""
import json, pathlib, sys
path = pathlib.Path({state!r})
state, call = json.loads(path.read_text()), sys.argv[1:]
state["calls"].append(call)
told = dict(zip(call, call[1:]))
match call[:2]:
    case ["api", name]:
        answer = state["api"].get(name.split("/", 3)[3])
        print(json.dumps(answer))
        if answer is None:
            print("gh: Not Found (HTTP 404)", file=sys.stderr)
    case ["pr", "list"]:
        print("\\n".join(str(n) for n, b in enumerate(state["pulls"], 1) if b == told["--head"]))
    case ["pr", "create"]:
        state["pulls"].append(told["--head"])
    case ["issue", "list"]:
        print(json.dumps(state["issues"]))
    case ["issue", "create"]:
        state["issues"].append(dict(number=7, title=told["--title"], body=told["--body"]))
    case ["issue", "edit"]:
        state["issues"][0]["body"] = told["--body"]
    case ["issue", "close"]:
        state["issues"].clear()
path.write_text(json.dumps(state))
sys.exit(call[0] == "api" and answer is None)
'''
GUARDED = {"protection_rules": [{"type": "required_reviewers"}], "deployment_branch_policy": {"custom": True}}
SET = {"pages": {"build_type": "workflow"}, "environments/github-pages": GUARDED}


class GitHub:
    """Plays GitHub for a repository of posts: an origin, runners, a site, and notes of what was executed."""

    def __init__(self, repo: Repository, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.repo, self.outside, self.patch = repo, outside, monkeypatch
        self.state = outside / "gh.json"
        self.state.write_text(json.dumps({"calls": [], "pulls": [], "issues": [], "api": SET}))
        self.executed: list[str] = []
        self.failing: set[str] = set()
        self.offline = False
        self.site: dict[
            str, tuple[str, str, str]
        ] = {}  # of each post its page, its code, what its run printed
        (outside / "bin").mkdir()
        (outside / "bin" / "gh").write_text(GH.format(python=sys.executable, state=str(self.state)))
        (outside / "bin" / "gh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{outside / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("GITHUB_REPOSITORY", "someone/posts")
        monkeypatch.setenv("GH_TOKEN", "a token")
        repo.git("init", "--quiet", "--bare", "--initial-branch=main", str(outside / "origin.git"))
        repo.git("remote", "add", "origin", str(outside / "origin.git"))

    def note(self, **parts: Any) -> None:
        """Change what GitHub says."""
        self.state.write_text(json.dumps(json.loads(self.state.read_text()) | parts))

    def said(self, part: str) -> Any:
        """Return what GitHub has noted: calls, pulls, issues."""
        return json.loads(self.state.read_text())[part]

    def push(self) -> None:
        """Push all that was written to main."""
        self.repo.commit()
        self.repo.git("push", "--quiet", "origin", "HEAD:main")

    def clone(self) -> Path:
        """Check main out as a job does, with all branches, and go there."""
        checkout = self.outside / "checkout"
        self.patch.chdir(self.outside)
        shutil.rmtree(checkout, ignore_errors=True)
        origin = str(self.outside / "origin.git")
        subprocess.run(["git", "clone", "--quiet", "--branch=main", origin, str(checkout)], check=True)
        self.patch.chdir(checkout)
        return checkout

    def handed_on(self, job: Any, *arguments: str, **environment: str) -> dict[str, Any]:
        """Let a job do its step, and return what it hands on."""
        (self.outside / "output").write_text("")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GITHUB_OUTPUT", str(self.outside / "output"))
            for name, value in environment.items():
                patch.setenv(name, value)
            job(*arguments)
        lines = (self.outside / "output").read_text().splitlines()
        return {line.partition("=")[0]: json.loads(line.partition("=")[2]) for line in lines}

    def plan(self, event: str = "push", attempt: str = "1") -> list[str]:
        """Plan as execute.yml does after an event."""
        self.clone()
        made = self.handed_on(publish.make_plan, GITHUB_EVENT_NAME=event, GITHUB_RUN_ATTEMPT=attempt)
        return list(made["posts"])

    def execute(self, event: str = "push", attempt: str = "1") -> list[str]:
        """Play execute.yml: plan, execute each post on a machine of its own, collect, propose."""
        if not (posts := self.plan(event, attempt)):
            return []
        left = self.outside / "artifacts"
        for slug in [] if self.offline else posts:
            self.executed.append(slug)
            if slug in self.failing:
                (left / "failed").mkdir(parents=True, exist_ok=True)
                (left / "failed" / slug).touch()
                continue
            clone = Repository(self.clone(), self.repo.fork_server)
            shutil.copytree(clone.accept(slug), left / "runs" / slug)
        checkout = self.clone()
        if left.exists():
            shutil.move(left, checkout / ".blog/artifacts")
        publish.collect()
        shutil.move(checkout / ".blog/artifacts/proposal", self.outside / "proposal")
        shutil.move(self.outside / "proposal", self.clone() / ".blog/artifacts/proposal")
        publish.propose()
        return posts

    def publish(self) -> dict[str, tuple[str, str, str]]:
        """Play publish.yml but for MkDocs: what would stand on the site of each post."""
        checkout = self.clone()
        self.handed_on(publish.look_at_settings, "pages")
        publish.hold()
        clone = Repository(checkout, self.repo.fork_server)
        self.site = {}
        for path in sorted((checkout / "docs/posts").glob("*.md")):
            story = (checkout / "blog_code" / path.stem / "story.py").read_text()
            printed = (checkout / "docs/runs" / path.stem / "say.txt").read_text()
            self.site[path.stem] = (path.read_text().splitlines()[-1], story.splitlines()[3], printed.strip())
            assert publish.read().publishable(clone.check(path.stem))
        return self.site

    def merge(self) -> None:
        """Merge the proposal, as a person does."""
        self.repo.git("fetch", "--quiet", "origin")
        self.repo.git("merge", "--quiet", "--no-edit", "origin/refresh/runs")
        self.repo.git("push", "--quiet", "origin", "HEAD:main")
        self.note(pulls=[])

    def write(self, slug: str, printed: str, prose: str = "Prose.") -> None:
        """Write a post that prints something."""
        self.repo.post(slug, say=f"print({printed!r})", end=prose)


@pytest.fixture
def github(
    with_git: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> GitHub:
    """A repository with the posts one and two, both with an accepted run, pushed and published."""
    with_git.git("checkout", "-q", "-b", "main")
    github = GitHub(with_git, tmp_path_factory.mktemp("github"), monkeypatch)
    for slug in ("one", "two"):
        github.write(slug, f"{slug}, first")
        with_git.accept(slug)
    github.push()
    return github


ONE = ("Prose.", "print('one, first')", "one, first")
TWO = ("Prose.", "print('two, first')", "two, first")
NEW = ("Prose.", "print('one, second')", "one, second")


def test_push_of_fresh_posts(github: GitHub) -> None:
    """A push without anything to execute is published, and proposes nothing."""
    assert github.execute() == []
    assert github.publish() == {"one": ONE, "two": TWO}
    assert not github.said("pulls")


def test_push_with_a_stale_post(github: GitHub) -> None:
    """New code is executed once and proposed; the page stays whole as it was until the run is merged."""
    github.write("one", "one, second", "New prose.")
    github.push()

    assert github.publish()["one"] == ONE
    assert github.execute() == ["one"]
    assert github.execute() == []  # the next push finds the run proposed
    assert github.publish()["one"] == ONE

    github.merge()
    assert github.execute() == []
    assert github.publish() == {"one": ("New prose.", *NEW[1:]), "two": TWO}
    assert github.executed == ["one"]


def test_a_held_page_names_its_commit(github: GitHub) -> None:
    """Page, code and outputs of a post that is held are of one commit, which the page is told."""
    good = github.repo.git("rev-parse", "HEAD")
    github.write("one", "one, second")
    github.push()
    github.publish()

    assert json.loads(Path(".blog/held.json").read_text()) == {"one": good}


def test_prose_goes_out_without_the_gpu(github: GitHub) -> None:
    """With every runner away, a typo that is mended is published, and a stale post goes out as it was."""
    github.offline = True
    github.write("one", "one, second")
    github.write("two", "two, first", "Mended.")
    github.push()

    assert github.execute() == ["one"]
    assert github.publish() == {"one": ONE, "two": ("Mended.", *TWO[1:])}
    assert not github.said("pulls") and not github.said("issues")
    github.offline = False
    assert github.execute() == ["one"]  # it was never executed, so it is asked for again
    assert github.executed == ["one"]


def test_a_failing_post_holds_nothing_up(github: GitHub) -> None:
    """The others are proposed and published; what fails is in one issue, and no later push executes it."""
    github.failing = {"one"}
    github.write("one", "one, second")
    github.write("two", "two, second")
    github.push()

    assert github.execute() == ["one", "two"]
    github.merge()
    assert github.publish() == {"one": ONE, "two": ("Prose.", "print('two, second')", "two, second")}
    assert [issue["title"] for issue in github.said("issues")] == [decide.FAILING]
    assert github.execute() == []

    github.failing = set()
    github.write("one", "one, second, mended")
    github.push()
    assert github.execute() == ["one"]
    assert github.said("issues") == []
    assert github.executed == ["one", "two", "one"]


def test_a_failing_post_is_tried_again_on_demand(github: GitHub) -> None:
    """Whoever starts the workflow by hand, or a failed one again, has the post executed again."""
    github.failing = {"one"}
    github.write("one", "one, second")
    github.push()
    github.execute()

    assert github.plan() == []
    assert github.plan("workflow_dispatch") == github.plan("push", attempt="2") == ["one"]


def test_two_pushes_at_once(github: GitHub) -> None:
    """Runs of execute.yml wait for one another, so the second finds what the first proposed."""
    github.write("one", "one, second")
    github.push()
    github.write("two", "two, first", "Mended.")
    github.push()
    github.publish()  # of the second push, while the first executes
    mended = github.site["two"]

    assert [github.execute(), github.execute()] == [["one"], []]
    assert mended == ("Mended.", *TWO[1:])
    assert github.executed == ["one"]


def test_a_push_while_a_post_is_executed(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of code that is no longer that of main is refused, and the newer code is executed once."""
    github.write("one", "one, second")
    github.push()
    collect = publish.collect

    def overtaken() -> None:
        github.write("one", "one, third")
        github.push()
        shutil.move(Path(".blog/artifacts"), github.outside / "kept")
        shutil.move(github.outside / "kept", github.clone() / ".blog/artifacts")
        collect()

    monkeypatch.setattr(publish, "collect", overtaken)
    github.execute()
    assert not github.said("pulls")

    monkeypatch.setattr(publish, "collect", collect)
    assert github.execute() == ["one"]
    github.merge()
    assert github.publish()["one"][2] == "one, third"


def test_run_all_again(github: GitHub) -> None:
    """What is started again executes nothing twice, opens no second pull request, publishes the same."""
    github.write("one", "one, second")
    github.push()
    github.execute()
    before = github.publish()

    assert github.execute(attempt="2") == []
    assert github.publish() == before
    assert github.said("pulls") == ["refresh/runs"]


def test_first_publication(github: GitHub) -> None:
    """Where Pages is off a sentence says what to set, and the same run, started again, then publishes."""
    github.note(api={})
    with pytest.raises(SystemExit):
        github.publish()
    github.note(api=SET)

    assert github.publish() == {"one": ONE, "two": TWO}


def test_a_new_post(github: GitHub) -> None:
    """A post without a run is not published; its first run is executed, proposed and then published."""
    github.write("three", "three")
    github.push()

    assert github.publish().keys() == {"one", "two"}
    assert github.execute() == ["three"]
    github.merge()
    assert github.publish().keys() == {"one", "three", "two"}


def test_a_link_to_a_new_post(github: GitHub) -> None:
    """A post that already links to one that is not published yet waits for it, and no link is broken."""
    github.write("three", "three")
    github.write("one", "one, first", "See [three](three.md).")
    github.push()

    assert github.publish() == {"one": ONE, "two": TWO}
    github.execute()
    github.merge()
    assert github.publish()["one"][0] == "See [three](three.md)."


def test_a_draft_is_left_alone(github: GitHub) -> None:
    """A draft that has no run is not published anyway: it is not put back, and holds nothing up."""
    github.repo.post("three", say="print(3)", front="draft: true")
    github.push()

    github.clone()
    publish.hold()
    assert Path("docs/posts/three.md").exists()
    assert json.loads(Path(".blog/held.json").read_text()) == {}


def test_a_broken_post_holds_nothing_up(github: GitHub) -> None:
    """Front matter that cannot be read keeps that page as it was, and nothing else."""
    github.repo.edit("docs/posts/one.md", "title: A post", "title: [A post")
    github.write("two", "two, first", "Mended.")
    github.push()

    assert github.execute() == []
    assert github.publish() == {"one": ONE, "two": ("Mended.", *TWO[1:])}


def test_a_new_lock(github: GitHub) -> None:
    """With other versions of what posts import all are due: published as they stand, executed once."""
    for slug in ("one", "two"):
        front = "requirements: [numpy]"
        github.repo.post(slug, say=f"print('{slug}, first')", end="Prose.", front=front)
        github.repo.accept(slug)
    github.repo.write("requirements.lock", "numpy==9.9.9 \\\n    --hash=sha256:00\n")
    github.push()

    assert github.publish() == {"one": ONE, "two": TWO}
    assert github.plan() == ["one", "two"]


def test_runs_that_were_proposed_before_stay(github: GitHub) -> None:
    """A later proposal keeps the runs of an earlier one that still fit: it is one pull request for all."""
    github.write("one", "one, second")
    github.push()
    github.execute()
    github.write("two", "two, second")
    github.push()

    assert github.execute() == ["two"]
    github.merge()
    assert [printed for _, _, printed in github.publish().values()] == ["one, second", "two, second"]
    assert sum(call[:2] == ["pr", "create"] for call in github.said("calls")) == 1


def started(event: str, *, asleep: bool = False) -> set[str]:
    """The workflows that an event starts; `asleep` are those with a schedule, which GitHub switches off."""
    read = {path.name: YAML(typ="safe").load(path)["on"] for path in (ROOT / ".github/workflows").iterdir()}
    return {
        name for name, events in read.items() if event in events and not ("schedule" in events and asleep)
    }


def test_a_fork(github: GitHub) -> None:
    """A pull request is checked; it starts nothing that executes on the GPU, proposes or publishes."""
    assert started("pull_request") == {"check.yml"}
    assert github.publish() == {"one": ONE, "two": TWO}  # whatever branch or artifact a fork has made


def test_sixty_idle_days(github: GitHub) -> None:
    """When GitHub has switched the schedule off, a push is published and executed all the same."""
    github.write("one", "one, second")
    github.push()

    assert started("push", asleep=True) == {"publish.yml", "execute.yml"}
    assert (github.publish()["one"], github.execute()) == (ONE, ["one"])


def test_the_day_of_a_scheduled_post(github: GitHub) -> None:
    """A site whose newest post is of today is published without a push, and not on other days."""
    github.clone()
    before = github.handed_on(publish.look_at_dates)
    github.repo.edit("docs/posts/two.md", "date: 2024-02-03", f"date: {date.today()}")
    github.push()
    github.clone()

    assert [before, github.handed_on(publish.look_at_dates)] == [{"publish": False}, {"publish": True}]


def test_proposal_touches_runs_alone(github: GitHub) -> None:
    """Whatever the working tree holds, the job that may write changes runs, and never main."""
    github.write("one", "one, second")
    github.push()
    main = github.repo.git("rev-parse", "HEAD")
    github.execute()
    github.repo.git("fetch", "--quiet", "origin")
    changed = github.repo.git("diff", "--name-only", "origin/main", "origin/refresh/runs").splitlines()

    assert github.repo.git("rev-parse", "origin/main") == main
    assert changed and all(name.startswith("docs/runs/") for name in changed)


@pytest.mark.parametrize("left", ["link", "stranger"])
def test_what_is_no_run_is_refused(github: GitHub, left: str) -> None:
    """The job that may write takes plain files, of posts that there are."""
    folder = github.clone() / ".blog/artifacts/proposal/runs" / {"link": "one", "stranger": "nobody"}[left]
    folder.mkdir(parents=True)
    (folder / "say.txt").symlink_to("/etc/passwd") if left == "link" else (folder / "say.txt").touch()

    with pytest.raises(SystemExit, match=r"is no plain file|is the run of no post"):
        publish.propose()


def test_a_thousand_posts() -> None:
    """A matrix holds 256 jobs: a batch is executed, stale posts first, and the others wait, and say so."""
    states = {f"post-{n}": "due" for n in range(1000)} | {"zebra": "stale", "typo": "broken", "old": "fresh"}
    first = decide.plan(states)
    second = decide.plan(states, proposed=first.execute)

    assert len(first.execute) == decide.BATCH <= 256 and first.execute[0] == "zebra"
    assert len(second.execute) == decide.BATCH and not {*first.execute} & {*second.execute}
    assert {*first.execute} | {*first.waiting} == states.keys() - {"typo", "old"}


@pytest.mark.parametrize(
    ("days", "due"), [(0, True), (1, True), (2, True), (3, False), (-1, False), (None, False)]
)
def test_the_day_of_a_post(days: int | None, due: bool) -> None:
    """On the day of a post, or a day after should the schedule be late, the site is published."""
    today = date(2026, 11, 28)
    written = None if days is None else today - timedelta(days=days)

    assert decide.due_today([None, written], today) is due


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("", "ubuntu-24.04"),
        ("gpu-linux", "gpu-linux"),
        ('"gpu-linux"', "gpu-linux"),
        ('["self-hosted", "gpu"]', ["self-hosted", "gpu"]),
        ('{"group": "gpus", "labels": ["h100"]}', {"group": "gpus", "labels": ["h100"]}),
        ('{"group": "gpus"}', {"group": "gpus"}),
        ('["self-hosted", "run-{run}"]', ["self-hosted", "run-77"]),
    ],
)
def test_runners_have_many_names(said: str, label: object) -> None:
    """A label, a list, a group, or one that an ephemeral runner gets from the run's number."""
    assert json.loads(decide.runner(said, "77")) == label


@pytest.mark.parametrize(
    "said", ["[]", "{}", '["self-hosted",', '{"grop": "x"}', "[1]", '""', '{"group": ""}']
)
def test_runners_that_are_none(said: str) -> None:
    """A variable that names no runner is a sentence, and no job that waits for a day."""
    with pytest.raises(SystemExit, match="GPU_RUNNER is"):
        decide.runner(said)


@pytest.mark.parametrize(
    ("pages", "environment", "said"),
    [
        (None, None, "Pages is off"),
        ({"build_type": "legacy"}, None, "publishes a branch"),
        ({"build_type": "workflow"}, {"deployment_branch_policy": None}, "takes any branch"),
        ({"build_type": "workflow"}, GUARDED, ""),
        ({"build_type": "workflow"}, None, ""),
        (decide.UNSEEN, decide.UNSEEN, ""),
    ],
)
def test_settings_of_pages_are_looked_at(pages: Any, environment: Any, said: str) -> None:
    """What has to be set before a site goes out is a sentence that says how."""
    found = decide.missing_for_pages(pages, environment)

    assert said in " ".join(found) and bool(found) == bool(said)


@pytest.mark.parametrize(
    ("environment", "runner", "said"),
    [
        (None, "gpu", "is missing"),
        ({"protection_rules": [], "deployment_branch_policy": {}}, "gpu", "no reviewers"),
        (GUARDED | {"deployment_branch_policy": None}, "gpu", "takes any branch"),
        (GUARDED, "", "variable of the repository or organisation"),
        (GUARDED, "gpu", ""),
        (None, "", ""),
        (decide.UNSEEN, "gpu", ""),
    ],
)
def test_settings_of_the_gpu_are_looked_at(environment: Any, runner: str, said: str) -> None:
    """A GPU that anybody could use, or that no job would find, stops the execution with a sentence."""
    found = decide.missing_for_gpu(environment, runner)

    assert said in " ".join(found) and bool(found) == bool(said)


@pytest.mark.parametrize(
    ("wanted", "found", "fix"),
    [("gpu", "cpu", "driver 580"), ("cpu", "gpu", "JAX_PLATFORMS"), ("gpu", "gpu", "")],
)
def test_the_device_is_looked_at_before_a_run(wanted: str, found: str, fix: str) -> None:
    """A runner that falls back to its CPU is found out before a run is spent on it."""
    assert fix in decide.device_fault(wanted, found)
    assert bool(decide.device_fault(wanted, found)) == (wanted != found)
