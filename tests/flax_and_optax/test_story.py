"""The statements of the post, from top to bottom, with parameters so small that they only prove it runs."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import blog_code.flax_and_optax
from blog_code.flax_and_optax import data

SMALL = """
epochs, judge_steps, extra_epochs, demo_steps = 2, 60, 2, 60
bound_samples, extra_samples, scored_digits = 500, 500, 50
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The names that story.py binds, run on the embedded digits as a script in which one line is added."""
    path = Path(blog_code.flax_and_optax.__file__).with_name("story.py")
    source = path.read_text().replace("# --8<-- [end:parameters]", SMALL, 1)
    names = {"__name__": "story"}
    patch = pytest.MonkeyPatch()
    with patch.context() as here:
        here.chdir(tmp_path_factory.mktemp("story"))  # it writes the weights of the demo where it stands
        here.delenv("MNIST_DIR", raising=False)
        here.setattr(data, "server_answers", lambda: False)
        here.setattr(plt, "show", lambda: plt.close("all"))
        exec(compile(source, path, "exec"), names)
    return names


# Orbax and its event loop warn of their own doings; the fixture runs inside the first test.
@pytest.mark.filterwarnings("default")
def test_the_story_runs_from_top_to_bottom(story):
    """Every statement that the page shows runs, on the embedded digits, and scores what it trained."""
    assert -400 < story["test_elbo"] < -80
    assert story["log_p_x_given_y"] > story["test_elbo"] - 5


def test_the_story_keeps_its_promises(story):
    """What the prose claims without quoting a number holds on another data set, too."""
    assert story["frozen_share"] < 0.9 < story["logged_share"]
    assert story["accumulated_gap"] < 1e-6
    assert story["gap"] < 0.01
    assert (story["resumed"] == story["uninterrupted"]).all()


def test_the_timings_are_timings(story):
    """The timings are positive and finite; which is fastest is for the benchmark to say."""
    assert all(0 < story[name] < float("inf") for name in ("ms_eager", "ms_jit", "ms_donated", "ms_scan"))
