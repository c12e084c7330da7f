"""A step of one VAE (784-400-20, batches of 128, Adam) in the post's scan, NNX, Linen and PyTorch.

The post's own functions train it: only the model is another, the one that papers and tutorials time. The
digits are drawn at random in MNIST's shape, since no time depends on what they are of. Twenty steps are
timed many times and the best time counts, since other work on the machine only ever adds; with --full, a
whole epoch of 468. PyTorch runs in a process of its own, by the interpreter that the variable TORCH_PYTHON
names where it is not in this environment, with one thread and with all, of which the better counts.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.common import ROOT, best, busy, processor, run, table, versions, write
from blog_code.flax_and_optax.linen import linen_train_step
from blog_code.flax_and_optax.train import TrainState, binarise, data_mesh, train_epoch, train_step

BATCH, HIDDEN, LATENT = 128, 400, 20
EPOCH = 60_000 // BATCH
TARGETS = {"of_torch": 0.29, "of_gemm_rate": 0.70}
# Multiplications of a step as (rows, inner, columns): forward, then for each layer the gradient of its
# weights and, but for the first, of its input.
LAYERS = [(784, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, 784)]
GEMMS = [
    *((BATCH, inputs, outputs) for inputs, outputs in LAYERS),
    *((inputs, BATCH, outputs) for inputs, outputs in LAYERS),
    *((BATCH, outputs, inputs) for inputs, outputs in LAYERS[1:]),
]


class VAE(nnx.Module):
    """The VAE of Kingma and Welling's appendix in NNX; labels go unused, so that the post's loss fits."""

    def __init__(self, *, rngs: nnx.Rngs):
        sizes = [(784, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, 784)]
        self.encode, self.stats, self.decode, self.out = (nnx.Linear(*size, rngs=rngs) for size in sizes)

    def __call__(self, x, y, key):
        mean, logvar = jnp.split(self.stats(nnx.relu(self.encode(x))), 2, axis=-1)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return self.out(nnx.relu(self.decode(z))), mean, logvar


class LinenVAE(nn.Module):
    """The same in Linen."""

    @nn.compact
    def __call__(self, x, y, key):
        mean, logvar = jnp.split(nn.Dense(2 * LATENT)(nn.relu(nn.Dense(HIDDEN)(x))), 2, axis=-1)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return nn.Dense(784)(nn.relu(nn.Dense(HIDDEN)(z))), mean, logvar


def digits(steps: int) -> tuple[jax.Array, jax.Array]:
    """Grey noise in MNIST's shape, as much as so many steps read."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (steps * BATCH, 784), np.uint8)
    return jnp.asarray(image), jnp.asarray(draw.integers(0, 10, steps * BATCH, np.int32))


def scan_epoch(image, label):
    """The post's way: the whole epoch is one compiled loop."""
    model = VAE(rngs=nnx.Rngs(0))
    held = [TrainState(model, nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param))]
    mesh = data_mesh(jax.devices()[:1])

    def epoch():
        held[0], losses = train_epoch(held[0], image, label, jax.random.key(0), batch=BATCH, mesh=mesh)
        losses.block_until_ready()

    return epoch


def batches(image, label, key):
    """Batches in an order drawn anew, each with a key of its own."""
    order = np.random.default_rng(0).permutation(len(label)).reshape(-1, BATCH)
    for rows, step_key in zip(order, jax.random.split(key, len(order)), strict=True):
        yield image[rows], label[rows], step_key


def nnx_epoch(image, label):
    """A compiled step, called from Python for every batch."""
    model = VAE(rngs=nnx.Rngs(0))
    optimiser = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimiser, image, label, key):
        binarise_key, noise_key = jax.random.split(key)
        loss, _ = train_step(model, optimiser, binarise(image, binarise_key), label, noise_key)
        return loss

    def epoch():
        for batch in batches(image, label, jax.random.key(0)):
            loss = step(model, optimiser, *batch)
        loss.block_until_ready()

    return epoch


def linen_epoch(image, label):
    """The same in Linen and plain JAX."""
    model, transform = LinenVAE(), optax.adam(1e-3)
    key = jax.random.key(0)
    params = model.init(key, jnp.zeros((1, 784)), label[:1], key)["params"]
    held = [params, transform.init(params)]

    @jax.jit
    def step(params, opt_state, image, label, key):
        binarise_key, noise_key = jax.random.split(key)
        x = binarise(image, binarise_key)
        return linen_train_step(model, transform, params, opt_state, x, label, noise_key)

    def epoch():
        for batch in batches(image, label, key):
            *held[:], loss = step(*held, *batch)
        loss.block_until_ready()

    return epoch


def gemm_seconds() -> float:
    """The seconds of a step's multiplications by themselves: the sum of the best time of each shape."""
    multiply = jax.jit(jnp.dot)
    total = 0.0
    for rows, inner, columns in GEMMS:
        left = jax.random.normal(jax.random.key(0), (rows, inner))
        right = jax.random.normal(jax.random.key(1), (inner, columns))
        multiply(left, right).block_until_ready()
        total += best(lambda left=left, right=right: multiply(left, right).block_until_ready(), 300, 0.5)
    return total


def torch_python() -> str | None:
    """An interpreter that has PyTorch: TORCH_PYTHON, or this one; None where neither has."""
    for python in (os.environ.get("TORCH_PYTHON"), sys.executable):
        if python and not subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
            return python
    return None


def measure(full: bool) -> None:
    """Time all ways in turns, so that other work on the machine meets each of them alike."""
    steps, turns, rounds = (EPOCH, 3, 2) if full else (20, 10, 5)
    image, label = digits(steps)
    ways = {"the post's scan": scan_epoch, "NNX, step by step": nnx_epoch, "Linen, step by step": linen_epoch}
    epochs = {name: way(image, label) for name, way in ways.items()}
    for epoch in epochs.values():
        epoch()  # compiles
    torch, torch_version, load = torch_python(), None, busy()
    seconds: dict[str, float] = {}
    gemms = math.inf
    for _ in range(turns):
        gemms = min(gemms, gemm_seconds())
        for name, epoch in epochs.items():
            seconds[name] = min(seconds.get(name, math.inf), best(epoch, rounds) / steps)
        if torch:
            script = Path(__file__).with_name("epoch_torch.py")
            told = json.loads(run([torch, script, str(steps), str(rounds)], ROOT, 900))
            torch_version = told.pop("version")
            for name, time in told.items():
                seconds[name] = min(seconds.get(name, math.inf), time / steps)
    seconds["the multiplications alone"] = gemms
    flops = sum(2 * rows * inner * columns for rows, inner, columns in GEMMS)
    rows = [
        {
            "way": name,
            "step_ms": round(1000 * time, 2),
            "epoch_seconds": round(EPOCH * time, 1),
            "of_torch": round(time / seconds["PyTorch"], 2) if torch else "not measured",
            "of_gemm_rate": round(gemms / time, 2),
        }
        for name, time in seconds.items()
    ]
    print(table(rows, list(rows[0])))
    print(f"a step's GEMMs alone: {1000 * gemms:.2f} ms, {flops / gemms / 1e9:.0f} GFLOP/s")
    cpu = jax.default_backend() == "cpu"
    write(
        "epoch",
        {
            "load": load,
            "device": processor() if cpu else jax.devices()[0].device_kind,
            "versions": {**versions("jax", "flax", "optax"), **({"torch": torch_version} if torch else {})},
            "how": f"{steps} steps, the best of {turns * rounds} times at most",
            "gemm_ms": round(1000 * gemms, 2),
            "gemm_gflops": round(flops / gemms / 1e9),
            "targets": TARGETS,
            "rows": rows,
        },
    )
