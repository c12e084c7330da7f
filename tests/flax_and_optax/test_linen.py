"""Linen beside NNX: the tabs of the post claim the same numbers, to the bit."""

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

from blog_code.flax_and_optax.linen import LinenCVAE, init_and_call, linen_sample, linen_train_step
from blog_code.flax_and_optax.model import CVAE
from blog_code.flax_and_optax.train import train_step


@pytest.fixture
def twins(batch):
    """Linen's model, its parameters and logits, and NNX's model with the same parameters."""
    linen, params, logits = init_and_call(*batch)
    model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(0))
    nnx.update(model, params)
    return linen, params, logits, model


def test_twenty_steps_of_adamw_agree_to_the_bit(batch, twins):
    """From the same parameters, both give equal losses, parameters and optimiser state."""
    x, y, key = batch
    linen, params, _, model = twins
    transform = optax.adamw(1e-3)
    optimiser, opt_state = nnx.Optimizer(model, transform, wrt=nnx.Param), transform.init(params)
    nnx_step = nnx.jit(train_step)
    linen_step = jax.jit(linen_train_step, static_argnums=(0, 1))
    for step_key in jax.random.split(key, 20):
        nnx_loss, _ = nnx_step(model, optimiser, x, y, step_key)
        params, opt_state, linen_loss = linen_step(linen, transform, params, opt_state, x, y, step_key)

        assert nnx_loss == linen_loss

    ours = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), ours, params))
    ours, theirs = jax.tree.leaves(nnx.as_pure(optimiser.opt_state)), jax.tree.leaves(opt_state)
    assert len(ours) == len(theirs)
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))


def test_sampling_agrees(batch, twins):
    """The sample tab draws what the NNX cell draws."""
    _, y, key = batch
    linen, params, _, model = twins
    z = jax.random.normal(key, (16, 8))

    assert (linen_sample(linen, params, y, key) == nnx.sigmoid(model.decoder(z, y))).all()


def test_calling_agrees(batch, twins):
    """The call tab gives the logits of the NNX model with the same parameters."""
    x, y, key = batch
    _, _, logits, model = twins

    assert (jnp.asarray(logits) == model(x, y, jax.random.split(key, 3)[2])[0]).all()


def test_equal_seeds_do_not_mean_equal_weights(batch):
    """The post says so in so many words."""
    _, params, _ = init_and_call(batch[0], batch[1], jax.random.key(0))
    model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(0))

    assert not (params["decoder"]["out"]["kernel"] == model.decoder.out.kernel[...]).all()
    assert LinenCVAE(hidden=64, latent=8).latent == model.latent
