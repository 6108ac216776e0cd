"""Bodies of HTTP requests that can be read in two ways: a write of which is refused, as over stdio."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from po_mcp.sign_in.request_body import RequestBody
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
        body = RequestBody(receive, self._max_bytes)
        refusal = find_ambiguity(await body.read(), self._writes)
        if body.is_cut_off:  # nobody is left to answer, and half a request asks for nothing
            return
        if refusal is not None:
            await Response(refusal.to_json(), 400, media_type="application/json")(scope, receive, send)
            return
        await self._mcp(scope, body.replay, send)
