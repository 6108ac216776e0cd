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

        sock = listening(HOST, 0)
        port = sock.getsockname()[1]
        app = create_app(self._pending, (f"{HOST}:{port}", f"localhost:{port}"), f"po_mcp_{port}")
        self._server, self._origin = quiet_server(app), f"http://{HOST}:{port}"
        self._tasks.start_soon(self._serve, self._server, sock)

    async def _serve(self, server: Server, sock: socket.socket) -> None:
        # Shielded, because it ends by itself when it is told to, and then leaves no connection open.
        with closing(sock), anyio.CancelScope(shield=True):
            await server.serve([sock])


def listening(host: str, port: int) -> socket.socket:
    """Listen at an address of this machine.

    Connections inherit TCP_NODELAY: asyncio sets it only on sockets that name their protocol, and without it an
    answer in two pieces waits some 40 ms for the first one's acknowledgement (RFC 896, RFC 1122 4.2.3.2).

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def quiet_server(app: object, most_connections: int = 64, keep_alive: int = 5) -> Server:
    """Return an HTTP server that prints nothing and leaves signals to whoever runs it.

    Args:
        app: the ASGI application; its lifespan is not run.
        most_connections: beyond that many, the one that has sent no request for longest is closed; where all
            of twice as many are being answered, further requests get 503.
        keep_alive: seconds that a connection may be idle.
    """
    import uvicorn

    from po_mcp.transports.connection_limits import BoundedConnection

    class Bounded(BoundedConnection):
        most = most_connections

    class Quiet(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Bounded,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=2 * most_connections,
        timeout_keep_alive=keep_alive,
    )
    return Quiet(config)
