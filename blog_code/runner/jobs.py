"""Run many posts: which of them, how many at a time, and what is said at the end."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from blog_code.runner.cells import read_post
from blog_code.runner.errors import PostError
from blog_code.runner.execute import kill
from blog_code.runner.run import needs_run, refresh, run_post


def run_posts(
    paths: list[Path],
    root: Path,
    *,
    quick: bool = False,
    force: bool = False,
    verify: bool = False,
    jobs: int = 1,
    **limits: int,
) -> bool:
    """Run the posts that need it; one that fails does not stop the others. True where all went well."""
    kernels: set[AsyncKernelManager] = set()
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
    options: dict[str, Any] = {"quick": quick, "threads": threads, "kernels": kernels, **limits}
    spoken = threading.Lock()

    def say(text: str) -> None:
        with spoken:
            print(text, flush=True)

    def one(path: Path) -> str:
        try:
            return _one(path, root, force=force, verify=verify, say=say, options=options)
        except PostError as error:
            say(getattr(error, "detail", "") or "")
            say(str(error))
            return "failed"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    pool = ThreadPoolExecutor(jobs)
    try:
        ended = dict(zip(paths, pool.map(one, paths), strict=True))
    except KeyboardInterrupt:
        for manager in kernels:
            kill(manager)
        say("stopped; accepted runs are as they were")
        os._exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)
        pool.shutdown(wait=False, cancel_futures=True)
    failed = [path.stem for path, state in ended.items() if state == "failed"]
    if len(paths) > 1 or failed:
        states = sorted(set(ended.values()))
        say(", ".join(f"{list(ended.values()).count(state)} {state}" for state in states))
    if failed:
        say(f"failed: {', '.join(failed)}")
    return not failed


def _one(path: Path, root: Path, *, force: bool, verify: bool, say: Any, options: dict[str, Any]) -> str:
    post = read_post(path, root)
    if not any(cell.runs for cell in post.cells):
        if post.findings:
            raise PostError(*post.findings)
        return "nothing to run"
    if verify:
        from blog_code.runner.compare import verify_post

        say(f"{post.slug}: executed aside, to compare")
        return verify_post(post, say=say, **{k: v for k, v in options.items() if k != "quick"})
    if not (force or options["quick"] or needs_run(post)):
        changed = refresh(post)
        say(f"{post.slug}: fresh, 0 cells executed" + (", editions made anew from the prose" if changed else ""))
        return "fresh"
    say(f"{post.slug}: executing {sum(cell.runs for cell in post.cells)} cells")
    folder = run_post(post, say=say, **options)
    say(f"{post.slug}: done, {folder.relative_to(root)}")
    return "executed"
