"""What the tests of this post share: warnings as errors, made-up digits."""

import jax
import jax.numpy as jnp
import pytest


def pytest_collection_modifyitems(items):
    """A deprecation in the code that readers copy is a bug today, not next year."""
    for item in items:
        if "flax_and_optax" in str(item.path) and item.path.name != "test_data.py":
            item.add_marker(pytest.mark.filterwarnings("error"))


@pytest.fixture
def batch():
    """Sixteen black-and-white pictures with labels, and a key: (x [16, 784], y [16], key)."""
    key = jax.random.key(0xBA7C4)
    x = jax.random.bernoulli(key, 0.2, (16, 784)).astype(jnp.float32)
    return x, jnp.arange(16) % 10, key
