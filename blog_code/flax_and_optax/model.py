"""The class-conditioned VAE, in Flax NNX."""

# --8<-- [start:imports]
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, UInt8

# --8<-- [end:imports]


# --8<-- [start:cvae]
class Encoder(nnx.Module):
    """q(z | x, y): where in the latent space a digit came from, as a mean and a log-variance."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.label = nnx.Embed(10, hidden, rngs=rngs)
        self.first = nnx.Linear(784, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 2 * latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"]):
        h = nnx.gelu(self.first(x) + self.label(y))
        h = nnx.gelu(self.second(h))
        mean, logvar = jnp.split(self.out(h), 2, axis=-1)
        return mean, logvar


class Decoder(nnx.Module):
    """p(x | z, y): for each pixel, the logit of its being ink."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.label = nnx.Embed(10, hidden, rngs=rngs)
        self.first = nnx.Linear(latent, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 784, rngs=rngs)

    def __call__(self, z: Float[Array, "b latent"], y: Int[Array, "b"]) -> Float[Array, "b 784"]:
        h = nnx.gelu(self.first(z) + self.label(y))
        h = nnx.gelu(self.second(h))
        return self.out(h)


class CVAE(nnx.Module):
    """A variational autoencoder whose encoder and decoder are both told the class."""

    def __init__(self, hidden: int = 512, latent: int = 50, *, rngs: nnx.Rngs):
        self.latent = latent
        self.encoder = Encoder(hidden, latent, rngs=rngs)
        self.decoder = Decoder(hidden, latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
        mean, logvar = self.encoder(x, y)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return self.decoder(z, y), mean, logvar


# --8<-- [end:cvae]
