"""The command on machines whose terminal or system is another: what they cannot show, and what they lack."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import Repository

ROOT = Path(__file__).parents[2]

PLAIN = {"LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
PLAINER = {**PLAIN, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}  # files and arguments are ASCII too


ascii_place = pytest.mark.skipif(
    not str(ROOT).isascii(), reason="in an ASCII locale Python itself starts from no path with accents"
)


@pytest.mark.parametrize(
    "settings", [pytest.param(PLAIN, id="terminal"), pytest.param(PLAINER, id="locale", marks=ascii_place)]
)
def test_a_terminal_without_accents_is_no_obstacle(repo: Repository, settings: dict[str, str]) -> None:
    """Where only ASCII can be shown every command works, and says what it has to say."""
    repo.post(first="print('caf\u00e9 \u2728')", end="Prose of a caf\u00e9 \u2728.")
    environment = {**os.environ, **settings}

    for command in (["run"], ["check"], ["run", "--verify"]):
        done = repo.blog(*command, env=environment)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert (repo.root / "docs/runs/x/first.txt").read_text("utf-8") == "caf\u00e9 \u2728\n"

    repo.edit("docs/posts/x.md", "x/first.out.html", "x/caf\u00e9.out.html")
    for name in ("run", "check", "build"):
        done = repo.blog(name, env=environment)
        assert done.returncode == 1
        assert "Traceback" not in done.stdout + done.stderr
        assert re.search(r"caf(\u00e9|\\xe9).out.html was written by no run", done.stdout + done.stderr)


def test_windows_is_sent_to_wsl_in_a_line() -> None:
    """Where there is no fcntl the command says what to do, before anything is imported that needs it."""
    windows = "import sys, typer; sys.platform = 'win32'; sys.modules['fcntl'] = None"
    code = f"{windows}; from blog_code.cli import main; main()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "WSL" in done.stderr and len(done.stderr.splitlines()) == 1
