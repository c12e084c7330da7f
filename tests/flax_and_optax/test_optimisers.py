"""Optax: the transformation that the post writes, and the claims that it makes about the others."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from blog_code.flax_and_optax.model import CVAE
from blog_code.flax_and_optax.optimisers import (
    encoder_or_decoder,
    flops,
    kernels,
    logging_step,
    record_norm,
    small_run,
    smooth_loss,
)
from blog_code.flax_and_optax.train import train_step


def test_record_norm_remembers_and_changes_nothing():
    """The updates go through untouched; the state is the Euclidean norm of all of them together."""
    updates = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    transform = record_norm()
    passed, state = transform.update(updates, transform.init(updates))

    assert passed == updates
    assert state.norm == 5.0


def test_the_small_run_learns(batch):
    """The workbench of the extras ends lower than it began, and repeats itself for the same seed."""
    x, y, _ = batch
    _, _, losses = small_run(optax.adam(1e-2), x, y, steps=40)
    _, _, again = small_run(optax.adam(1e-2), x, y, steps=40)

    assert losses[-5:].mean() < losses[0] * 2 / 3
    assert (losses == again).all()


def test_biases_do_not_decay():
    """The mask is true for kernels, false for biases and for embeddings, which are the biases of classes."""
    params = nnx.as_pure(nnx.state(CVAE(hidden=4, latent=2, rngs=nnx.Rngs(0))))
    first = kernels(params)["decoder"]["first"]

    assert first["linear"] == {"kernel": True, "bias": False}
    assert first["scale"] == first["shift"] == {"embedding": False}


def test_weights_without_gradients_decay_as_the_mask_says():
    """In the optimiser itself, boxes and all, AdamW shrinks the kernels and nothing else."""
    model = CVAE(hidden=4, latent=2, rngs=nnx.Rngs(0))
    state = nnx.state(model)
    nnx.update(model, jax.tree.map(jnp.ones_like, state))
    optimiser = nnx.Optimizer(model, optax.adamw(0.1, weight_decay=0.5, mask=kernels), wrt=nnx.Param)
    optimiser.update(model, jax.tree.map(jnp.zeros_like, state))
    first = model.decoder.first

    assert (first.linear.kernel[...] < 1).all()
    assert (first.linear.bias[...] == 1).all() and (first.shift.embedding[...] == 1).all()


def test_a_frozen_encoder_stays_as_it_is(batch):
    """Labels by the name of the part: the encoder keeps every bit, the decoder moves."""
    model = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))
    before = jax.tree.map(np.asarray, nnx.as_pure(nnx.state(model)))
    frozen = optax.partition(
        {"decoder": optax.adam(1e-2), "encoder": optax.set_to_zero()}, encoder_or_decoder
    )
    train_step(model, nnx.Optimizer(model, frozen, wrt=nnx.Param), *batch)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before, nnx.as_pure(nnx.state(model)))

    assert jax.tree.all(same["encoder"])
    assert not jax.tree.all(same["decoder"])


def test_freezing_saves_operations_until_somebody_logs_the_norm(batch):
    """The order of the post's table: frozen costs less than everything; logging the norm takes it back."""

    def count(transform, step):
        model = CVAE(hidden=64, latent=4, rngs=nnx.Rngs(0))
        return flops(step, model, nnx.Optimizer(model, transform, wrt=nnx.Param), *batch)

    half = optax.partition({"decoder": optax.adam(1e-3), "encoder": optax.set_to_zero()}, encoder_or_decoder)
    everything, frozen, logged = (
        count(optax.adam(1e-3), train_step),
        count(half, train_step),
        count(half, logging_step),
    )

    assert frozen < 0.9 * everything
    assert frozen < 0.9 * logged


def test_the_smooth_loss_has_no_noise(batch):
    """It is the mean over digits, so the mean of the losses of two halves is the loss of the whole."""
    x, y, _ = batch
    model = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))
    halves = (smooth_loss(model, x[:8], y[:8]) + smooth_loss(model, x[8:], y[8:])) / 2

    np.testing.assert_allclose(smooth_loss(model, x, y), halves, rtol=1e-5)
