"""The statements of the post that train, print and draw, in the order of the page."""

import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

from blog_code.flax_and_optax.data import load_mnist
from blog_code.flax_and_optax.evaluate import evaluate
from blog_code.flax_and_optax.model import CVAE
from blog_code.flax_and_optax.train import TrainState, binarise, neg_elbo, train_epoch

# --8<-- [start:parameters]
seed = 0xFFFF
epochs = 10
# --8<-- [end:parameters]


# --8<-- [start:show-digits]
def show_digits(images):
    """Draw a sheet of digits at their own size; images is an array of [rows, columns, 784], 0 paper, 1 ink."""
    rows, columns, _ = images.shape
    sheet = np.asarray(images).reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(28 * rows, 28 * columns)
    fig = plt.figure(figsize=(0.28 * columns, 0.28 * rows), dpi=100)
    fig.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[]).imshow(sheet, vmin=0, vmax=1, cmap="gray_r")
    plt.show()


# --8<-- [end:show-digits]

# --8<-- [start:untrained]
model = CVAE(rngs=nnx.Rngs(seed))
z = jax.random.normal(jax.random.key(seed), (1, model.latent))
labels = jnp.arange(10)
show_digits(nnx.sigmoid(model.decoder(z, labels))[None])
# --8<-- [end:untrained]

# --8<-- [start:mnist]
train, test, data_read = load_mnist()
# --8<-- [end:mnist]

# --8<-- [start:sanity]
x = binarise(jnp.asarray(test.image[:100]), jax.random.key(seed))
y = jnp.asarray(test.label[:100])
loss, parts = neg_elbo(model, x, y, jax.random.key(seed))
print(f"negative ELBO {loss:.1f} nats; a coin toss a pixel costs 784 ln 2 = {784 * np.log(2):.1f} nats")
# --8<-- [end:sanity]

# --8<-- [start:schedule]
steps = epochs * (len(train.label) // 128)
schedule = optax.warmup_cosine_decay_schedule(0.0, 1.5e-3, warmup_steps=steps // 50, decay_steps=steps)
plt.plot(schedule(np.arange(steps)))
plt.xlabel("step")
plt.ylabel("learning rate")
plt.show()
# --8<-- [end:schedule]

# --8<-- [start:fit]
optimiser = nnx.Optimizer(model, optax.adamw(schedule, weight_decay=0.01), wrt=nnx.Param)
state = TrainState(model, optimiser)
image, label = jnp.asarray(train.image), jnp.asarray(train.label)
test_x = binarise(jnp.asarray(test.image), jax.random.key(0xB1))
test_y = jnp.asarray(test.label)
history = []
for epoch, key in enumerate(jax.random.split(jax.random.key(seed), epochs), 1):
    state, losses = train_epoch(state, image, label, key, batch=128)
    elbo, parts = evaluate(state.model, test_x, test_y, key)
    history.append((float(-losses["loss"].mean()), float(elbo)))
    if epoch % 10 == 0 or epoch == epochs:
        print(f"epoch {epoch:3}   train ELBO {history[-1][0]:7.2f}   test ELBO {history[-1][1]:7.2f} nats")
model = state.model
test_elbo = history[-1][1]
# --8<-- [end:fit]

# --8<-- [start:loss-curve]
plt.plot(range(1, epochs + 1), history, label=["training digits", "test digits"])
plt.xlabel("epoch")
plt.ylabel("ELBO, nats a digit")
plt.ylim(bottom=min(-105, test_elbo))
plt.legend()
plt.show()
# --8<-- [end:loss-curve]

# --8<-- [start:reconstructions]
logits, mean, logvar = model(test_x[:10], test_y[:10], jax.random.key(seed))
show_digits(jnp.stack([test_x[:10], nnx.sigmoid(logits)]))
# --8<-- [end:reconstructions]

# --8<-- [start:grid]
z = jax.random.normal(jax.random.key(seed), (100, model.latent))
y = jnp.repeat(jnp.arange(10), 10)
show_digits(nnx.sigmoid(model.decoder(z, y)).reshape(10, 10, 784))
# --8<-- [end:grid]
