"""The post in NNX's tree mode, to be the default of Flax: its tests once more, in a process that has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.training
HERE = Path(__file__)
TREE_MODE = {"NNX_GRAPH_MODE": "false", "NNX_GRAPH_UPDATES": "false"}


def test_the_post_holds_in_tree_mode():
    """The code of the page goes on working when Flax switches over."""
    ignored = [f"--ignore={path}" for path in (HERE, HERE.with_name("test_data.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ignored, HERE.parent]
    done = subprocess.run(
        command, env={**os.environ, **TREE_MODE}, capture_output=True, text=True, timeout=1200
    )

    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
