"""How figures and outputs are written: a run depends on it, and one of another look is stale."""

from pathlib import Path

STYLE = Path(__file__).with_name("figures.mplstyle")
# Raise it with each change of figures.py or outputs.py that changes what they write; test_look.py knows.
LOOK = 1
