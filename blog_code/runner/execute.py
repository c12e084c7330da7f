"""Execute the cells of a post in one fresh kernel, and collect what they print and draw."""

import ast
import contextlib
import importlib.metadata
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from blog_code.errors import Finding, PostError
from blog_code.posts.post import Cell, Post
from blog_code.posts.regions import imports
from blog_code.runner.client import Client, LostReply
from blog_code.runner.editions import assignments
from blog_code.runner.git import commit_of
from blog_code.runner.kernels import ForkServer, Needs, new_manager
from blog_code.runner.lock import LOCK, Lock, normal_name, read_lock
from blog_code.runner.markup import visible
from blog_code.runner.outputs import CellResult, as_text, collect

# A cell that sets a variable for a package that it imports then, or that looks at what has been imported.
MEDDLES = re.compile(
    r"environ\s*(\[[^\]]*\]\s*=(?!=)|\.(update|setdefault|pop)|\|=)|putenv|sys\.modules|meta_path"
)
KERNEL_OPTIONS = [
    "--InlineBackend.figure_formats={'svg','png'}",
    "--InlineBackend.print_figure_kwargs={'bbox_inches':None}",
    "--IPKernelApp.log_level=40",
    "--HistoryManager.enabled=False",
]


@dataclass
class RunResult:
    """What a run of a post left, before anything is written."""

    cells: list[CellResult]
    files: dict[str, bytes]  # those that the front matter lists, by name
    values: dict[str, Any]
    data: dict[str, Any]
    device: str
    versions: dict[str, str]
    seconds: float
    lock: Lock  # it and the commit of the code are as they were before the first cell
    commit: str | None


def execute(
    post: Post,
    *,
    quick: bool = False,
    cell_timeout: float | None = None,
    post_timeout: float | None = None,
    say: Callable[[str], None] = print,
    fork_server: ForkServer | None = None,
) -> RunResult:
    """Run the cells of a post in order; raises PostError naming region, file and line where one fails."""
    running = [cell for cell in post.cells if cell.runs]
    check_installed(post)
    lock, commit = read_lock(post.root), commit_of(post)
    cell_limit = cell_timeout or post.meta.timeout.cell
    post_limit = post_timeout or post.meta.timeout.post
    results: list[CellResult] = []
    started = time.monotonic()
    with contextlib.ExitStack() as ending:
        fork_server = fork_server or ending.enter_context(ForkServer())
        client, folder = ending.enter_context(_kernel(fork_server, post, running[0], say))
        # The kernel is elsewhere, so that a path has to be whole.
        named = {name: os.environ[name] for name in post.meta.environment if os.environ.get(name)}
        whole = {name: str(path.resolve()) for name in named if (path := Path(named[name])).exists()}
        if given := {**named, **whole, **(compiled_before(post.root) if quick else {})}:
            _ask(client, f"__import__('os').environ.update({given!r})")
        for number, cell in enumerate(running, 1):
            left = post_limit - (time.monotonic() - started)
            limit = _Limit(cell_limit, "cell") if cell_limit <= left else _Limit(left, "post", post_limit)
            results.append(_run_cell(client, post, cell, number, limit, quick=quick))
            if not fork_server.answers():
                raise _failure(post, cell, 1, "has ended the process that starts kernels")
            say(f"  {number:>3}/{len(running)}  {cell.name:<24} {results[-1].seconds:6.1f} s")
            if quick and "parameters" in cell.flags:
                _ask(client, quick_assignments(post, cell))
        values, data, device, versions = _questions(client, post, folder)
        _refuse_late(client, post)
        files = {name: _file(post, folder, name) for name in post.meta.files}
    seconds = time.monotonic() - started
    return RunResult(results, files, values, data, device, versions, seconds, lock, commit)


def compiled_before(root: Path) -> dict[str, str]:
    """Let JAX keep what it compiles, in the quick profile alone: a full run times its compiling too."""
    cache = {"JAX_COMPILATION_CACHE_DIR": str(root.resolve() / ".blog" / "jax")}
    return {**cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def check_installed(post: Post) -> None:
    """Refuse a package that a cell imports and that is of another version than the lock names."""
    locked = read_lock(post.root).pins
    for name in sorted(imported_packages(post)):
        pinned = locked.get(normal_name(name))
        try:
            installed = importlib.metadata.version(name) if pinned else ""
        except importlib.metadata.PackageNotFoundError:
            installed = "nothing"
        if pinned and installed not in pinned:
            message = f"{name} is to be {' or '.join(pinned)}, and {installed} is installed"
            raise PostError(Finding(LOCK, 1, message, f"make site installs it, then: blog run {post.slug}"))


def kernel_needs(post: Post) -> Needs:
    """Return what a kernel may share with others: nothing where a cell changes what an import does."""
    sources = [cell.region.source for cell in post.cells if cell.runs]
    return Needs(tuple(sorted(imported_packages(post))), any(map(MEDDLES.search, sources)))


def imported_packages(post: Post) -> set[str]:
    """What the cells that run import, but for Python's own modules."""
    sources = [cell.region.source for cell in post.cells if cell.runs]
    named = {name for source in sources for _, names in imports(source) for name in names}
    return named - sys.stdlib_module_names


def _file(post: Post, folder: Path, name: str) -> bytes:
    """A file that cells wrote and that the front matter lists."""
    path = folder / name
    if not path.is_file():
        there = ", ".join(sorted(found.name for found in folder.iterdir())) or "none"
        message = f"no cell wrote the file {name}, which the front matter lists; there are: {there}"
        fix = f"write it into the working folder, or delete it from files, then: blog run {post.slug}"
        raise PostError(post.finding(post.line_of("files"), message, fix))
    return path.read_bytes()


@dataclass
class _Limit:
    """How long a cell may take, and whose limit that is."""

    seconds: float
    of: str
    whole: float = 0.0

    def __str__(self) -> str:
        return f"the {self.of} ran longer than {self.whole or self.seconds:g} s"


@contextlib.contextmanager
def _kernel(
    fork_server: ForkServer, post: Post, first: Cell, say: Callable[[str], None]
) -> Iterator[tuple[Client, Path]]:
    """A kernel in an empty folder, which leaves no process behind."""
    needs = kernel_needs(post)
    if needs.plain:
        say(f"{post.slug}: its cells change what Python imports, so its kernel imports everything anew")
    with contextlib.ExitStack() as ending:
        try:
            folder = fork_server.folder()
            client = Client(
                nbformat.v4.new_notebook(),
                km=new_manager(fork_server, folder, needs),
                store_widget_state=False,
                shutdown_kernel="immediate",
                iopub_timeout=60,
                raise_on_iopub_timeout=True,
            )
            client.extra_arguments = KERNEL_OPTIONS
            client.owns_km = True
            client.say = say
            ending.enter_context(client.setup_kernel(cwd=str(folder)))
        except (RuntimeError, ChildProcessError) as error:
            raise _failure(post, first, 1, f"no kernel could be started: {error}") from None
        yield client, folder


def _run_cell(
    client: Client, post: Post, cell: Cell, number: int, limit: _Limit, *, quick: bool
) -> CellResult:
    """Run one cell and read its outputs; a raising cell must raise, every other must not."""
    raises = "raises" in cell.flags
    node = nbformat.v4.new_code_cell(cell.region.source, id=cell.name)
    node.metadata["tags"] = ["raises-exception"] if raises else []
    client.nb.cells = [node]
    client.timeout = max(1, math.ceil(limit.seconds))
    client.begin(cell)
    _execute(client, post, cell, node, number, limit)
    seconds = time.monotonic() - client.cell_started
    _refuse_late(client, post)
    status = client.reply.get("status")
    if any(asked.get("source") == "ask_exit" for asked in client.reply.get("payload", [])):
        raise _failure(post, cell, 1, "ends the kernel with exit() or quit()")
    if raises and status == "ok":
        raise _failure(post, cell, 1, "is marked .raises and did not raise")
    if status == "error" and not any(out.output_type == "error" for out in node.outputs):
        named = {key: client.reply[key] for key in ("ename", "evalue")}
        node.outputs.append(nbformat.v4.new_output("error", traceback=[], **named))
    try:
        return collect(cell, node.outputs, seconds, quick=quick)
    except ValueError as unfit:
        raise _failure(post, cell, 1, str(unfit)) from None


def _execute(client: Client, post: Post, cell: Cell, node: NotebookNode, number: int, limit: _Limit) -> None:
    """Let the kernel execute a cell; whatever goes wrong with it is the cell's fault, and ends the run."""
    try:
        client.execute_cell(node, 0, execution_count=number)
    except CellExecutionError as error:
        shown = next((out for out in node.outputs if out.output_type == "error"), error)
        traceback = as_text(error.traceback) or client.errors
        message, hint = as_text(f"{shown.ename}: {shown.evalue}"), ""
        if error.ename == "ModuleNotFoundError":
            hint = "add its package to pyproject.toml, then: make lock site"
        raise _failure(post, cell, _line(traceback, cell), message, hint, traceback) from None
    except CellTimeoutError as error:
        if "IOPub" in str(error):
            raise _failure(post, cell, 1, "has ended, and not all of its outputs have arrived") from None
        hint = f"allow more with `timeout: {{{limit.of}: SECONDS}}` in the front matter of {post.name}"
        raise _failure(post, cell, 1, str(limit), hint) from None
    except DeadKernelError:
        raise _failure(post, cell, 1, "the kernel died (out of memory, or killed)") from None
    except LostReply:
        message = "has ended, and the kernel cannot say how"
        raise _failure(post, cell, 1, message, detail=client.errors) from None
    except Exception as error:  # of nbclient, about messages that are none
        message = f"has outputs that cannot be read: {type(error).__name__}: {error}"
        raise _failure(post, cell, 1, message) from None


def _refuse_late(client: Client, post: Post) -> None:
    """Refuse what was printed or displayed when its cell had ended: it has no place on the page."""
    for cell, content in client.late:
        said = visible(str(content.get("text") or content.get("data"))).strip()
        message = f"printed {said!r:.60} when it had ended: wait there for its threads and tasks"
        raise _failure(post, cell or post.cells[0], 1, message)


def _line(traceback: str, cell: Cell) -> int:
    """The line of the region at which a traceback enters or leaves it."""
    numbers = re.findall(r"(?:^|\n)(?:-+> ?|.*?line )(\d+)", traceback)
    inside = [int(n) for n in numbers if 0 < int(n) <= cell.region.source.count("\n") + 1]
    return inside[0] if inside else 1


def _failure(post: Post, cell: Cell, line: int, message: str, hint: str = "", detail: str = "") -> PostError:
    """What went wrong in a cell: file and line of its module, then the line of the post that shows it."""
    fix = f"{post.name}:{cell.line} shows it; {hint or 'fix it'}, then: blog run {post.slug}"
    where = f"blog_code/{cell.region.module}"
    said = f"post {post.slug}, region {cell.name}: {message}"
    return PostError(Finding(where, cell.region.start + line - 1, said, fix), detail=detail)


def _ask(client: Client, code: str) -> None:
    """Execute code of ours in the kernel; raises ValueError in its own words."""
    node = nbformat.v4.new_code_cell(code)
    client.nb.cells = [node]
    client.begin()
    try:
        client.execute_cell(node, 0, store_history=False)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, LostReply) as error:
        raise ValueError(as_text(str(error)).strip().split("\n")[-1]) from None


def _questions(
    client: Client, post: Post, folder: Path
) -> tuple[dict[str, Any], dict[str, Any], str, dict[str, str]]:
    """Ask the kernel at the end of the run for values, data, device, and the versions of what cells need."""
    named = imported_packages(post) | set(post.meta.requirements)
    packages = sorted(named | ({"jaxlib"} if "jax" in named else set()))
    path = folder.with_name(f"{folder.name}-answers.json")
    asked = f"{str(path)!r}, {list(post.meta.values)!r}, {packages!r}"
    try:
        _ask(client, f"__import__('IPython').get_ipython().blog_answers({asked})")
        values, data, device, versions = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        fix = f"fix the cells or the front matter, then: blog run {post.slug}"
        raise PostError(
            post.finding(post.line_of("values"), f"at the end of the run: {error}", fix)
        ) from None
    return values, data, device, {"python": sys.version.split()[0], **versions}


def quick_assignments(post: Post, cell: Cell) -> str:
    """The code that gives parameters the values of the front matter's `quick`, as papermill does."""
    try:
        tree = ast.parse(cell.region.source)
    except (SyntaxError, ValueError):
        raise _failure(post, cell, 1, "a cell of parameters has to be plain Python") from None
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    quick = post.meta.quick
    if unknown := sorted(set(quick) - assigned):
        raise _failure(
            post, cell, 1, f"quick sets {unknown[0]}, which this cell of parameters does not assign"
        )
    return assignments(quick)
