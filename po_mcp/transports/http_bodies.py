"""Bodies of HTTP requests, read by the rules of standard input before the SDK reads them.

The SDK's own refusals have no id and show what was sent, and a request with an id that it cannot read is never
answered. Batches are answered in the one version that has them (2025-03-26): as a stream of the responses to their
messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp.types import INVALID_REQUEST, JSONRPCRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.sign_in.request_body import RequestBody
from po_mcp.transports.bounded_stdin import Line
from po_mcp.transports.http_batches import answer_batch
from po_mcp.transports.http_ids import UniqueIds
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
from po_mcp.untrusted import visible

_SESSION_HEADER = b"mcp-session-id"
_VERSION_HEADER = b"mcp-protocol-version"
_MAX_BATCH = 50
"""Messages of a batch: each is answered at the same time as the others."""


class ReadableBodies:
    """Passes messages on to MCP, and refuses what is none or can be read in two ways.

    Args:
        mcp: the application at /mcp.
        writes: returns whether a tool writes.
        max_bytes: a longer body is passed on as it is; the application refuses it.
    """

    def __init__(self, mcp: ASGIApp, writes: IsWriteTool, max_bytes: int) -> None:
        self._mcp = mcp
        self._writes = writes
        self._max_bytes = max_bytes
        self._ids = UniqueIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._mcp(scope, receive, send)
            return
        body = RequestBody(receive, self._max_bytes)
        sent = await body.read()
        if body.is_cut_off:  # nobody is left to answer, and half a request asks for nothing
            return
        if body.is_too_long:
            await self._mcp(scope, body.replay, send)
            return
        read = read_line(Line(sent), self._writes)
        if isinstance(read, Batch):
            await self._answer_batch(read, scope, body, send)
        elif isinstance(read, ParsedMessage):
            await self._pass_on(read, sent, scope, body, send)
        else:
            # A reply that cannot be read and has no id gets no answer over stdio; over HTTP each body gets one.
            refused = read or ErrorReply(INVALID_REQUEST, "This message is empty.")
            await self._end_requests([refused.ends] if refused.ends else [], scope)
            await _refuse(refused)(scope, body.replay, send)

    async def _pass_on(self, read: ParsedMessage, sent: bytes, scope: Scope, body: RequestBody, send: Send) -> None:
        """Hand a message on; a request of a session under an id that no other has."""
        session = _header(scope, _SESSION_HEADER)
        # Without a session each request stands alone, and the ids of two clients may be the same.
        if session and isinstance(read.message, JSONRPCRequest):
            given = self._ids.give(session, read.message)
            text, send = self._ids.replace_own(given, read).encode(), self._ids.restore_own(given, send)
        else:
            text = self._ids.replace_cancelled(session, read).encode()
        if text != sent:
            scope = {**scope, "headers": _with_length(scope, len(text))}
            body.replace(text)
        await self._mcp(scope, body.replay, send)

    async def _answer_batch(self, batch: Batch, scope: Scope, body: RequestBody, send: Send) -> None:
        refused = _refuse_batch(batch, scope)
        if refused is not None:
            await self._end_requests(end_replies(batch.elements), scope)
            await _refuse(ErrorReply(INVALID_REQUEST, refused))(scope, body.replay, send)
            return
        await answer_batch(self._answer_one, batch.elements, scope, body.replay, send)

    async def _end_requests(self, replies: Sequence[ParsedMessage], scope: Scope) -> None:
        """Hand replies on in the place of what was sent: a waiting request ends as one without an answer."""
        for reply in replies:
            text = reply.text.encode()
            ending = RequestBody(_receive_nothing, self._max_bytes)
            ending.replace(text)
            await self._mcp({**scope, "headers": _with_length(scope, len(text))}, ending.replay, _send_nothing)

    async def _answer_one(self, element: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message of a batch."""
        read = read_value(element, self._writes)
        if isinstance(read, ParsedMessage):
            # Nothing was sent as this message alone, so its text takes the place of the batch in any case.
            await self._pass_on(read, b"", scope, RequestBody(receive, self._max_bytes), send)
        elif read is not None:
            await _refuse(read)(scope, receive, send)


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}


async def _send_nothing(message: Message) -> None:
    """Drop the answer: the body gets one of its own."""


def _refuse(refused: ErrorReply) -> Response:
    return Response(refused.to_json(), 400, media_type="application/json")


def _refuse_batch(batch: Batch, scope: Scope) -> str | None:
    """Return why a batch is not answered."""
    # A session without the header is of the version that has batches, by the later versions of the specification.
    version = _header(scope, _VERSION_HEADER, BATCH_VERSION)
    if not batch.elements:
        return "This batch is empty."
    if version != BATCH_VERSION:
        return f"MCP {visible(version, 40)} has no batches: send each message in a request of its own."
    if not _header(scope, _SESSION_HEADER):
        return "A batch needs a session: send initialize first, in a request of its own."
    return f"This batch has more than {_MAX_BATCH} messages." if len(batch.elements) > _MAX_BATCH else None


def _header(scope: Scope, name: bytes, default: str = "") -> str:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else default


def _with_length(scope: Scope, length: int) -> list[tuple[bytes, bytes]]:
    # Neither of the old ones stays: a message with both can be read in two ways (RFC 9112, 6.3).
    headers = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    return [*headers, (b"content-length", str(length).encode())]
