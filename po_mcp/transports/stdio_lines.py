"""Standard input and output for the SDK's stdio transport, with an answer to every line.

Messages that can be parsed go to the SDK; other lines are answered here. Batches are supported in the one version
that has them (2025-03-26, https://modelcontextprotocol.io/specification/2025-03-26/basic#batching).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import anyio
import anyio.to_thread
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from po_mcp.transports.bounded_stdin import BoundedLines, Line
from po_mcp.transports.descriptors import Readiness, can_wait_for, writer_at_once
from po_mcp.transports.messages import (
    BATCH_VERSION,
    Batch,
    ErrorReply,
    IsWriteTool,
    ParsedMessage,
    end_replies,
    read_line,
    read_value,
)

GRACE_S = 2.0
"""Seconds for the answers to what was called before stdin closed: as long as hosts wait before they send SIGTERM."""
WRITE_GRACE_S = 10.0
"""The same where one of the calls may write: its outcome is worth more than a quick end."""
_NO_MORE_REPLIES = ErrorData(code=CONNECTION_CLOSED, message="Standard input was closed.")
_CUT_OFF = ErrorData(
    code=CONNECTION_CLOSED,
    message="The server ended before the outcome was known. If this was a change, it may have been carried out: do not "
    "repeat it. Check with get_operation.",
)
_head = re.compile(r'\{"jsonrpc":"2\.0","id":("(?:[^"\\]|\\.)*"|-?\d+),"(method|result|error)":')
"""How the SDK's requests, results and errors begin."""


@dataclass
class _OpenBatch:
    """The responses of a batch so far, and the ids of its unanswered requests."""

    waits_for: list[str] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)


class StdioLines:
    """Both directions of stdio: iterating yields messages for the SDK, and `write` takes its own.

    Where the system can say that a descriptor is ready (a pipe, a socket), no thread waits for it: to hand a line to
    a thread and back takes longer than to read it.

    Args:
        lines: standard input.
        out: standard output, one message per line.
        writes: returns whether a tool writes.
        on_gone: called once, when nobody reads standard output any more.
    """

    def __init__(
        self, lines: BoundedLines, out: BinaryIO, writes: IsWriteTool, on_gone: Callable[[], None] = lambda: None
    ) -> None:
        self._lines = lines
        self._out = out
        self._writes = writes
        self._on_gone = on_gone
        self._is_gone = False
        self._writing = anyio.Lock(fast_acquire=True)
        self._write_at_once = writer_at_once(out)
        is_told = can_wait_for(lines.descriptor)
        self._arriving = Readiness(lines.descriptor, lines.read_more) if is_told else None
        self._version = ""
        self._initialize_id: str | None = None  # the id of the initialize request that is not answered
        self._batches: list[_OpenBatch] = []
        self._calls: dict[str, bool] = {}  # calls of tools that have no answer, and whether they may write
        self._asked: list[RequestId | None] = []  # the server's own requests that have no reply
        self._news = anyio.Event()  # something was asked or answered

    async def __aiter__(self) -> AsyncIterator[JSONRPCMessage]:
        """Yield every line that is a message, and answer the others."""
        try:
            while (line := await self._read_line()) is not None:
                read = read_line(line, self._writes)
                if isinstance(read, Batch):
                    for passed in await self._open_batch(read):
                        yield passed.message
                elif isinstance(read, ErrorReply):
                    await self._send(read.to_json())
                    if read.ends is not None:
                        yield read.ends.message
                elif read is not None:
                    await self._track(read)
                    yield read.message
        finally:
            if self._arriving is not None:
                self._arriving.close()
        async for reply in self._end():
            yield reply

    async def _end(self) -> AsyncIterator[JSONRPCError]:
        """Let what was called before the end be answered, for a while: the SDK cuts off what is left.

        Nobody can reply any more: a question ends as not shown, and its call says where else it is decided.
        """
        until = anyio.current_time() + (WRITE_GRACE_S if any(self._calls.values()) else GRACE_S)
        while self._calls and not self._is_gone:
            # Made before the questions are looked for: one that is asked meanwhile sets it.
            self._news = anyio.Event()
            while self._asked:
                yield JSONRPCError(jsonrpc="2.0", id=self._asked.pop(), error=_NO_MORE_REPLIES)
            with anyio.move_on_at(until) as waiting:
                await self._news.wait()
            if waiting.cancelled_caught:
                return

    async def _read_line(self) -> Line | None:
        """Return the next line, or None at the end."""
        if self._arriving is None:
            return await anyio.to_thread.run_sync(self._lines.read_line)
        while (line := self._lines.take_line()) is None and not self._lines.is_at_end:
            await self._arriving.wait()
        return line

    async def write(self, text: str) -> None:
        """Write one message of the SDK, or keep it until its batch is complete."""
        text = self._note(text)
        # The usual case: nothing to wait for, so the text need not be parsed.
        if self._initialize_id is None and not self._batches:
            await self._send(text)
            return
        message = json.loads(text)
        key = json.dumps(message.get("id")) if "method" not in message else ""
        if key == self._initialize_id:
            self._initialize_id = None
            self._version = message.get("result", {}).get("protocolVersion", "")
        for batch in self._batches:
            if key in batch.waits_for:
                batch.waits_for.remove(key)
                batch.responses.append(text)
                await self._close_batch(batch)
                return
        await self._send(text)

    def _note(self, text: str) -> str:
        """Keep in mind what is asked and what is answered; return the text, plainer where a write was cut off."""
        # By its beginning alone: the answer, which may be long, is not parsed for its id.
        head = _head.match(text)
        if head is None:
            return text
        key, kind = head[1], head[2]
        self._news.set()
        if kind == "method":
            self._asked.append(json.loads(key))
            return text
        may_write = self._calls.pop(key, False)
        is_cut_off = kind == "error" and may_write and f'"code":{CONNECTION_CLOSED}' in text
        if not is_cut_off:
            return text
        return f'{{"jsonrpc":"2.0","id":{key},"error":{_CUT_OFF.model_dump_json(exclude_unset=True)}}}'

    async def _track(self, passed: ParsedMessage) -> None:
        """Keep what waits for an answer; a request that is cancelled gets none, in a batch or by itself."""
        message = passed.message
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id in self._asked:
            self._asked.remove(message.id)
        if isinstance(message, JSONRPCRequest) and message.method == "tools/call":
            self._calls[_as_sent(message.id)] = self._writes(str((message.params or {}).get("name")))
        if isinstance(message, JSONRPCRequest) and message.method == "initialize":
            self._initialize_id = json.dumps(message.id)
        if isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            cancelled = (message.params or {}).get("requestId")
            self._calls.pop(_as_sent(cancelled), None)
            key = json.dumps(cancelled)
            for batch in [batch for batch in self._batches if key in batch.waits_for]:
                batch.waits_for.remove(key)
                await self._close_batch(batch)

    async def _open_batch(self, sent: Batch) -> list[ParsedMessage]:
        """Return the messages of a batch; its errors are sent together with the other responses."""
        # Later versions removed batches; the version is known from the response to initialize.
        if self._version != BATCH_VERSION or not sent.elements:
            await self._send(ErrorReply(INVALID_REQUEST, self._explain_refusal(sent.elements)).to_json())
            return end_replies(sent.elements)
        batch = _OpenBatch()
        read = [read_value(element, self._writes) for element in sent.elements]
        batch.responses = [one.to_json() for one in read if isinstance(one, ErrorReply)]
        passed = [one for one in read if isinstance(one, ParsedMessage)]
        batch.waits_for = [json.dumps(one.message.id) for one in passed if isinstance(one.message, JSONRPCRequest)]
        self._batches.append(batch)
        if not batch.waits_for:
            await self._close_batch(batch)
        for one in passed:
            await self._track(one)
        return passed

    async def _close_batch(self, batch: _OpenBatch) -> None:
        """Send the responses of a batch once it is complete."""
        if batch.waits_for:
            return
        self._batches.remove(batch)
        if batch.responses:
            await self._send(f"[{','.join(batch.responses)}]")

    def _explain_refusal(self, elements: list[Any]) -> str:
        if not elements:
            return "This batch is empty."
        version = f"MCP {self._version}" if self._version else "This version of MCP"
        return f"{version} has no batches: send each message on a line of its own."

    async def _send(self, text: str) -> None:
        try:
            self._writing.acquire_nowait()  # the usual case: nobody else writes
        except anyio.WouldBlock:
            await self._writing.acquire()
        try:
            if self._is_gone:
                return
            left = self._write_at_once(text.encode() + b"\n")
            if left:
                with anyio.CancelScope(shield=True):  # half of a line would make the next one unreadable
                    await anyio.to_thread.run_sync(self._write_rest, left)
        except OSError:  # EPIPE: the client has ended, or closed its end
            self._is_gone = True
            self._on_gone()
        finally:
            self._writing.release()

    def _write_rest(self, left: memoryview) -> None:
        self._out.write(left)
        self._out.flush()


def _as_sent(number: Any) -> str:
    """Return an id as the SDK writes it."""
    return str(number) if type(number) is int else json.dumps(number, ensure_ascii=False)


def take_stdout() -> BinaryIO:
    """Return standard output for messages alone; from now on `print` writes to standard error."""
    sys.stdout.flush()
    descriptor = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(descriptor, "wb", closefd=False)
