"""Judge pages in processes of their own, within limits, so that one bad page ends nothing else."""

import contextlib
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from blog_code.hugo.addresses import Addresses
from blog_code.hugo.header import wants_maths
from blog_code.hugo.judge import Extensions, Judge, Judged, Renderer
from blog_code.hugo.pages import Page
from blog_code.hugo.problems import Refused

MEMORY = 1 << 30  # bytes of a worker
SECONDS = 10  # of the processor, for a page
PATIENCE = 60  # seconds of the clock, after which a worker that does not answer is ended
TOO_MUCH = f"takes more than {SECONDS} s, or {MEMORY >> 30} GiB of memory: cut it in two, or simplify it"
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["blog_code.hugo.judge"])


@dataclass(frozen=True)
class Shared:
    """Holds what all workers know."""

    addresses: Addresses
    extensions: Extensions
    params: dict[str, Any]  # of the old site
    problem_of: Callable[[str], str]


@dataclass
class Answer:
    """Holds what became of a page: what stands on it, or why it is refused."""

    page: Page
    judged: Judged | None = None
    refused: Refused | None = None
    files: set[str] = field(default_factory=set)  # of the site, that the page shows or links to


def judge_pages(pages: list[Page], shared: Shared, jobs: int = 0) -> Iterator[Answer]:
    """Yield an answer a page, as they are done; the long ones begin."""
    left = sorted(pages, key=lambda page: len(page.raw))
    workers = [_Worker(shared) for _ in range(min(jobs or os.cpu_count() or 1, 1 + len(pages) // 4))]
    try:
        busy = [worker for worker in workers if left and worker.take(left.pop())]
        while busy:
            wait([worker.pipe for worker in busy], timeout=1)
            for worker in list(busy):
                if answer := worker.answer():
                    yield answer
                    if not left or not worker.take(left.pop()):
                        busy.remove(worker)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """Holds a process that judges one page after another, and is replaced where it does not come back."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._start()

    def _start(self) -> None:
        self.pipe, other = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_work, args=(other, self.shared), daemon=True)
        self.process.start()
        other.close()

    def take(self, page: Page) -> bool:
        """Begin with a page."""
        self.page, self.deadline = page, time.monotonic() + PATIENCE
        self.pipe.send(page)
        return True

    def answer(self) -> Answer | None:
        """Return what became of the page, or nothing yet."""
        try:
            if self.pipe.poll():
                answer: Answer = self.pipe.recv()
                return answer
            if time.monotonic() < self.deadline:
                return None
        except (EOFError, OSError):
            pass  # it has ended
        self.end()
        self._start()
        return Answer(self.page, refused=Refused("too much work", TOO_MUCH))

    def end(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _work(pipe: Connection, shared: Shared) -> None:
    """Answer for each page that comes through a pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _too_long)
    with contextlib.suppress(ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    renderer = Renderer(shared.extensions)
    while True:
        try:
            page = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(_judged(page, shared, renderer))


def _judged(page: Page, shared: Shared, renderer: Renderer) -> Answer:
    shared.addresses.wanted.clear()
    maths = wants_maths(page, shared.params)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        judged = Judge(page, shared.addresses, renderer, maths, shared.problem_of).judge()
        return Answer(page, judged, files=set(shared.addresses.wanted))
    except Refused as error:
        refused = error
    except (TimeoutError, MemoryError):
        refused = Refused("too much work", TOO_MUCH)
    except RecursionError:
        refused = Refused("too deep", "elements stand too deep in each other: flatten them")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}; this is a fault of the import, please report it"
        refused = Refused("fault of the import", reason)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Answer(page, refused=refused)


def _too_long(*_: object) -> None:
    raise TimeoutError
