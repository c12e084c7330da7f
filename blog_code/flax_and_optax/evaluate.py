"""Scores: the ELBO, and the importance-weighted bound on log p(x | y)."""

import jax
import jax.numpy as jnp

from blog_code.flax_and_optax.train import neg_elbo


# --8<-- [start:evaluate]
@jax.jit
def evaluate(model, x, y, key):
    """The ELBO of digits that training has not seen, in nats a digit, with its parts; batches of 1,000."""
    batches = x.reshape(-1, 1000, 784), y.reshape(-1, 1000), jax.random.split(key, len(y) // 1000)
    losses, parts = jax.lax.map(lambda batch: neg_elbo(model, *batch), batches)
    return -losses.mean(), jax.tree.map(jnp.mean, parts)


# --8<-- [end:evaluate]
