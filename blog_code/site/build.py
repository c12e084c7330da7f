"""Build beside the site, finish the pages, and swap the whole in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from blog_code.errors import Finding, PostError, writing
from blog_code.posts.post import RUNS
from blog_code.repository import Repository
from blog_code.runner.atomic import Busy, lock, replace_folder
from blog_code.site.finish import finish_pages
from blog_code.site.page import Site

MKDOCS = Path(__file__).with_name("quiet.py")


def build_site(repository: Repository) -> Path:
    """Build the site into `site/`; a build that fails leaves the old one whole. Returns its folder."""
    root = repository.root
    staging = root / ".blog" / "site"
    refuse_links(root, staging, root / "site")
    try:
        with (
            writing("the site", root, "blog build"),
            lock(root / ".blog" / "locks" / "site.lock") as held,
        ):
            try:
                shutil.rmtree(staging, ignore_errors=True)
                runs = runs_of(root)
                write_pages(root, staging, held, held_back=repository.held_back())
                finish_pages(Site(repository, staging))
                if runs_of(root) != runs:
                    message = "a run was replaced while the site was built from it; site/ is as it was"
                    raise PostError(Finding(RUNS, 1, message, "blog build"))
                replace_folder(staging, root / "site")
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except Busy:
        message = "another build is under way"
        raise PostError(Finding("mkdocs.yml", 1, message, "wait for it to end, then: blog build")) from None
    return root / "site"


def refuse_links(root: Path, *folders: Path) -> None:
    """Raise PostError where a folder is none: it is to be replaced, and what it leads to would be emptied."""
    for folder in folders:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            name = folder.relative_to(root).as_posix()
            message = (
                f"is {'a symbolic link' if folder.is_symlink() else 'no folder'}, and the site is built there"
            )
            raise PostError(Finding(name, 1, message, f"rm {name}, then: blog build"))


def runs_of(root: Path) -> dict[str, int]:
    """The number on the disk of each accepted run: one that takes its place has another."""
    return {folder.name: folder.stat().st_ino for folder in (root / RUNS).glob("*/")}


def write_pages(root: Path, folder: Path, *locks_held: int, held_back: Iterable[str] = ()) -> None:
    """Let MkDocs write the pages into a folder, without what is held back.

    It holds the locks too, as it may outlive a killed build.
    """
    command = [sys.executable, "-P", str(MKDOCS), "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "HELD_BACK": "\n".join(held_back)}
    environment["GIT_PYTHON_REFRESH"] = "quiet"  # a plugin imports it, and would die where there is no git
    if subprocess.run(command, cwd=root, env=environment, pass_fds=locks_held, check=False).returncode:
        message = "mkdocs build --strict failed; site/ is as it was"
        raise PostError(Finding("mkdocs.yml", 1, message, "fix what it names above, then: blog build"))
