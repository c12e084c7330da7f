"""The scores: bounds that must be ordered, and equal where the model is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from blog_code.flax_and_optax.evaluate import evaluate, iw_bound, mean_bound, neg_iw_bound
from blog_code.flax_and_optax.model import CVAE


@pytest.fixture(scope="module")
def digits():
    key = jax.random.key(3)
    return jax.random.bernoulli(key, 0.3, (200, 784)).astype(jnp.float32), jnp.arange(200) % 10


@pytest.fixture
def model():
    return CVAE(hidden=32, latent=4, rngs=nnx.Rngs(0))


def test_the_bound_of_many_samples_is_tighter_than_the_elbo(model, digits):
    """ELBO <= bound with 10 samples <= bound with 500, as Burda et al. prove."""
    elbo, _ = evaluate(model, *digits, jax.random.key(0))
    some = iw_bound(model, *digits, jax.random.key(0), samples=10, chunk=10).mean()
    many = iw_bound(model, *digits, jax.random.key(0), samples=500).mean()

    assert elbo < some < many


def test_the_bound_is_exact_where_the_latent_is_ignored(model, digits):
    """Where the decoder ignores z and the encoder answers with the prior, the bound is log p(x | y)."""
    for layer in (model.encoder.out, model.decoder.first.linear):
        layer.kernel[...] = jnp.zeros_like(layer.kernel[...])
        layer.bias[...] = jnp.zeros_like(layer.bias[...])
    x, y = digits
    p = nnx.sigmoid(model.decoder(jnp.zeros((200, 4)), y))
    exact = jnp.log(jnp.where(x == 1, p, 1 - p)).sum(axis=-1)

    np.testing.assert_allclose(
        iw_bound(model, x, y, jax.random.key(0), samples=20, chunk=10), exact, rtol=1e-4
    )


def test_each_digit_has_noise_of_its_own(model):
    """The error shrinks with the number of digits: a hundred copies of one digit get a hundred estimates."""
    x, y = jnp.ones((100, 784)), jnp.zeros(100, int)
    bounds = iw_bound(model, x, y, jax.random.key(0), samples=3)

    assert len(set(bounds.tolist())) > 90


def test_a_few_digits_tell_what_more_samples_are_worth(model, digits):
    """The estimate for all digits agrees with the bound of all of them, within a few of its errors."""
    x, y = digits
    exact = iw_bound(model, x, y, jax.random.key(0), samples=500).mean()
    estimates = np.array(
        [mean_bound(model, x, y, jax.random.key(n), samples=500, digits=50) for n in range(1, 5)]
    )
    error = estimates[:, 0].std(ddof=1)

    assert abs(estimates[:, 0].mean() - exact) < 4 * error
    spread = iw_bound(model, x, y, jax.random.key(9), samples=25).std() / np.sqrt(len(y))
    assert estimates[:, 1] == pytest.approx(float(spread), rel=0.3)  # that over digits is told apart


def test_samples_that_do_not_divide_are_refused(model, digits):
    """A chunk that is cut off would go missing from the mean without a word."""
    with pytest.raises(ValueError, match="10 samples do not divide into chunks of 4"):
        iw_bound(model, *digits, jax.random.key(0), samples=10, chunk=4)


def test_the_objective_is_the_bound(model, digits):
    """The importance-weighted loss is minus the bound that the scores use, up to its noise."""
    loss, _ = neg_iw_bound(model, *digits, jax.random.key(0), samples=500)
    bound = iw_bound(model, *digits, jax.random.key(1), samples=500).mean()

    assert float(-loss) == pytest.approx(float(bound), abs=0.5)


def test_the_elbo_does_not_depend_on_the_batches(model, digits):
    """The mean over batches of a hundred is the mean over all digits."""
    x, y = digits
    elbo, parts = evaluate(model, x, y, jax.random.key(0))
    mean, logvar = model.encoder(x, y)
    kl = 0.5 * (jnp.exp(logvar) + mean**2 - 1 - logvar).sum(axis=-1).mean()

    assert float(parts["kl"]) == pytest.approx(float(kl), rel=1e-5)
    assert float(elbo) == pytest.approx(-float(parts["reconstruction"] + parts["kl"]), rel=1e-5)
