"""The judge: it learns, its jitter keeps digits where they can be seen, and it reads what was generated."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from blog_code.flax_and_optax.classifier import Classifier, classifier_step, jitter, read_as
from blog_code.flax_and_optax.model import CVAE


def blocks(count: int):
    """Ten kinds of picture that anybody can tell apart: a bright block in one of ten places."""
    label = np.arange(count) % 10
    image = np.zeros((count, 28, 28), np.uint8)
    for n, kind in enumerate(label):
        row, column = divmod(int(kind), 4)
        image[n, 3 + 8 * row : 9 + 8 * row, 2 + 6 * column : 7 + 6 * column] = 255
    return jnp.asarray(image.reshape(count, 784)), jnp.asarray(label)


def test_the_judge_learns_to_tell_pictures_apart():
    """Sixty steps on 1,280 easy pictures are enough to read nearly all of them."""
    image, label = blocks(1280)
    judge = Classifier(rngs=nnx.Rngs(0))
    optimiser = nnx.Optimizer(judge, optax.adam(3e-3), wrt=nnx.Param)
    for key in jax.random.split(jax.random.key(0), 60):
        classifier_step(judge, optimiser, image, label, key)

    assert (judge(image / 255.0).argmax(axis=-1) == label).mean() > 0.9


def test_jitter_moves_digits_and_keeps_their_ink():
    """The pictures change, and most of the ink stays on the page."""
    image, _ = blocks(10)
    middle = (image / 255.0).reshape(10, 28, 28)[:, 3:25, 3:25]
    padded = jnp.pad(middle, ((0, 0), (3, 3), (3, 3))).reshape(10, 784)
    moved = jitter(padded, jax.random.key(1))

    assert moved.shape == padded.shape
    assert not (moved == padded).all()
    assert 0.5 < moved.sum() / padded.sum() < 1.5


def test_reading_generated_digits_gives_a_class_each(batch):
    """One answer from 0 to 9 for each latent, of the map of chances and of the draw from it."""
    model = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))
    judge = Classifier(rngs=nnx.Rngs(0))
    for answers in read_as(model, judge, jnp.zeros((16, 4)), batch[1], batch[2]):
        assert answers.shape == (16,)
        assert ((answers >= 0) & (answers <= 9)).all()


def test_maps_and_draws_are_judged_apart(batch):
    """A map is read as it is; a draw is black and white, and another one for another key."""
    model = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))
    seen = []

    def judge(pictures):
        seen.append(pictures)
        return pictures[:, :10]

    with jax.disable_jit():
        for number in (0, 1):
            read_as(model, judge, jnp.zeros((16, 4)), batch[1], jax.random.key(number))
    map_0, draw_0, map_1, draw_1 = seen

    assert (map_0 == map_1).all() and not jnp.isin(map_0, jnp.array([0.0, 1.0])).any()
    assert jnp.isin(draw_0, jnp.array([0.0, 1.0])).all() and not (draw_0 == draw_1).all()
