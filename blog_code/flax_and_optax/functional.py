"""A decoder without any library: a function of its parameters."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

# --8<-- [start:pure-jax]
Params = dict[str, Float[Array, "..."]]


def init_decoder(key: Key[Array, ""], hidden: int = 64, latent: int = 8) -> Params:
    """Draw the parameters θ; every shape is ours to get right."""
    first_key, label_key, out_key = jax.random.split(key, 3)
    return {
        "first": jax.random.normal(first_key, (latent, hidden)) / jnp.sqrt(latent),
        "label": jax.random.normal(label_key, (10, hidden)),
        "out": jax.random.normal(out_key, (hidden, 784)) / jnp.sqrt(hidden),
        "bias": jnp.zeros(784),
    }


def decode(params: Params, z: Float[Array, "b latent"], y: Int[Array, "b"]) -> Float[Array, "b 784"]:
    """f(θ, x): the same θ and the same input give the same logits, for ever."""
    h = jax.nn.gelu(z @ params["first"] + params["label"][y])
    return h @ params["out"] + params["bias"]


# --8<-- [end:pure-jax]
