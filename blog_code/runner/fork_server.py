"""Run as a script, never imported: a warm process that forks a kernel for each line it reads.

It imports ipykernel once, and nothing of a post. When its standard input closes, because `blog` ended in
whatever way, it kills the kernels with all that they started and removes the folder in which they worked.
On macOS, whose frameworks do not survive a fork, each kernel is this script, started again: a second slower.
"""

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

SETUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel_setup.py")
PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h
# What survives a fork and takes long to import, by the package that a cell names; never JAX and its threads.
# pyplot stays out: it looks for its backend when it is imported, which is the kernel's.
SHARED = {
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "matplotlib": (
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_svg",
    ),
}


def warm() -> None:
    """Import what every kernel imports but the debugger, which no cell needs and which is slow to start."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    from ipykernel import comm, debugger, ipkernel, kernelapp, zmqshell  # noqa: F401
    from IPython.core import completerlib  # noqa: F401
    from IPython.core import debugger as prompt  # noqa: F401
    from IPython.extensions import storemagic  # noqa: F401
    from tornado.platform import asyncio  # noqa: F401

    del sys.modules["debugpy"]


def become_kernel(arguments: list[str], folder: str) -> None:
    """Turn this fork into a kernel in an empty folder, with standard input closed."""
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # or all kernels would draw the same numbers
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what the kernel itself has to say goes where our errors go
    os.close(nothing)
    os.chdir(folder)
    # Nothing of the author's home folder reaches a cell, and nothing that one post leaves there another.
    for name, kind in (("HOME", "home"), ("TMPDIR", "tmp"), ("IPYTHONDIR", "ipython")):
        os.environ[name] = f"{folder}-{kind}"
        os.mkdir(os.environ[name])
    tempfile.tempdir = None
    # A kernel ends by itself within a second where its parent, this process, is gone.
    sys.argv = ["ipykernel_launcher", f"--IPKernelApp.parent_handle={os.getppid()}", *arguments]
    kernel: Any = IPKernelApp.instance()
    kernel.initialize(sys.argv[1:])
    runpy.run_path(SETUP)["prepare"](kernel)
    kernel.start()


def fork(arguments: list[str], folder: str) -> int:
    """Start a kernel from what is imported already; returns its number, which is that of its group too."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        become_kernel(arguments, folder)
        os._exit(0)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return child


def spawn(arguments: list[str], folder: str) -> int:
    """The same with a process that imports everything itself."""
    command = [sys.executable, "-P", __file__, "--kernel", folder, *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, process_group=0).pid


def serve(folder: str) -> None:
    """Make a home for kernels, say where, and start a kernel for each request, until there are no more."""
    home = tempfile.mkdtemp(prefix="blog-", dir=folder)
    try:
        os.chdir(home)
        os.environ["XDG_CACHE_HOME"] = os.path.join(home, "cache")  # fonts are looked for once
        say(home)
        serve_in(home)
    except BrokenPipeError:  # who asked is gone
        pass
    finally:
        shutil.rmtree(home, ignore_errors=True)


def say(answer: object) -> None:
    os.write(1, f"{answer}\n".encode())


def serve_in(home: str) -> None:
    """Start a kernel for each request."""
    forks = sys.platform != "darwin"
    if forks:
        warm()
    wanted: set[str] = set()
    with contextlib.suppress(AttributeError):  # what a kernel leaves behind when it dies becomes ours
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, reap)
    children: list[int] = []
    try:
        while request := sys.stdin.readline():
            if not (needs := json.loads(request)):  # whether we live
                say("here")
                continue
            imports, plain = needs.pop("imports"), needs.pop("plain")
            if forks and not plain:
                share(wanted & set(imports))
                wanted |= set(imports)
            children.append((fork if forks and not plain else spawn)(**needs))
            say(children[-1])
    finally:
        sweep()  # first of all, while it can be told what descends from a kernel
        for child in children:
            with contextlib.suppress(OSError):
                os.waitpid(
                    child, os.WNOHANG
                )  # an error means that the number is nobody's, or somebody else's
                os.killpg(child, signal.SIGKILL)
        for _ in range(500):  # five seconds: one that the system holds may not end, and must not hold us
            if not sweep():
                break
            time.sleep(0.01)


def reap(*_: object) -> None:
    """Collect what has ended, so that it is gone at once and its time is in our account."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def share(packages: set[str]) -> None:
    """Import what a kernel before has imported too, once for all that follow."""
    for name in (module for package in packages & set(SHARED) for module in SHARED[package]):
        with contextlib.suppress(ImportError):  # which the cell will say
            importlib.import_module(name)


def sweep() -> bool:
    """Kill what stems from this process; True where there was anything."""
    left = children_now()
    for child in left:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    return bool(left)


def children_now() -> list[int]:
    """The processes whose parent is this one; where no file tells, all that `descendants` finds."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(child) for child in listed.read().split()]
    except OSError:
        return descendants()


def descendants() -> list[int]:
    """What `ps` lists of this process's family, and of its session, where a kernel died before its child.

    What has a session of its own and a kernel that died before is not to be found, unlike on Linux.
    """
    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ps:
        assert ps.stdout
        rows = [line.split() for line in ps.stdout]
    parents = {int(number): int(parent) for number, parent, state in rows if not state.startswith("Z")}
    parents.pop(ps.pid, None)

    def descends(number: int) -> bool:
        while number > 1 and number != os.getpid():
            number = parents.get(number, 0)
        return number == os.getpid()

    return [n for n in parents if n != os.getpid() and (descends(n) or session(n) == session(0))]


def session(number: int) -> int | None:
    """The session of a process; None where there is no such process any more."""
    try:
        return os.getsid(number)
    except OSError:
        return None


if __name__ == "__main__":
    if sys.argv[1] == "--kernel":
        warm()
        become_kernel(sys.argv[3:], sys.argv[2])
    else:
        serve(sys.argv[1])
