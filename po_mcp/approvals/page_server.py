"""Where approval links lead: nowhere, to the page of an HTTP server, or to a page on a free port of this machine.

The page is opened, and its modules are imported, when the first link is needed: most sessions need none, and the
imports would delay the start of all.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.operation import WAITING

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from po_mcp.approvals.pending import PendingApprovals
    from po_mcp.transports.uvicorn_server import HttpServer

HOST = "127.0.0.1"
CREDENTIALS_PATH = "/credentials"
"""Where people give their own ERP credentials, on the page of a server with sign-in."""
_LAST_ANSWERS_S = 2.0
"""Seconds for pages that are being made when the server ends."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NoPage:
    """No page: a person decides in a terminal."""

    comes_first: bool = False

    async def link(self, operation_id: str) -> str | None:
        """Return None."""
        return None

    async def pass_on(self, keep: Callable[[socket.socket], None]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class MountedPage:
    """The page as part of an HTTP server; links begin with the origin of that server."""

    origin: str
    comes_first: bool = False

    async def link(self, operation_id: str) -> str | None:
        """Return the URL at which a person decides on an operation."""
        return f"{self.origin}/approve/{operation_id}"

    async def pass_on(self, keep: Callable[[socket.socket], None]) -> None:
        """Do nothing: the page ends with that server."""

    def close(self) -> None:
        """Do nothing: the page ends with that server."""


class Listener:
    """The page of one MCP server on a free port of this machine, for as long as that server runs.

    When the client ends the server, the socket can be passed on (`pass_on`).

    Args:
        tasks: runs the HTTP server.
        pending: the operations that wait for a person.
        comes_first: the page is used before the client's own form; the operator accepts no yes from a form.
    """

    def __init__(self, tasks: TaskGroup, pending: PendingApprovals, comes_first: bool = False) -> None:
        self.comes_first = comes_first
        self._tasks = tasks
        self._pending = pending
        self._server: HttpServer | None = None
        self._socket: socket.socket | None = None
        self._linked: set[str] = set()
        self._origin = ""

    async def link(self, operation_id: str) -> str | None:
        """Return the URL at which a person decides, opening the page first; None where no port can be opened."""
        try:
            if self._server is None:
                self._open()
        # A person can still decide in a terminal, so this is no error of the call.
        except OSError as exc:
            logger.warning("could not open the approval page: %s", exc.strerror or type(exc).__name__)
            return None
        self._linked.add(operation_id)
        return f"{self._origin}/approve/{operation_id}"

    async def pass_on(self, keep: Callable[[socket.socket], None]) -> None:
        """Pass the listening socket on, if a person still has something to decide behind a link.

        A journal in memory ends with this process, and its operations with it.

        Args:
            keep: serves the page on that socket from now on.
        """
        if self._socket is not None and self._pending.journal.is_shared and await self._is_awaited():
            try:
                keep(self._socket)
            # What runs po-mcp may be gone, as after an upgrade; a person can still decide in a terminal.
            except OSError as exc:
                logger.warning("could not keep the approval page: %s", exc.strerror or type(exc).__name__)
            if self._server is not None:
                # A request that this process takes now would find the journal closed.
                await self._server.end_answers(_LAST_ANSWERS_S)

    async def _is_awaited(self) -> bool:
        try:
            found = [await self._pending.journal.find(operation_id) for operation_id in self._linked]
        # Without a journal nothing can be decided, so nobody waits for this page.
        except JournalUnavailable:
            return False
        return any(one is not None and one.state in WAITING for one in found)

    def close(self) -> None:
        """Stop serving: at once where nothing is being answered, else within a fifth of a second."""
        if self._server is not None:
            self._server.stop()

    def _open(self) -> None:
        from po_mcp.approvals.page import create_app
        from po_mcp.transports.uvicorn_server import create_server, listen

        # Any free port, since every assistant on this machine starts a server of its own.
        sock = self._socket = listen(HOST, 0)
        port = sock.getsockname()[1]
        app = create_app(self._pending, (f"http://{HOST}:{port}", f"http://localhost:{port}"), f"po_mcp_{port}")
        self._server, self._origin = create_server(app), f"http://{HOST}:{port}"
        self._tasks.start_soon(self._serve, self._server, sock)

    async def _serve(self, server: HttpServer, sock: socket.socket) -> None:
        # Shielded: `stop` ends it, with its connections closed; a cancellation would leave them open.
        with closing(sock), anyio.CancelScope(shield=True):
            await server.serve([sock])
