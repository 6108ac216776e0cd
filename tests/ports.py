"""Ports of this machine, and servers on them within this process."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import TypeVar

import anyio

from po_mcp.transports.uvicorn_server import create_server, listen

A = TypeVar("A")


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def wait_for_port(port: int, timeout_s: float = 30) -> None:
    """Wait until a process listens on a port."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, f"nobody listens on port {port}"
            time.sleep(0.05)
        else:
            return


@asynccontextmanager
async def serve(app: object) -> AsyncIterator[str]:
    """Serve an ASGI application on a port of its own; yield its address."""
    async with serve_at_address(lambda address: app) as (address, _):
        yield address


@asynccontextmanager
async def serve_at_address(build: Callable[[str], A]) -> AsyncIterator[tuple[str, A]]:
    """Serve an ASGI application that is built with its own address; yield both."""
    # It listens before anybody knows of it, so nobody waits for the server.
    with closing(listen("127.0.0.1", 0)) as sock:
        address = f"http://127.0.0.1:{sock.getsockname()[1]}"
        app = build(address)
        server = create_server(app)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            try:
                yield address, app
            finally:
                server.stop()
