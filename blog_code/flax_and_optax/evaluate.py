"""Scores in nats: the ELBO, the importance-weighted bound, and that bound as an objective."""

from functools import partial

import jax
import jax.numpy as jnp

from blog_code.flax_and_optax.train import log_bernoulli, neg_elbo


# --8<-- [start:evaluate]
@jax.jit
def evaluate(model, x, y, key):
    """The ELBO of digits that training has not seen, in nats a digit, with its parts; a hundred at a time."""
    batches = x.reshape(-1, 100, 784), y.reshape(-1, 100), jax.random.split(key, len(y) // 100)
    losses, parts = jax.lax.map(lambda batch: neg_elbo(model, *batch), batches)
    return -losses.mean(), jax.tree.map(jnp.mean, parts)


# --8<-- [end:evaluate]


# --8<-- [start:log-weight]
def log_weight(model, x, y, mean, logvar, noise):
    """log p(x, z | y) / q(z | x, y) in nats, at z = mean + deviation x noise; the constants cancel."""
    z = mean + jnp.exp(0.5 * logvar) * noise
    return log_bernoulli(model.decoder(z, y), x) + 0.5 * (noise**2 - z**2 + logvar).sum(axis=-1)


# --8<-- [end:log-weight]


# --8<-- [start:iw-bound]
@partial(jax.jit, static_argnames=("samples", "chunk"))
def iw_bound(model, x, y, key, *, samples: int, chunk: int = 500):
    """log p(x | y) of each digit, from below, by importance sampling (Burda et al., 2016, equation 8)."""
    if samples % chunk:
        raise ValueError(f"{samples} samples do not divide into chunks of {chunk}")
    mean, logvar = model.encoder(x, y)
    noise = jax.random.normal(key, (samples // chunk, chunk, mean.shape[-1]))

    def bound(digit):
        def add(total, noise):
            return jnp.logaddexp(total, jax.nn.logsumexp(log_weight(model, *digit, noise))), None

        return jax.lax.scan(add, -jnp.inf, noise)[0] - jnp.log(samples)

    return jax.lax.map(bound, (x, y, mean, logvar))


# --8<-- [end:iw-bound]


# --8<-- [start:iwae]
def neg_iw_bound(model, x, y, key, samples: int = 5):
    """The importance-weighted objective: the same bound, of a few samples, as a loss."""
    mean, logvar = model.encoder(x, y)
    noise = jax.random.normal(key, (samples, *mean.shape))
    log_weights = jax.vmap(lambda noise: log_weight(model, x, y, mean, logvar, noise))(noise)
    bound = jax.nn.logsumexp(log_weights, axis=0) - jnp.log(samples)
    return -bound.mean(), {}


# --8<-- [end:iwae]
