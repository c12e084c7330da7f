"""Find in outputs what tells of the machine that ran a post: its paths, and the name of its user."""

import functools
import getpass
import platform
import re
import sys
import sysconfig
from pathlib import Path

# Where systems keep people's files and Python's, and the folders in which kernels work.
PLACES = re.compile(
    r"(?<![\w.:/])(?:/home/|/Users/|/root/|/var/folders/|[A-Z]:\\Users\\)[\w.~-]+"
    r"|(?:/[\w.+-]+)*/(?:site-packages|dist-packages|lib/python3[\w.]*|\.venv|blog-\w{8})\b"
)
NOBODY = {
    "localhost",
    "root",
    "user",
    "runner",
    "ubuntu",
    "jovyan",
    "vscode",
    "nobody",
    "admin",
    "data",
    "test",
}


def private_words(line: str) -> str:
    """Return what a line says of the machine; empty where it says nothing."""
    found = PLACES.search(line) or _of_this_machine().search(line)
    return found[0] if found else ""


@functools.cache
def _of_this_machine() -> re.Pattern[str]:
    """Find this machine's own folders and name, and the name of whoever uses it."""
    folders = {str(Path.home()), sys.prefix, sys.executable, sysconfig.get_path("stdlib")}
    words = [re.escape(folder) for folder in folders if folder.count("/") > 1 or folder == "/root"]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number that no name belongs to
        user = ""
    for name in filter(None, (user, platform.node())):
        # A name that is a word too is one where it stands alone.
        usual = len(name) < 3 or name in NOBODY
        words.append(rf"^{re.escape(name)}$" if usual else rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    return re.compile("|".join(words))
