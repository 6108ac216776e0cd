"""The listener: the page on a free port of this machine, opened when the first link is needed.

What it serves is imported then, too: most sessions never need it, and all of them wait for the start.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from asyncio import Transport

    from anyio.abc import TaskGroup
    from uvicorn import Server

    from po_mcp.approvals.pending import PendingApprovals

HOST = "127.0.0.1"
FIRST_REQUEST_S = 5.0
"""Seconds in which a new connection must have sent the head of a request: browsers open some that they never use."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NoPage:
    """Stands where there is no page: the terminal is what is left."""

    comes_first: bool = False

    async def link(self, operation_id: str) -> str | None:
        """Return None."""
        return None

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Mounted:
    """Stands where the page is part of an HTTP server, and its links begin with that server's origin."""

    origin: str
    comes_first: bool = False

    async def link(self, operation_id: str) -> str | None:
        """Return where a person decides on an operation."""
        return f"{self.origin}/approve/{operation_id}"

    def close(self) -> None:
        """Do nothing: it ends with that server."""


class Listener:
    """The page for one server, as long as that runs.

    Args:
        tasks: where it is served.
        pending: what is decided on.
        comes_first: the operator lets no client's own form stand for a person's yes.
    """

    def __init__(self, tasks: TaskGroup, pending: PendingApprovals, comes_first: bool = False) -> None:
        self.comes_first = comes_first
        self._tasks = tasks
        self._pending = pending
        self._server: Server | None = None
        self._origin = ""

    async def link(self, operation_id: str) -> str | None:
        """Return where a person decides on an operation, and open the page if it is not."""
        try:
            if self._server is None:
                self._open()
        except OSError as exc:
            logger.warning("no page for approvals: %s", exc.strerror or type(exc).__name__)
            return None
        return f"{self._origin}/approve/{operation_id}"

    def close(self) -> None:
        """Stop serving, within a fifth of a second."""
        if self._server is not None:
            self._server.should_exit = self._server.force_exit = True

    def _open(self) -> None:
        from po_mcp.approvals.page import create_app

        sock = socket.create_server((HOST, 0))
        port = sock.getsockname()[1]
        app = create_app(self._pending, (f"{HOST}:{port}", f"localhost:{port}"), f"po_mcp_{port}")
        self._server, self._origin = quiet_server(app), f"http://{HOST}:{port}"
        self._tasks.start_soon(self._serve, self._server, sock)

    async def _serve(self, server: Server, sock: socket.socket) -> None:
        # Shielded, because it ends by itself when it is told to, and then leaves no connection open.
        with closing(sock), anyio.CancelScope(shield=True):
            await server.serve([sock])


def quiet_server(app: object, most_connections: int = 64, keep_alive: int = 5) -> Server:
    """Return an HTTP server that prints nothing and leaves signals to whoever runs it.

    Args:
        app: the ASGI application; its lifespan is not run.
        most_connections: at that many, further requests are answered 503.
        keep_alive: seconds that a connection may be idle.
    """
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        """Closes what connected and asks for nothing: 64 such connections would keep everybody else out."""

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.loop.call_later(FIRST_REQUEST_S, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.cycle is None:  # it has been none since the connection was made
                self.transport.close()

    class Quiet(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=most_connections,
        timeout_keep_alive=keep_alive,
    )
    return Quiet(config)
