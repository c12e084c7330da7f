"""Ask git which commit holds the code of a post, and which files differ from a commit."""

import subprocess
from pathlib import Path

from blog_code.errors import Finding, PostError
from blog_code.posts.post import Post


def commit_of(post: Post) -> str | None:
    """The commit that holds exactly the code of this post; None where the working tree differs from it."""
    sources = [f"blog_code/{post.package}", "requirements.lock"]

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=post.root, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:  # a machine without git
            return "?"
        return done.stdout.strip() if done.returncode == 0 else "?"

    head = git("rev-parse", "HEAD")
    clean = git("status", "--porcelain", "--", *sources) == ""
    return head if clean and head != "?" else None


def names(root: Path, commit: str, *command: str) -> list[str]:
    """The names that a command of git lists; -z, since it would put others than ASCII into quotes."""
    try:
        done = subprocess.run(
            ["git", *command[:1], "-z", *command[1:]], cwd=root, capture_output=True, text=True, check=False
        )
        reason = (done.stderr.strip().splitlines() or ["git failed"])[0] if done.returncode else ""
    except FileNotFoundError:
        reason = "there is no git on the PATH"
    if reason:
        raise PostError(
            Finding(".", 1, f"cannot compare with {commit}: {reason}", "fetch it, or name another")
        )
    return done.stdout.split("\0")
