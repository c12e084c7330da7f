"""The same digits by way of tensorflow-datasets, without TensorFlow; shown by the post, not run."""

import numpy as np

from blog_code.flax_and_optax.data import load_mnist

# isort: split
# --8<-- [start:tfds]
import tensorflow_datasets as tfds


class MnistDigits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """MNIST, decoded by NumPy: TFDS's own builder of it needs TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # no file of checksums stands beside this class

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Tensor(shape=(784,), dtype=np.uint8)
        features = tfds.features.FeaturesDict({"image": image, "label": np.int32})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager) -> dict:
        train, test, _ = load_mnist()
        return {"train": self._generate_examples(train), "test": self._generate_examples(test)}

    def _generate_examples(self, digits):
        for number, (image, label) in enumerate(zip(*digits, strict=True)):
            yield number, {"image": image, "label": label}


def source_of_digits(folder: str, split: str):
    """Prepare the digits once, in the folder, and read them from there: record by record, in any order."""
    builder = MnistDigits(data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    return builder.as_data_source(split)


# --8<-- [end:tfds]
