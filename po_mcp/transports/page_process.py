"""The approval page in a process of its own, for a while after the server that opened it has ended.

Some clients start a server for each call and end it with the call (LangChain's default, MCP Inspector). The link in
their result would lead nowhere. They also kill the server, and its process group, two seconds after they have closed
its stdin; so the page goes on in a new process and session, which takes the listening socket over: the links stay
valid, and no connection is refused in between.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import anyio

from po_mcp.approvals.page import create_app
from po_mcp.approvals.page_server import HOST
from po_mcp.bootstrap import build_approvals
from po_mcp.config import Settings, load
from po_mcp.transports.signals import handle_signals
from po_mcp.transports.uvicorn_server import create_server

LIFETIME_S = 60.0


def start(sock: socket.socket, config: Path | None) -> None:
    """Start the process, with the settings of this one. Without POSIX's inherited descriptors there is none.

    Args:
        sock: the page's listening socket.
        config: the settings file that was named on the command line.
    """
    if os.name != "posix":
        return
    files = [str(config.resolve())] if config is not None else []
    subprocess.Popen(  # noqa: S603  # no word of it comes from a client
        # -P: by -m alone Python looks for modules in the working directory first, which is the folder of a project that
        # somebody opened in their assistant.
        [sys.executable, "-P", "-m", __name__, str(sock.fileno()), *files],
        pass_fds=[sock.fileno()],
        start_new_session=True,
        # None of the server's own: as long as this process held them, their reader would see no end.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def serve(settings: Settings, sock: socket.socket) -> None:
    """Serve the page for `LIFETIME_S`, or until a signal; a write that was approved is finished first."""
    port = sock.getsockname()[1]
    pending = build_approvals(settings)
    origins = (f"http://{HOST}:{port}", f"http://localhost:{port}")
    server = create_server(create_app(pending, origins, f"po_mcp_{port}"))

    async def end() -> None:
        server.stop()

    async def end_in_time() -> None:
        await anyio.sleep(LIFETIME_S)
        server.stop()

    try:
        # Approved writes run in this task group: they are shielded, and it waits for them.
        async with handle_signals(end), anyio.create_task_group() as tasks:
            tasks.start_soon(end_in_time)
            with pending.under_way.within(tasks):
                await server.serve([sock])
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await pending.executor.erp.aclose()
        pending.journal.close()


def main(descriptor: str, config: str | None = None) -> None:
    """Serve the page on an inherited socket."""
    sock = socket.socket(fileno=int(descriptor))
    anyio.run(serve, load(file=None if config is None else Path(config)), sock)


if __name__ == "__main__":
    main(*sys.argv[1:])
