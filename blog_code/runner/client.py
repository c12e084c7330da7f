"""Speak to a kernel as nbclient does, and lose nothing: no answer, no late output, no standard error."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode

from blog_code.posts.post import Cell
from blog_code.runner.outputs import as_text

SHOWN = {"stream", "display_data", "execute_result", "error", "update_display_data"}
LOST = 5  # seconds that the kernel has for its answer when it says that a cell has ended


class LostReply(Exception):
    """The kernel says that a cell has ended, and not how."""


class Client(NotebookClient):
    """nbclient, which repeats on the terminal what long cells print, and what goes to standard error."""

    say: Callable[[str], None] = staticmethod(print)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.late: list[tuple[Cell | None, dict[str, Any]]] = []  # what came when its cell had ended
        self._asked: dict[str, Cell | None] = {}  # the cell of each request
        self.on_cell_executed = self._keep_reply
        self.begin()

    def begin(self, cell: Cell | None = None) -> None:
        """Begin with a cell, or with code of ours."""
        self.cell, self.cell_started = cell, time.monotonic()
        self.errors, self._pending = "", ""  # of standard error, of a line of standard output
        self.reply: dict[str, Any] = {}

    def _keep_reply(self, *, execute_reply: dict[str, Any], **_: Any) -> None:
        self.reply = execute_reply["content"]

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: NotebookNode, cell_index: int) -> None:
        """Take what answers this request; keep of others what came late, which nbclient drops."""
        assert self.kc is not None
        self._asked[parent_msg_id] = self.cell
        while True:
            msg = await self.kc.iopub_channel.get_msg(timeout=None)
            parent = msg["parent_header"].get("msg_id")
            if parent == parent_msg_id:
                try:
                    self.process_message(msg, cell, cell_index)
                except CellExecutionComplete:
                    return
            elif msg["header"]["msg_type"] in SHOWN and msg["content"].get("name") != "stderr":
                self.late.append((self._asked.get(parent), msg["content"]))

    async def _async_poll_for_reply(
        self, msg_id: str, cell: Any, timeout: int | None, outputs: Any, alive: Any
    ) -> Any:
        """Wait for the answer to a request, but not long where the kernel says that it has ended."""
        whole = super()._async_poll_for_reply(msg_id, cell, timeout, outputs, alive)
        answer = asyncio.ensure_future(whole)
        try:
            await asyncio.wait({answer, outputs}, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait({answer}, timeout=LOST if outputs.done() else None)
            if not done:
                raise LostReply
            return answer.result()
        finally:
            answer.cancel()
            alive.cancel()

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: Any, cell_index: int) -> Any:
        content = msg["content"]
        if msg["header"]["msg_type"] == "stream":
            if content["name"] == "stderr":
                self.errors += as_text(content["text"])
                for line in as_text(content["text"]).splitlines():
                    self.say(f"           ! {line}")
            else:
                *whole, self._pending = (self._pending + content["text"]).split("\n")
                if time.monotonic() - self.cell_started > 5:
                    for line in whole:
                        self.say(f"           | {as_text(line)}")
        return super().output(outs, msg, display_id, cell_index)
