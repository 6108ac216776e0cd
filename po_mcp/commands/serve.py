"""`po-mcp serve`: MCP over HTTP, with the approval page under the same port, to this machine only.

What it needs to run is imported when it runs: the list of all commands must not wait for it.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from po_mcp.commands import _settings
from po_mcp.config import MEMORY, Settings

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import ASGIApp
    from uvicorn import Server

    from po_mcp.approvals.listener import Mounted, NoPage
    from po_mcp.approvals.pending import PendingApprovals
    from po_mcp.commands._door import Address, Door

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
_LARGEST_REQUEST = 1024 * 1024
"""Bytes of one message; an order of 200 lines takes some 50,000."""
_MOST_CONNECTIONS, _KEEP_ALIVE = 256, 75
_NO_PAGE = "There is no approval page here. Where the journal is a file, a person decides with: po-mcp approve."


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine: 127.0.0.1 or ::1.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 is any free one.")
@click.pass_obj
def command(config: Path | None, host: str, port: int) -> None:
    """Serve MCP over HTTP at /mcp, to this machine only, until Ctrl-C.

    There is no login yet, so no other address is served. Where PO_MCP_APPROVER_PIN is set, the
    approval page is under the same port.
    """
    import anyio

    settings = _settings.load(config)
    if host not in _LOOPBACK:
        _settings.stop(
            f"--host {host!r} is not served: there is no login yet, so only this machine may connect. "
            "Leave --host out, or give 127.0.0.1 or ::1."
        )
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    with closing(_listening(_LOOPBACK[host], port)) as sock:
        anyio.run(_serve, settings, sock)


def _listening(host: str, port: int) -> socket.socket:
    """Listen, or end the process with one line."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as exc:
        reason = "is taken" if exc.errno == errno.EADDRINUSE else f"cannot be used: {exc.strerror or exc}"
        _settings.stop(f"port {port} of {host} {reason}. Name another with --port; 0 is any free one.")


async def _serve(settings: Settings, sock: socket.socket) -> None:
    import anyio
    from mcp.server.transport_security import TransportSecuritySettings

    from po_mcp.approvals.listener import quiet_server
    from po_mcp.commands._door import MCP_PATH, Address, Door
    from po_mcp.server import compose

    address = Address(*sock.getsockname()[:2])
    composed = compose(settings, _page(settings, address))
    security = TransportSecuritySettings(allowed_hosts=[*address.hosts], allowed_origins=[*address.origins])
    mcp = composed.server.streamable_http_app(
        streamable_http_path=MCP_PATH, transport_security=security, max_request_body_size=_LARGEST_REQUEST
    )
    door = Door(mcp, _page_app(composed.pending, address))
    server = quiet_server(door, _MOST_CONNECTIONS, _KEEP_ALIVE)
    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":  # where asyncio has no signal handlers, Ctrl-C ends it as it does any program
            await tasks.start(_end_on_signal, server, door, composed.server.session_manager)
        async with composed.server.session_manager.run():  # when this ends, so have the calls of every session
            _greet(settings, address)
            await server.serve([sock])
        tasks.cancel_scope.cancel()


def _page(settings: Settings, address: Address) -> Mounted | NoPage:
    """Say where links lead: without a PIN nowhere, because whoever can connect can have them."""
    from po_mcp.approvals.listener import Mounted, NoPage

    comes_first = settings.approval == "page"
    return NoPage(comes_first) if settings.approver_pin is None else Mounted(address.origins[0], comes_first)


def _page_app(pending: PendingApprovals, address: Address) -> ASGIApp:
    from starlette.responses import PlainTextResponse

    from po_mcp.approvals.guard import Guard
    from po_mcp.approvals.page import create_app

    if pending.pin is None:
        return Guard(PlainTextResponse(_NO_PAGE, 404), address.hosts)
    return create_app(pending, address.hosts, f"po_mcp_{address.port}")


async def _end_on_signal(
    server: Server, door: Door, sessions: StreamableHTTPSessionManager, *, task_status: TaskStatus[None]
) -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:  # a second one changes nothing: what is under way is being recorded
            if not server.should_exit:
                for session in [*sessions._server_instances.values()]:
                    await session.terminate()  # else a form that is open holds its session's end up for six seconds
                await door.close()
                server.should_exit = server.force_exit = True


def _greet(settings: Settings, address: Address) -> None:
    """Tell where it serves, and how a person approves."""
    page = "The approval page is there, too, and wants the PIN."
    if settings.approver_pin is None:
        terminal = "" if settings.journal_path() == MEMORY else ", or decide with po-mcp approve"
        page = f"It has no approval page: set PO_MCP_APPROVER_PIN and start it anew{terminal}."
    where = f"{address.origins[0]}/mcp, to this machine only"
    print(f"po-mcp serves MCP at {where}. {page} Ctrl-C ends it.", file=sys.stderr, flush=True)  # noqa: T201
