"""Execute the cells of a post in one fresh kernel, and collect what they print and draw."""

import ast
import base64
import contextlib
import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from blog_code.runner.cells import Cell, Post
from blog_code.runner.errors import PostError
from blog_code.runner.figures import figure_files

STYLE = Path(__file__).with_name("figures.mplstyle")
COLOUR_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A process that runs while cells do needs to know these; everything else stays as the author's shell has it.
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "MATPLOTLIBRC": str(STYLE),
    "NO_COLOR": "1",
    "TERM": "dumb",
    "COLUMNS": "110",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
FIGURE_OPTIONS = [
    "--InlineBackend.figure_formats={'svg','png'}",
    "--InlineBackend.print_figure_kwargs={'bbox_inches':None}",
    "--IPKernelApp.log_level=40",
]


@dataclass
class CellResult:
    """What one cell left: files for the page, the notebook's outputs, seconds."""

    cell: Cell
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: list[NotebookNode] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class RunResult:
    """What a run of a post left, before anything is written."""

    cells: list[CellResult]
    values: dict[str, Any]
    data: dict[str, Any]
    device: str
    versions: dict[str, str]
    seconds: float


def execute(
    post: Post,
    *,
    quick: bool = False,
    cell_timeout: int = 1200,
    post_timeout: int = 3600,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    kernels: set[AsyncKernelManager] | None = None,
) -> RunResult:
    """Run the cells of a post in order; raises PostError naming region, file and line where one fails."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    running = [cell for cell in post.cells if cell.runs]
    limits = post.meta.get("timeout") or {}
    cell_timeout, post_timeout = limits.get("cell", cell_timeout), limits.get("post", post_timeout)
    manager = AsyncKernelManager(kernel_name="python3")
    client = _Client(notebook, km=manager, timeout=cell_timeout, store_widget_state=False)
    client.extra_arguments = FIGURE_OPTIONS
    client.say = say
    results: list[CellResult] = []
    started = time.monotonic()
    if kernels is not None:
        kernels.add(manager)
    with tempfile.TemporaryDirectory(prefix="blog-") as folder, _kernel(client, folder, threads):
        for number, cell in enumerate(running, 1):
            left = post_timeout - (time.monotonic() - started)
            if left <= 0:
                raise _failure(post, cell, 1, f"the post ran longer than {post_timeout} s", "timeout: {post: …}")
            client.timeout = min(cell_timeout, left)
            results.append(_run_cell(client, post, cell, number, post_timeout if left < cell_timeout else cell_timeout))
            say(f"  {number:>3}/{len(running)}  {cell.name:<24} {results[-1].seconds:6.1f} s")
            if quick and "parameters" in cell.flags:
                _ask(client, post, cell, quick_assignments(post, cell))
        values, data, device, versions = _questions(client, post, running[-1])
    return RunResult(results, values, data, device, versions, time.monotonic() - started)


class _Client(NotebookClient):  # type: ignore[misc]
    """nbclient, which also repeats what a long cell prints while it runs."""

    say: Callable[[str], None] = staticmethod(print)
    cell_started: float = 0.0
    pending: str = ""

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        content = msg["content"]
        if msg["header"]["msg_type"] == "stream" and content["name"] == "stdout":
            *whole, self.pending = (self.pending + content["text"]).split("\n")
            if time.monotonic() - self.cell_started > 5:
                for line in whole:
                    self.say(f"           | {line}")
        return super().output(outs, msg, display_id, cell_index)


@contextlib.contextmanager
def _kernel(client: _Client, folder: str, threads: int | None) -> Iterator[None]:
    """Start a kernel in an empty folder, and leave no process behind."""
    environment = {**os.environ, **ENVIRONMENT}
    for key in ("MNIST_DIR", "TFDS_DATA_DIR"):
        if environment.get(key):
            environment[key] = str(Path(environment[key]).resolve())
    if threads:
        for key in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[key] = str(threads)
    try:
        with client.setup_kernel(env=environment, cwd=folder):
            yield
    finally:
        kill(client.km)


def kill(manager: AsyncKernelManager) -> None:
    """End a kernel and whatever it has started, at once; a kernel that is gone already is fine."""
    process = getattr(manager.provisioner, "process", None) if manager and manager.provisioner else None
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _run_cell(client: _Client, post: Post, cell: Cell, number: int, limit: float) -> CellResult:
    """Run one cell and read its outputs; a raising cell must raise, every other must not."""
    raises = "raises" in cell.flags
    node = nbformat.v4.new_code_cell(cell.region.source, id=cell.name)
    node.metadata["tags"] = ["raises-exception"] if raises else []
    client.nb.cells = [node]
    client.cell_started, client.pending = time.monotonic(), ""
    try:
        client.execute_cell(node, 0, execution_count=number)
    except CellExecutionError:
        pass
    except CellTimeoutError:
        raise _failure(post, cell, 1, f"ran longer than {limit:.0f} s", "timeout: {cell: …}") from None
    except DeadKernelError:
        raise _failure(post, cell, 1, "the kernel died (out of memory, or killed)") from None
    seconds = time.monotonic() - client.cell_started
    error = next((out for out in node.outputs if out.output_type == "error"), None)
    if error and not raises:
        traceback = COLOUR_CODES.sub("", "\n".join(error.traceback))
        raise _failure(post, cell, _line(traceback, cell), f"{error.ename}: {error.evalue}", detail=traceback)
    if raises and not error:
        raise _failure(post, cell, 1, "is marked .raises and did not raise")
    return _collect(cell, node, seconds)


def _line(traceback: str, cell: Cell) -> int:
    """The line of the region at which a traceback enters or leaves it."""
    numbers = re.findall(r"(?:^|\n)(?:-+> ?|.*?line )(\d+)", traceback)
    inside = [int(n) for n in numbers if 0 < int(n) <= cell.region.source.count("\n") + 1]
    return inside[0] if inside else 1


def _failure(post: Post, cell: Cell, line: int, message: str, hint: str = "", detail: str = "") -> PostError:
    fix = f"{post.name}:{cell.line} shows it; mend it, then: blog run {post.slug}"
    if hint:
        fix = f"allow more with `{hint}` in the front matter of {post.name}"
    finding = post.finding(cell.line, "")
    finding = type(finding)(
        f"blog_code/{cell.region.module}", cell.region.start + line - 1, f"post {post.slug}, region {cell.name}: {message}", fix
    )
    error = PostError(finding)
    error.detail = detail  # type: ignore[attr-defined]
    return error


def _collect(cell: Cell, node: NotebookNode, seconds: float) -> CellResult:
    """Turn a cell's outputs into files: text, figures, HTML."""
    result = CellResult(cell, seconds=round(seconds, 2))
    text, figures, html = "", [], ""
    for out in node.outputs:
        data = out.get("data", {})
        if out.output_type == "stream":
            if out.name == "stdout":
                text += out.text
                result.outputs.append(out)
            continue
        if out.output_type == "error":
            said = f"{out.ename}: {COLOUR_CODES.sub('', out.evalue)}\n"
            text += said
            result.outputs.append(nbformat.v4.new_output("error", ename=out.ename, evalue=out.evalue, traceback=[said.rstrip()]))
            continue
        if "image/png" in data:
            name = cell.name + (f"-{len(figures) + 1}" if figures else "")
            file, content = figure_files(name, data)
            figures.append(file)
            result.files[file] = content
            kind = "image/svg+xml" if file.endswith(".svg") else "image/png"
            shown = content.decode() if kind == "image/svg+xml" else base64.b64encode(content).decode()
            result.outputs.append(nbformat.v4.new_output("display_data", data={kind: shown, "text/plain": "<Figure>"}))
            continue
        if "text/html" in data:
            html += data["text/html"] + "\n"
        else:
            text += data.get("text/plain", "") + "\n"
        out.pop("execution_count", None)
        result.outputs.append(nbformat.v4.new_output("display_data", data=dict(data)))
    text = COLOUR_CODES.sub("", text)
    if text.strip():
        result.files[f"{cell.name}.txt"] = (text.rstrip() + "\n").encode()
    if html:
        result.files[f"{cell.name}.html"] = html.encode()
    return result


def _ask(client: _Client, post: Post, cell: Cell, code: str) -> str:
    """Execute code of ours in the kernel and return what it printed."""
    node = nbformat.v4.new_code_cell(code)
    client.nb.cells = [node]
    try:
        client.execute_cell(node, 0, store_history=False)
    except CellExecutionError as error:
        raise _failure(post, cell, 1, COLOUR_CODES.sub("", str(error)).strip().splitlines()[-1]) from None
    return "".join(out.text for out in node.outputs if out.output_type == "stream" and out.name == "stdout")


def _questions(client: _Client, post: Post, last: Cell) -> tuple[dict[str, Any], dict[str, Any], str, dict[str, str]]:
    """Ask the kernel at the end of the run for values, data, device and versions."""
    names = list(post.values)
    code = f"""
import json, sys, importlib.metadata
if any(name.split('.')[0] == 'blog_code' for name in sys.modules):
    raise ImportError('the post has imported blog_code, and a post stands alone')
def plain(name):
    if name not in globals():
        raise NameError(f'value {{name}} is declared and no cell has bound it')
    value = globals()[name]
    value = value.item() if hasattr(value, 'item') else value
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f'value {{name}} is a {{type(value).__name__}}, not a number')
    return value
values = {{name: plain(name) for name in {names!r}}}
device = 'cpu'
if 'jax' in sys.modules:
    first = sys.modules['jax'].devices()[0]
    device = first.platform if first.platform == 'cpu' else f'{{first.platform}} ({{first.device_kind}})'
tops = {{name.split('.')[0] for name in sys.modules}}
names = importlib.metadata.packages_distributions()
known = {post.meta.get('versions') or ['jax', 'jaxlib', 'flax', 'optax', 'numpy']!r}
versions = {{'python': sys.version.split()[0]}}
versions |= {{name: importlib.metadata.version(name) for name in known if name in tops}}
print(json.dumps([values, globals().get('data_read') or {{}}, device, versions]))
"""
    values, data, device, versions = json.loads(_ask(client, post, last, f"exec({code!r}, {{**globals()}})"))
    return values, data, device, versions


def quick_assignments(post: Post, cell: Cell) -> str:
    """The code that replaces values of the cell of parameters, as papermill does, from `quick` in the front matter."""
    assigned = {
        target.id
        for node in ast.parse(cell.region.source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    quick = post.meta.get("quick") or {}
    if unknown := sorted(set(quick) - assigned):
        raise _failure(post, cell, 1, f"quick sets {unknown[0]}, which this cell of parameters does not assign")
    return "\n".join(f"{name} = {value!r}" for name, value in quick.items())
