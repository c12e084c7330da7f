"""The loss, the step, and the whole epoch as one compiled loop."""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, Key, UInt8

from blog_code.flax_and_optax.model import CVAE


# --8<-- [start:binarise]
def binarise(image: UInt8[Array, "*b 784"], key: Key[Array, ""]) -> Float[Array, "*b 784"]:
    """Toss a coin for each pixel: the darker the grey, the likelier ink (Salakhutdinov and Murray, 2008)."""
    words = jax.random.bits(key, (*image.shape[:-1], 784 // 4))
    coins = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(image.shape)  # four from each word
    coins -= coins >> 7  # 0 to 254, so that 255 is always ink and 0 never
    return (coins < image).astype(jnp.float32)


# --8<-- [end:binarise]


# --8<-- [start:log-bernoulli]
def log_bernoulli(logits: Float[Array, "*b 784"], x: Float[Array, "*#b 784"]) -> Float[Array, "*b"]:
    """log p(x) of black and white pixels in nats, with one logarithm a pixel, and none of a large number."""
    return (x * logits - jnp.maximum(logits, 0.0) - jnp.log1p(jnp.exp(-jnp.abs(logits)))).sum(axis=-1)


# --8<-- [end:log-bernoulli]


# --8<-- [start:neg-elbo]
def kl_to_prior(mean: Float[Array, "*b"], logvar: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """KL(q || p) of each latent in nats: how far a Gaussian is from the standard normal."""
    return 0.5 * (mean**2 + jnp.exp(logvar) - 1.0 - logvar)


def neg_elbo(model: CVAE, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
    """The negative ELBO in nats a digit, and its two parts (Kingma and Welling, 2014, equation 10)."""
    logits, mean, logvar = model(x, y, key)
    reconstruction = -log_bernoulli(logits, x).mean()
    kl = kl_to_prior(mean, logvar).sum(axis=-1).mean()
    return reconstruction + kl, {"reconstruction": reconstruction, "kl": kl}


# --8<-- [end:neg-elbo]


# --8<-- [start:train-step]
def train_step(model, optimiser, x, y, key, loss=neg_elbo):
    """One step of gradient descent; changes the model and the optimiser in place."""
    (value, parts), grads = nnx.value_and_grad(loss, has_aux=True)(model, x, y, key)
    optimiser.update(model, grads)
    return value, parts


# --8<-- [end:train-step]


# --8<-- [start:config]
@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that was chosen by hand."""

    hidden: int = 384
    latent: int = 50
    batch: int = 128
    epochs: int = 96
    peak_rate: float = 3e-3
    seed: int = 0xFFFF


# --8<-- [end:config]


# --8<-- [start:init-state]
class TrainState(NamedTuple):
    """All that training changes. A pytree of pytrees: NNX modules and optimisers are pytrees themselves."""

    model: CVAE
    optimiser: nnx.Optimizer


def init_state(config: Config, digits: int) -> TrainState:
    """A fresh model, and Adam with an epoch of warm-up (of one epoch, half) and a cosine down to nothing."""
    steps = digits // config.batch
    total = config.epochs * steps
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.peak_rate, min(steps, total // 2), total)
    model = CVAE(config.hidden, config.latent, rngs=nnx.Rngs(config.seed))
    return TrainState(model, nnx.Optimizer(model, optax.adam(schedule), wrt=nnx.Param))


# --8<-- [end:init-state]


# --8<-- [start:data-mesh]
def data_mesh(devices) -> Mesh:
    """The devices in a row; a batch is split along it, everything else is copied to each of them."""
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def copy_to_all(tree, mesh: Mesh):
    """Put a copy of every array on every device of the mesh."""
    # By way of NumPy: what is bound to one device cannot go to the devices of other hosts.
    return jax.device_put(jax.tree.map(np.asarray, tree), NamedSharding(mesh, PartitionSpec()))


# --8<-- [end:data-mesh]


# --8<-- [start:epoch]
@partial(jax.jit, static_argnames=("batch", "mesh", "loss"), donate_argnames="state")
def train_epoch(
    state, image: UInt8[Array, "n 784"], label: Int[Array, "n"], key, *, batch, mesh, loss=neg_elbo
):
    """Every digit once, in an order drawn from the key; returns the state and the losses of all steps."""
    if batch % mesh.size:
        raise ValueError(f"a batch of {batch} does not divide among {mesh.size} devices")
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(label) // batch
    order = jax.random.permutation(shuffle_key, len(label))[: steps * batch].reshape(steps, batch)
    order = jax.lax.with_sharding_constraint(order, NamedSharding(mesh, PartitionSpec(None, "data")))

    def step(state, inputs):
        rows, key = inputs
        binarise_key, noise_key = jax.random.split(key)
        x = binarise(image[rows], binarise_key)
        value, _ = train_step(*state, x, label[rows], noise_key, loss)
        return state, value

    return jax.lax.scan(step, state, (order, jax.random.split(steps_key, steps)))


# --8<-- [end:epoch]
