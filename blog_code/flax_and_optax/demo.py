"""The decoder that runs in the reader's browser: small, and trained and exported by the post's own run."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from blog_code.flax_and_optax.model import CVAE
from blog_code.flax_and_optax.train import binarise, train_step


# --8<-- [start:demo-decoder]
def double(image: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Every pixel as a block of two by two."""
    return jnp.repeat(jnp.repeat(image, 2, axis=1), 2, axis=2)


class DemoDecoder(nnx.Module):
    """p(x | z, y) with two latents and 13,092 parameters: small enough to come with this page."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.dense = nnx.Linear(2 + 10, 7 * 7 * 16, rngs=rngs)
        self.conv = nnx.Conv(16, 16, (3, 3), rngs=rngs)
        self.out = nnx.Conv(16, 4, (3, 3), rngs=rngs)

    def __call__(self, z: Float[Array, "b 2"], y: Int[Array, "b"]) -> Float[Array, "b 784"]:
        h = jnp.concatenate([z, jax.nn.one_hot(y, 10)], axis=-1)
        h = nnx.relu(self.dense(h)).reshape(-1, 7, 7, 16)
        h = nnx.relu(self.conv(double(h)))
        blocks = self.out(h).reshape(-1, 14, 14, 2, 2)  # four channels are a block of two by two pixels
        return blocks.swapaxes(2, 3).reshape(-1, 784)


# --8<-- [end:demo-decoder]


# --8<-- [start:demo-train]
@nnx.jit
def demo_step(vae: CVAE, optimiser, image: UInt8[Array, "n 784"], label: Int[Array, "n"], key):
    """A step on 128 digits drawn at random; no scan, in which XLA's convolutions are slow on a CPU."""
    rows_key, binarise_key, noise_key = jax.random.split(key, 3)
    rows = jax.random.randint(rows_key, (128,), 0, len(label))
    x = binarise(image[rows], binarise_key)
    return train_step(vae, optimiser, x, label[rows], noise_key)


def train_demo(image, label, steps: int, seed: int) -> CVAE:
    """Our CVAE with two latents, and in the place of its decoder the small one."""
    vae = CVAE(256, 2, rngs=nnx.Rngs(seed))
    vae.decoder = DemoDecoder(rngs=nnx.Rngs(seed))  # a module is an object: parts can be exchanged
    schedule = optax.warmup_cosine_decay_schedule(0.0, 3e-3, steps // 50, steps)
    optimiser = nnx.Optimizer(vae, optax.adam(schedule), wrt=nnx.Param)
    for key in jax.random.split(jax.random.key(seed), steps):
        demo_step(vae, optimiser, image, label, key)
    return vae


# --8<-- [end:demo-train]


# --8<-- [start:demo-export]
def export_decoder(decoder: DemoDecoder) -> int:
    """Write the weights as 16-bit floats, end to end, and their shapes; returns the number of bytes."""
    arrays = {
        f"{layer}.{part}": getattr(getattr(decoder, layer), part)[...]
        for layer in ("dense", "conv", "out")
        for part in ("kernel", "bias")
    }
    weights = b"".join(np.asarray(array).astype("<f2").tobytes() for array in arrays.values())
    Path("decoder.bin").write_bytes(weights)
    layers = [[name, array.shape] for name, array in arrays.items()]
    Path("decoder.json").write_text(json.dumps({"layers": layers}) + "\n")
    return len(weights)


# --8<-- [end:demo-export]
