"""Run many posts: which of them, how many at a time, and what is said at the end."""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blog_code.errors import PostError
from blog_code.posts.post import Post, post_paths, read_post
from blog_code.runner.check import check_post
from blog_code.runner.run import fresh_record, recover_run, refresh, run_post, write_values

if TYPE_CHECKING:  # what compares takes a while to import, and most runs compare nothing
    from blog_code.runner.verify import Comparison

FAILED = "failed"


def run_posts(
    paths: list[Path],
    root: Path,
    *,
    quick: bool = False,
    force: bool = False,
    verify: bool = False,
    report: Path | None = None,
    jobs: int | None = 1,
    cell_timeout: float | None = None,
    post_timeout: float | None = None,
) -> bool:
    """Run the posts that need it, `jobs` at a time, or as many as there are cores; True where all went well.

    One that fails does not stop the others. What a run changes, beside the accepted one, goes into `report`.
    """
    from blog_code.runner.kernels import ForkServer

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = min(jobs or cores, len(paths)) or 1
    fork_server = ForkServer(threads=max(1, cores // jobs) if jobs > 1 else None)
    limits = {"cell_timeout": cell_timeout, "post_timeout": post_timeout, "fork_server": fork_server}
    spoken = threading.Lock()
    comparisons: list[Comparison] = []
    compared = comparisons.append if report else None

    def say(text: str) -> None:
        with spoken:
            print(text, flush=True)

    def one(path: Path) -> str:
        speak = (
            say
            if jobs == 1
            else lambda text: say(f"{path.stem}: {text.strip().removeprefix(f'{path.stem}: ')}")
        )
        try:
            post = read_post(path, root)
            return _one(
                post, quick=quick, force=force, verify=verify, compared=compared, say=speak, limits=limits
            )
        except PostError as error:
            say("\n".join(filter(None, [error.detail, str(error)])))
            return FAILED

    with fork_server, ThreadPoolExecutor(jobs) as pool:
        try:
            ended = dict(zip(paths, pool.map(one, paths), strict=True))
        except KeyboardInterrupt:
            fork_server.end()
            say("stopped; accepted runs are as they were")
            os._exit(130)  # the threads wait for kernels that are gone
    if not (quick or verify):
        write_values(root)
    if report:
        from blog_code.runner.report import write_report

        write_report(report, sorted(comparisons, key=lambda one: one.post.slug), root)
    failed = [path.stem for path, state in ended.items() if state == FAILED]
    if len(paths) > 1 or failed:
        say(", ".join(f"{number} {state}" for state, number in sorted(Counter(ended.values()).items())))
    if failed:
        say(f"failed: {', '.join(failed)}")
    return not failed


def refresh_posts(root: Path, only: list[Path] | None = None) -> None:
    """Make what is derived from runs anew where it would differ, of all posts or some; executes nothing.

    A post for which that cannot be done is one that `blog check` names.
    """
    for path in post_paths(root) if only is None else only:
        with contextlib.suppress(PostError):
            post = read_post(path, root)
            if post.runs and (record := fresh_record(post)):
                refresh(post, record)
    write_values(root)


def _one(
    post: Post,
    *,
    quick: bool,
    force: bool,
    verify: bool,
    compared: Callable[["Comparison"], None] | None,
    say: Callable[[str], None],
    limits: dict[str, Any],
) -> str:
    """Do with one post what is asked for, and return in a word what that was."""
    if not post.runs:
        if post.findings:
            raise PostError(*post.findings)
        return "with nothing to run"
    count = sum(cell.runs for cell in post.cells)
    if verify:
        from blog_code.runner.verify import verify_post

        say(f"{post.slug}: executing {count} cells aside, to compare")
        return verify_post(post, say=say, compared=compared, **limits)
    recover_run(post)
    if not (force or quick) and (record := fresh_record(post)):
        anew = ", editions made anew from the prose" if refresh(post, record) else ""
        verdict = check_post(post)
        say(f"{post.slug}: {verdict.status}, 0 cells executed{anew}")
        state = verdict.status
    else:
        say(f"{post.slug}: executing {count} cells")
        if compared:
            from blog_code.runner.verify import accepted_run, compare_runs

            before = accepted_run(post)
        folder = run_post(post, quick=quick, say=say, **limits)
        if compared and not quick:
            compared(compare_runs(post, before, accepted_run(post)))
        say(f"{post.slug}: done, {folder.relative_to(post.root)}")
        if quick:
            return "executed"
        verdict, state = check_post(post), "executed"
    for reason in verdict.reasons:
        say(f"    {reason}")
    for finding in verdict.findings:
        say(str(finding))
    for warning in (*verdict.warnings, *verdict.remarks):
        say(f"warning: {warning}")
    return FAILED if verdict.wrong(release=False) else state
