"""MCP over HTTP at /mcp, with the approval page under the same port."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import anyio
import anyio.lowlevel
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from po_mcp.approvals.page import create_app
from po_mcp.approvals.page_people import CALLBACK_PATH
from po_mcp.approvals.page_security import PageSecurity
from po_mcp.approvals.page_server import MountedPage, NoPage
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.bootstrap import build_credential_desk, build_server_with_approvals, has_approver_pin
from po_mcp.config import Settings
from po_mcp.errors import JournalUnavailable
from po_mcp.garbage import collect_in_server
from po_mcp.server.mcp_server import PurchasingServer
from po_mcp.server.prompts import prompt_names
from po_mcp.tools import REGISTRY, is_write_tool
from po_mcp.transports.health import HEALTH_PATH, READY_PATH, Health
from po_mcp.transports.http_app import MCP_PATH, Address, HttpApp
from po_mcp.transports.http_bodies import ReadableBodies
from po_mcp.transports.sessions import MAX_SESSIONS, BoundedSessions, NamedSessions
from po_mcp.transports.signals import handle_signals
from po_mcp.transports.uvicorn_server import HttpServer, create_server, fastest_protocol
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import LIVE

_MAX_REQUEST_BYTES = 1024 * 1024
"""Bytes of one message; an order of 200 lines takes some 50,000."""
_MAX_CONNECTIONS = 256
# Longer than the 60 s of the balancers: one that reuses a connection must not find it just closed.
_KEEP_ALIVE_S = 75
_HANDOVER_S = 1.0
"""Seconds in which a server that ends behind a balancer still answers, and ends each connection with its answer."""
_DRAIN_TIMES = 10
"""So many times as long it waits for the answers that are under way; what a person is asked in may take minutes."""
_NO_PAGE = "The approval page is off. Set an approver PIN (po-mcp approve --set-pin), or use po-mcp approve."
_NO_PAGE_WITH_SIGN_IN = (
    "The approval page is off: PO_MCP_SIGN_IN_CLIENT_ID is not set. An administrator decides with po-mcp approve."
)


async def serve(settings: Settings, sock: socket.socket, on_ready: Callable[[Address], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP arrives; writes in flight are recorded first.

    Args:
        settings: the operator's settings.
        sock: a listening socket.
        on_ready: called with the address once a client can connect.
    """
    host, port = sock.getsockname()[:2]
    address = Address(host, port, settings.public_url)
    page = _choose_page(settings, address)
    mcp_server, pending = build_server_with_approvals(settings, page)
    collect_in_server()
    app = _build_app(mcp_server, pending, page, address, settings)
    sessions = mcp_server.session_manager
    server = create_server(app, _MAX_CONNECTIONS, _KEEP_ALIVE_S, protocol=fastest_protocol())

    async def end() -> None:
        if settings.public_url is not None:
            await hand_over(server, app, _HANDOVER_S)
        for session in [*sessions._server_instances.values()]:
            await session.terminate()  # a form that is open would hold the end of its session up for six seconds
        await app.close()
        server.stop()

    with _telling(settings, pending.journal):
        async with handle_signals(end), sessions.run():  # ends after the calls of every session
            on_ready(address)
            await server.serve([sock])


def _build_app(
    mcp_server: PurchasingServer,
    pending: PendingApprovals,
    page: MountedPage | NoPage,
    address: Address,
    settings: Settings,
) -> HttpApp:
    """Put MCP, the approval page, sign-in and health together."""
    page_app = (
        _refuse_page(settings, address) if isinstance(page, NoPage) else _build_page_app(pending, address, settings)
    )
    mcp = _build_mcp_app(mcp_server, address)
    # Asked later: the application is made below, and of this.
    health = Health(pending.journal, pending.executor.erp, lambda: app.is_ending)
    public: dict[str, ASGIApp] = {HEALTH_PATH: health.live, READY_PATH: health.ready}
    bodies = ReadableBodies(BoundedSessions(mcp, mcp_server.session_manager), is_write_tool, _MAX_REQUEST_BYTES)
    outer, metadata = _add_sign_in(bodies, settings)
    app = HttpApp(outer, page_app, address, public | metadata)
    return app


async def hand_over(server: HttpServer, app: HttpApp, seconds: float) -> None:
    """Let a balancer send its next requests elsewhere before any is refused here, and answer those that have come.

    Args:
        server: it takes no further connections from now on.
        app: what it serves; each of its answers ends the connection from now on.
        seconds: how long open connections may still bring requests; answers under way are waited for ten times as long.
    """
    await server.stop_listening()
    app.announce_end()
    await anyio.sleep(seconds)
    await app.drain(_DRAIN_TIMES * seconds)
    # Whatever was asked meanwhile took its connection with it; on the others a request would still get 503.
    server.close_silent()
    # A request that came in this very instant has a task that has not run yet: it counts as under way when it has.
    await anyio.lowlevel.checkpoint()
    await app.drain(_DRAIN_TIMES * seconds)


@contextmanager
def _telling(settings: Settings, journal: Journal) -> Iterator[None]:
    """Send traces and metrics to the collector that the settings name, if they name one."""
    if settings.otlp_endpoint is None:
        yield
        return
    from po_mcp.transports import otlp  # late: it is of an extra, and few have a collector

    names = [*(tool.name for tool in REGISTRY), *prompt_names()]
    recorder = otlp.start(settings.otlp_endpoint, names, settings.replica)
    recorder.observe("po_mcp.operations.open", partial(_count_open, journal), "state")
    try:
        yield
    finally:
        recorder.close()


def _count_open(journal: Journal) -> dict[str, int]:
    """Return how many operations wait, are under way or are unknown; from a thread of the exporter."""
    found: dict[str, int] = dict.fromkeys(sorted(LIVE), 0)
    with suppress(JournalUnavailable):  # its failures are counted where they happen
        for recorded in journal.store.live(None) if journal.exists() else ():
            found[recorded.state] += 1
    return found


def _choose_page(settings: Settings, address: Address) -> MountedPage | NoPage:
    """Return where links lead: without a PIN nowhere, since any program that can connect can read a link.

    With sign-in the page must know who opens it, or one person could decide for another: it signs them in itself.
    """
    comes_first = settings.approval == "page"
    has_page = has_approver_pin(settings) if settings.issuer is None else settings.sign_in_client_id is not None
    return MountedPage(address.origins[0], comes_first) if has_page else NoPage(comes_first)


def _add_sign_in(mcp: ASGIApp, settings: Settings) -> tuple[ASGIApp, dict[str, ASGIApp]]:
    """Return MCP behind the gate, with the replica's name in the ids of sessions; and what tells where to sign in."""
    named = mcp if settings.replica is None else NamedSessions(mcp, settings.replica)
    if settings.issuer is None:
        return named, {}
    from po_mcp.sign_in import build_gate

    gate = build_gate(named, settings, MCP_PATH, {tool.name: tool.scopes for tool in REGISTRY}, _MAX_REQUEST_BYTES)
    return gate, dict.fromkeys(gate.resource.metadata_paths, gate.resource.metadata())


def _build_mcp_app(server: PurchasingServer, address: Address) -> ASGIApp:
    return server.streamable_http_app(
        streamable_http_path=MCP_PATH,
        # In any case: for an address that is not loopback the SDK checks no Host where it is given nothing.
        transport_security=TransportSecuritySettings(
            allowed_hosts=[*address.hosts], allowed_origins=[*address.origins]
        ),
        max_request_body_size=_MAX_REQUEST_BYTES,
        max_sessions=MAX_SESSIONS,
    )


def _refuse_page(settings: Settings, address: Address) -> ASGIApp:
    text = _NO_PAGE if settings.issuer is None else _NO_PAGE_WITH_SIGN_IN
    return PageSecurity(PlainTextResponse(text, 404), address.origins)


def _build_page_app(pending: PendingApprovals, address: Address, settings: Settings) -> ASGIApp:
    keys = settings.derive_keys("page-forms")
    if settings.issuer is None:
        return create_app(pending, address.origins, f"po_mcp_{address.port}", keys=keys)
    from po_mcp.sign_in import build_approver_sign_in

    # At its public address alone: the issuer sends people back there, and cookies of another host would not come along.
    origin = address.origins[0]
    sign_in = build_approver_sign_in(settings, f"{origin}{MCP_PATH}", f"{origin}{CALLBACK_PATH}")
    # The same name in all replicas, whichever port each listens on.
    credentials = build_credential_desk(settings, pending.executor.erp)
    return create_app(pending, [origin], "po_mcp_team", sign_in, keys, credentials)
