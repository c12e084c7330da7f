# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "matplotlib==VERSION-OF-matplotlib",
#     "numpy==VERSION-OF-numpy",
# ]
# ///

# # A thin post
#
# What there is to see, in one sentence.
#
# A seven, to the right of the plane.
#
# ## Code

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

def half(number: float) -> float:
    """Half of a number."""
    return number / 2

quarter = half(0.5)
print(f"half of 0.5 is {quarter}, and that is < 1")

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

try:  # this raises, and that is its point
    half("a digit")
except BaseException as error:
    print(f"{type(error).__name__}: {error}")

# ## Figures

plt.plot([3, 2, 1])
plt.xlabel("step")
plt.show()

# *The line falls.*

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

# ## Environment
