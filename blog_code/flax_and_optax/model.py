"""The class-conditioned VAE, in Flax NNX."""

# --8<-- [start:imports]
import dataclasses
import gzip
import hashlib
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import optax.contrib
import requests
from flax import nnx
from jax import export
from jax.extend.backend import clear_backends
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, Key, UInt8
from orbax.checkpoint import v1 as ocp

# --8<-- [end:imports]


# --8<-- [start:affine]
class Affine(nnx.Module):
    """A linear layer by hand: x times a matrix, plus a bias."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        start = jax.random.normal(rngs.params(), (inputs, outputs)) / inputs**0.5
        self.kernel = nnx.Param(start)
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "b inputs"]) -> Float[Array, "b outputs"]:
        return x @ self.kernel[...] + self.bias[...]


# --8<-- [end:affine]


# --8<-- [start:conditioned]
class Conditioned(nnx.Module):
    """A linear layer whose outputs each class scales and shifts in its own way (FiLM: Perez et al., 2018)."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        zeros = nnx.initializers.zeros
        self.linear = nnx.Linear(inputs, outputs, rngs=rngs)
        self.scale = nnx.Embed(10, outputs, embedding_init=zeros, rngs=rngs)
        self.shift = nnx.Embed(10, outputs, embedding_init=zeros, rngs=rngs)

    def __call__(self, x: Float[Array, "b inputs"], y: Int[Array, "#b"]) -> Float[Array, "b outputs"]:
        return self.linear(x) * (1.0 + self.scale(y)) + self.shift(y)


# --8<-- [end:conditioned]


# --8<-- [start:encoder]
class Encoder(nnx.Module):
    """q(z | x, y): where in the latent space a digit came from, as a mean and a log-variance."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.first = Conditioned(784, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 2 * latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"]):
        h = nnx.gelu(self.first(x, y))
        h = nnx.gelu(self.second(h))
        mean, logvar = jnp.split(self.out(h), 2, axis=-1)
        return mean, logvar


# --8<-- [end:encoder]


# --8<-- [start:decoder]
class Decoder(nnx.Module):
    """p(x | z, y): for each pixel, the logit of its being ink."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.first = Conditioned(latent, hidden, rngs=rngs)
        self.second = Conditioned(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 784, rngs=rngs)

    def __call__(self, z: Float[Array, "b latent"], y: Int[Array, "#b"]) -> Float[Array, "b 784"]:
        h = nnx.gelu(self.first(z, y))
        h = nnx.gelu(self.second(h, y))
        return self.out(h)


# --8<-- [end:decoder]


# --8<-- [start:cvae]
class CVAE(nnx.Module):
    """A variational autoencoder whose encoder and decoder are both told the class."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.latent = latent
        self.encoder = Encoder(hidden, latent, rngs=rngs)
        self.decoder = Decoder(hidden, latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
        mean, logvar = self.encoder(x, y)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return self.decoder(z, y), mean, logvar


# --8<-- [end:cvae]
