"""`python -m benchmarks.tables`: write what docs/benchmarks.md includes of benchmarks/results/*.json."""

import json
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.common import RESULTS

type Result = dict[str, Any]
NONE = "This has not been measured yet.\n"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of Markdown; a column whose heading ends in a colon is one of numbers."""
    head = list(head)
    rule = ["---:" if name.endswith(":") else "---" for name in head]
    lines = [[name.removesuffix(":") for name in head], rule, *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines) + "\n"


def paragraph(*sentences: str) -> str:
    """Return sentences as lines of Markdown."""
    return textwrap.fill(" ".join(sentences), 110, break_long_words=False, break_on_hyphens=False) + "\n"


def source(result: Result, *more: str) -> str:
    """Say on what and when it was measured, and with which versions."""
    load = [f"load {result['load']}"] if "load" in result else []
    versions = [", ".join(f"{name} {version}" for name, version in result["versions"].items())]
    said = [result["device"], *load, result["measured"], *more, *filter(None, versions)]
    return "; ".join(said) + "."


def epoch(result: Result) -> str:
    """Steps of training, and whether they meet the targets."""
    columns = ("way", "step_ms", "epoch_seconds", "of_torch", "of_gemm_rate")
    head = ("", "a step, ms:", "an epoch, s:", "of PyTorch's time:", "of the GEMM rate:")
    scan, alone, targets = result["rows"][0], result["rows"][-1]["of_torch"], result["targets"]
    of_torch = verdict(scan["of_torch"], lambda share: share <= targets["of_torch"])
    of_gemm_rate = verdict(scan["of_gemm_rate"], lambda share: share >= targets["of_gemm_rate"])
    said = [
        source(result, result["how"]),
        f"The multiplications alone take {result['gemm_ms']} ms a step, at {result['gemm_gflops']} GFLOP/s.",
        f"The targets for the scan are at most {targets['of_torch']} of PyTorch's time, which it {of_torch},",
        f"and at least {targets['of_gemm_rate']} of the GEMM rate, which it {of_gemm_rate}.",
    ]
    if verdict(alone, lambda share: share <= targets["of_torch"]) == "misses":
        said += ["The first of them is out of reach on this machine:"]
        said += [f"the multiplications alone take {alone} of PyTorch's time."]
    return table(head, ([row[column] for column in columns] for row in result["rows"])) + paragraph(*said)


def verdict(share: object, meets: Callable[[float], bool]) -> str:
    """Say in a word or four how a share relates to its target."""
    if not isinstance(share, int | float):
        return "was not held to"
    return "meets" if meets(share) else "misses"


def elbo(result: Result) -> str:
    """The seconds until a test ELBO."""
    rows = ([row["elbo"], row["epoch"], row["seconds"]] for row in result["rows"])
    run = f"the run of {result['measured']}: {result['how']}"
    head = ("test ELBO, nats:", "epoch:", "seconds of training:")
    return table(head, rows) + paragraph(source({**result, "measured": run}))


def build(result: Result) -> str:
    """The processor's seconds of builds, which goals are met, and the size of the search index."""
    columns = ("way", "posts", "cold", "unchanged", "prose_edit", "code_edit", "then_shows", "cold_mb")
    head = ("", "posts:", "cold:", "unchanged:", "prose edit:", "code edit:", "then shows", "MB:")
    check, search = result["check"], result["search"]
    said = [
        f"A check of {check['posts']} posts, with all that comes of their runs made anew and compared,",
        f"takes {check['seconds']} s; the goal is 3 s for a thousand.",
        source(result),
        "The search index is fetched whole when somebody searches.",
        f"The post of this site takes {search['kilobytes']} KB of it, {search['wire']} KB compressed;",
        f"so a hundred posts of its length would take about {search['hundred_mb']} MB,",
        f"{search['hundred_wire_mb']} MB compressed.",
    ]
    if absent := result.get("absent"):
        said += [f"Not installed, so not measured: {', '.join(absent)}."]
    rows = ([row[column] for column in columns] for row in result["rows"])
    return table(head, rows) + goals(result["goals"]) + paragraph(*said)


def goals(held: list[Result]) -> str:
    """What is held to what, and whether it is met."""
    names = {"unchanged": "nothing changed", "prose_edit": "a word of prose", "cold_mb": "memory, cold"}
    rows = [
        [names.get(goal["what"], goal["what"]), goal["posts"], goal["of"], goal["most"], goal["ratio"]]
        for goal in held
    ]
    said = ["met" if goal["ratio"] <= goal["most"] else "missed" for goal in held]
    head = ("Goal", "posts:", "of", "at most:", "is:", "")
    return table(head, ([*row, word] for row, word in zip(rows, said, strict=True)))


def demo(result: Result) -> str:
    """The bytes of the demo, and how smoothly it moves."""
    columns, drag, targets = ("part", "files", "bytes", "wire"), result["drag"], result["targets"]
    said = [
        f"The target is {targets['wire_bytes']} bytes on the wire. While the pointer is dragged over the",
        "plane, in headless Chromium without a graphics card, the median time between",
        f"{drag['frames']} frames is {drag['median_ms']} ms, and 95 in 100 are below {drag['p95_ms']} ms;",
        f"the target is {targets['p95_ms']} ms on a quiet machine.",
        source({**result, "versions": {}}),
    ]
    head = ("", "files:", "bytes:", "bytes on the wire:")
    return table(head, ([row[column] for column in columns] for row in result["rows"])) + paragraph(*said)


TABLES: dict[str, Callable[[Result], str]] = {
    "epoch": epoch,
    "elbo": elbo,
    "build": build,
    "demo": demo,
}


def made() -> dict[str, str]:
    """Return what the page includes, by the names of its files: what is not measured yet says so."""
    files = {}
    for name, write in TABLES.items():
        path = RESULTS / f"{name}.json"
        result = json.loads(path.read_text("utf-8"))[f"bench_{name}"] if path.exists() else None
        files[f"{name}.md"] = write(result) if result else NONE
    return files


def write_tables() -> None:
    """Write them beside the results."""
    for name, text in made().items():
        (RESULTS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write_tables()
