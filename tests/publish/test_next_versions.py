"""`make next`: what the next versions break or deprecate, counted by region, in one issue."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

SCRIPT = Path(__file__).parents[2] / ".github" / "next_versions.py"
spec = importlib.util.spec_from_file_location("next_versions", SCRIPT)
assert spec and spec.loader
next_versions = importlib.util.module_from_spec(spec)
spec.loader.exec_module(next_versions)
OLD = "import warnings\nwarnings.warn('old is deprecated', DeprecationWarning)"


def said(repo: Repository, *names: str) -> str:
    """Call the script as the Makefile does, and return what it writes."""
    target = repo.root / ".blog/next/next.md"
    command = [sys.executable, SCRIPT, target, *names]
    done = subprocess.run(command, cwd=repo.root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return target.read_text()


def test_a_post_that_runs_in_silence_leaves_nothing_to_say(repo: Repository) -> None:
    """The issue is closed where no post breaks and nothing is deprecated."""
    repo.post(first="print(1)")

    assert said(repo, "numpy") == f"# {next_versions.TITLE}\n\n"


def test_what_breaks_is_named_with_its_region(repo: Repository) -> None:
    """Of a post that breaks region and error are said, and the posts beside it run all the same."""
    repo.post("bad", first="x = 1", second="import numpy\nnumpy.no_such_thing")
    repo.post("mute", first=f"{OLD}\nprint(1)", second=f"for _ in range(3):\n    {OLD.splitlines()[1]}")
    repo.post("dead", first="import os\nos._exit(3)")
    lines = said(repo, "numpy").splitlines()

    assert lines[1].startswith("With numpy ")
    assert [line for line in lines if line.startswith(("- ", "    - "))] == [
        "- bad breaks at `second`: `AttributeError: module 'numpy' has no attribute 'no_such_thing'`",
        "- dead breaks at `a cell`: `the process ended with 3`",
        "- mute runs",
        "    - `first`, 1: old is deprecated",
        "    - `second`, 3: old is deprecated",
    ]


def test_the_quick_profile_is_taken(repo: Repository) -> None:
    """Parameters are those of a quick run, and a cell that is meant to raise may raise."""
    repo.post(
        first="steps = 10**9", second="assert steps == 2\nopen('left', 'w').close()", third="1 / 0",
        flags={"first": ".parameters", "third": ".raises"}, front="quick: {steps: 2}",
    )  # fmt: skip

    assert said(repo) == f"# {next_versions.TITLE}\n\n"
    assert not (repo.root / "left").exists()


def test_a_cell_that_no_longer_raises_breaks(repo: Repository) -> None:
    """Where the error is the point of a cell, its absence is what breaks."""
    repo.post(first="print(1)", flags={"first": ".raises"})

    assert "- x breaks at `first`: `it raises nothing`" in said(repo)


def test_the_same_verdict_is_the_same_text() -> None:
    """An issue of which nothing changed is not edited: the text depends on what is said alone."""
    post = {"breaks": ["a", "E: `x`"], "deprecated": {"a": {"w": 2}}}
    one = next_versions.body({"a": post, "b": {"deprecated": {}}}, {"jax": "2", "flax": "1"})

    assert one == next_versions.body({"b": {"deprecated": {}}, "a": post}, {"flax": "1", "jax": "2"})
    assert one.startswith("With flax 1, jax 2:") and "`E: ´x´`" in one


@pytest.mark.parametrize(
    ("issues", "body", "asked"),
    [
        ([], "new", ["create"]),
        ([{"number": 3, "title": "T", "body": "new"}], "new", []),
        ([{"number": 3, "title": "T", "body": "old"}], "new", ["edit"]),
        ([{"number": 3, "title": "T", "body": "old"}], "", ["close"]),
        ([{"number": 3, "title": "U", "body": "old"}], "new", ["create"]),
        ([], "", []),
    ],
)
def test_one_issue_is_kept(
    issues: list[dict[str, Any]], body: str, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issue is opened once, then brought up to date, and closed when nothing is left to say."""
    (tmp_path / "issues").write_text(json.dumps(issues))
    fake = f'#!/bin/sh\necho "$2" >> {tmp_path}/calls\ntest "$2" = list && cat {tmp_path}/issues\ntrue\n'
    (tmp_path / "gh").write_text(fake)
    (tmp_path / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.syspath_prepend(SCRIPT.parent)
    importlib.import_module("publish").tell("T", body)

    assert (tmp_path / "calls").read_text().split() == ["list", *asked]
