"""A small repository of posts in a temporary folder, and ways to run them with and without a kernel."""

import contextlib
import importlib.metadata
import io
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from blog_code.errors import PostError
from blog_code.posts.post import Post, read_post
from blog_code.runner.check import Verdict, check_post
from blog_code.runner.execute import RunResult
from blog_code.runner.git import commit_of
from blog_code.runner.kernels import ForkServer
from blog_code.runner.lock import read_lock
from blog_code.runner.outputs import CellResult, files_of
from blog_code.runner.run import run_post, write_values

MKDOCS = """\
site_name: Fixture
docs_dir: docs
exclude_docs: "/runs/**/*.md"
theme: {name: mkdocs}
plugins:
  - macros:
      on_undefined: strict
      on_error_fail: true
      include_yaml: [docs/runs/values.yml]
      j2_variable_start_string: "{{="
      j2_block_start_string: "\ufdd0%"
      j2_comment_start_string: "\ufdd0#"
      j2_extensions: [blog_code.site.inert.Inert]
markdown_extensions:
  - attr_list
  - pymdownx.superfences
  - pymdownx.snippets: {base_path: [blog_code, docs/runs], check_paths: true, dedent_subsections: true}
"""
NUMPY = importlib.metadata.version("numpy")
BLOG = Path(sys.executable).with_name("blog")


class Repository:
    """A repository in a temporary folder, in the layout of this one."""

    def __init__(self, root: Path, fork_server: ForkServer) -> None:
        self.root = root
        self.fork_server = fork_server
        self.write("requirements.lock", f"numpy=={NUMPY} \\\n    --hash=sha256:00\n")
        self.write("docs/index.md", "# Fixture\n")
        self.write("mkdocs.yml", MKDOCS)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, and the folders above it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def module(self, name: str, **regions: str) -> Path:
        """Write a module of regions, `name` relative to blog_code; `_` in their names becomes `-`."""
        marked = [
            f"# --8<-- [start:{region.replace('_', '-')}]\n{textwrap.dedent(source).strip()}\n"
            f"# --8<-- [end:{region.replace('_', '-')}]\n"
            for region, source in regions.items()
        ]
        return self.write(f"blog_code/{name}", '"""A module of the fixture."""\n\n' + "\n".join(marked))

    def post(
        self,
        slug: str = "x",
        *,
        flags: dict[str, str] | None = None,
        front: str = "",
        end: str = "",
        **regions: str,
    ) -> Path:
        """Write a post of these regions, which shows `<region>.txt` below each that prints or raises."""
        package = slug.replace("-", "_")
        self.module(f"{package}/story.py", **regions)
        parts = [f"---\ntitle: A post\ndate: 2024-02-03\n{textwrap.dedent(front).strip()}\n---\n\nProse.\n"]
        for key, source in regions.items():
            name, flag = key.replace("_", "-"), (flags or {}).get(key, "")
            parts.append(f'``` {{ .python {flag}}}\n--8<-- "{package}/story.py:{name}"\n```\n')
            if ("print(" in source or "raises" in flag) and "quiet" not in flag and "shown" not in flag:
                parts.append(f'--8<-- "{slug}/{name}.out.html"\n')
        return self.write(f"docs/posts/{slug}.md", "\n".join([*parts, end]))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file, which has to hold it."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def read(self, slug: str = "x") -> Post:
        return read_post(self.root / "docs" / "posts" / f"{slug}.md", self.root)

    def run(self, slug: str = "x", **options: Any) -> Path:
        """Execute a post in a real kernel and accept the run."""
        options = {"say": lambda text: None, "fork_server": self.fork_server, **options}
        return self._written(run_post(self.read(slug), **options))

    def accept(self, slug: str = "x", **options: Any) -> Path:
        """Accept a run of a post whose plain cells are executed here, without a kernel."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("blog_code.runner.execute.execute", pretend)
            return self._written(run_post(self.read(slug), say=lambda text: None, **options))

    def _written(self, folder: Path) -> Path:
        """Write the values of all posts, as the command does after its runs; hand on the folder of one."""
        if (self.root / "docs/runs").exists():  # a quick run leaves none
            write_values(self.root)
        return folder

    def check(self, slug: str = "x") -> Verdict:
        return check_post(self.read(slug))

    def blog(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Call the command in a process of its own."""
        command = [str(BLOG), *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=120, **options)

    def git(self, *arguments: str) -> str:
        """Return what git says here; raise where it fails."""
        return subprocess.check_output(["git", *arguments], cwd=self.root, text=True).strip()

    def commit(self) -> None:
        """Commit all that is here."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "A step")

    def tree(self, name: str) -> dict[str, bytes]:
        """The files of a folder with what they hold."""
        folder = self.root / name
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


def pretend(post: Post, *, quick: bool = False, jax: bool = False, **options: Any) -> RunResult:
    """What `execute` does, in this process and for cells that only compute and print."""
    names: dict[str, Any] = {}
    results = []
    for cell in post.cells:
        if not cell.runs:
            continue
        outputs = []
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(cell.region.source, names)
        if text := printed.getvalue():
            outputs.append({"output_type": "stream", "name": "stdout", "text": text.splitlines(True)})
        results.append(CellResult(cell, files_of(cell, outputs), outputs))
    values = {name: names[name] for name in post.meta.values}
    lock, commit = read_lock(post.root), commit_of(post)
    versions = {name: importlib.metadata.version(name) for name in post.meta.requirements}
    versions |= {"python": "3.12.0"} | ({"jax": "0.9.0"} if jax else {})
    data = names.get("data_read", {})
    return RunResult(results, {}, values, data, "cpu", versions, 1.0, lock, commit)


def alive(pid: int) -> bool:
    """True while a process works; one that ended and that nobody has collected is not alive."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(state := listed.stdout.strip()) and not state.startswith("Z")


def gone_within(seconds: float, *pids: int) -> bool:
    """Wait for processes to end, and say whether they did."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


def messages(error: PostError | Verdict) -> str:
    """All that is said of findings, in one text."""
    return "\n".join(map(str, error.findings))
