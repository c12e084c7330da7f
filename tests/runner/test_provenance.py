"""What a page says about its run, to the letter."""

from types import SimpleNamespace
from typing import Any

import pytest

from blog_code.runner.provenance import environment, provenance

RECORD: dict[str, Any] = {
    "device": "cpu",
    "commit": "0123456789abcdef",
    "versions": {"python": "3.12.1", "jax": "0.9", "flax": "0.12", "optax": "0.2.8", "requests": "2.0"},
    "data": {"source": "10 digits | {{ from }}\nhere"},
    "volatile": {"seconds": 99.6, "finished": "2026-02-03T23:59:59+00:00", "host": "A processor, 2 cores"},
}
POST: Any = SimpleNamespace(slug="x")


def test_the_line_under_the_title():
    """Device, versions, seconds, data, date, commit, and the three files: the first thing a reader sees."""
    assert provenance(POST, RECORD) == (
        "Ran on CPU (A processor, 2 cores) · JAX 0.9 · Flax 0.12 · Optax 0.2.8 · 100 s"
        " · 10 digits from here · 3 February 2026 · commit 0123456\n{ .provenance }\n\n"
        "[Script](../runs/x/x.py){ download } · [Notebook](../runs/x/x.ipynb)"
        " · [Record](../runs/x/record.json)\n"
        "{ .actions }\n"
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (99.4, "99 s"), (100, "2 min"), (1559, "26 min"), (7200, "120 min")]
)
def test_how_long_it_took(seconds: float, said: str):
    """Seconds for what is short, minutes for what is long."""
    record = RECORD | {"volatile": RECORD["volatile"] | {"seconds": seconds}}

    assert f" · {said} · " in provenance(POST, record)


def test_what_is_not_known_is_left_out():
    """A run on a GPU, without data, outside a repository, of a post that needs no Flax."""
    record = RECORD | {"device": "NVIDIA H100", "commit": None, "data": {}, "versions": {"python": "3.12.1"}}
    line = provenance(POST, record).splitlines()[0]

    assert line == "Ran on NVIDIA H100 · 100 s · 3 February 2026"


def test_the_table_of_the_environment():
    """Every version that the run recorded, under its usual name, and text that cannot break the table."""
    assert environment(RECORD) == (
        "| | |\n| --- | --- |\n| Device | cpu |\n| Processor | A processor, 2 cores |\n| Python | 3.12.1 |\n"
        "| JAX | 0.9 |\n| Flax | 0.12 |\n| Optax | 0.2.8 |\n| requests | 2.0 |\n"
        "| Data | 10 digits from here |\n| Run | 100 s, on 3 February 2026 |\n"
    )
