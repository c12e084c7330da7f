"""The same model in Flax Linen, for readers who meet it in older code; the tests hold it to NNX's numbers."""

import jax
import jax.numpy as jnp
import optax

from blog_code.flax_and_optax.train import neg_elbo

# isort: split
# --8<-- [start:conditioned-linen]
import flax.linen as nn


class LinenConditioned(nn.Module):
    outputs: int

    def setup(self):
        zeros = nn.initializers.zeros
        self.linear = nn.Dense(self.outputs)
        self.scale = nn.Embed(10, self.outputs, embedding_init=zeros)
        self.shift = nn.Embed(10, self.outputs, embedding_init=zeros)

    def __call__(self, x, y):
        return self.linear(x) * (1.0 + self.scale(y)) + self.shift(y)


# --8<-- [end:conditioned-linen]


class LinenEncoder(nn.Module):
    hidden: int
    latent: int

    def setup(self):
        self.first, self.second = LinenConditioned(self.hidden), nn.Dense(self.hidden)
        self.out = nn.Dense(2 * self.latent)

    def __call__(self, x, y):
        h = nn.gelu(self.first(x, y))
        h = nn.gelu(self.second(h))
        mean, logvar = jnp.split(self.out(h), 2, axis=-1)
        return mean, logvar


class LinenDecoder(nn.Module):
    hidden: int

    def setup(self):
        self.first, self.second = LinenConditioned(self.hidden), LinenConditioned(self.hidden)
        self.out = nn.Dense(784)

    def __call__(self, z, y):
        h = nn.gelu(self.first(z, y))
        h = nn.gelu(self.second(h, y))
        return self.out(h)


# --8<-- [start:cvae-linen]
class LinenCVAE(nn.Module):
    hidden: int
    latent: int

    def setup(self):
        self.encoder = LinenEncoder(self.hidden, self.latent)
        self.decoder = LinenDecoder(self.hidden)

    def __call__(self, x, y, key):
        mean, logvar = self.encoder(x, y)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return self.decoder(z, y), mean, logvar

    def decode(self, z, y):
        return self.decoder(z, y)


# --8<-- [end:cvae-linen]


# --8<-- [start:call-linen]
def init_and_call(x, y, key):
    """The module holds no parameters: init makes them, and apply wants them back each time."""
    model = LinenCVAE(hidden=64, latent=8)
    init_key, trace_key, noise_key = jax.random.split(key, 3)
    params = model.init(init_key, x, y, trace_key)["params"]
    logits, mean, logvar = model.apply({"params": params}, x, y, noise_key)
    return model, params, logits


# --8<-- [end:call-linen]


# --8<-- [start:train-step-linen]
def linen_train_step(model, transform, params, opt_state, x, y, key):
    """The step in Linen: parameters and optimiser state go in, and come out again."""

    def loss_of(params):
        return neg_elbo(lambda *inputs: model.apply({"params": params}, *inputs), x, y, key)

    (loss, parts), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, opt_state = transform.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


# --8<-- [end:train-step-linen]


# --8<-- [start:sample-linen]
def linen_sample(model, params, y, key):
    """Generate a digit for each label; a method other than __call__ is named to apply."""
    z = jax.random.normal(key, (len(y), model.latent))
    return nn.sigmoid(model.apply({"params": params}, z, y, method="decode"))


# --8<-- [end:sample-linen]
