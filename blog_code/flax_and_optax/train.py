"""The loss, the step and the epoch."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, UInt8

from blog_code.flax_and_optax.model import CVAE


# --8<-- [start:neg-elbo]
def neg_elbo(model: CVAE, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
    """The negative ELBO in nats a digit, and its two parts (Kingma and Welling, 2014, equation 10)."""
    logits, mean, logvar = model(x, y, key)
    reconstruction = optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=-1).mean()
    kl = 0.5 * (jnp.exp(logvar) + mean**2 - 1.0 - logvar).sum(axis=-1).mean()
    return reconstruction + kl, {"reconstruction": reconstruction, "kl": kl}


# --8<-- [end:neg-elbo]


# --8<-- [start:binarise]
def binarise(image: UInt8[Array, "*b 784"], key: Key[Array, ""]) -> Float[Array, "*b 784"]:
    """Toss a coin for each pixel: the darker the grey, the likelier ink (Salakhutdinov and Murray, 2008)."""
    return jax.random.bernoulli(key, image / 255.0).astype(jnp.float32)


# --8<-- [end:binarise]


# --8<-- [start:train-step]
def train_step(model, optimiser, x, y, key):
    """One step of gradient descent; changes the model and the optimiser in place."""
    (loss, parts), grads = nnx.value_and_grad(neg_elbo, has_aux=True)(model, x, y, key)
    optimiser.update(model, grads)
    return loss, parts


# --8<-- [end:train-step]


# --8<-- [start:epoch]
class TrainState(NamedTuple):
    """All that training changes; both are pytrees."""

    model: CVAE
    optimiser: nnx.Optimizer


@partial(jax.jit, static_argnames="batch", donate_argnames="state")
def train_epoch(state: TrainState, image: UInt8[Array, "n 784"], label: Int[Array, "n"], key, batch: int):
    """Every digit once, in an order drawn from the key, as one compiled loop; returns the losses too."""
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(label) // batch
    order = jax.random.permutation(shuffle_key, len(label))[: steps * batch].reshape(steps, batch)

    def step(state, inputs):
        rows, key = inputs
        binarise_key, noise_key = jax.random.split(key)
        x = binarise(image[rows], binarise_key)
        loss, parts = train_step(*state, x, label[rows], noise_key)
        return state, {"loss": loss, **parts}

    return jax.lax.scan(step, state, (order, jax.random.split(steps_key, steps)))


# --8<-- [end:epoch]
