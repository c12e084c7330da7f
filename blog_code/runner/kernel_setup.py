"""Run in each kernel before its first cell, never imported: what cells print arrives whole, and in order.

Whatever a cell does to modules that it shares with us, such as json, what we need is bound here before.
"""

import codecs
import contextlib
import ctypes
import functools
import os
import runpy
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from json import JSONDecoder, JSONEncoder
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).with_name("questions.py")


def prepare(app: Any) -> None:
    """Set a kernel up that has been initialised and has not started."""
    shell = app.shell
    shell._last_traceback = None  # which ipykernel asks for where IPython has printed an error itself
    shell.blog_answers = functools.partial(runpy.run_path(str(QUESTIONS))["answers"], shell.user_ns)
    send_everything(app.session)
    follow_threads(shell)
    put_in_order(sys.stdout)


def send_everything(session: Any) -> None:
    """Let messages be sent that hold lone surrogates, which no UTF-8 has, and whatever json has become."""
    from jupyter_client.jsonutil import json_default

    encode = JSONEncoder(default=json_default, allow_nan=False).encode
    decode = JSONDecoder().decode
    pack = session.pack

    def pack_all(content: Any) -> bytes:
        try:
            return encode(content).encode()
        except (TypeError, ValueError):  # which the session's own way cleans
            return bytes(pack(content))

    session.pack = pack_all
    session.unpack = lambda packed: decode(bytes(packed).decode("utf-8", "replace"))


def follow_threads(shell: Any) -> None:
    """Let what a thread prints belong to the cell that started it, also when the next one runs already."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def within(call: Any) -> Any:
        parent = shell.get_parent()

        @functools.wraps(call)
        def called(*args: Any, **kwargs: Any) -> Any:
            token = shell.set_thread_parent(parent)
            try:
                return call(*args, **kwargs)
            finally:
                shell.reset_thread_parent(token)

        return called

    def start_within(thread: threading.Thread) -> None:
        thread.run = within(thread.run)  # type: ignore[method-assign]
        start(thread)

    def submit_within(pool: ThreadPoolExecutor, call: Any, /, *args: Any, **kwargs: Any) -> Any:
        return submit(pool, within(call), *args, **kwargs)

    threading.Thread.start = start_within  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submit_within  # type: ignore[method-assign, assignment]


def put_in_order(stream: Any) -> None:
    """Let what C code and other processes write to file descriptor 1 stand where they wrote it.

    It goes into a file, whose news are taken over before Python writes anything, and when a cell ends.
    """
    handle, path = tempfile.mkstemp()
    os.close(handle)
    written = os.open(path, os.O_RDWR | os.O_APPEND)
    os.unlink(path)
    os.dup2(written, 1)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    write, flush, fflush = stream.write, stream.flush, ctypes.CDLL(None).fflush
    turn, kernel, read = threading.RLock(), os.getpid(), 0

    def take() -> None:
        nonlocal read
        with turn, contextlib.suppress(OSError, ValueError, AttributeError):
            sys.__stdout__.flush()  # type: ignore[union-attr]
        with turn:
            fflush(None)
            while content := os.pread(written, 1 << 20, read):
                read += len(content)
                write(decode(content))

    def write_in_order(text: str) -> int:
        if os.getpid() != kernel:  # a fork of the kernel, which would send it later
            return os.write(1, text.encode("utf-8", "backslashreplace"))
        take()
        return int(write(text))

    def flush_in_order() -> None:
        if os.getpid() == kernel:
            take()
            flush()

    stream.write, stream.flush, stream.fileno = write_in_order, flush_in_order, lambda: 1
