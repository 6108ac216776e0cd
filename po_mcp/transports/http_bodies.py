"""Bodies of HTTP requests, read by the rules of standard input before the SDK reads them.

The SDK's own refusals have no id and show what was sent, and a request with an id that it cannot read is never
answered. Batches are answered in the one version that has them (2025-03-26): as a stream of the responses to their
messages.
"""

from __future__ import annotations

from typing import Any

import anyio
from mcp.types import INVALID_REQUEST, JSONRPCRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.sign_in.request_body import RequestBody
from po_mcp.transports.bounded_stdin import Line
from po_mcp.transports.http_batches import answer_batch
from po_mcp.transports.messages import (
    BATCH_VERSION,
    Batch,
    ErrorReply,
    IsWriteTool,
    ParsedMessage,
    read_line,
    read_value,
)
from po_mcp.untrusted import visible

_SESSION_HEADER = b"mcp-session-id"
_VERSION_HEADER = b"mcp-protocol-version"
_MAX_BATCH = 50
"""Messages of a batch: each is answered at the same time as the others."""
_ENDING_S = 1.0
"""Seconds in which the stream of a response ends after the response itself."""
_ID_IN_USE = "A request with this id is still being answered in this session. Give each request an id of its own."


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
        self._in_flight: dict[tuple[str, str], anyio.Event] = {}

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
            await _refuse(refused)(scope, body.replay, send)

    async def _pass_on(self, read: ParsedMessage, sent: bytes, scope: Scope, body: RequestBody, send: Send) -> None:
        """Hand a message on; not a request with the id of another one that is being answered."""
        key = _session_key(scope, read)
        if key is not None and not await self._wait_until_free(key):
            refused = ErrorReply(INVALID_REQUEST, _ID_IN_USE, getattr(read.message, "id", None))
            await _refuse(refused)(scope, body.replay, send)
            return
        text = read.text.encode()
        if text != sent:
            scope = {**scope, "headers": _with_length(scope, len(text))}
            body.replace(text)
        if key is None:
            await self._mcp(scope, body.replay, send)
        else:
            await self._answer_request(key, scope, body.replay, send)

    async def _wait_until_free(self, key: tuple[str, str]) -> bool:
        """Return whether no other request has this id; a client may use one again as soon as it has the response."""
        with anyio.move_on_after(_ENDING_S):
            while (ended := self._in_flight.get(key)) is not None:
                await ended.wait()
        return key not in self._in_flight

    async def _answer_request(self, key: tuple[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        ended = self._in_flight[key] = anyio.Event()

        def free_id() -> None:
            if self._in_flight.get(key) is ended:
                del self._in_flight[key]
            ended.set()

        async def send_and_free_id(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                free_id()
            await send(message)

        try:
            await self._mcp(scope, receive, send_and_free_id)
        finally:
            free_id()

    async def _answer_batch(self, batch: Batch, scope: Scope, body: RequestBody, send: Send) -> None:
        refused = _refuse_batch(batch, scope)
        if refused is not None:
            await _refuse(ErrorReply(INVALID_REQUEST, refused))(scope, body.replay, send)
            return
        await answer_batch(self._answer_one, batch.elements, scope, body.replay, send)

    async def _answer_one(self, element: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message of a batch."""
        read = read_value(element, self._writes)
        if isinstance(read, ParsedMessage):
            await self._pass_on(read, b"", scope, RequestBody(receive, self._max_bytes), send)
        elif read is not None:
            await _refuse(read)(scope, receive, send)


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


def _session_key(scope: Scope, read: ParsedMessage) -> tuple[str, str] | None:
    """Return the session and id of a request; None without a session, in which ids of two clients may be the same."""
    session = _header(scope, _SESSION_HEADER)
    # As text, since the SDK keeps them so: of 1 and "1" one would never be answered.
    return (session, str(read.message.id)) if session and isinstance(read.message, JSONRPCRequest) else None


def _header(scope: Scope, name: bytes, default: str = "") -> str:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else default


def _with_length(scope: Scope, length: int) -> list[tuple[bytes, bytes]]:
    headers = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    return [*headers, (b"content-length", str(length).encode())]
