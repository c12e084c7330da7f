"""The epoch as one program: what it trains, on how many devices, and whether it resumes."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from orbax.checkpoint import v1 as ocp

from blog_code.flax_and_optax.train import (
    Config,
    binarise,
    copy_to_all,
    data_mesh,
    init_state,
    train_epoch,
    train_step,
)

CONFIG = Config(hidden=32, latent=4, batch=16, epochs=3, seed=1)


@pytest.fixture(scope="module")
def digits():
    """Made-up grey pictures, 80 of them, so that the order of a shuffle matters: (image, label)."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.integers(0, 256, (80, 784), np.uint8)), jnp.asarray(np.arange(80) % 10)


def train(digits, epochs=2, config=CONFIG):
    """Losses of some epochs, and the state after them."""
    mesh = data_mesh(jax.devices()[:1])
    state = copy_to_all(init_state(config, 80), mesh)
    losses = []
    for key in jax.random.split(jax.random.key(2), epochs):
        state, some = train_epoch(state, *copy_to_all(digits, mesh), key, batch=config.batch, mesh=mesh)
        losses.append(np.asarray(some))
    return state, np.concatenate(losses)


def train_elsewhere(*hosts):
    """What processes with devices of their own say of the first of these epochs: (output, errors) of each."""
    script = Path(__file__).with_name("host.py")
    started = [
        subprocess.Popen([sys.executable, script, *map(str, host)], stdout=-1, stderr=-1, text=True)
        for host in hosts
    ]
    try:
        return [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()


def test_an_epoch_is_the_steps_it_consists_of(digits):
    """The scanned epoch gives the losses of the same steps called one by one from Python."""
    _, scanned = train(digits, epochs=1)
    image, label = digits
    model, optimiser = init_state(CONFIG, 80)
    key = jax.random.split(jax.random.key(2), 1)[0]
    shuffle_key, steps_key = jax.random.split(key)
    order = jax.random.permutation(shuffle_key, 80).reshape(5, 16)
    step, single = nnx.jit(train_step), []
    for rows, key in zip(order, jax.random.split(steps_key, 5), strict=True):
        binarise_key, noise_key = jax.random.split(key)
        single.append(step(model, optimiser, binarise(image[rows], binarise_key), label[rows], noise_key)[0])

    np.testing.assert_allclose(scanned, single, rtol=1e-5)


def test_eight_devices_give_the_losses_of_one(digits):
    """Splitting each batch over eight devices changes nothing but the order of sums."""
    [(output, errors)] = train_elsewhere([8])
    assert output, errors
    told = json.loads(output)

    assert told["devices"] == 8
    np.testing.assert_allclose(told["losses"], train(digits, epochs=1)[1], rtol=1e-4)


def test_two_hosts_give_the_losses_of_one(digits):
    """The same on eight devices of two processes, which find each other by `jax.distributed`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    said = train_elsewhere([4, address, 0], [4, address, 1])
    assert all(output for output, _ in said), said
    first, second = (json.loads(output.splitlines()[-1]) for output, _ in said)

    assert first["devices"] == 8 and first == second
    np.testing.assert_allclose(first["losses"], train(digits, epochs=1)[1], rtol=1e-4)


def test_a_batch_that_does_not_divide_is_refused():
    """Three devices cannot share sixteen digits, and the error says so."""
    [(output, errors)] = train_elsewhere([3])

    assert not output
    assert "a batch of 16 does not divide among 3 devices" in errors


def test_the_state_is_donated(digits):
    """The old state is written over, as the post says: whoever looks at it gets an error, not old numbers."""
    mesh = data_mesh(jax.devices()[:1])
    state = copy_to_all(init_state(CONFIG, 80), mesh)
    kernel = state.model.decoder.out.kernel[...]
    train_epoch(state, *copy_to_all(digits, mesh), jax.random.key(0), batch=16, mesh=mesh)

    with pytest.raises(RuntimeError, match="deleted"):
        kernel + 1


def test_resuming_is_never_having_stopped(digits, tmp_path):
    """Saved after one epoch and loaded into a fresh state, the second epoch is the same to the bit."""
    _, uninterrupted = train(digits, epochs=2)
    mesh = data_mesh(jax.devices()[:1])
    first_key, second_key = jax.random.split(jax.random.key(2), 2)
    state = copy_to_all(init_state(CONFIG, 80), mesh)
    state, _ = train_epoch(state, *digits, first_key, batch=16, mesh=mesh)
    with ocp.training.Checkpointer(tmp_path / "run") as checkpoints:
        checkpoints.save(1, nnx.state(state))
        fresh = init_state(CONFIG, 80)
        nnx.update(fresh, checkpoints.load(1, nnx.state(fresh)))
    _, resumed = train_epoch(copy_to_all(fresh, mesh), *digits, second_key, batch=16, mesh=mesh)

    assert (np.asarray(resumed) == uninterrupted[5:]).all()


def test_the_schedule_ends_at_nothing(digits):
    """Warm-up and cosine are sized in real steps, so the last epoch really is the last of the schedule."""
    state, _ = train(digits, epochs=3)
    before = jax.tree.map(np.asarray, nnx.as_pure(nnx.state(state.model)))
    mesh = data_mesh(jax.devices()[:1])
    state, _ = train_epoch(state, *copy_to_all(digits, mesh), jax.random.key(9), batch=16, mesh=mesh)
    after = nnx.as_pure(nnx.state(state.model))

    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), before, after))
