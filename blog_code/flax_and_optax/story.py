"""The statements of the post that train, print and draw, in the order of the page."""

import dataclasses
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import optax.contrib
from flax import nnx
from jax import export
from jax.extend.backend import clear_backends
from jaxtyping import Array, Float
from orbax.checkpoint import v1 as ocp

from blog_code.flax_and_optax.classifier import Classifier, classifier_step, read_as
from blog_code.flax_and_optax.data import load_mnist
from blog_code.flax_and_optax.demo import export_decoder, train_demo
from blog_code.flax_and_optax.evaluate import evaluate, mean_bound, neg_iw_bound
from blog_code.flax_and_optax.functional import decode, init_decoder
from blog_code.flax_and_optax.model import CVAE, Affine
from blog_code.flax_and_optax.optimisers import (
    encoder_or_decoder,
    flops,
    kernels,
    logging_step,
    record_norm,
    small_run,
    smooth_loss,
)
from blog_code.flax_and_optax.train import (
    Config,
    binarise,
    copy_to_all,
    data_mesh,
    init_state,
    kl_to_prior,
    neg_elbo,
    train_epoch,
    train_step,
)

# --8<-- [start:parameters]
seed = 0xFFFF
epochs = 96  # of the CVAE
judge_steps = 5_000  # of the classifier that reads its digits
bound_samples = 5_000  # of the importance-weighted bound
bound_digits = 200  # that get all of them, in each of four draws
extra_epochs = 5  # after those, with the ELBO, and with the importance-weighted objective
demo_steps = 2_000  # of the small decoder in this page
# --8<-- [end:parameters]

# --8<-- [start:decode]
params = init_decoder(jax.random.key(seed))
z, y = jnp.zeros((3, 8)), jnp.array([0, 1, 2])
print("in:    ", {name: value.shape for name, value in params.items()}, z.shape, y.shape)
print("logits:", decode(params, z, y).shape)
# --8<-- [end:decode]

# --8<-- [start:layers]
by_hand, ready_made = Affine(3, 2, rngs=nnx.Rngs(seed)), nnx.Linear(3, 2, rngs=nnx.Rngs(seed))
for layer in (by_hand, ready_made):
    print({name: variable.shape for name, variable in nnx.state(layer).items()})
by_hand.kernel[...], by_hand.bias[...] = ready_made.kernel[...], ready_made.bias[...]
print("the same weights, the same outputs:", bool((by_hand(jnp.eye(3)) == ready_made(jnp.eye(3))).all()))
# --8<-- [end:layers]

# --8<-- [start:modes]
norm, dropout = nnx.BatchNorm(4, rngs=nnx.Rngs(seed)), nnx.Dropout(0.5, rngs=nnx.Rngs(seed))
layers = nnx.Sequential(norm, dropout)
for set_mode in (layers.train, layers.eval):
    set_mode()
    out = layers(3.0 + jax.random.normal(jax.random.key(seed), (1000, 4)))
    print(
        f"{set_mode.__name__:5}  dropped: {(out == 0).mean():3.0%}  running mean: {norm.mean[...].mean():.2f}"
    )
# --8<-- [end:modes]

# --8<-- [start:look]
model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
logits, mean, logvar = model(jnp.zeros((1, 784)), jnp.zeros(1, int), jax.random.key(seed))
print("logits", logits.shape, " mean", mean.shape, " log-variance", logvar.shape)
for name, part in {"encoder": model.encoder, "decoder": model.decoder, "all of it": model}.items():
    print(f"{name:<10}{sum(leaf.size for leaf in jax.tree.leaves(nnx.state(part))):8,} parameters")
# --8<-- [end:look]


# --8<-- [start:show-digits]
def show_digits(images):
    """Draw a sheet of digits; images is an array [rows, columns, 784], 0 paper, 1 ink."""
    rows, columns, _ = images.shape
    sheet = np.asarray(images).reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(28 * rows, 28 * columns)
    figure = plt.figure(figsize=(0.28 * columns, 0.28 * rows), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    axes.imshow(sheet, vmin=0, vmax=1, cmap="gray_r")
    plt.show()


# --8<-- [end:show-digits]

# --8<-- [start:untrained]
z = jax.random.normal(jax.random.key(seed), (1, model.latent))
show_digits(nnx.sigmoid(model.decoder(jnp.repeat(z, 10, axis=0), jnp.arange(10)))[None])
# --8<-- [end:untrained]

# --8<-- [start:split-merge]
graphdef, params = nnx.split(model.decoder)
y = jnp.array([7])
same = model.decoder(z, y) == nnx.merge(graphdef, params)(z, y)  # the z from above
blank = nnx.merge(graphdef, jax.tree.map(jnp.zeros_like, params))
print("merged with its own parameters, the same logits:", bool(same.all()))
print("merged with zeros, a decoder that has no opinion:", nnx.sigmoid(blank(z, y)).min())
# --8<-- [end:split-merge]

# --8<-- [start:alias]
alias, copied = nnx.state(model), jax.tree.map(jnp.copy, nnx.state(model))
model.decoder.out.bias[...] += 1.0
print("the state followed:", alias["decoder"]["out"]["bias"][...].mean())
print("the copy did not:  ", copied["decoder"]["out"]["bias"][...].mean())
# --8<-- [end:alias]


# --8<-- [start:keys]
class Noisy(nnx.Module):
    """What not to do: a module that keeps its own source of randomness."""

    def __init__(self, rngs: nnx.Rngs):
        self.rngs = rngs

    def __call__(self, x):
        return x + jax.random.normal(self.rngs.noise(), x.shape)


noisy, zero = Noisy(nnx.Rngs(noise=seed)), jnp.zeros(3)
for name, jit in {"nnx.jit": nnx.jit, "jax.jit": jax.jit}.items():
    call = jit(lambda module, x: module(x))
    print(f"{name}: the same noise twice? {bool((call(noisy, zero) == call(noisy, zero)).all())}")
# --8<-- [end:keys]

# --8<-- [start:mnist]
train, test, data_read = load_mnist()
image, label = jnp.asarray(train.image), jnp.asarray(train.label)
test_image, test_y = jnp.asarray(test.image), jnp.asarray(test.label)
test_x = binarise(test_image, jax.random.key(0xB1))
# --8<-- [end:mnist]

# --8<-- [start:transform-by-hand]
weights, grads = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.1, -20.0, 3000.0])
for name, transform in {"SGD": optax.sgd(0.1), "Adam": optax.adam(0.1)}.items():
    opt_state = transform.init(weights)
    updates, opt_state = transform.update(grads, opt_state, weights)
    print(f"{name:5} {updates}")
# --8<-- [end:transform-by-hand]

# --8<-- [start:use-own-transform]
transform = optax.chain(record_norm(), optax.clip(1.0), optax.sgd(0.1))
updates, opt_state = transform.update(grads, transform.init(weights))
print(f"update {updates}, gradient norm {opt_state[0].norm:.1f}")
# --8<-- [end:use-own-transform]

# --8<-- [start:sanity]
few_x, few_y = binarise(image[:2048], jax.random.key(0xF00)), label[:2048]
model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
loss, parts = neg_elbo(model, few_x, few_y, jax.random.key(seed))
untrained_nats, coin_nats = loss, 784 * np.log(2)
print(f"untrained {loss:.1f} nats a digit, a coin toss a pixel {coin_nats:.1f} nats")
# --8<-- [end:sanity]

# --8<-- [start:one-step]
optimiser = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
step = nnx.jit(train_step)
for key in jax.random.split(jax.random.key(seed), 3):
    loss, parts = step(model, optimiser, few_x, few_y, key)
    print(f"loss {loss:.1f} = reconstruction {parts['reconstruction']:.1f} + KL {parts['kl']:.2f}")
# --8<-- [end:one-step]

# --8<-- [start:jit-trap]
for name, jit in {"nnx.jit": nnx.jit, "jax.jit": jax.jit}.items():
    model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
    optimiser = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    before = model.decoder.out.kernel[...]
    loss, _ = jit(train_step)(model, optimiser, few_x, few_y, jax.random.key(seed))
    moved = jnp.abs(model.decoder.out.kernel[...] - before).max()
    print(f"{name}: loss {loss:.1f}, steps counted {optimiser.step[...]}, a weight moved by {moved:.4f}")
# --8<-- [end:jit-trap]

# --8<-- [start:first-curve]
model, optimiser, losses = small_run(optax.adam(1e-3), few_x, few_y)
last_nats = losses[-20:].mean()
plt.plot(losses)
plt.axhline(coin_nats, linestyle=":", color="gray")
plt.text(300, coin_nats - 4, "a coin toss a pixel", ha="right", va="top")
plt.xlabel("step")
plt.ylabel("negative ELBO, nats a digit")
plt.show()
# --8<-- [end:first-curve]

# --8<-- [start:schedules]
up_and_down = partial(optax.warmup_cosine_decay_schedule, 0.0, warmup_steps=30, decay_steps=300)
schedules = {
    "constant": optax.constant_schedule(0.01),
    "exponential decay": optax.exponential_decay(0.02, transition_steps=100, decay_rate=0.5),
    "warm-up, then cosine": up_and_down(0.02),
    "one cycle": optax.linear_onecycle_schedule(300, 0.02),
}
for name, schedule in schedules.items():
    plt.plot([schedule(step) for step in range(300)], label=name)
plt.xlabel("step")
plt.ylabel("learning rate")
plt.legend()
plt.show()
# --8<-- [end:schedules]

# --8<-- [start:chain]
careful = optax.chain(
    record_norm(),
    optax.clip_by_global_norm(10.0),
    record_norm(),
    optax.adamw(up_and_down(0.02), weight_decay=0.1, mask=kernels),
)
model, optimiser, losses = small_run(careful, few_x, few_y)
before, _, after, _ = nnx.as_pure(optimiser.opt_state)
last_norm = before.norm
print(
    f"the last gradient: norm {last_norm:.1f}, clipped to {after.norm:.1f}; last loss {losses[-1]:.1f} nats"
)
# --8<-- [end:chain]

# --8<-- [start:read-rate]
visible = optax.inject_hyperparams(optax.adamw)(learning_rate=up_and_down(0.02))
model, optimiser, _ = small_run(visible, few_x, few_y, steps=31)
rate = optimiser.opt_state.hyperparams["learning_rate"]
print(f"learning rate of step 31: {rate[...]:.5f}")
# --8<-- [end:read-rate]


# --8<-- [start:accumulate]
@nnx.jit
def descend(model, optimiser, x, y):
    """One update on the smooth loss."""
    optimiser.update(model, nnx.grad(smooth_loss)(model, x, y))


whole = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
parts = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
once = nnx.Optimizer(whole, optax.sgd(1e-3), wrt=nnx.Param)
often = nnx.Optimizer(parts, optax.MultiSteps(optax.sgd(1e-3), every_k_schedule=4), wrt=nnx.Param)
descend(whole, once, few_x[:128], few_y[:128])
for rows in np.arange(128).reshape(4, 32):
    descend(parts, often, few_x[rows], few_y[rows])
gaps = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), nnx.state(whole), nnx.state(parts))
accumulated_gap = max(jax.tree.leaves(gaps))
print(f"steps counted {often.step[...]}, updates made {often.opt_state.gradient_step[...]}")
print("largest difference between 4 x 32 and 128 is below a millionth:", bool(accumulated_gap < 1e-6))
# --8<-- [end:accumulate]

# --8<-- [start:freeze-flops]
half = optax.partition({"decoder": optax.adam(1e-3), "encoder": optax.set_to_zero()}, encoder_or_decoder)
counts = {}
for name, transform, step in [
    ("everything trains", optax.adam(1e-3), train_step),
    ("encoder frozen", half, train_step),
    ("encoder frozen, norm logged", half, logging_step),
]:
    model = CVAE(hidden=384, latent=50, rngs=nnx.Rngs(seed))
    optimiser = nnx.Optimizer(model, transform, wrt=nnx.Param)
    counts[name] = flops(step, model, optimiser, few_x[:128], few_y[:128], jax.random.key(seed))
    print(f"{name:<28} {counts[name] / 1e6:5.0f} MFLOP a step")
frozen_share, logged_share = (count / counts["everything trains"] for count in list(counts.values())[1:])
# --8<-- [end:freeze-flops]

# --8<-- [start:ema]
model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
optimiser = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)
averages = {decay: nnx.EMA(model, decay=decay, only=nnx.Param) for decay in (0.9, 0.98)}
step = nnx.jit(train_step)
for keys in jax.random.split(jax.random.key(seed), (300, 2)):
    rows = jax.random.choice(keys[0], 2048, (128,))
    step(model, optimiser, few_x[rows], few_y[rows], keys[1])
    for average in averages.values():
        average.update(model)
candidates = [model, *(average.apply_to(model) for average in averages.values())]
scores = [
    evaluate(candidate, test_x[:1000], test_y[:1000], jax.random.key(seed))[0] for candidate in candidates
]
short_gain, long_gain = scores[1] - scores[0], scores[2] - scores[0]
for name, elbo in zip(["the last weights", "decay 0.9", "decay 0.98"], scores, strict=True):
    print(f"{name:<18} test ELBO {elbo:.1f} nats")
# --8<-- [end:ema]

# --8<-- [start:finite]
patient = optax.apply_if_finite(optax.adam(1e-3), max_consecutive_errors=3)
model = CVAE(hidden=64, latent=8, rngs=nnx.Rngs(seed))
optimiser = nnx.Optimizer(model, patient, wrt=nnx.Param)
poisoned = few_x.at[0, 0].set(jnp.nan)
for number, x in enumerate([few_x, poisoned, few_x, *[poisoned] * 4]):
    step(model, optimiser, x, few_y, jax.random.key(number))
    alive = bool(jnp.isfinite(model.decoder.out.kernel[...]).all())
    print(
        f"step {number}: {'a NaN in the batch' if x is poisoned else 'a good batch':<18} model alive: {alive}"
    )
# --8<-- [end:finite]

# --8<-- [start:muon]
orthogonal = optax.contrib.muon(up_and_down(0.03))
model, optimiser, losses = small_run(orthogonal, few_x, few_y)
momentum = nnx.as_pure(optimiser.opt_state).inner_states["muon"].inner_state[0].mu
print("orthogonalised, class embeddings and output layer included:")
for path, _ in jax.tree_util.tree_leaves_with_path(momentum["decoder"]):
    print("  decoder", jax.tree_util.keystr(path))
# --8<-- [end:muon]

# --8<-- [start:schedule-free]
free = optax.contrib.schedule_free_adamw(0.02, warmup_steps=30)
model, optimiser, losses = small_run(free, few_x, few_y)
weights, opt_state = nnx.as_pure(nnx.state(model, nnx.Param)), nnx.as_pure(optimiser.opt_state)
averaged = nnx.clone(model)
nnx.update(averaged, optax.contrib.schedule_free_eval_params(opt_state, weights))
for name, candidate in {"the weights as they are": model, "the weights to evaluate": averaged}.items():
    elbo, _ = evaluate(candidate, test_x[:1000], test_y[:1000], jax.random.key(seed))
    print(f"{name}: {elbo:.1f} nats")
# --8<-- [end:schedule-free]

# --8<-- [start:recipes]
recipes = {
    "SGD with momentum": optax.chain(optax.clip_by_global_norm(10.0), optax.sgd(0.01, momentum=0.9)),
    "Adam": optax.adam(0.01),
    "Adam, cosine": optax.adam(up_and_down(0.02)),
    "AdamW, cosine, clipped": careful,
    "Muon, cosine": orthogonal,
    "schedule-free AdamW": free,
}
race = {}
for name, transform in recipes.items():
    race[name] = []
    for recipe_seed in range(3):
        model, optimiser, _ = small_run(transform, few_x, few_y, seed=recipe_seed)
        if transform is free:
            weights, opt_state = nnx.as_pure(nnx.state(model, nnx.Param)), nnx.as_pure(optimiser.opt_state)
            nnx.update(model, optax.contrib.schedule_free_eval_params(opt_state, weights))
        elbo, _ = evaluate(model, test_x[:1000], test_y[:1000], jax.random.key(seed))
        race[name].append(float(elbo))
adams = [race[name] for name in race if "Adam" in name]
seed_spread = max(max(scores) - min(scores) for scores in adams)
adams_apart = (max(map(np.mean, adams)) - np.mean(race["Adam"])) / seed_spread
muon_lead = min(race["Muon, cosine"]) - max(max(race[name]) for name in race if "Muon" not in name)
# --8<-- [end:recipes]

# --8<-- [start:race]
for place, (name, scores) in enumerate(race.items()):
    plt.plot([min(scores), max(scores)], [place, place], color="gray")
    plt.plot(scores, [place] * 3, "o", label=name)
plt.yticks(range(len(race)), list(race))
plt.xlabel("test ELBO, nats a digit")
plt.show()
# --8<-- [end:race]

# --8<-- [start:fit]
config = Config(epochs=epochs, seed=seed)
mesh = data_mesh(jax.devices())
state = copy_to_all(init_state(config, len(label)), mesh)
digits = copy_to_all((image, label), mesh)
seen_x, seen_y = binarise(image[: len(test_y)], jax.random.key(0xB2)), label[: len(test_y)]
history, seconds = [], 0.0
for epoch, key in enumerate(jax.random.split(jax.random.key(seed), epochs), 1):
    started = time.perf_counter()
    state, losses = train_epoch(state, *digits, key, batch=config.batch, mesh=mesh)
    losses.block_until_ready()
    seconds += time.perf_counter() - started
    if epoch == 1 or epoch % 12 == 0 or epoch == epochs:
        on_seen, _ = evaluate(state.model, seen_x, seen_y, jax.random.key(seed))
        on_test, parts = evaluate(state.model, test_x, test_y, jax.random.key(seed))
        history.append((epoch, float(on_seen), float(on_test), float(parts["kl"])))
        print("epoch {:3}   training ELBO {:7.2f}   test ELBO {:7.2f}".format(*history[-1]))
model, train_minutes = state.model, seconds / 60
parameters_millions = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))) / 1e6
_, _, test_elbo, test_kl = history[-1]
learnt_by_heart = history[-1][1] - test_elbo
# --8<-- [end:fit]

# --8<-- [start:curves]
when, on_seen, on_test, _ = np.transpose(history[-8:])
plt.plot(when, on_seen, marker="o", label="training digits")
plt.plot(when, on_test, marker="o", label="test digits")
plt.xlabel("epoch")
plt.ylabel("ELBO, nats a digit")
plt.legend()
plt.show()
# --8<-- [end:curves]

# --8<-- [start:coins]
elbos = []
for key in jax.random.split(jax.random.key(0xB3), 12):
    coins_key, noise_key = jax.random.split(key)
    elbos.append(evaluate(model, binarise(test_image, coins_key), test_y, noise_key)[0])
coins_error = np.std(elbos, ddof=1)
print(f"test ELBO over 12 draws of the coins: {np.mean(elbos):.2f}, deviation {coins_error:.2f} nats")
# --8<-- [end:coins]

# --8<-- [start:kl-latents]
mean, logvar = model.encoder(test_x, test_y)
kl_latents = kl_to_prior(mean, logvar).mean(axis=0)
active = np.asarray(kl_latents > 0.01)
active_latents, collapsed_latents = int(active.sum()), int((~active).sum())
plt.bar(range(1, len(kl_latents) + 1), np.sort(kl_latents)[::-1])
plt.xlabel("latents, in the order of what they cost")
plt.ylabel("KL, nats a digit")
plt.show()
# --8<-- [end:kl-latents]


# --8<-- [start:time-steps]
def one_step(model, optimiser, image, label, key):
    """The step of the scan: fresh coins, then gradient and update, in place."""
    binarise_key, noise_key = jax.random.split(key)
    return train_step(model, optimiser, binarise(image, binarise_key), label, noise_key)[0]


def in_place(step):
    """A step that changes its state, as one that hands it back."""
    return lambda state, *inputs: (state, step(*state, *inputs))


@jax.jit
def in_and_out(state, *inputs):
    return state, one_step(*state, *inputs)


def milliseconds(step, calls: int, rows: int = 128) -> float:
    """The best of three times a step of 128 digits, after a first that compiles."""
    state, best = copy_to_all(init_state(config, len(label)), mesh), float("inf")
    for key in jax.random.split(jax.random.key(seed), 4):
        started = time.perf_counter()
        for step_key in jax.random.split(key, calls):
            state, loss = step(state, image[:rows], label[:rows], step_key)
        jax.block_until_ready((state, loss))
        best = min(best, time.perf_counter() - started)
    return 1000 * best / calls / (rows // 128)


ms_eager = milliseconds(in_place(one_step), calls=2)
ms_jit = milliseconds(in_place(nnx.jit(one_step)), calls=30)
ms_donated = milliseconds(in_place(nnx.jit(one_step, donate_argnums=(0, 1))), calls=30)
ms_tree = milliseconds(in_place(nnx.jit(one_step, graph=False)), calls=30)
ms_pure = milliseconds(in_and_out, calls=30)
ms_scan = milliseconds(partial(train_epoch, batch=128, mesh=mesh), calls=1, rows=30 * 128)
times_eager, times_jit, times_donated, times_tree, times_pure = (
    ms / ms_scan for ms in (ms_eager, ms_jit, ms_donated, ms_tree, ms_pure)
)
print(f"eager {ms_eager:.0f}, nnx.jit {ms_jit:.1f}, scan {ms_scan:.1f} ms a step", file=sys.stderr)
# --8<-- [end:time-steps]

# --8<-- [start:reconstructions]
logits, mean, logvar = model(test_x[:10], test_y[:10], jax.random.key(seed))
show_digits(jnp.stack([test_x[:10], nnx.sigmoid(logits)]))
# --8<-- [end:reconstructions]

# --8<-- [start:grid]
z = jax.random.normal(jax.random.key(seed), (100, model.latent))
y = jnp.repeat(jnp.arange(10), 10)
show_digits(nnx.sigmoid(model.decoder(z, y)).reshape(10, 10, 784))
# --8<-- [end:grid]

# --8<-- [start:draws]
chances = nnx.sigmoid(model.decoder(z[::10], jnp.arange(10)))
drawn = jax.random.bernoulli(jax.random.key(seed), chances)
show_digits(jnp.stack([chances, drawn]))
# --8<-- [end:draws]

# --8<-- [start:same-hand]
hands = jnp.repeat(jax.random.normal(jax.random.key(0xACE), (200, model.latent)), 10, axis=0)
written = nnx.sigmoid(model.decoder(hands, jnp.tile(jnp.arange(10), 200)))
show_digits(written[:60].reshape(6, 10, 784))
# --8<-- [end:same-hand]


# --8<-- [start:slant]
def slant(images: Float[Array, "n 784"]) -> Float[Array, "n"]:
    """How far a digit leans: how much further to the right its ink is, for each row further up."""
    ink = images / images.sum(axis=-1, keepdims=True)
    down, right = jnp.mgrid[:28, :28].reshape(2, 784)
    down = down - (ink @ down)[:, None]
    right = right - (ink @ right)[:, None]
    return -(ink * right * down).sum(axis=-1) / (ink * down**2).sum(axis=-1)


agreement = np.corrcoef(slant(written).reshape(200, 10), rowvar=False)
others = np.delete(np.arange(10), 1)
slant_agreement = agreement[np.ix_(others, others)][np.triu_indices(9, 1)].mean()
slant_of_ones = agreement[1, others].mean()
print(f"slants of a row correlate: {slant_agreement:.2f}; those of its 1 with the rest {slant_of_ones:.2f}")
# --8<-- [end:slant]

# --8<-- [start:interpolate]
here, there = jax.random.normal(jax.random.key(0xB0B), (2, model.latent))
way = jnp.linspace(0, jnp.pi / 2, 10)[:, None]
z = jnp.cos(way) * here + jnp.sin(way) * there
rows = [model.decoder(z, jnp.full(10, digit)) for digit in (2, 3, 5, 8)]
show_digits(nnx.sigmoid(jnp.stack(rows)))
# --8<-- [end:interpolate]


# --8<-- [start:further]
def train_further(model: CVAE, loss) -> CVAE:
    """A copy of the model, trained for some more epochs on this loss."""
    extra = dataclasses.replace(config, epochs=extra_epochs, peak_rate=5e-4)
    state = copy_to_all(init_state(extra, len(label)), mesh)
    nnx.update(state.model, jax.tree.map(jnp.copy, nnx.state(model)))
    for key in jax.random.split(jax.random.key(seed + 1), extra_epochs):
        state, _ = train_epoch(state, image, label, key, batch=128, mesh=mesh, loss=loss)
    return state.model


# --8<-- [end:further]

# --8<-- [start:bound]
models = [model, train_further(model, neg_elbo), train_further(model, neg_iw_bound)]
score = partial(mean_bound, x=test_x, y=test_y, samples=bound_samples, digits=bound_digits)
scores = np.array([[score(m, key=jax.random.key(n)) for m in models] for n in range(4)])
bounds, digits_error = scores[..., 0], scores[..., 1].mean()  # [draw, model]
log_p_x_given_y, control_log_p, iwae_log_p = bounds.mean(axis=0)
bound_error = bounds.std(axis=0, ddof=1).max() / np.sqrt(4)
gains = bounds[:, 2] - bounds[:, 1]
iwae_gain, iwae_gain_error = gains.mean(), gains.std(ddof=1) / np.sqrt(4)
log_p_x_y = log_p_x_given_y - np.log(10)
for name, column in zip(["the model", "more ELBO", "importance-weighted"], bounds.T, strict=True):
    print(f"{name:<20} log p(x | y) >= {column.mean():.2f} nats, four draws: {column.round(2)}")
# --8<-- [end:bound]

# --8<-- [start:fit-classifier]
judge = Classifier(rngs=nnx.Rngs(seed))
rate = optax.cosine_decay_schedule(2e-3, judge_steps)
optimiser = nnx.Optimizer(judge, optax.adamw(rate, weight_decay=0.01), wrt=nnx.Param)
for key in jax.random.split(jax.random.key(seed), judge_steps):
    classifier_step(judge, optimiser, image, label, key)
classifier_accuracy, binarised_accuracy = (
    (judge(x).argmax(axis=-1) == test_y).mean() for x in (test_image / 255.0, test_x)
)
print(f"test digits read as labelled: {classifier_accuracy:.2%} in grey, {binarised_accuracy:.2%} binarised")
# --8<-- [end:fit-classifier]

# --8<-- [start:score]
asked = jnp.arange(10_000) % 10
z = jax.random.normal(jax.random.key(seed), (10_000, model.latent))
temperatures = (1.0, 0.9, 0.8, 0.7, 0.6)
read = [read_as(model, judge, t * z, asked, jax.random.key(seed)) for t in temperatures]
maps_read, draws_read = np.array(read).swapaxes(0, 1) == asked  # [temperature, digit] each
read_as_asked, read_as_asked_cool = maps_read[0].mean(), maps_read[2].mean()
draws_as_asked, draws_as_asked_cool = draws_read[0].mean(), draws_read[2].mean()
length = np.linalg.norm(z[:, active], axis=1)
typical_length, misread_length = length.mean(), length[~maps_read[0]].mean()
print(f"read as asked: {read_as_asked:.2%} of the maps, {draws_as_asked:.2%} of the draws")
# --8<-- [end:score]

# --8<-- [start:trade]
plt.plot(temperatures, 100 * maps_read.mean(axis=1), marker="o", label="maps of chances")
plt.plot(temperatures, 100 * draws_read.mean(axis=1), marker="o", label="pictures drawn from them")
plt.xlabel("temperature: how far from the middle of the prior to draw")
plt.ylabel("read as asked, %")
plt.gca().invert_xaxis()
plt.legend()
plt.show()
# --8<-- [end:trade]

# --8<-- [start:temperature]
shown = jax.random.normal(jax.random.key(0xC0DE), (10, model.latent))
rows = [nnx.sigmoid(model.decoder(t * shown, jnp.full(10, 2))) for t in (1.0, 0.8, 0.6, 0.4, 0.2)]
show_digits(jnp.stack(rows))
# --8<-- [end:temperature]

# --8<-- [start:demo]
demo = train_demo(image, label, steps=demo_steps, seed=seed)
demo_elbo = -nnx.jit(neg_elbo)(demo, test_x, test_y, jax.random.key(seed))[0]
demo_kilobytes = export_decoder(demo.decoder) / 1000
across = jnp.linspace(-2.0, 2.0, 10)
plane = jnp.stack(jnp.meshgrid(across, -across), axis=-1).reshape(100, 2)
show_digits(nnx.sigmoid(demo.decoder(plane, jnp.full(100, 4))).reshape(10, 10, 784))
# --8<-- [end:demo]

# --8<-- [start:resume]
short = Config(hidden=64, latent=8, epochs=2, seed=seed)
first_key, second_key = jax.random.split(jax.random.key(seed))
run = partial(train_epoch, image=image[:2048], label=label[:2048], batch=128, mesh=mesh)
with tempfile.TemporaryDirectory() as folder:
    state, _ = run(copy_to_all(init_state(short, 2048), mesh), key=first_key)
    with ocp.training.Checkpointer(Path(folder).resolve() / "run") as checkpoints:
        checkpoints.save(1, nnx.state(state))
    state, uninterrupted = run(state, key=second_key)
    fresh = copy_to_all(init_state(short, 2048), mesh)
    with ocp.training.Checkpointer(Path(folder).resolve() / "run") as checkpoints:
        nnx.update(fresh, checkpoints.load(checkpoints.latest.step, nnx.state(fresh)))
fresh, resumed = run(fresh, key=jax.random.clone(second_key))  # used a second time, and on purpose
print("losses after resuming, the same to the bit:", bool((resumed == uninterrupted).all()))
# --8<-- [end:resume]

# --8<-- [start:save]
ocp.save(Path("model").resolve(), nnx.state(model), overwrite=True)
# --8<-- [end:save]

# --8<-- [start:export]
graphdef, weights = nnx.split(model.decoder)
draw = jax.jit(lambda z, y: nnx.sigmoid(nnx.merge(graphdef, weights)(z, y)))
(n,) = export.symbolic_shape("n")
shapes = jax.ShapeDtypeStruct((n, model.latent), jnp.float32), jax.ShapeDtypeStruct((n,), jnp.int32)
blob = export.export(draw, platforms=["cpu", "cuda"])(*shapes).serialize()
blob_megabytes = len(blob) / 1e6
z, y = jax.random.normal(jax.random.key(seed), (7, model.latent)), jnp.arange(7)
print("the blob draws what the model draws:", bool((export.deserialize(blob).call(z, y) == draw(z, y)).all()))
# --8<-- [end:export]

# --8<-- [start:eight-devices]
clear_backends()  # JAX counts its devices once: let it count again, and pretend
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)

all_losses = {}
for name, devices in {"one": jax.devices()[:1], "eight": jax.devices()}.items():
    mesh = data_mesh(devices)
    state = copy_to_all(init_state(short, 2048), mesh)
    few = copy_to_all((train.image[:2048], train.label[:2048]), mesh)
    _, all_losses[name] = train_epoch(state, *few, jax.random.key(seed), batch=128, mesh=mesh)
gap = np.abs(np.asarray(all_losses["one"]) - np.asarray(all_losses["eight"])).max()
print(f"{len(jax.devices())} devices; losses differ by less than 0.01 nats: {bool(gap < 0.01)}")
# --8<-- [end:eight-devices]
