"""`blog build`: MkDocs builds beside the site, and the whole is swapped in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from blog_code.runner.atomic import lock, replace_folder
from blog_code.runner.errors import Finding, PostError


def build_site(root: Path) -> Path:
    """Build the site into `site/`; a build that fails leaves the old one whole. Returns its folder."""
    staging = root / ".blog" / "site"
    with lock(root / ".blog" / "locks" / "site.lock"):
        shutil.rmtree(staging, ignore_errors=True)
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(staging)]
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=root, env=environment, check=False)
        if done.returncode:
            message = "mkdocs build --strict failed; site/ is as it was"
            raise PostError(Finding("mkdocs.yml", 1, message, "mend what it names above, then: blog build"))
        replace_folder(staging, root / "site")
    return root / "site"
