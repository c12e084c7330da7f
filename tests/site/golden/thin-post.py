# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "matplotlib==VERSION-OF-matplotlib",
#     "numpy==VERSION-OF-numpy",
# ]
# ///

# Run it: uv run thin-post.py, which installs what is listed above; or python thin-post.py where
# that is installed, on Linux, Windows or macOS. It took 1 min on PROCESSOR.
# What it leaves lies in thin-post/ beside it: figures, by the names of its cells, and files.

def _begin(folder: str, paths: list[str], versions: dict[str, str]) -> None:
    """Work in a folder beside the script, so that all it leaves is there; name versions where it fails."""
    import importlib.metadata  # here, so that the cells import all that is theirs
    import os
    import sys

    for name in paths:
        if os.environ.get(name):  # given from where the script was called
            os.environ[name] = os.path.abspath(os.environ[name])
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), folder)
    os.makedirs(place, exist_ok=True)
    os.chdir(place)

    def failed(kind, error, trace):  # type: ignore[no-untyped-def]
        sys.__excepthook__(kind, error, trace)
        for name, version in versions.items():
            try:
                here = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                here = "none"
            if here != version:
                print(f"{name}: the run on the page had {version}, and here is {here}", file=sys.stderr)

    sys.excepthook = failed
    if "matplotlib" in versions:
        import matplotlib.pyplot

        matplotlib.use("agg")  # no windows: what is shown is saved
        matplotlib.pyplot.show = lambda *args, **kwargs: None


def _save_figures(cell: str) -> None:
    """Save what a cell has drawn, under its name."""
    import matplotlib.pyplot

    for number in matplotlib.pyplot.get_fignums():
        suffix = f"-{number}" if number > 1 else ""
        matplotlib.pyplot.figure(number).savefig(f"{cell}{suffix}.png")
    matplotlib.pyplot.close("all")

_begin('thin-post', [], {'matplotlib': 'VERSION-OF-matplotlib', 'numpy': 'VERSION-OF-numpy'})

# %% [markdown]
# # A thin post
#
# What there is to see, in one sentence.
#
# A seven, to the right of the plane.
#
# ## Code

# %% imports
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# %% half
def half(number: float) -> float:
    """Half of a number."""
    return number / 2

# %% print-half
quarter = half(0.5)
print(f"half of 0.5 is {quarter}, and that is < 1")

# %% [markdown]
# The value is 0.25. [note] In maths, $x_1 \geq \frac{1}{2}$ inline, and
#
# $$
# \log p(x) \geq \mathbb{E}[\log p(x \mid z)] - \mathrm{KL}(q \,\|\, p)
# $$
#
# on a line of its own.
#
# - [note] A note at the foot of the page.
#
# | name | number |
# | :--- | -----: |
# | half | 0.5 |
#
# **One way**
#
# ```python
# quarter = 0.5 * 0.5
# ```
#
# **No code**
#
# Prose in a tab.

# %% fails
try:  # this raises, and that is its point
    half("a digit")
except BaseException as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## Figures

# %% chart
plt.plot([3, 2, 1])
plt.xlabel("step")
plt.show()
_save_figures("chart")

# %% [markdown]
# *The line falls.*

# %% long
def long(number: float) -> float:
    """Many lines, so that the page folds them."""
    number += 1
    number += 2
    number += 3
    number += 4
    number += 5
    number += 6
    number += 7
    number += 8
    number += 9
    number += 10
    number += 11
    number += 12
    number += 13
    number += 14
    number += 15
    number += 16
    number += 17
    number += 18
    number += 19
    number += 20
    number += 21
    number += 22
    number += 23
    number += 24
    return number

# %% demo
random = np.random.default_rng(0)
shapes = {
    "dense.kernel": [12, 784],
    "dense.bias": [784],
    "conv.kernel": [3, 3, 16, 16],
    "conv.bias": [16],
    "out.kernel": [3, 3, 16, 4],
    "out.bias": [4],
}
weights = [random.normal(0, 0.3, shape).astype("<f2").tobytes() for shape in shapes.values()]
Path("decoder.bin").write_bytes(b"".join(weights))
Path("decoder.json").write_text(json.dumps({"layers": list(shapes.items())}))
fig = plt.figure(figsize=(2.8, 2.8), dpi=100)
fig.add_axes((0, 0, 1, 1), frameon=False).imshow(random.random((28, 28)), cmap="gray_r")
plt.show()
_save_figures("demo")

# %% [markdown]
# ## Environment
