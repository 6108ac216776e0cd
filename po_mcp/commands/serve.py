"""`po-mcp serve`: MCP over HTTP; to this machine with the approval page under the same port, to others with sign-in.

The server's modules are imported when it runs: `po-mcp --help` must not wait for them.
"""

from __future__ import annotations

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
    help="Loopback address: 127.0.0.1 or ::1; with sign-in any, such as 0.0.0.0.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 picks a free one."
)
@click.pass_obj
def command(config: Path | None, host: str, port: int) -> None:
    """Serve MCP over HTTP, on this computer or to a team.

    The address is http://127.0.0.1:8765/mcp. Other computers can connect only where PO_MCP_ISSUER is set, so that
    people sign in. The approval page is on the same port: with sign-in if PO_MCP_SIGN_IN_CLIENT_ID is set, without it
    once an approver PIN is set. Ctrl-C stops it.
    """
    import anyio

    from po_mcp.bootstrap import has_approver_pin
    from po_mcp.transports import http, json_log

    settings = _settings.load(config)
    address = _choose_address(host, has_sign_in=settings.issuer is not None, has_keys=settings.keys is not None)
    # Before the server is built, which would configure it in the SDK's way.
    json_log.configure(settings.log_level, settings.log_format)
    # Of the extra `serve`, and faster; nothing else depends on it.
    options = {"use_uvloop": find_spec("uvloop") is not None}
    with closing(_listen(address, port)) as sock:
        greet = partial(_greet, settings, has_approver_pin(settings))
        anyio.run(http.serve, settings, sock, greet, backend_options=options)


def _choose_address(host: str, *, has_sign_in: bool, has_keys: bool) -> str:
    """Return the address to listen on, or end the process with one line."""
    if host in _LOOPBACK:
        return _LOOPBACK[host]
    if not has_sign_in:
        _settings.stop(
            f"--host {host} is not possible: without sign-in (PO_MCP_ISSUER), only this computer may connect. "
            "Use 127.0.0.1 or ::1."
        )
    if not has_keys:
        _settings.stop(f"PO_MCP_KEYS is not set; --host {host} needs it.")
    try:
        return str(ip_address(host))
    except ValueError:
        _settings.stop(f"--host {host} must be an address of this computer, such as 0.0.0.0 or ::.")


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with one line."""
    from po_mcp.transports.uvicorn_server import explain_listen_error, listen

    try:
        return listen(host, port)
    except OSError as exc:
        _settings.stop(f"port {port} {explain_listen_error(exc)}. Choose another with --port, or 0 for a free one.")


def _greet(settings: Settings, has_page: bool, address: Address) -> None:
    """Print the address of the server and how a person approves."""
    where, page = f"{address.origins[0]}/mcp (this computer only).", _describe_page(settings, has_page, address)
    if settings.issuer is not None:
        where = (
            f"{settings.public_url}/mcp (listening on {address.host}, port {address.port}).\nSign-in: {settings.issuer}"
        )
        page = _describe_signed_in_page(settings)
    print(  # noqa: T201
        f"po-mcp serves MCP at {where}\nApproval page: {page}\nCtrl-C stops it.", file=sys.stderr, flush=True
    )


def _describe_signed_in_page(settings: Settings) -> str:
    if settings.sign_in_client_id is None:
        return "off. To turn it on, set PO_MCP_SIGN_IN_CLIENT_ID. An administrator decides with po-mcp approve."
    return f"{settings.public_url}/approve (approvers sign in)."


def _describe_page(settings: Settings, has_page: bool, address: Address) -> str:
    if has_page:
        return f"{address.origins[0]}/approve (PIN needed)."
    if settings.journal_path() == MEMORY:
        return "off. To turn it on, set PO_MCP_APPROVER_PIN and restart."
    return "off. To turn it on, run po-mcp approve --set-pin and restart."
