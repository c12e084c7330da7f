"""The whole post as a script, from top to bottom, with every knob at 1: it runs, and keeps its promises.

It runs with JAX's check that no key is used twice, and with every annotation of a shape checked.
"""

import importlib
import math
import sys
from pathlib import Path

import jax
import jaxtyping
import matplotlib.pyplot as plt
import pytest

from blog_code.posts.post import read_post

pytestmark = pytest.mark.training
ROOT = Path(__file__).parents[2]
KNOBS = "epochs = judge_steps = bound_samples = bound_digits = extra_epochs = demo_steps = 1"
FEWER = {  # what costs time and is no parameter: the width of the model, steps of the workbench, repetitions
    "config = Config(": "config = Config(hidden=64, latent=8, ",
    "steps: int = 300": "steps: int = 30",
    "jax.random.split(jax.random.key(seed), (300, 2))": "jax.random.split(jax.random.key(seed), (30, 2))",
    "calls=30": "calls=2",
    "jnp.arange(10_000)": "jnp.arange(1_000)",
    "(10_000, model.latent)": "(1_000, model.latent)",
}


POST = read_post(ROOT / "docs/posts/flax-and-optax.md", ROOT)


def script() -> str:
    """The cells of the post in their order, with smaller numbers in them."""
    cells = [cell for cell in POST.cells if cell.runs]
    sources = [cell.region.source + ("\n" + KNOBS if "parameters" in cell.flags else "") for cell in cells]
    source = "\n\n".join(sources)
    for number, smaller in FEWER.items():
        assert number in source, number
        source = source.replace(number, smaller)
    return source


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The names that the script binds, run on the embedded digits."""
    folder = tmp_path_factory.mktemp("story")  # it writes the weights of the demo where it stands
    (folder / "whole_post.py").write_text(script())
    settings = {
        "jax_debug_key_reuse": True,
        "jax_disable_most_optimizations": True,  # it compiles far longer than it computes
    }
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        here.syspath_prepend(folder)
        here.delenv("MNIST_DIR", raising=False)
        here.setenv("HOME", str(folder))
        here.setattr(plt, "show", lambda: plt.close("all"))
        for name, value in settings.items():
            jax.config.update(name, value)
        try:
            with jaxtyping.install_import_hook("whole_post", "beartype.beartype"):
                return vars(importlib.import_module("whole_post"))
        finally:
            for name in settings:
                jax.config.update(name, False)
            sys.modules.pop("whole_post", None)


# Orbax and its event loop warn of their own doings; the fixture runs inside the first test.
@pytest.mark.filterwarnings("default")
def test_the_story_runs_from_top_to_bottom(story):
    """Every cell of the page runs with each knob at 1, uses no key twice, and has the shapes that it says."""
    assert story["data_read"]["source"].startswith("4,000 training and 1,000 test digits, from the 5,000")
    assert -400 < story["test_elbo"] < -200


def test_the_shapes_are_checked(story):
    """What the page says of shapes holds because somebody looks: a wrong one is refused."""
    with pytest.raises(jaxtyping.TypeCheckError):
        story["log_bernoulli"](story["test_x"], story["test_x"][:, :10])


def test_the_story_keeps_its_promises(story):
    """What the prose claims holds on another data set, too."""
    assert story["frozen_share"] < 0.9 < story["logged_share"]  # 0.726 and 0.993 on three processors
    assert story["accumulated_gap"] < 1e-6  # 1.5e-8 for each seed and processor
    assert story["gap"] < 0.01  # 0.00006 to 0.0003
    assert (story["resumed"] == story["uninterrupted"]).all()
    assert story["active_latents"] + story["collapsed_latents"] == story["model"].latent


def test_every_value_that_the_prose_quotes_is_a_number(story):
    """With each knob at 1, too: no value is left unbound, or divides by nothing."""
    values = {name: story.get(name) for name in POST.meta.values}

    assert [name for name, value in values.items() if value is None or not math.isfinite(value)] == []


def test_the_timings_are_timings(story):
    """The timings are positive and finite; which is fastest is for the benchmark to say."""
    names = ("ms_eager", "ms_jit", "ms_donated", "ms_tree", "ms_pure", "ms_scan")
    assert all(0 < story[name] < float("inf") for name in names)
