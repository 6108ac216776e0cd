"""`po-mcp serve`: MCP over HTTP, with the approval page under the same port, to this machine only.

The server's modules are imported when it runs: `po-mcp --help` must not wait for them.
"""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from po_mcp.commands import _settings
from po_mcp.config import MEMORY, Settings

if TYPE_CHECKING:
    from po_mcp.transports.http_app import Address

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine: 127.0.0.1 or ::1.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 is any free one.")
@click.pass_obj
def command(config: Path | None, host: str, port: int) -> None:
    """Serve MCP over HTTP at /mcp, to this machine only, until Ctrl-C.

    There is no login yet, so no other address is served. Where an approver PIN is set, the
    approval page is under the same port.
    """
    import anyio

    from po_mcp.bootstrap import has_approver_pin
    from po_mcp.transports import http

    settings = _settings.load(config)
    if host not in _LOOPBACK:
        _settings.stop(
            f"--host {host!r} is not served: there is no login yet, so only this machine may connect. "
            "Leave --host out, or give 127.0.0.1 or ::1."
        )
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    with closing(_listen(_LOOPBACK[host], port)) as sock:
        anyio.run(http.serve, settings, sock, partial(_greet, settings, has_approver_pin(settings)))


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with one line."""
    from po_mcp.transports.uvicorn_server import explain_listen_error, listen

    try:
        return listen(host, port)
    except OSError as exc:
        reason = explain_listen_error(exc)
        _settings.stop(f"port {port} of {host} {reason}. Name another with --port; 0 is any free one.")


def _greet(settings: Settings, has_page: bool, address: Address) -> None:
    """Print the address of the server and how a person approves."""
    page = "The approval page is there, too, and wants the PIN."
    if not has_page and settings.journal_path() == MEMORY:
        page = "It has no approval page: set PO_MCP_APPROVER_PIN and start it again."
    elif not has_page:
        page = "It has no approval page: run po-mcp approve --set-pin and start it again."
    where = f"{address.origins[0]}/mcp, to this machine only"
    print(f"po-mcp serves MCP at {where}. {page} Ctrl-C ends it.", file=sys.stderr, flush=True)  # noqa: T201
