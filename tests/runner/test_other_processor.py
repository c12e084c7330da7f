"""An accepted run, and the training of the first post, on a processor with fewer instructions than this one.

XLA can be told to compile as for an older processor. What it compiles itself then has other last bits, draws
of random numbers among it; a large product or convolution is the work of a library, which is not told.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from repository import Repository

from blog_code.runner.kernels import ForkServer

ROOT = Path(__file__).parents[2]
INFO = Path("/proc/cpuinfo")
# SSE4.2 cannot multiply and add in one step; AVX2 differs from AVX-512 where rows are three or four long.
NARROWER = ["SSE4_2", *(["AVX2"] if INFO.exists() and " avx512f " in INFO.read_text() else [])]
pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(
        platform.machine() not in {"x86_64", "AMD64"}, reason="the flag names instructions of x86 processors"
    ),
]
narrower = pytest.mark.parametrize("instructions", NARROWER)
BITS = """
import numpy as np
from flax import nnx

x = np.random.default_rng(0).normal(size=(2, 14, 14, 16)).astype(np.float32)
print(np.asarray(nnx.Linear(16, 4, rngs=nnx.Rngs(0))(x)).tobytes().hex())
print(np.asarray(nnx.Conv(16, 4, (3, 3), rngs=nnx.Rngs(0))(x)).tobytes().hex())
"""
TRAIN = """
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from flax import nnx

x = jax.random.normal(jax.random.key(0), (64, 8, 8, 16))
conv, linear = nnx.Conv(16, 4, (3, 3), rngs=nnx.Rngs(1)), nnx.Linear(4, 1, rngs=nnx.Rngs(2))


@nnx.jit
def step(conv, linear):
    def loss(conv, linear):
        return ((linear(jnp.tanh(conv(x))) - x[..., :1]) ** 2).mean()

    value, grads = nnx.value_and_grad(loss, argnums=(0, 1))(conv, linear)
    for module, grad in zip((conv, linear), grads):
        nnx.update(module, jax.tree.map(lambda w, g: w - 0.3 * g, nnx.state(module), grad))
    return value


losses = [float(step(conv, linear)) for _ in range(40)]
loss, steps = losses[-1], len(losses)
Path("losses.json").write_text(json.dumps({"steps": steps, "losses": losses}))
print(f"after {steps} steps the loss is {loss:.5f}")
"""
CURVE = """
plt.plot(losses)
plt.xlabel("step")
plt.show()
"""
PICTURE = """
plt.imshow(conv(x)[0, :, :, 0])
plt.axis("off")
plt.show()
"""


def elsewhere(instructions: str) -> dict[str, str]:
    """The environment of a process that computes as where there are only these instructions."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={instructions}"
    return {**os.environ, "BLOG_DEVICE": "cpu", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


def bits(environment: dict[str, str]) -> list[str]:
    """A product and a convolution of weights that are drawn, in all their bits."""
    command = [sys.executable, "-c", BITS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def here() -> list[str]:
    """The bits of a product and of a convolution on this processor."""
    return bits({**os.environ, "JAX_PLATFORMS": "cpu"})


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer) -> Repository:
    """A small post that trains, prints, draws a chart and a picture and writes numbers, run as we are."""
    repository = Repository(tmp_path_factory.mktemp("elsewhere"), fork_server)
    front = "files: [losses.json]\nvalues: {loss: {is: 0.03, within: 0.02}}"
    repository.post(train=TRAIN, curve=CURVE, picture=PICTURE, front=front, end="{{= x.loss }}")
    for shown in ("curve.svg", "picture.png"):
        fence = f'--8<-- "x/story.py:{shown.partition(".")[0]}"\n```\n'
        repository.edit("docs/posts/x.md", fence, f"{fence}![what is drawn](../runs/x/{shown})\n")
    done = repository.blog("run", env={**os.environ, "BLOG_DEVICE": "cpu", "JAX_PLATFORMS": "cpu"})
    assert done.returncode == 0, done.stdout + done.stderr
    return repository


@narrower
def test_the_bits_are_others(here: list[str], instructions: str) -> None:
    """The two tests below prove something: a product and a convolution change their last bits."""
    product, convolution = bits(elsewhere(instructions))

    assert product != here[0]
    assert convolution != here[1]


@narrower
def test_a_run_of_here_is_verified_there(accepted: Repository, instructions: str) -> None:
    """What another processor changes in text, numbers, charts and pictures is allowed, and told."""
    done = accepted.blog("run", "--verify", env=elsewhere(instructions))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "losses.json: numbers differ a little, as between processors" in done.stdout
    assert "x: verified, 4 outputs and 1 values" in done.stdout


# AVX2 leaves an epoch of the first post as it is, to the bit: there it is tried only where time is no matter.
@pytest.mark.parametrize("instructions", NARROWER if os.environ.get("LONG") else NARROWER[:1])
def test_the_post_trains_there(instructions: str) -> None:
    """What the tests of the first post's training expect holds on every processor."""
    tests = [f"tests/flax_and_optax/test_{name}.py" for name in ("train", "model", "classifier")]
    tests += ["-k", "not two_hosts and not does_not_divide"]  # these start processes, and compute nothing new
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=ROOT, env=elsewhere(instructions), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
