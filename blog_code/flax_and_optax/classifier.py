"""The judge: a small classifier that says which digit a picture shows."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float

from blog_code.flax_and_optax.train import train_step


# --8<-- [start:classifier]
class Classifier(nnx.Module):
    """A perceptron with two hidden layers: logits of the ten classes."""

    def __init__(self, hidden: int = 512, *, rngs: nnx.Rngs):
        self.first = nnx.Linear(784, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 10, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"]) -> Float[Array, "b 10"]:
        return self.out(nnx.relu(self.second(nnx.relu(self.first(x)))))


def cross_entropy(model, x, y, key):
    """A loss of the same shape as neg_elbo, so that train_step takes it; it needs no noise."""
    targets = optax.smooth_labels(jax.nn.one_hot(y, 10), 0.05)
    return optax.softmax_cross_entropy(model(x), targets).mean(), {}


# --8<-- [end:classifier]


# --8<-- [start:jitter]
def jitter(x: Float[Array, "b 784"], key) -> Float[Array, "b 784"]:
    """Turn, scale, shear and shift all these digits by one random affine map."""
    matrix_key, shift_key = jax.random.split(key)
    matrix = jnp.eye(2) + jax.random.uniform(matrix_key, (2, 2), minval=-0.15, maxval=0.15)
    centred = jnp.mgrid[:28, :28].reshape(2, -1) - 13.5
    source = matrix @ centred + 13.5 + jax.random.uniform(shift_key, (2, 1), minval=-2.0, maxval=2.0)
    warp = lambda digit: jax.scipy.ndimage.map_coordinates(digit.reshape(28, 28), source, order=1)
    return jax.vmap(warp)(x)


# --8<-- [end:jitter]


# --8<-- [start:classifier-epoch]
@partial(jax.jit, donate_argnames="state")
def classifier_epoch(state, image, label, key):
    """Every digit once, 128 at a time, each 32 of them jittered alike."""
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(label) // 128
    order = jax.random.permutation(shuffle_key, len(label))[: steps * 128].reshape(steps, 4, 32)

    def step(state, inputs):
        rows, key = inputs
        x = jax.vmap(jitter)(image[rows] / 255.0, jax.random.split(key, 4))
        value, _ = train_step(*state, x.reshape(128, 784), label[rows].reshape(128), key, cross_entropy)
        return state, value

    return jax.lax.scan(step, state, (order, jax.random.split(steps_key, steps)))


# --8<-- [end:classifier-epoch]


# --8<-- [start:read-as]
@jax.jit
def read_as(model, judge, z, y):
    """Which digit the judge sees in each generated one."""
    return judge(nnx.sigmoid(model.decoder(z, y))).argmax(axis=-1)


# --8<-- [end:read-as]
