"""Sessions of clients before 2026-07-28: a limit, since each takes some 40 kB, and the replica that has one."""

from __future__ import annotations

import math

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSION_HEADER = b"mcp-session-id"
MAX_SESSIONS = 256
"""Beyond this the SDK answers 503; it happens only while as many requests are being answered."""
_EVICTION_THRESHOLD = 200
"""From this number on, a new session ends the one that has been idle for longest. The client of that session gets
404 and opens another (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports)."""


class BoundedSessions:
    """Passes requests on to MCP, and ends an idle session before a new one is opened.

    Args:
        mcp: the application that opens sessions.
        sessions: the SDK's manager of the open sessions.
    """

    def __init__(self, mcp: ASGIApp, sessions: StreamableHTTPSessionManager) -> None:
        self._mcp = mcp
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not any(name == _SESSION_HEADER for name, _ in scope["headers"]):
            self._make_room()
        await self._mcp(scope, receive, send)

    def _make_room(self) -> None:
        # The SDK has no public list of its sessions; the dependency is pinned below mcp 2.4.
        scopes = [one.idle_scope for one in self._sessions._server_instances.values() if one.idle_scope is not None]
        open_scopes = [one for one in scopes if not one.cancel_called]
        # The SDK gives a session a deadline while no request of it is answered, and no stream is open.
        idle = [one for one in open_scopes if math.isfinite(one.deadline)]
        if len(open_scopes) >= _EVICTION_THRESHOLD and idle:
            min(idle, key=lambda one: one.deadline).cancel()


class NamedSessions:
    """Puts the name of this replica before the ids of its sessions, so that a balancer can send their requests to it.

    An `initialize` has no session yet, so a hash of the header would send the session elsewhere than it was opened.

    Args:
        mcp: the application that opens sessions.
        replica: the name.
    """

    def __init__(self, mcp: ASGIApp, replica: str) -> None:
        self._mcp = mcp
        self._prefix = replica.encode() + b"."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the id of another replica's session is not known here, and gets 404."""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._name(*header) for header in message["headers"]]}
            await send(message)

        headers = [self._unname(*header) for header in scope["headers"]]
        await self._mcp({**scope, "headers": headers}, receive, send_named)

    def _name(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        return (name, self._prefix + value) if name.lower() == _SESSION_HEADER else (name, value)

    def _unname(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        return (name, value.removeprefix(self._prefix)) if name == _SESSION_HEADER else (name, value)
