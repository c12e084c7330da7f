"""Kernels that share what is imported: none can tell, or it shares nothing and says so."""

from collections.abc import Iterator

import pytest
from repository import Repository

from blog_code.runner.execute import kernel_needs
from blog_code.runner.kernels import ForkServer

LOOK = "import sys\nprint('numpy' in getattr(sys, 'mod' + 'ules'))"  # which a run does not notice
IMPORTS = "import numpy as np\nimport matplotlib.pyplot as plt"
CELLS = {
    "multiplied": f"{IMPORTS}\nprint((np.ones((600, 600)) @ np.ones((600, 600))).sum())",
    "pi": "print(np.pi, np.get_printoptions()['precision'])",
    "seeded": "np.random.seed(7)\nprint(np.random.random(), np.random.default_rng(7).random())",
    "style": "print(plt.rcParams['lines.linewidth'], plt.rcParams['backend'])",
    "drawn": "plt.plot([1, 2, 4])\nplt.title('Title')\nplt.show()",
    "changed": "np.pi, plt.rcParams['lines.linewidth'] = 3, 9\nnp.set_printoptions(precision=2)",
    "drawn-next": "plt.plot([1, 2])\nplt.show()",
}


@pytest.fixture
def repo(repo: Repository) -> Iterator[Repository]:
    """A repository whose kernels share nothing yet."""
    with ForkServer() as repo.fork_server:
        yield repo


def test_no_kernel_can_tell(repo: Repository) -> None:
    """Products, draws, styles and figures are the same in the first kernel and in those that share."""
    repo.post(**{name.replace("-", "_"): source for name, source in CELLS.items()})

    first, *others = (_outputs(repo) for _ in range(3))

    assert others == [first, first]
    assert first["multiplied.txt"] == b"216000000.0\n" and first["pi.txt"].startswith(b"3.14159")


def _outputs(repo: Repository) -> dict[str, bytes]:
    repo.run()
    return {n: d for n, d in repo.tree("docs/runs/x").items() if n.endswith((".txt", ".svg"))}


def test_what_is_imported_twice_is_shared(repo: Repository) -> None:
    """From the second kernel that wants a package on it is there; it draws random numbers of its own."""
    repo.post(
        look=LOOK, drawn="import numpy as np\nprint(np.random.random(), np.random.default_rng().random())"
    )

    texts = [_outputs(repo) for _ in range(3)]

    assert [seen["look.txt"] for seen in texts] == [b"False\n", b"True\n", b"True\n"]
    assert len({seen["drawn.txt"] for seen in texts}) == 3


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("import os\nos.environ['OMP_NUM_THREADS'] = '1'", True),
        ("import os\nos.environ |= {'MPLBACKEND': 'svg'}", True),
        ("from os import environ\nenviron.setdefault('A', 'b')", True),
        ("from os import putenv", True),
        ("import sys\nfakes = sys.modules", True),
        ("import os\nprint(os.environ.get('HOME'), os.environ['PATH'] == 'a')", False),
        ("modules = ['numpy']\nprint(modules)", False),
    ],
)
def test_a_cell_that_changes_imports_is_noticed(repo: Repository, source: str, plain: bool) -> None:
    """What a cell sets for a package, or asks of the modules, is seen; what it only reads is not."""
    repo.post(meddling=source)

    assert kernel_needs(repo.read()).plain == plain


def test_such_a_cell_has_a_kernel_of_its_own(repo: Repository) -> None:
    """What it sets for a package counts: nothing has imported it before, whatever other posts import."""
    repo.post(used="import numpy")
    repo.run()
    repo.post(set="import os\nos.environ['OMP_NUM_THREADS'] = '1'", look=LOOK, used="import numpy")
    said: list[str] = []

    repo.run(say=said.append)

    assert (repo.root / "docs/runs/x/look.txt").read_bytes() == b"False\n"
    assert "x: its cells change what Python imports, so its kernel imports everything anew" in said
