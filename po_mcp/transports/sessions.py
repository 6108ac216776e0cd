"""How many sessions of clients before 2026-07-28 are kept, each of some 40 kB, and which one makes room."""

from __future__ import annotations

import math

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_SESSIONS = 256
"""Beyond this the SDK answers 503, and it comes to that only where as many requests are being served."""
_EVICTION_THRESHOLD = 200
"""From here on, a new session ends the one that has been idle for longest. Its client, if it comes back, is
answered 404, and opens another (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports)."""


class BoundedSessions:
    """Passes requests on to MCP, and makes room for a new session before one is opened.

    Args:
        mcp: what opens sessions.
        sessions: those that are open.
    """

    def __init__(self, mcp: ASGIApp, sessions: StreamableHTTPSessionManager) -> None:
        self._mcp = mcp
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not any(name == b"mcp-session-id" for name, _ in scope["headers"]):
            self._make_room()
        await self._mcp(scope, receive, send)

    def _make_room(self) -> None:
        scopes = [one.idle_scope for one in self._sessions._server_instances.values() if one.idle_scope is not None]
        open_scopes = [one for one in scopes if not one.cancel_called]
        idle = [one for one in open_scopes if math.isfinite(one.deadline)]
        if len(open_scopes) >= _EVICTION_THRESHOLD and idle:
            min(idle, key=lambda one: one.deadline).cancel()
