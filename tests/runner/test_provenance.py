"""What a page says about its run, to the letter."""

from types import SimpleNamespace
from typing import Any

import pytest

from blog_code.runner.provenance import facts, page_files
from blog_code.runner.record import Record

RECORD = Record.model_validate(
    {
        "format": 2,
        "fingerprint": {},
        "cells": [],
        "outputs": {},
        "values": {},
        "device": "cpu",
        "commit": "0123456789abcdef",
        "versions": {"python": "3.12.1", "jax": "0.9", "flax": "0.12", "optax": "0.2.8", "requests": "2.0"},
        "data": {"source": "10 digits | {{ from }}\nhere"},
        "volatile": {
            "seconds": 99.6,
            "finished": "2026-02-03T23:59:59+00:00",
            "host": "A processor, 2 cores",
            "timings": {},
        },
    }
)


def post(*versions: str) -> Any:
    """A post whose front matter names these versions."""
    return SimpleNamespace(slug="x", cells=[], meta=SimpleNamespace(versions=list(versions)))


POST = post("JAX", "Flax", "Optax")


def test_the_line_under_the_title():
    """Device, versions, seconds, data, date, commit, and the three files: the first thing a reader sees."""
    assert page_files(POST, RECORD)["provenance.md"].decode() == (
        "Ran on CPU (A processor, 2 cores) · JAX 0.9 · Flax 0.12 · Optax 0.2.8 · 100 s"
        " · 10 digits from here · 3 February 2026 · commit 0123456\n{ .provenance }\n\n"
        "[Download .py](../runs/x/x.py){ download } · [Download .ipynb](../runs/x/x.ipynb){ download }"
        " · [Record of the run](../runs/x/record.json){ download }\n"
        "{ .actions }\n"
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (99.4, "99 s"), (100, "2 min"), (1559, "26 min"), (7200, "120 min")]
)
def test_how_long_it_took(seconds: float, said: str):
    """Seconds for what is short, minutes for what is long."""
    volatile = RECORD.volatile.model_copy(update={"seconds": seconds})

    assert said in facts(POST, RECORD.model_copy(update={"volatile": volatile}))


def test_what_is_not_known_is_left_out():
    """A run on a GPU, without data, outside a repository, of a post that needs no Flax."""
    known = {"device": "NVIDIA H100", "commit": None, "data": {}, "versions": {"python": "3.12.1"}}

    said = facts(POST, RECORD.model_copy(update=known))

    assert said == ["Ran on NVIDIA H100", "100 s", "3 February 2026"]


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"python": "3.12.1"}, ["Python 3.12.1"]),
        ({"python": "3.12.1", "numpy": "2.0", "scipy": "1.9"}, ["numpy 2.0", "scipy 1.9"]),
    ],
)
def test_a_post_that_names_no_versions(versions: dict[str, str], said: list[str]):
    """All that it imports is named, and Python where that is nothing."""
    record = RECORD.model_copy(update={"versions": versions})

    assert facts(post(), record)[1:-4] == said


def test_the_table_of_the_environment():
    """Every version that the run recorded, under its usual name, and text that cannot break the table."""
    assert page_files(POST, RECORD)["environment.md"].decode() == (
        "| | |\n| --- | --- |\n| Device | cpu |\n| Processor | A processor, 2 cores |\n| Python | 3.12.1 |\n"
        "| JAX | 0.9 |\n| Flax | 0.12 |\n| Optax | 0.2.8 |\n| requests | 2.0 |\n"
        "| Data | 10 digits from here |\n| Run | 100 s, on 3 February 2026 |\n"
    )
