"""Decide what is executed, proposed, published and refused; `publish.py` does it for the workflows.

What counts is how things stand, never which event came: a post is executed where no run fits its sources,
neither on main nor on the branch of proposals, and none of them failed. An event that comes twice finds
nothing to do.

| post | executed | published |
| --- | --- | --- |
| fresh | no | as it stands |
| due | unless such a run is proposed, or failed | as it stands, with a line that says so |
| stale | unless such a run is proposed, or failed | as of its accepted run, with a line that says so |
| broken | no | as of its accepted run, with a line that says so |
| without a run | unless such a run is proposed, or failed | not at all |

Publication takes what is committed on main and nothing else: it waits for no run, and no artifact reaches it.
"""

import datetime
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

BATCH = 200  # jobs of a matrix, of which GitHub takes 256
BRANCH = "refresh/runs"
FAILING = "Posts whose run fails"
UNSEEN = "unseen"  # what the token may not look at


class Refused(SystemExit):
    """Ends a job with a sentence that says what to do."""


class Plan(NamedTuple):
    """The posts to execute, and why others that are stale or due are not."""

    execute: list[str]
    waiting: dict[str, str]


def plan(
    states: Mapping[str, str],
    proposed: Collection[str] = (),
    failed: Collection[str] = (),
    *,
    again: bool = False,
) -> Plan:
    """Choose the posts to execute, stale ones first; one that `failed` only where someone asks `again`."""
    wanted = [post for state in ("stale", "due") for post in sorted(states) if states[post] == state]
    why = f"its run failed, as the issue “{FAILING}” says: fix it, or start the workflow by hand"
    waiting = {} if again else dict.fromkeys(failed, why)
    waiting |= dict.fromkeys(proposed, f"its run is proposed: merge the pull request of {BRANCH}")
    ready = [post for post in wanted if post not in waiting]
    waiting |= dict.fromkeys(ready[BATCH:], "it waits for the next batch: merge the proposal of this one")
    return Plan(ready[:BATCH], {post: waiting[post] for post in wanted if post in waiting})


def runner(said: str, run: str = "") -> str:
    """Return what GPU_RUNNER says as JSON: a label, a list, {"group": …}; {run} becomes the run's number."""
    said = said.strip().replace("{run}", run)
    if not said.startswith(("[", "{", '"')):
        return json.dumps(said or "ubuntu-24.04")  # a label as it is spoken
    try:
        read = json.loads(said)
    except ValueError:
        read = None
    parts = read if isinstance(read, dict) else {"labels": read}
    labels = parts.get("labels", [])
    names = [*([labels] if isinstance(labels, str) else labels or []), parts.get("group", "-")]
    if {*parts} - {"group", "labels"} or names == ["-"] or not all(isinstance(n, str) and n for n in names):
        raise Refused(f'GPU_RUNNER is {said}: write a label, ["self-hosted", "gpu"], or {{"group": "gpu"}}')
    return json.dumps(read)


def missing_for_pages(pages: Any, environment: Any) -> list[str]:
    """Say what has to be set before a site can be published, of what GitHub's API answers."""
    post = "POST" if pages is None else "PUT"
    fix = "Settings, Pages, Source: GitHub Actions"
    fix += f"; or: gh api --method {post} repos/OWNER/NAME/pages --field build_type=workflow"
    said = []
    if pages is None:
        said.append(f"Pages is off: {fix}")
    elif pages != UNSEEN and pages.get("build_type") != "workflow":
        said.append(f"Pages publishes a branch, and not what Actions build: {fix}")
    if isinstance(environment, dict) and not environment.get("deployment_branch_policy"):
        fix = "Settings, Environments, github-pages, Deployment branches: main"
        said.append(f"the environment github-pages takes any branch: {fix}")
    return said


def missing_for_gpu(environment: Any, gpu_runner: str) -> list[str]:
    """Say what has to be set before posts may run on a GPU of somebody's."""
    fix = "Settings, Environments, gpu: required reviewers, and the one branch main"
    if environment == UNSEEN or (environment is None and not gpu_runner):
        return []
    if environment is None:
        return [f"the environment gpu is missing, and would be made on first use, open to all: {fix}"]
    if not gpu_runner:
        fix = "make GPU_RUNNER a variable of the repository or organisation; the environment's is not seen"
        return [f"there is an environment gpu, and no runner: {fix}; or delete the environment"]
    rules = {rule["type"] for rule in environment.get("protection_rules", [])}
    said = [] if "required_reviewers" in rules else [f"the environment gpu has no reviewers: {fix}"]
    if not environment.get("deployment_branch_policy"):
        said.append(f"the environment gpu takes any branch: {fix}")
    return said


def device_fault(wanted: str, found: str) -> str:
    """Say why a runner is not what its label promised; empty where it is."""
    if wanted == found:
        return ""
    gpu = "look at nvidia-smi there: CUDA 13 wants driver 580 or newer"
    fix = gpu if wanted == "gpu" else "unset JAX_PLATFORMS there"
    return f"this runner has a {found}, a {wanted} was asked for, and nothing was executed: {fix}"


def due_today(dates: Iterable[datetime.date | None], today: datetime.date) -> bool:
    """Say whether the day of a post has come: today, or just before, should the schedule be late."""
    return any(date is not None and 0 <= (today - date).days <= 2 for date in dates)


def failed_sources(issue: str) -> dict[str, str]:
    """Read from the issue on failing posts which sources failed, by post."""
    return dict(re.findall(r"^- ([a-z0-9-]+), sources ([0-9a-f]+)$", issue, re.MULTILINE))


def failing_body(known: Mapping[str, str], failed: Mapping[str, str], settled: Collection[str]) -> str:
    """Write the issue on failing posts; empty where none is left, as those that are settled leave it."""
    rest = {post: key for post, key in {**known, **failed}.items() if post not in settled}
    head = "No push executes these again before their sources change; starting the workflow by hand does.\n\n"
    return head + "\n".join(f"- {post}, sources {rest[post]}" for post in sorted(rest)) if rest else ""
