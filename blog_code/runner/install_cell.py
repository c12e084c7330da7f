"""Is the first cell of a notebook whose post imports JAX, behind a line that names what is wanted."""

# Tested with the versions that Colab's image is documented to have, and untried on Colab itself. Where a CUDA
# plugin stands beside an older JAX, a new JAX alone would refuse it and compute on the CPU without a word.
import importlib.metadata
import re
import subprocess
import sys


def to_install(wanted: dict[str, str], installed: dict[str, str]) -> list[str]:
    """Name what pip has to install; JAX always together with the CUDA plugin that is there."""
    lacking = {name: version for name, version in wanted.items() if installed.get(name) != version}
    extra = ""
    for name, version in installed.items():
        if plugin := re.fullmatch(r"jax-(cuda\d+)-plugin", name):
            extra = f"[{plugin[1]}]"
            if version.split(".")[:2] != wanted["jax"].split(".")[:2]:
                lacking["jax"] = wanted["jax"]
    return [f"{name}{extra if name == 'jax' else ''}=={version}" for name, version in lacking.items()]


def must_restart(packages: list[str], loaded: set[str]) -> bool:
    """Say whether this Python has one of these packages loaded already, in its old version."""
    return any(re.split(r"[\[=]", package)[0].replace("-", "_") in loaded for package in packages)


def install(wanted: dict[str, str]) -> None:
    """Install what is lacking; then start Python anew, once, where it has old versions loaded."""
    found = [(made.metadata["Name"], made.version) for made in importlib.metadata.distributions()]
    installed = {re.sub("[-_.]+", "-", name).lower(): version for name, version in found if name}
    if packages := to_install(wanted, installed):
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages], check=True)
        if must_restart(packages, set(sys.modules)):
            print("Python starts anew, with what was installed: run all cells once more.")
            sys.modules["IPython"].get_ipython().kernel.do_shutdown(restart=True)
