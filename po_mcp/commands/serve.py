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
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address: 127.0.0.1 or ::1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 picks a free one."
)
@click.pass_obj
def command(config: Path | None, host: str, port: int) -> None:
    """Serve MCP over HTTP on this computer.

    The address is http://127.0.0.1:8765/mcp. There is no login yet, so other computers cannot connect. With an
    approver PIN set, the approval page is on the same port. Ctrl-C stops it.
    """
    import anyio

    from po_mcp.bootstrap import has_approver_pin
    from po_mcp.transports import http

    settings = _settings.load(config)
    if host not in _LOOPBACK:
        _settings.stop(
            f"--host {host} is not possible: without a login, only this computer may connect. Use 127.0.0.1 or ::1."
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
        _settings.stop(f"port {port} {explain_listen_error(exc)}. Choose another with --port, or 0 for a free one.")


def _greet(settings: Settings, has_page: bool, address: Address) -> None:
    """Print the address of the server and how a person approves."""
    page = f"{address.origins[0]}/approve (PIN needed)."
    if not has_page and settings.journal_path() == MEMORY:
        page = "off. To turn it on, set PO_MCP_APPROVER_PIN and restart."
    elif not has_page:
        page = "off. To turn it on, run po-mcp approve --set-pin and restart."
    print(  # noqa: T201
        f"po-mcp serves MCP at {address.origins[0]}/mcp (this computer only). Approval page: {page} Ctrl-C stops it.",
        file=sys.stderr,
        flush=True,
    )
