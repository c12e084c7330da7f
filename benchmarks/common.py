"""What every benchmark shares: the clock, the device, the versions, and where results go."""

import contextlib
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def busy() -> float:
    """How many processes wanted the cores in the last minute, said aloud where that is too many."""
    load = round(os.getloadavg()[0], 1)
    if load > (os.cpu_count() or 1) / 2:
        print(f"The machine is busy (its load is {load}): measure again when it is quiet.")
    return load


def best(work: Callable[[], object], repeats: int, seconds: float = 20) -> float:
    """The least of some times in seconds, as many as fit: other work on the machine only ever adds."""
    times: list[float] = []
    while len(times) < repeats and sum(times) < seconds:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


@contextlib.contextmanager
def memory_of(row: dict[str, Any], name: str) -> Iterator[None]:
    """Add to `row` the most megabytes that all processes below this one held at a time, shared pages once."""
    done, most = threading.Event(), 0

    def watch() -> None:
        nonlocal most
        while not done.wait(0.1):
            most = max(most, sum(map(_proportional, _descendants(os.getpid()))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    row[name] = round(most / 1000)


def _descendants(parent: int) -> Iterator[int]:
    """Yield the processes below one, as Linux tells them."""
    with contextlib.suppress(OSError):
        for started in Path(f"/proc/{parent}/task").glob("*/children"):  # by each of its threads
            for child in started.read_text().split():
                yield int(child)
                yield from _descendants(int(child))


def _proportional(process: int) -> int:
    """Return a process's share of memory in kilobytes: what others hold too counts by parts."""
    with contextlib.suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M)
        return int(found[1]) if found else 0
    return 0


def processor() -> str:
    """The name of the processor and the number of cores that this process may use."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.machine()}, {cores} cores"


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write(name: str, content: dict[str, Any]) -> Path:
    """Write a result under its own name, so that a page can include it beside others."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    stamped = {"measured": datetime.date.today().isoformat(), **content}
    path.write_text(
        json.dumps({f"bench_{name}": stamped}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"{path.relative_to(ROOT)} written")
    return path


def table(rows: list[dict[str, Any]], columns: list[str]) -> str:
    """Rows as text under their columns."""
    lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def run(command: list[str | Path], folder: Path, timeout: int, **environment: str) -> str:
    """Run a command in a folder; an error with what it said where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(map(str, command))}: exit {done.returncode}\n"
            f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout
