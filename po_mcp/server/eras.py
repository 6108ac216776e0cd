"""One client's connection, in the era of the protocol that its first request belongs to.

The SDK decides the same (`serve_dual_era_loop`), and from then on hands every message of the connection through a task
and a channel, so that the first can be read once more. Here it is put back before those that follow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from mcp.server import runner as sdk
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.lowlevel.server import Server
from mcp.types import JSONRPCMessage, JSONRPCRequest

from po_mcp.server.lines import Arriving, Leaving, LineTransport

_HELD_BEFORE_REQUEST = 8
"""Messages before the first request that are kept for it, as many as the SDK keeps."""


async def serve_client(server: Server[Any], wire: LineTransport) -> None:
    """Serve one client over lines of JSON-RPC, until they end.

    The first request decides: one with the envelope of 2026-07-28 opens a modern connection, any other, and
    `initialize` always, one with a handshake.
    """
    async with server.lifespan(server) as state, Leaving(wire) as leaving:
        messages = aiter(wire)
        held = await _read_to_request(messages)
        arriving = Arriving(held, messages)
        # The SDK has no public name for either; the dependency is pinned below mcp 2.4 for that.
        if _is_modern(held):
            await sdk._serve_modern_stream(server, arriving, leaving, lifespan_state=state, raise_exceptions=False)
        else:
            await sdk._serve_legacy_stream(
                server,
                arriving,
                leaving,
                lifespan_state=state,
                session_id=None,
                init_options=server.create_initialization_options(),
                raise_exceptions=False,
            )


def leave_out_spans(server: Server[Any]) -> None:
    """Open no span for a message: one that nobody takes costs nearly as much as one that somebody does."""
    server.middleware[:] = [one for one in server.middleware if not isinstance(one, OpenTelemetryMiddleware)]


async def _read_to_request(messages: AsyncIterator[JSONRPCMessage]) -> list[JSONRPCMessage]:
    """Return the first request, which is the last of these; none where the client ends before."""
    held: list[JSONRPCMessage] = []
    async for message in messages:
        if isinstance(message, JSONRPCRequest):
            return [*held, message]
        held = [*held, message][:_HELD_BEFORE_REQUEST]
    return held


def _is_modern(held: list[JSONRPCMessage]) -> bool:
    opening = held[-1] if held else None
    if not isinstance(opening, JSONRPCRequest) or opening.method == "initialize":
        return False
    return sdk._has_modern_envelope(opening.params)
