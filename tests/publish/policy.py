"""What the workflows must never lose: a function from parsed workflows to what is loose in them."""

import re
from collections.abc import Iterator
from typing import Any

Workflow = dict[str, Any]

MAIN = "github.ref == 'refs/heads/main'"
RUNNER = "ubuntu-24.04"
GPU_RUNNER = f"${{{{ vars.GPU_RUNNER || '{RUNNER}' }}}}"
TRIGGERS = {"check.yml": {"pull_request"}, "publish.yml": {"push", "schedule", "workflow_dispatch"}}
PATHS = {"blog_code/**", "docs/**", "requirements*.lock"}
WORKFLOW_PATHS = {".github/**", ".github/workflows/**"}
# The rights of a job beyond reading the repository; the key is the file and the job.
RIGHTS = {
    ("publish.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("publish.yml", "propose"): {"contents": "write", "pull-requests": "write"},
}
ENVIRONMENTS = {("publish.yml", "execute"): "gpu", ("publish.yml", "deploy"): "github-pages"}
# When each job of publish.yml goes on; an `||` or an `always()` more would let it go on elsewhere.
WEEKLY = f"{MAIN} && github.event_name != 'push'"
CONDITIONS = {
    "plan": MAIN,
    "execute": f"{MAIN} && needs.plan.outputs.posts != '[]'",
    "build": f"!cancelled() && {MAIN} && needs.plan.result == 'success' "
    "&& (needs.execute.result == 'success' || needs.execute.result == 'skipped')",
    "deploy": f"!cancelled() && {MAIN} && needs.build.result == 'success'",
    "locks": WEEKLY,
    "audit": WEEKLY,
    "propose": f"!cancelled() && {WEEKLY} "
    "&& needs.build.result == 'success' && needs.locks.result == 'success'",
}
# A job that may write runs these and no more: none of them executes a post or installs anything.
HARMLESS = {"make accept", "make propose"}
PINNED = re.compile(r"actions/[\w-]+@[0-9a-f]{40}")


def loosened(workflows: dict[str, Workflow], targets: set[str]) -> list[str]:
    """All that is looser than it should be, a sentence each; `targets` are those of the Makefile."""
    found = [f"{name} is a workflow unknown here" for name in workflows if name not in TRIGGERS]
    found += [f"{name} is missing" for name in TRIGGERS if name not in workflows]
    for name in workflows.keys() & TRIGGERS.keys():
        found += [f"{name}: {reason}" for reason in _workflow(name, workflows[name], targets)]
    return sorted(found)


def _workflow(name: str, workflow: Workflow, targets: set[str]) -> Iterator[str]:
    triggers = workflow.get("on", {})
    if not isinstance(triggers, dict) or set(triggers) != TRIGGERS[name]:
        yield f"runs on {sorted(triggers)}, and only {sorted(TRIGGERS[name])} is allowed"
        return
    for event in {"push", "pull_request"} & set(triggers):
        paths = set((triggers[event] or {}).get("paths", []))
        if not paths >= PATHS or not WORKFLOW_PATHS & paths:
            yield f"the paths of {event} leave something out"
    if "push" in triggers and triggers["push"].get("branches") != ["main"]:
        yield "is pushed from another branch than main"
    if unknown := set(workflow) - {"name", "on", "permissions", "concurrency", "env", "jobs"}:
        yield f"has {sorted(unknown)}"
    if workflow.get("permissions") != {}:
        yield "permissions at the top are not {}"
    if not workflow.get("concurrency"):
        yield "sets no concurrency"
    for text in _strings(workflow):
        if re.search(r"\bsecrets\b", text):
            yield f"uses a secret: {text}"
    for key, job in workflow["jobs"].items():
        yield from (f"job {key}: {reason}" for reason in _job(name, key, job, targets))
    if name == "publish.yml":
        yield from _order(workflow["jobs"])


def _job(name: str, key: str, job: Workflow, targets: set[str]) -> Iterator[str]:
    rights = job.get("permissions")
    if rights != RIGHTS.get((name, key), {"contents": "read"}):
        yield f"has the permissions {rights}"
    environment = job.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    if environment != ENVIRONMENTS.get((name, key)):
        yield f"has the environment {environment}"
    if job.get("runs-on") != (GPU_RUNNER if (name, key) == ("publish.yml", "execute") else RUNNER):
        yield f"runs on {job.get('runs-on')}"
    if not 0 < job.get("timeout-minutes", 0) <= 90:
        yield "has no timeout, or one beyond 90 minutes"
    if name == "publish.yml" and " ".join(str(job.get("if")).split()) != CONDITIONS.get(key):
        yield f"goes on if {job.get('if')}"
    if unknown := {"uses", "container", "services", "secrets", "continue-on-error"} & set(job):
        yield f"has {sorted(unknown)}"
    commands = set()
    for step in job.get("steps", []):
        yield from _step(step, targets)
        commands.add(step.get("run", ""))
        holds_token = any("github.token" in text for text in _strings(step))
        if holds_token and (name, key, step.get("run")) != ("publish.yml", "propose", "make propose"):
            yield "a step gets the token"
    commands.discard("")
    writes = rights != {"contents": "read"}
    if writes and not commands <= HARMLESS:
        yield f"may write and runs {sorted(commands - HARMLESS)}"
    if "make execute" in commands and (name, key) != ("publish.yml", "execute"):
        yield "executes posts"


def _step(step: Workflow, targets: set[str]) -> Iterator[str]:
    uses, run = step.get("uses"), step.get("run")
    if uses is not None and not PINNED.fullmatch(uses):
        yield f"{uses} is not pinned to a commit of an action of GitHub's own"
    if uses is not None and uses.startswith("actions/checkout@"):
        options = step.get("with") or {}
        if options.get("persist-credentials") is not False:
            yield "leaves the token in the checkout"
        if {"ref", "repository", "token", "ssh-key"} & set(options):
            yield "checks something else out than what it was started for"
    if run is not None and not (re.fullmatch(r"make [a-z]+", run) and run.removeprefix("make ") in targets):
        yield f"runs what is no make target: {run}"
    if "continue-on-error" in step:
        yield "goes on after an error"


def _order(jobs: Workflow) -> Iterator[str]:
    def needs(key: str) -> set[str]:
        wanted = jobs.get(key, {}).get("needs", [])
        return {wanted} if isinstance(wanted, str) else set(wanted)

    waits = {"execute": {"plan"}, "build": {"plan", "execute"}, "deploy": {"build"}, "propose": {"build"}}
    for key, wanted in waits.items():
        if not wanted <= needs(key):
            yield f"job {key}: does not wait for {sorted(wanted)}"


def _strings(value: object) -> Iterator[str]:
    """Every string inside, keys included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
