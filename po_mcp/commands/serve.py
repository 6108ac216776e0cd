"""`po-mcp serve`: MCP over HTTP; to this machine with the approval page under the same port, to others with sign-in.

The server's modules are imported when it runs: `po-mcp --help` must not wait for them.
"""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from po_mcp.commands import _settings
from po_mcp.config import MEMORY, Settings

if TYPE_CHECKING:
    from po_mcp.transports.http_app import Address

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


@click.command("serve")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="An address of this machine: 127.0.0.1 or ::1; with sign-in any, such as 0.0.0.0.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 is any free one.")
@click.pass_obj
def command(config: Path | None, host: str, port: int) -> None:
    """Serve MCP over HTTP at /mcp, until Ctrl-C.

    Without PO_MCP_ISSUER nobody signs in: then only this machine is served, with the approval
    page under the same port where an approver PIN is set.
    """
    import anyio

    from po_mcp.bootstrap import has_approver_pin
    from po_mcp.transports import http

    settings = _settings.load(config)
    address = _choose_address(host, has_sign_in=settings.issuer is not None)
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    options = {"use_uvloop": find_spec("uvloop") is not None}
    with closing(_listen(address, port)) as sock:
        greet = partial(_greet, settings, has_approver_pin(settings))
        anyio.run(http.serve, settings, sock, greet, backend_options=options)


def _choose_address(host: str, *, has_sign_in: bool) -> str:
    """Return the address to listen on, or end the process with one line."""
    if host in _LOOPBACK:
        return _LOOPBACK[host]
    if not has_sign_in:
        _settings.stop(
            f"--host {host!r} is not served: PO_MCP_ISSUER is not set, so nobody signs in, and only this machine may "
            "connect. Set it, or leave --host out."
        )
    try:
        return str(ip_address(host))
    except ValueError:
        _settings.stop(f"--host {host!r} must be an address of this machine, such as 0.0.0.0 or ::.")


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
    where, page = f"{address.origins[0]}/mcp, to this machine only", _describe_page(settings, has_page)
    if settings.issuer is not None:
        where = f"{settings.public_url}/mcp, and listens on {address.host} port {address.port}"
        page = f"People sign in at {settings.issuer}. There is no approval page: decide with po-mcp approve."
    print(f"po-mcp serves MCP at {where}. {page} Ctrl-C ends it.", file=sys.stderr, flush=True)  # noqa: T201


def _describe_page(settings: Settings, has_page: bool) -> str:
    if has_page:
        return "The approval page is there, too, and wants the PIN."
    if settings.journal_path() == MEMORY:
        return "It has no approval page: set PO_MCP_APPROVER_PIN and start it again."
    return "It has no approval page: run po-mcp approve --set-pin and start it again."
