"""Fresh kernels for posts, forked from one warm process that outlives none of us."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any, Self

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from blog_code.runner.look import STYLE

SCRIPT = Path(__file__).with_name("fork_server.py")
# What a cell may know of the author's shell; what else a post needs, its front matter names.
ALLOWED = re.compile(
    r"PATH|LANG|LC_\w+|TZ|(?:HTTPS?|FTP|ALL|NO)_PROXY|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE"
    r"|(?:LD|DYLD)_LIBRARY_PATH|(?:XLA|JAX|CUDA|NVIDIA)_\w+",
    re.I,
)
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "MATPLOTLIBRC": str(STYLE),
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "COLUMNS": "110",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
THREADS = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Needs:
    """What a post's kernel is to be: the packages that cells import, and whether it shares none of them."""

    imports: tuple[str, ...] = ()
    plain: bool = False


class ForkServer:
    """Starts a warm process that forks kernels; as a context it ends them all, and removes their folders."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._turn = threading.Lock()
        self._started = 0
        self._process: subprocess.Popen[str] | None = None
        self._kernels: list[Forked] = []

    def _start(self) -> subprocess.Popen[str]:
        """Start the warm process, which makes a folder, says which, and removes it at its end."""
        environment = {
            key: value for key, value in os.environ.items() if ALLOWED.fullmatch(key)
        } | ENVIRONMENT
        for key in THREADS if self._threads else ():
            environment[key] = str(self._threads)
        process = subprocess.Popen(
            [sys.executable, "-P", str(SCRIPT), temporary_folder()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert process.stdout
        self.home = Path(process.stdout.readline().strip())
        return process

    def answers(self) -> bool:
        """Ask the warm process whether it lives: one that a cell has killed may not have ended yet."""
        with self._turn, contextlib.suppress(OSError, ValueError):
            assert self._process and self._process.stdin and self._process.stdout
            self._process.stdin.write("null\n")
            self._process.stdin.flush()
            return bool(self._process.stdout.readline())
        return False

    def folder(self) -> Path:
        """An empty folder for one kernel to work in."""
        with self._turn:
            self._process = self._process or self._start()
            self._started += 1
            folder = self.home / str(self._started)
        try:
            folder.mkdir()
        except OSError:
            raise ChildProcessError("the process that starts kernels has ended") from None
        return folder

    def fork(self, arguments: list[str], folder: str, needs: "Needs") -> "Forked":
        """Start a kernel; raises ChildProcessError where the warm process has ended."""
        request = {"arguments": arguments, "folder": folder, "imports": needs.imports, "plain": needs.plain}
        with self._turn, contextlib.suppress(OSError, ValueError):
            assert self._process and self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            self._kernels.append(kernel := Forked(int(self._process.stdout.readline())))
            return kernel
        raise ChildProcessError("the process that starts kernels has ended")

    def end(self) -> None:
        """End all kernels and what they started; returns when they are gone."""
        process, self._process = self._process, None
        if process and process.stdin and process.stdout:
            with contextlib.suppress(OSError):
                process.stdin.close()
            if process.wait():  # it was killed, and could remove nothing
                for kernel in self._kernels:
                    with contextlib.suppress(OSError):
                        os.killpg(kernel.pid, signal.SIGKILL)
                shutil.rmtree(self.home, ignore_errors=True)
            process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.end()


def temporary_folder() -> str:
    """Return where temporary files go; elsewhere where that is so long that no socket can lie there."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) < 60 else "/tmp"


class Forked:
    """A forked kernel, with what jupyter_client uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 1
        return None

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.01)
        return 1

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)


class _Provisioner(LocalProvisioner):
    """Forks a kernel where jupyter_client would start one."""

    fork_server: ForkServer
    needs: Needs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        kernel = self.fork_server.fork(cmd[cmd.index("-f") :], kwargs["cwd"], self.needs)
        self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid  # type: ignore[assignment]
        self.cwd = kwargs["cwd"]
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and see it end, which is at once: jupyter_client looks ten times a second only."""
        await super().kill(restart)
        for _ in range(50):
            if await self.poll() is not None:
                return
            await asyncio.sleep(0.002)


class _KernelClient(AsyncKernelClient):
    """Speaks to a kernel; ready without the 0.2 s that jupyter_client takes to drop stray iopub messages.

    nbclient does not need that: it takes only what answers a request of its own.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel answers and its iopub messages arrive; raises RuntimeError otherwise."""
        end = time.monotonic() + (timeout or 60)
        while time.monotonic() < end:
            self.kernel_info()
            with contextlib.suppress(Empty):
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)
                return
            if not await self.is_alive():
                raise RuntimeError("it ended before it answered")
        raise RuntimeError("it does not answer")


def new_manager(fork_server: ForkServer, folder: Path, needs: Needs) -> AsyncKernelManager:
    """A manager whose kernel the server will fork; they talk through sockets beside its folder."""
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}-socket")
    # Not looked up, or a broken one on JUPYTER_PATH would stop us.
    manager._kernel_spec = KernelSpec(argv=["python", "-f", "{connection_file}"], language="python")
    manager.client_factory = _KernelClient
    manager.connection_file = f"{folder}.json"
    provisioner = _Provisioner(parent=manager, kernel_spec=manager.kernel_spec)
    provisioner.fork_server, provisioner.needs = fork_server, needs
    manager.provisioner = provisioner
    return manager
