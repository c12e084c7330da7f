"""Optax from the inside: one transformation of our own, and a small run on which to try the others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from blog_code.flax_and_optax.model import CVAE
from blog_code.flax_and_optax.train import neg_elbo, train_step


# --8<-- [start:own-transform]
class NormState(NamedTuple):
    """What the transformation remembers between steps."""

    norm: Float[Array, ""]


def record_norm() -> optax.GradientTransformation:
    """A transformation that changes nothing and remembers how long the last gradient was."""

    def init(params):
        return NormState(jnp.zeros(()))

    def update(updates, state, params=None):
        return updates, NormState(optax.tree.norm(updates))

    return optax.GradientTransformation(init, update)


# --8<-- [end:own-transform]


# --8<-- [start:small-run]
@jax.jit
def small_steps(state, x: Float[Array, "n 784"], y: Int[Array, "n"], keys: Key[Array, "steps"]):
    """A step for each key, on 128 digits drawn with that key."""

    def step(state, key):
        rows_key, noise_key = jax.random.split(key)
        rows = jax.random.choice(rows_key, len(y), (128,))
        loss, _ = train_step(*state, x[rows], y[rows], noise_key)
        return state, loss

    return jax.lax.scan(step, state, keys)


def small_run(transform, x, y, seed: int = 0, steps: int = 300):
    """Train a small CVAE with this optimiser; returns model, optimiser and the loss of each step."""
    model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
    optimiser = nnx.Optimizer(model, transform, wrt=nnx.Param)
    keys = jax.random.split(jax.random.key(seed), steps)
    (model, optimiser), losses = small_steps((model, optimiser), x, y, keys)
    return model, optimiser, losses


# --8<-- [end:small-run]


# --8<-- [start:kernels]
def kernels(params):
    """True for the kernels of layers; False for biases, and for what is a bias to one class."""
    is_kernel = lambda path, _: "kernel" in jax.tree_util.keystr(path)
    return jax.tree_util.tree_map_with_path(is_kernel, params)


# --8<-- [end:kernels]


# --8<-- [start:smooth-loss]
def smooth_loss(model, x: Float[Array, "b 784"], y: Int[Array, "b"]) -> Float[Array, ""]:
    """The reconstruction error without noise, so that a batch and its parts can be compared."""
    mean, _ = model.encoder(x, y)
    return optax.sigmoid_binary_cross_entropy(model.decoder(mean, y), x).sum(axis=-1).mean()


# --8<-- [end:smooth-loss]


# --8<-- [start:freeze]
def encoder_or_decoder(params):
    """A label for each parameter: the name of the part that it belongs to."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[0].key, params)


def logging_step(model, optimiser, x, y, key):
    """The train step, which also reports the length of the whole gradient."""
    loss, grads = nnx.value_and_grad(lambda model: neg_elbo(model, x, y, key)[0])(model)
    optimiser.update(model, grads)
    return loss, optax.tree.norm(grads)


def flops(step, *arguments) -> float:
    """How many floating-point operations XLA's compiled step performs, by its own count."""
    return jax.jit(lambda *a: (step(*a), a)).lower(*arguments).compile().cost_analysis()["flops"]


# --8<-- [end:freeze]
