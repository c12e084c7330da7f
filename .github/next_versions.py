"""Run posts quickly with versions that are not locked yet, and write what breaks and what is deprecated.

`make next` installs the newest of what NEXT names, pre-releases too, beside the project and calls this there:
`next_versions.py FILE`. The file is the issue that is kept up to date: a title, then what it says; with
nothing to say it has a title alone, and the issue is closed. No date and no time stand in it: an issue
of which nothing changed is left as it is.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

TITLE = "With the next versions"
DEPRECATED = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
LIMIT = 3600  # seconds of a post


def run_cells(slug: str) -> dict[str, Any]:
    """Run the cells of a post in this process, in the quick profile and an empty folder."""
    from IPython.core.interactiveshell import InteractiveShell

    from blog_code.posts.post import read_post
    from blog_code.runner.execute import quick_assignments

    root = Path.cwd()
    post = read_post(root / "docs" / "posts" / f"{slug}.md", root)
    shell = InteractiveShell.instance()
    deprecated: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for cell in post.cells:
            if not cell.runs:
                continue
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                done = shell.run_cell(cell.region.source)
            said = [
                str(one.message).splitlines()[0] for one in caught if issubclass(one.category, DEPRECATED)
            ]
            if said:
                deprecated[cell.name] = Counter(said)
            error = done.error_before_exec or done.error_in_exec
            if bool(error) != ("raises" in cell.flags):
                words = f"{type(error).__name__}: {error}".splitlines()[0] if error else "it raises nothing"
                return {"breaks": [cell.name, words], "deprecated": deprecated}
            if "parameters" in cell.flags:
                shell.run_cell(quick_assignments(post, cell))
    return {"deprecated": deprecated}


def run_post(slug: str) -> dict[str, Any]:
    """Run a post in a process of its own, and return what it says at its end."""
    command = [sys.executable, __file__, "--post", slug]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"breaks": ["a cell", f"it took longer than {LIMIT} s"], "deprecated": {}}
    last = (done.stdout.splitlines() or [""])[-1]
    if done.returncode or not last.startswith("{"):
        words = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
        return {"breaks": ["a cell", words], "deprecated": {}}
    return dict(json.loads(last))


def body(said: dict[str, dict[str, Any]], versions: dict[str, str]) -> str:
    """Write what breaks, and how often each region is warned; nothing where all posts run in silence."""
    lines = []
    for slug, post in sorted(said.items()):
        deprecated = {region: counts for region, counts in post["deprecated"].items() if counts}
        if "breaks" in post:
            region, words = post["breaks"]
            lines.append(f"- {slug} breaks at `{region}`: `{words.replace('`', '´')}`")
        elif deprecated:
            lines.append(f"- {slug} runs")
        for region, counts in sorted(deprecated.items()):
            lines += [
                f"    - `{region}`, {number}: {words.replace('`', '´')[:200]}"
                for words, number in sorted(counts.items())
            ]
    if not lines:
        return ""
    of = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    head = "Deprecation warnings stand below the post, each by its region and how often it came."
    return "\n".join([f"With {of}:", "", *lines, "", head])


def main(target: Path, names: list[str]) -> None:
    """Run every post that has cells, and write the file."""
    from blog_code.posts.post import post_paths, read_post

    root = Path.cwd()
    slugs = [path.stem for path in post_paths(root) if read_post(path, root).runs]
    said = {slug: run_post(slug) for slug in slugs}
    versions = {name: importlib.metadata.version(name) for name in names}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"# {TITLE}\n{body(said, versions)}\n", encoding="utf-8")
    print(target.read_text("utf-8") if body(said, versions) else f"all posts run in silence: {versions}")


if __name__ == "__main__":
    if sys.argv[1] == "--post":
        result = run_cells(sys.argv[2])
        print(f"\n{json.dumps(result)}")
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
