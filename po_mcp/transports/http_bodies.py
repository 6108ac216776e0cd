"""Bodies of HTTP requests that can be read in two ways: a write of which is refused, as over stdio."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.transports.messages import IsWriteTool, find_ambiguity


class UnambiguousBodies:
    """Passes requests on to MCP, but for writes whose JSON names something twice: the SDK would take the last.

    Args:
        mcp: the application at /mcp.
        writes: returns whether a tool writes.
        max_bytes: a longer body is passed on as it is; the application refuses it.
    """

    def __init__(self, mcp: ASGIApp, writes: IsWriteTool, max_bytes: int) -> None:
        self._mcp = mcp
        self._writes = writes
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._mcp(scope, receive, send)
            return
        messages = await self._read(receive)
        if messages[-1]["type"] == "http.disconnect":  # nobody is left to answer, and half a request asks for nothing
            return
        refusal = find_ambiguity(b"".join(message.get("body", b"") for message in messages), self._writes)
        if refusal is not None:
            await Response(refusal.to_json(), 400, media_type="application/json")(scope, receive, send)
            return
        await self._mcp(scope, _replay(messages, receive), send)

    async def _read(self, receive: Receive) -> list[Message]:
        """Return the messages of a body: up to its end, its limit or a disconnect."""
        messages = [await receive()]
        size = len(messages[0].get("body", b""))
        while messages[-1].get("more_body", False) and size <= self._max_bytes:
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
        return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def receive_again() -> Message:
        return next(left, None) or await receive()

    return receive_again
