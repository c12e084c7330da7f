"""The code of the thin post."""

# --8<-- [start:imports]
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# --8<-- [end:imports]


# --8<-- [start:half]
def half(number: float) -> float:
    """Half of a number."""
    return number / 2


# --8<-- [end:half]

# --8<-- [start:print-half]
quarter = half(0.5)
print(f"half of 0.5 is {quarter}, and that is < 1")
# --8<-- [end:print-half]

# --8<-- [start:chart]
plt.plot([3, 2, 1])
plt.xlabel("step")
plt.show()
# --8<-- [end:chart]

# --8<-- [start:fails]
half("a digit")
# --8<-- [end:fails]

# --8<-- [start:other-half]
quarter = 0.5 * 0.5
# --8<-- [end:other-half]


# --8<-- [start:long]
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


# --8<-- [end:long]

# --8<-- [start:demo]
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
# --8<-- [end:demo]
