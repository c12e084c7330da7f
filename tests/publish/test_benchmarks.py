"""The benchmarks: they compare like with like, count what they say, and their results are fit to publish."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from benchmarks import build, demo, elbo, epoch, tables

ROOT = Path(__file__).parents[2]


RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def test_the_models_are_the_same():
    """NNX and Linen train as many parameters as 784-400-20 has: no way is timed on a smaller model."""
    key = jax.random.key(0)
    linen = epoch.LinenVAE().init(key, jnp.zeros((1, 784)), None, key)
    of_nnx = nnx.state(epoch.VAE(rngs=nnx.Rngs(0)), nnx.Param)
    layers = [(784, 400), (400, 40), (20, 400), (400, 784)]
    expected = sum(inputs * outputs + outputs for inputs, outputs in layers)
    counts = [sum(leaf.size for leaf in jax.tree.leaves(params)) for params in (of_nnx, linen)]

    assert counts == [expected, expected]


def test_the_multiplications_are_those_of_a_step():
    """The GEMM rate is of all the multiplications of a step: those that XLA counts in its gradient."""
    model = epoch.VAE(rngs=nnx.Rngs(0))
    x = jnp.zeros((epoch.BATCH, 784))

    def outputs(model):
        logits, mean, logvar = model(x, None, jax.random.key(0))
        return logits.sum() + (logits**2).sum() + mean.sum() + (logvar**2).sum()

    text = jax.jit(nnx.grad(outputs)).lower(model).as_text()
    counted = sorted(
        sorted([*map(int, left), *map(int, right)])
        for left, right in (
            (found[1].split("x"), found[2].split("x"))
            for found in re.finditer(r"dot_general.*\(tensor<([\dx]+)xf32>, tensor<([\dx]+)xf32>\)", text)
        )
    )
    expected = sorted(sorted([rows, inner, inner, columns]) for rows, inner, columns in epoch.GEMMS)

    assert counted == expected


@pytest.mark.parametrize(("threshold", "expected"), [(-90.0, 10), (-87.0, 15), (-80.0, None)])
def test_first_epoch_past_a_threshold(threshold: float, expected: int | None):
    """A threshold counts as reached at the first line that tells so, and never where none does."""
    assert elbo.passed([(5, -95.0), (10, -89.9), (15, -87.0)], threshold) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<pre>print(number())</pre><pre>424242\n</pre>", "new"),
        ("<pre>return 424242</pre><pre>1000</pre>", "old"),
        ("<pre>return 424242</pre>", "lost"),
    ],
)
def test_which_output_a_page_shows(page: str, expected: str):
    """The new number in the source is not yet the new output."""
    assert build.which_output(f"<body>{page}</body>") == expected


def test_a_way_is_measured(monkeypatch: pytest.MonkeyPatch):
    """The four times are of four builds, kernels and all, and typed outputs are found out as old."""
    built = []
    busy = [
        sys.executable,
        "-c",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'sum(range(10**7))'])",
    ]
    monkeypatch.setattr(build.PlainMaterial, "page", lambda self, folder: "<p>1000</p>")
    monkeypatch.setattr(build.PlainMaterial, "make", lambda self, folder: built.append(subprocess.run(busy)))
    row = build.measure_way(build.PLAIN, 2)

    assert len(built) == 4
    assert row["then_shows"] == "the old output"
    assert all(row[what] > 0 for what in ("cold", "unchanged", "prose_edit", "code_edit"))


def test_our_posts_are_posts(tmp_path: Path):
    """The posts that the build benchmark writes are whole by this project's own reading."""
    from blog_code.posts.post import read_post

    (tmp_path / "docs" / "posts").mkdir(parents=True)
    build.OURS.write(tmp_path, 2)
    post = read_post(tmp_path / "docs" / "posts" / "post-1.md", tmp_path)

    assert [cell.name for cell in post.cells] == list(build.CELLS)
    assert not post.findings
    assert {mention.file.partition(".")[0] for mention in post.mentions} == build.OUTPUT | build.FIGURES
    assert "benchmarks/" not in (tmp_path / "mkdocs.yml").read_text("utf-8")


def test_goals_are_held_to_what_was_measured():
    """A ratio is of two times from one run; where one of them is missing, nothing is claimed."""
    ours = {"way": build.OURS.name, "posts": 10, "cold": 3.0, "unchanged": 2.0, "prose_edit": 1.0}
    plain = {"way": build.PLAIN.name, "posts": 10, "cold": 9.0, "unchanged": 1.0, "prose_edit": 2.0}

    held = {goal["what"]: goal["ratio"] for goal in build.goals([ours, plain])}

    assert held == {"unchanged": 2.0, "prose_edit": 0.5}


def test_wire_bytes_are_compressed(tmp_path: Path):
    """The bytes on the wire are those of the compressed file."""
    (tmp_path / "a").write_bytes(b"a" * 10_000)

    assert 0 < demo.wire([tmp_path / "a"]) < 100


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_are_fit_to_publish(path: Path):
    """A result names device, day and versions and holds rows, but no path or address of a machine."""
    text = path.read_text(encoding="utf-8")
    (name, result), *more = json.loads(text).items()

    assert (name, more) == (f"bench_{path.stem}", [])
    assert result["device"] and result["measured"] and result["versions"] and result["rows"]
    assert not re.search(r"://|(?<![\w.])/\w[\w.-]*/", text)


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_table_is_that_of_its_result(name: str):
    """What the page includes is what `make bench` makes of the committed results, and all of it is shown."""
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")

    assert (ROOT / "benchmarks" / "results" / f"{name}.md").read_text(encoding="utf-8") == tables.made()[
        f"{name}.md"
    ]
    assert f'--8<-- "{name}.md"' in page
    assert {path.stem for path in RESULTS} == set(tables.TABLES)


def test_what_is_not_measured_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A page of benchmarks without results builds, and claims nothing."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    tables.write_tables()

    assert {path.read_text() for path in tmp_path.glob("*.md")} == {"This has not been measured yet.\n"}
