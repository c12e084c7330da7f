"""The judge: a small convolutional classifier that says which digit a picture shows."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, UInt8

from blog_code.flax_and_optax.train import train_step


# --8<-- [start:classifier]
class Classifier(nnx.Module):
    """Two convolutions that halve the picture, then two dense layers: logits of the ten classes."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.first = nnx.Conv(1, 16, (5, 5), strides=2, rngs=rngs)
        self.second = nnx.Conv(16, 32, (3, 3), strides=2, rngs=rngs)
        self.third = nnx.Linear(7 * 7 * 32, 128, rngs=rngs)
        self.out = nnx.Linear(128, 10, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"]) -> Float[Array, "b 10"]:
        h = nnx.relu(self.first(x.reshape(-1, 28, 28, 1)))
        h = nnx.relu(self.second(h))
        return self.out(nnx.relu(self.third(h.reshape(-1, 7 * 7 * 32))))


def cross_entropy(model, x, y, key):
    """A loss with the signature of neg_elbo, so that train_step takes it; it needs no noise."""
    targets = optax.smooth_labels(jax.nn.one_hot(y, 10), 0.05)
    return optax.softmax_cross_entropy(model(x), targets).mean(), {}


# --8<-- [end:classifier]


# --8<-- [start:jitter]
def jitter(x: Float[Array, "b 784"], key: Key[Array, ""]) -> Float[Array, "b 784"]:
    """Turn, scale, shear and shift all these digits by one random affine map."""
    matrix_key, shift_key = jax.random.split(key)
    matrix = jnp.eye(2) + jax.random.uniform(matrix_key, (2, 2), minval=-0.15, maxval=0.15)
    centred = jnp.mgrid[:28, :28].reshape(2, -1) - 13.5
    source = matrix @ centred + 13.5 + jax.random.uniform(shift_key, (2, 1), minval=-2.0, maxval=2.0)
    warp = lambda digit: jax.scipy.ndimage.map_coordinates(digit.reshape(28, 28), source, order=1)
    return jax.vmap(warp)(x)


# --8<-- [end:jitter]


# --8<-- [start:classifier-step]
@nnx.jit
def classifier_step(judge, optimiser, image: UInt8[Array, "n 784"], label: Int[Array, "n"], key):
    """A step on 128 digits drawn at random, each 32 of them jittered alike."""
    rows_key, jitter_key, loss_key = jax.random.split(key, 3)
    rows = jax.random.randint(rows_key, (4, 32), 0, len(label))
    x = jax.vmap(jitter)(image[rows] / 255.0, jax.random.split(jitter_key, 4)).reshape(128, 784)
    return train_step(judge, optimiser, x, label[rows].reshape(128), loss_key, cross_entropy)


# --8<-- [end:classifier-step]


# --8<-- [start:read-as]
@jax.jit
def read_as(model, judge, z: Float[Array, "n latent"], y: Int[Array, "n"], key: Key[Array, ""]):
    """Which digit the judge sees: in each map of chances, and in a picture drawn from it."""
    chance = nnx.sigmoid(model.decoder(z, y))
    drawn = jax.random.bernoulli(key, chance).astype(jnp.float32)
    return judge(chance).argmax(axis=-1), judge(drawn).argmax(axis=-1)


# --8<-- [end:read-as]
