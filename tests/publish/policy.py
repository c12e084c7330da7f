"""What the workflows may be: all that they say and these tables do not, and the reverse, is reported.

Left out is what may change freely: the names of jobs and steps, limits of time within MINUTES, and the
commits that actions are pinned to. Whoever changes a workflow changes its table too, and sees beside it
what must stay: code that is executed gets no secret and no right to write, and only main is published.
"""

import re
from collections.abc import Iterator
from typing import Any

Workflow = dict[str, Any]

RUNNER = "ubuntu-24.04"
MINUTES = range(1, 91)
PINNED = re.compile(r"(actions/[\w-]+@)[0-9a-f]{40}")  # to a commit of an action of GitHub's own

# The conditions of jobs. An `||` or an `always()` more would let a job go on elsewhere, or after a failure.
MAIN = "github.ref == 'refs/heads/main'"
WEEKLY = f"{MAIN} && github.event_name != 'push'"  # or by hand
EXECUTED = "needs.execute.result == 'success'"
BUILT = "needs.build.result == 'success'"

# A checkout is of what the workflow was started for, never of a `ref`, and leaves no token behind.
CHECKOUT = {"uses": "actions/checkout@commit", "with": {"persist-credentials": False}}
PYTHON = {"uses": "actions/setup-python@commit", "with": {"python-version-file": ".python-version"}}
# Artifacts come from jobs of the same run: a `run-id` could bring those of a stranger's pull request.
ARTIFACTS = ".blog/artifacts"
ALL_RUNS = {"pattern": "run-*", "path": ARTIFACTS, "merge-multiple": True}
NEW_RUNS = {"uses": "actions/download-artifact@commit", "if": EXECUTED, "with": ALL_RUNS}
# The runs as the build left them, with the values that are made of all of them.
RUNS = {"uses": "actions/download-artifact@commit", "with": {"name": "runs", "path": f"{ARTIFACTS}/runs"}}
LOCKS = {"uses": "actions/download-artifact@commit", "with": {"name": "locks", "path": ARTIFACTS}}


def upload(name: str, path: str, **also: object) -> Workflow:
    """The step that keeps files for another job, or for people; an error where there are none."""
    options = {"name": name, "path": path, "if-no-files-found": "error", **also}
    return {"uses": "actions/upload-artifact@commit", "with": options}


def job(*steps: str | Workflow, **keys: object) -> Workflow:
    """A job that may only read the repository, on an ordinary runner, but for what `keys` say."""
    reads = {"runs-on": RUNNER, "permissions": {"contents": "read"}, "timeout-minutes": "in MINUTES"}
    return reads | keys | {"steps": list(steps)}


def cpu(condition: str, *steps: str | Workflow, **keys: object) -> Workflow:
    """A job of publish.yml that needs no GPU, whichever lock the others take."""
    return job(CHECKOUT, PYTHON, *steps, **keys, **{"if": condition, "env": {"LOCK": "requirements.lock"}})


# Strangers' code runs in all of these: they read, on ordinary runners, and hold no secret.
CHECK = {
    "name": "check",
    "on": {
        "pull_request": {  # never pull_request_target, which has rights
            "paths": [
                ".ci/**", ".github/**", "benchmarks/**", "blog_code/**", "docs/**", "tests/**", "*.md",
                ".python-version", "Makefile", "mkdocs.yml", "pyproject.toml", "requirements*.lock",
            ],
        },
    },
    "permissions": {},
    "concurrency": {"group": "check-${{ github.ref }}", "cancel-in-progress": True},
    "jobs": {
        "test": job(
            CHECKOUT, {**PYTHON, "with": {"python-version": "${{ matrix.python }}"}}, "make test",
            name="Test, ${{ matrix.os }}, Python ${{ matrix.python }}",
            strategy={
                "fail-fast": False,
                "matrix": {"os": [RUNNER, "macos-15"], "python": ["3.12", "3.13"]},
            },
            **{"runs-on": "${{ matrix.os }}"},
        ),
        "verify": job(
            {"uses": CHECKOUT["uses"], "with": {"persist-credentials": False, "fetch-depth": 0}}, PYTHON,
            {"run": "make verify", "env": {"SINCE": "${{ github.event.pull_request.base.sha }}"}},
        ),
        "preview": job(CHECKOUT, PYTHON, "make build", upload("preview", "site", **{"retention-days": 7})),
    },
}  # fmt: skip

PUBLISH = {
    "name": "publish",
    "on": {  # nothing that a fork can start
        "push": {
            "branches": ["main"],
            "paths": [
                ".github/workflows/**", "benchmarks/results/**", "blog_code/**", "docs/**",
                ".python-version", "Makefile", "mkdocs.yml", "pyproject.toml", "requirements*.lock",
            ],
        },
        "schedule": [{"cron": "17 4 * * 1"}],
        "workflow_dispatch": None,
    },
    "permissions": {},
    "concurrency": {"group": "publish", "cancel-in-progress": False},
    "env": {
        "BLOG_DEVICE": "${{ vars.GPU_RUNNER && 'gpu' || 'cpu' }}",
        "LOCK": "${{ vars.GPU_RUNNER && 'requirements.lock requirements-gpu.lock' || 'requirements.lock' }}",
    },
    "jobs": {
        "plan": cpu(
            MAIN, {"id": "plan", "run": "make plan"}, outputs={"posts": "${{ steps.plan.outputs.posts }}"}
        ),
        # The only job on the GPU: its environment has reviewers. No cache: others could have filled it.
        "execute": job(
            CHECKOUT, PYTHON, "make execute",
            upload("run-${{ matrix.post }}", "docs/*/${{ matrix.post }}/**"),
            name="Execute ${{ matrix.post }}",
            needs="plan",
            environment="gpu",
            strategy={"fail-fast": False, "matrix": {"post": "${{ fromJSON(needs.plan.outputs.posts) }}"}},
            env={"POST": "${{ matrix.post }}"},
            **{
                "if": f"{MAIN} && needs.plan.outputs.posts != '[]'",
                "runs-on": f"${{{{ vars.GPU_RUNNER || '{RUNNER}' }}}}",
            },
        ),
        "build": cpu(
            f"!cancelled() && {MAIN} && needs.plan.result == 'success' "
            f"&& ({EXECUTED} || needs.execute.result == 'skipped')",
            NEW_RUNS, "make accept",
            {"run": "make release", "env": {"SITE_URL": "${{ vars.SITE_URL }}"}},
            upload("runs", "docs/runs"),
            {"uses": "actions/upload-pages-artifact@commit", "with": {"path": "site"}},
            needs=["plan", "execute"],
        ),
        # May write to Pages, so it runs nothing of the repository's.
        "deploy": job(
            {"id": "deploy", "uses": "actions/deploy-pages@commit"},
            permissions={"pages": "write", "id-token": "write"},
            needs="build",
            environment={"name": "github-pages", "url": "${{ steps.deploy.outputs.page_url }}"},
            **{"if": f"!cancelled() && {MAIN} && {BUILT}"},
        ),
        "locks": cpu(WEEKLY, "make lock", upload("locks", "requirements*.lock")),
        "audit": cpu(WEEKLY, "make audit"),
        "verify": cpu(WEEKLY, "make verify"),
        "long": cpu(WEEKLY, {"run": "make test", "env": {"LONG": "1"}}),
        # May write to the repository, so it executes no post and installs nothing. Has the only token.
        "propose": job(
            CHECKOUT, RUNS, LOCKS, "make accept",
            {"run": "make propose", "env": {"GH_TOKEN": "${{ github.token }}"}},
            permissions={"contents": "write", "pull-requests": "write"},
            needs=["build", "locks"],
            **{"if": f"!cancelled() && {WEEKLY} && {BUILT} && needs.locks.result == 'success'"},
        ),
    },
}  # fmt: skip


def loosened(workflows: dict[str, Workflow]) -> list[str]:
    """Where the workflows, by the names of their files, are not what the table allows: a line each."""
    found = {file: _bare(workflow) for file, workflow in workflows.items()}
    return sorted(_differences("", found, {"check.yml": CHECK, "publish.yml": PUBLISH}))


def _bare(workflow: Workflow) -> Workflow:
    """A workflow without what may change freely."""
    return workflow | {"jobs": {key: _bare_job(found) for key, found in workflow.get("jobs", {}).items()}}


def _bare_job(found: Workflow) -> Workflow:
    bare = _unnamed(found) | {"steps": [_bare_step(step) for step in found.get("steps", [])]}
    if found.get("timeout-minutes") in MINUTES:
        bare["timeout-minutes"] = "in MINUTES"
    return bare


def _bare_step(step: Workflow) -> Workflow | str:
    bare = _unnamed(step)
    if "uses" in bare and (pinned := PINNED.fullmatch(bare["uses"])):
        bare["uses"] = f"{pinned[1]}commit"
    return bare["run"] if bare.keys() == {"run"} else bare


def _unnamed(named: Workflow) -> Workflow:
    """Without the name, unless it is made of what another may have written."""
    return {key: value for key, value in named.items() if key != "name" or "${{" in str(value)}


def _differences(place: str, found: object, allowed: object) -> Iterator[str]:
    if isinstance(found, list) and isinstance(allowed, list):
        found, allowed = dict(enumerate(found)), dict(enumerate(allowed))
    if isinstance(found, dict) and isinstance(allowed, dict):
        for key in found.keys() - allowed.keys():
            yield f"{place}{key}: is in no policy: {found[key]!r}"
        for key in allowed.keys() - found.keys():
            yield f"{place}{key}: is missing: {allowed[key]!r}"
        for key in found.keys() & allowed.keys():
            yield from _differences(f"{place}{key} ", found[key], allowed[key])
    elif found != allowed:
        yield f"{place.rstrip()}: is {found!r}, and the policy has {allowed!r}"
