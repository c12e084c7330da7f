"""Scores in nats: the ELBO, the importance-weighted bound, and that bound as an objective."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from blog_code.flax_and_optax.train import log_bernoulli, neg_elbo


# --8<-- [start:evaluate]
@jax.jit
def evaluate(model, x: Float[Array, "n 784"], y: Int[Array, "n"], key: Key[Array, ""]):
    """The ELBO in nats a digit, with its parts; a hundred digits at a time."""
    batches = x.reshape(-1, 100, 784), y.reshape(-1, 100), jax.random.split(key, len(y) // 100)
    losses, parts = jax.lax.map(lambda batch: neg_elbo(model, *batch), batches)
    return -losses.mean(), jax.tree.map(jnp.mean, parts)


# --8<-- [end:evaluate]


# --8<-- [start:log-weight]
def log_weight(
    model,
    x: Float[Array, "#b 784"],
    y: Int[Array, "#b"],
    mean: Float[Array, "#b latent"],
    logvar: Float[Array, "#b latent"],
    noise: Float[Array, "b latent"],
) -> Float[Array, "b"]:
    """log p(x, z | y) / q(z | x, y) at z = mean + deviation x noise; the constants cancel."""
    z = mean + jnp.exp(0.5 * logvar) * noise
    return log_bernoulli(model.decoder(z, y), x) + 0.5 * (noise**2 - z**2 + logvar).sum(axis=-1)


# --8<-- [end:log-weight]


# --8<-- [start:iw-bound]
@partial(jax.jit, static_argnames=("samples", "chunk"))
def iw_bound(model, x, y, key, *, samples: int, chunk: int = 1000) -> Float[Array, "n"]:
    """log p(x | y) of each digit, from below, with noise of its own (Burda et al., 2016, equation 8)."""
    chunk = min(chunk, samples)
    if samples % chunk:
        raise ValueError(f"{samples} samples do not divide into chunks of {chunk}")
    digits = jax.tree.map(lambda part: part[:, None], (x, y, *model.encoder(x, y)))

    def bound(digit_and_key):
        digit, key = digit_and_key

        def add(total, key):
            noise = jax.random.normal(key, (chunk, model.latent))
            return jnp.logaddexp(total, jax.nn.logsumexp(log_weight(model, *digit, noise))), None

        return jax.lax.scan(add, -jnp.inf, jax.random.split(key, samples // chunk))[0] - jnp.log(samples)

    return jax.lax.map(bound, (digits, jax.random.split(key, len(y))))


# --8<-- [end:iw-bound]


# --8<-- [start:mean-bound]
def mean_bound(model, x, y, key, *, samples: int, digits: int):
    """The mean bound over all digits, from 25 samples of each and what more gain on a few; and its error."""
    few_key, many_key, rows_key = jax.random.split(key, 3)
    few = iw_bound(model, x, y, few_key, samples=25)
    rows = jax.random.choice(rows_key, len(y), (digits,), replace=False)
    many = iw_bound(model, x[rows], y[rows], many_key, samples=samples)
    return few.mean() + (many - few[rows]).mean(), few.std() / jnp.sqrt(len(few))


# --8<-- [end:mean-bound]


# --8<-- [start:iwae]
def neg_iw_bound(model, x, y, key, samples: int = 5):
    """The importance-weighted objective: the same bound, of a few samples, as a loss."""
    mean, logvar = model.encoder(x, y)
    noise = jax.random.normal(key, (samples, *mean.shape))
    log_weights = jax.vmap(lambda noise: log_weight(model, x, y, mean, logvar, noise))(noise)
    bound = jax.nn.logsumexp(log_weights, axis=0) - jnp.log(samples)
    return -bound.mean(), {}


# --8<-- [end:iwae]
