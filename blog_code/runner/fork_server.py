"""Run as a script, never imported: a warm process that forks a kernel for each line it reads.

It imports ipykernel once, and nothing of a post. When its standard input closes, because `blog` ended in
whatever way, it kills the kernels with all that they started and removes the folder in which they worked.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h


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
    from ipykernel import kernelapp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what the kernel itself has to say goes where our errors go
    os.close(nothing)
    os.chdir(folder)
    # A kernel ends by itself within a second where its parent, this process, is gone.
    sys.argv = ["ipykernel_launcher", f"--IPKernelApp.parent_handle={os.getppid()}", *arguments]
    kernelapp.launch_new_instance()


def serve(home: str) -> None:
    """Fork a kernel for each request, until there are no more."""
    warm()
    if sys.platform == "linux":  # what a kernel leaves behind when it dies becomes a child of ours
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a kernel that ended is gone at once: nobody waits for it
    children: list[int] = []
    try:
        while request := sys.stdin.readline():
            asked = json.loads(request)
            child = os.fork()
            if child == 0:
                os.setpgid(0, 0)
                become_kernel(asked["arguments"], asked["folder"])
                os._exit(0)
            with contextlib.suppress(OSError):
                os.setpgid(child, child)
            children.append(child)
            print(child, flush=True)
    finally:
        for child in children:
            with contextlib.suppress(OSError):
                os.waitpid(
                    child, os.WNOHANG
                )  # an error means that the number is nobody's, or somebody else's
                os.killpg(child, signal.SIGKILL)
        for _ in range(500):  # five seconds: one that the system holds may not end, and must not hold us
            if not (left := children_now()):
                break
            for child in left:
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
        shutil.rmtree(home, ignore_errors=True)


def children_now() -> list[int]:
    """The processes whose parent is this one, where the system tells."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(child) for child in listed.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    serve(sys.argv[1])
