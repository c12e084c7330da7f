"""The decoder of the page, in JavaScript, against JAX."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from blog_code.flax_and_optax.demo import DemoDecoder, export_decoder

RUN = Path(__file__).parents[2] / "docs" / "runs" / "flax-and-optax"
SCRIPT = Path(__file__).with_name("decode.mjs")
NODE = Path(sys.executable).with_name("node")


def by_javascript(folder: Path, inputs: list[list[float]]) -> np.ndarray:
    """The images that the page's own file makes of [digit, z1, z2]."""
    command = [str(NODE), str(SCRIPT), str(folder)]
    done = subprocess.run(command, input=json.dumps(inputs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


def by_jax(decoder: DemoDecoder) -> tuple[list[list[float]], np.ndarray]:
    """64 inputs [digit, z1, z2], and the images that JAX makes of them."""
    z, y = 1.5 * jax.random.normal(jax.random.key(3), (64, 2)), jnp.arange(64) % 10
    with jax.default_matmul_precision("highest"):
        images = np.asarray(nnx.sigmoid(decoder(z, y)))
    return [[int(digit), *map(float, place)] for digit, place in zip(y, z, strict=True)], images


def read_decoder(folder: Path) -> DemoDecoder:
    """The decoder of which a run exported the weights: 16-bit floats, in the order of their list."""
    weights = np.frombuffer((folder / "decoder.bin").read_bytes(), "<f2").astype(np.float32)
    decoder = DemoDecoder(rngs=nnx.Rngs(0))
    for name, shape in json.loads((folder / "decoder.json").read_text("utf-8"))["layers"]:
        layer, part = name.split(".")
        mine, weights = np.split(weights, [np.prod(shape)])
        getattr(getattr(decoder, layer), part)[...] = mine.reshape(shape)
    assert not weights.size
    return decoder


def test_javascript_draws_what_jax_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 64 inputs every one of the 784 pixels agrees to 2e-3, weights rounded to 16 bits and all."""
    monkeypatch.chdir(tmp_path)
    decoder = DemoDecoder(rngs=nnx.Rngs(1))
    for layer in (decoder.dense, decoder.conv, decoder.out):  # biases start at zero: let them matter
        layer.bias[...] = 0.5 * jax.random.normal(jax.random.key(2), layer.bias.shape)
    size = export_decoder(decoder)
    inputs, expected = by_jax(decoder)

    assert size == 2 * 13_092
    assert expected.std() > 0.05
    np.testing.assert_allclose(by_javascript(tmp_path, inputs), expected, atol=2e-3)


def test_javascript_agrees_with_the_accepted_run() -> None:
    """The weights that the page serves draw in the browser what JAX draws with them: digits, not nonsense."""
    inputs, expected = by_jax(read_decoder(RUN))

    assert expected.std() > 0.2
    np.testing.assert_allclose(by_javascript(RUN, inputs), expected, atol=2e-3)


def test_weights_cut_short_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that broke off leaves the picture in its place, and draws no nonsense."""
    monkeypatch.chdir(tmp_path)
    export_decoder(DemoDecoder(rngs=nnx.Rngs(0)))
    weights = tmp_path / "decoder.bin"
    for kept in (weights.read_bytes()[:-2], weights.read_bytes() + b"\0\0"):
        weights.write_bytes(kept)
        with pytest.raises(AssertionError, match=r"RangeError|bytes, not"):
            by_javascript(tmp_path, [[0, 0, 0]])
        export_decoder(DemoDecoder(rngs=nnx.Rngs(0)))


def test_half_floats(tmp_path: Path) -> None:
    """Every 16-bit float is read as NumPy reads it: tiny ones, the largest, zero of either sign."""
    code = (
        f"import {{ half }} from {json.dumps((SCRIPT.parents[2] / 'docs/assets/demo/decoder.js').as_uri())};"
        "const all = Array.from({ length: 65536 }, (_, i) => half(i));"
        "console.log(JSON.stringify(all.map((x) => (Number.isFinite(x) ? x : null))));"
    )
    command = [str(NODE), "--input-type=module", "--eval", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = np.arange(65536, dtype=np.uint16).view(np.float16)
    read = np.array(json.loads(done.stdout), float)

    np.testing.assert_array_equal(np.isnan(read), ~np.isfinite(expected))
    np.testing.assert_array_equal(read[np.isfinite(expected)], expected[np.isfinite(expected)].astype(float))
