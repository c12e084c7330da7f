"""Run as a script, never imported: the process that starts kernels as on macOS: no /proc, prctl or fork."""

import builtins
import ctypes
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from blog_code.runner import kernels

read = builtins.open


def no_proc(path: Any, *arguments: Any, **options: Any) -> Any:
    """Open a file that macOS has as well."""
    if str(path).startswith("/proc"):
        raise FileNotFoundError(path)
    return read(path, *arguments, **options)


def no_fork() -> int:
    raise AssertionError("a fork on macOS")


builtins.open = no_proc
os.fork = no_fork
ctypes.CDLL = lambda *arguments, **options: SimpleNamespace()  # type: ignore[assignment,misc]
sys.platform = "darwin"
subprocess._USE_VFORK = False  # type: ignore[attr-defined]
runpy.run_path(str(Path(kernels.__file__).with_name("fork_server.py")), run_name="__main__")
