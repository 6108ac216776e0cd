"""The HTTP server of the approval page, of `po-mcp serve` and of the sandbox ERP: uvicorn on a listening socket."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import anyio
import anyio.lowlevel
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from po_mcp.transports.connection_limits import BoundedConnection

_LOOK_S = 0.02
_TICK_S = 0.1
"""Seconds between two looks of uvicorn at its clock; its dates are made every tenth of them."""
_LAST_TURNS = 4
"""Turns of the event loop in which what was just taken becomes a connection, and one that is closed ends."""


class HttpServer(uvicorn.Server):
    """A uvicorn server that prints nothing, leaves signals to its caller, and ends at once where nobody is answered."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.servers = []  # uvicorn makes the list when it listens, and a signal may come before that
        self._sockets: list[socket.socket] = []
        self._is_stopped = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: uvicorn's own wait until the clients hang up."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on listening sockets until it is stopped."""
        self._sockets = sockets or []
        await super().serve(sockets)

    async def stop_listening(self) -> None:
        """Take no further connections; those that are open go on, and those that came before now.

        A client is connected once the system has put it in line, and may have sent its request: when the socket
        closes, who is still in line gets a reset, and does not know whether the request was read.
        """
        await self._take_no_more()
        in_line = [sock.dup() for sock in self._sockets]  # the line is there as long as a descriptor leads to it
        self._close_listeners()
        for sock in in_line:
            with closing(sock):
                taken = [*_take_all(sock)]
            for connection in taken:
                await self._serve_taken(connection)

    async def _serve_taken(self, connection: socket.socket) -> None:
        """Serve a connection that the event loop has not taken itself."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_connection, connection)
        except OSError:  # it is gone again, and no reason for the others to be left
            connection.close()

    async def _take_no_more(self) -> None:
        """Let the event loop take no connection any more, and make connections of those that it has taken."""
        for listener in self.servers:
            for sock in listener.sockets:
                asyncio.get_running_loop().remove_reader(sock)
        # asyncio drops what it has taken right before it closes: that is served from the next turn of the loop on.
        await asyncio.sleep(0)

    def _close_listeners(self) -> None:
        for listener in self.servers:
            listener.close()

    def _make_connection(self) -> asyncio.Protocol:
        """Return a connection, as uvicorn makes them for those that the event loop takes."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def close_silent(self) -> None:
        """Close the connections on which nothing is being answered: a balancer keeps some open for later."""
        for connection in self._bounded_connections():
            if connection.is_silent:
                connection.transport.close()

    def _bounded_connections(self) -> list[BoundedConnection]:
        return [one for one in self.server_state.connections if isinstance(one, BoundedConnection)]

    async def end_answers(self, longest_s: float) -> None:
        """Take no further connection, and wait for the answers to those that are there: who shares the socket goes on.

        A browser opens some connections ahead, and sends nothing on them.
        """
        await self._take_no_more()
        with anyio.move_on_after(longest_s):
            await anyio.sleep(_LOOK_S)
            while any(  # noqa: ASYNC110 - uvicorn has no event for it
                not one.has_answered for one in self._bounded_connections()
            ):
                await anyio.sleep(_LOOK_S)
        self._close_listeners()
        self.close_silent()

    def stop(self) -> None:
        """Make `serve` return: at once where nothing is being answered, else within a fifth of a second."""
        self.should_exit = self.force_exit = True
        self._is_stopped.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does, and stop without waiting for the next tick."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with anyio.move_on_after(_TICK_S):
                await self._is_stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, without the tenth of a second that it waits where no connection is left to wait for."""
        self._close_listeners()
        for sock in sockets or ():
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(_LAST_TURNS):
            await anyio.lowlevel.checkpoint()
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)


def create_server(
    app: object, max_connections: int = 64, keep_alive_s: int = 5, *, protocol: type[asyncio.Protocol] = H11Protocol
) -> HttpServer:
    """Return a server that is not running yet; `serve([socket])` runs it.

    Args:
        app: the ASGI application; its lifespan is not run.
        max_connections: beyond that many, the connection that has sent no request for longest is closed; while
            twice as many requests are being answered, further requests get 503.
        keep_alive_s: seconds that a connection may be idle.
        protocol: uvicorn's reader of HTTP.
    """
    # A class for each server: uvicorn makes the connections, and hands no limit on to them.
    connection = type("Connection", (BoundedConnection, protocol), {"limit": max_connections})
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # Nothing here goes by a client's address or by a scheme, which anybody can write into these headers.
        proxy_headers=False,
        limit_concurrency=2 * max_connections,
        timeout_keep_alive=keep_alive_s,
    )
    return HttpServer(config)


def fastest_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's reader of HTTP in C, where the extra `serve` is installed, else the one in Python."""
    try:
        from po_mcp.transports.httptools_protocol import HttpToolsConnection
    except ImportError:
        return H11Protocol
    return HttpToolsConnection


def _take_all(sock: socket.socket) -> Iterator[socket.socket]:
    """Take all connections that are in line at a listening socket."""
    sock.setblocking(False)
    while True:
        try:
            taken, _ = sock.accept()
        except ConnectionAbortedError:
            continue  # it hung up while it was in line
        except OSError:
            return  # nobody is in line any more
        taken.setblocking(False)
        yield taken


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket at an address of this machine; port 0 is any free one.

    Connections inherit TCP_NODELAY: asyncio sets it only on sockets that name their protocol, and without it an
    answer in two pieces waits some 40 ms for the first one's acknowledgement (RFC 896, RFC 1122 4.2.3.2).

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def explain_listen_error(exc: OSError) -> str:
    """Return why a port cannot be listened on, as the predicate of a sentence: "is in use"."""
    return "is in use" if exc.errno == errno.EADDRINUSE else f"cannot be used: {exc.strerror or exc}"
