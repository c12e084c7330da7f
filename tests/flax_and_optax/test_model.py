"""The model, the loss and the step, on made-up digits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from blog_code.flax_and_optax.functional import decode, init_decoder
from blog_code.flax_and_optax.model import CVAE, Affine, Conditioned
from blog_code.flax_and_optax.train import binarise, log_bernoulli, neg_elbo, train_step


@pytest.fixture
def model():
    return CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))


def test_the_decoder_without_a_library_has_the_shapes_that_the_page_prints(batch):
    """The first cells of the post promise 784 logits a digit."""
    logits = decode(init_decoder(batch[2]), jnp.zeros((3, 8)), jnp.arange(3))

    assert logits.shape == (3, 784)


def test_the_layer_by_hand_is_the_one_that_flax_has(batch):
    """The page says so: with the same parameters the same outputs, and both are trained."""
    by_hand, ready_made = Affine(784, 8, rngs=nnx.Rngs(0)), nnx.Linear(784, 8, rngs=nnx.Rngs(1))
    nnx.update(by_hand, nnx.state(ready_made, nnx.Param))

    np.testing.assert_array_equal(by_hand(batch[0]), ready_made(batch[0]))
    assert nnx.state(by_hand, nnx.Param).keys() == nnx.state(ready_made, nnx.Param).keys()


def test_one_class_serves_a_whole_batch(batch):
    """A label with one entry is that of all digits, as the importance-weighted bound needs it."""
    decoder = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0)).decoder
    z = jax.random.normal(batch[2], (5, 4))

    np.testing.assert_allclose(decoder(z, jnp.array([3])), decoder(z, jnp.full(5, 3)), rtol=1e-6)


def test_a_new_conditioned_layer_is_linear_until_a_class_asks_for_more(batch):
    """Scale and shift start at zero, so that conditioning begins as the identity."""
    layer = Conditioned(784, 8, rngs=nnx.Rngs(0))

    np.testing.assert_array_equal(layer(batch[0], batch[1]), layer.linear(batch[0]))


def test_shapes(model, batch):
    """Logits for each pixel, mean and log-variance for each latent."""
    x, y, key = batch
    logits, mean, logvar = model(x, y, key)

    assert (logits.shape, mean.shape, logvar.shape) == ((16, 784), (16, 4), (16, 4))


def test_kl_is_zero_where_the_encoder_says_nothing(model, batch):
    """An encoder whose answer is the prior pays nothing for its latent."""
    model.encoder.out.kernel[...] = jnp.zeros_like(model.encoder.out.kernel[...])
    model.encoder.out.bias[...] = jnp.zeros_like(model.encoder.out.bias[...])
    _, parts = neg_elbo(model, *batch)

    assert parts["kl"] == 0.0


def test_kl_is_that_of_two_gaussians(model, batch):
    """The closed form agrees with a Monte Carlo estimate of E_q[log q - log p]."""
    x, y, _ = batch
    mean, logvar = model.encoder(x, y)
    z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(jax.random.key(1), (20_000, *mean.shape))
    log_q = jax.scipy.stats.norm.logpdf(z, mean, jnp.exp(0.5 * logvar)).sum(-1)
    estimate = (log_q - jax.scipy.stats.norm.logpdf(z).sum(-1)).mean()
    _, parts = neg_elbo(model, *batch)

    assert float(parts["kl"]) == pytest.approx(float(estimate), rel=0.05)


def test_a_decoder_without_opinion_pays_784_ln_2(model, batch):
    """The loss is in nats a digit, summed over pixels: a chance of one half for each pixel costs 543.4."""
    model.decoder.out.kernel[...] = jnp.zeros_like(model.decoder.out.kernel[...])
    model.decoder.out.bias[...] = jnp.zeros_like(model.decoder.out.bias[...])
    _, parts = neg_elbo(model, *batch)

    assert float(parts["reconstruction"]) == pytest.approx(784 * np.log(2), rel=1e-5)


def test_log_bernoulli_is_what_optax_computes(batch):
    """The post replaces Optax's cross-entropy for speed: it must keep its value and its gradient."""
    x, _, key = batch
    logits = 30.0 * jax.random.normal(key, x.shape)
    ours = jax.value_and_grad(lambda logits: -log_bernoulli(logits, x).sum())(logits)
    theirs = jax.value_and_grad(lambda logits: optax.sigmoid_binary_cross_entropy(logits, x).sum())(logits)

    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)


def test_same_key_same_digits(model, batch):
    """Generation repeats itself for the same key, and only then."""
    x, y, key = batch
    first, again, other = model(x, y, key)[0], model(x, y, key)[0], model(x, y, jax.random.key(7))[0]

    assert (first == again).all()
    assert not (first == other).all()


def test_another_label_another_digit(batch):
    """After one step of training, the class changes what the decoder draws from the same latent."""
    model = CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))
    optimiser = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    train_step(model, optimiser, *batch)
    z = jnp.ones((2, 4))
    logits = model.decoder(z, jnp.array([3, 8]))

    assert not (logits[0] == logits[1]).all()


def test_the_loss_falls_on_a_repeated_batch(model, batch):
    """The step learns: fifty steps on sixteen pictures bring the loss down by a third."""
    optimiser = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    step = nnx.jit(train_step)
    losses = [float(step(model, optimiser, *batch)[0]) for _ in range(50)]

    assert losses[-1] < losses[0] * 2 / 3


def test_the_jit_trap_is_still_a_trap(model, batch):
    """The post warns of jax.jit around an in-place step; if JAX or Flax mends it, the warning must go."""
    optimiser = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    jax.jit(train_step)(model, optimiser, *batch)

    assert int(optimiser.step[...]) == 0


def test_binarise_tosses_fair_coins():
    """The share of black pixels is the grey value: 0 never, 255 always, 51 a fifth of the time."""
    grey = np.arange(784) % 256
    image = jnp.tile(jnp.asarray(grey, jnp.uint8), (20_000, 1))
    share = np.asarray(binarise(image, jax.random.key(0)).mean(axis=0))

    assert (share[grey == 0] == 0.0).all() and (share[grey == 255] == 1.0).all()
    np.testing.assert_allclose(share, grey / 255, atol=0.02)  # five deviations of 20,000 coins


def test_the_four_coins_of_a_word_are_independent():
    """Pixels that share a random word are no more alike than others."""
    image = jnp.full((20_000, 784), 128, jnp.uint8)
    ink = np.asarray(binarise(image, jax.random.key(0)))[:, :8]
    correlations = np.corrcoef(ink, rowvar=False) - np.eye(8)

    assert abs(correlations).max() < 0.04
