"""The composition root: settings, connector, desk, MCP server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mcp.server.mcpserver import RequestStateSecurity

from po_mcp import __version__
from po_mcp.approvals.page_server import Mounted, NoPage
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.approvals.pin import Pin
from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.erp import ERP
from po_mcp.server import current_request
from po_mcp.server.completions import Completions
from po_mcp.server.instructions import instructions, limits
from po_mcp.server.lifespan import Premises
from po_mcp.server.mcp_server import PurchasingServer
from po_mcp.server.notifications import Notifications
from po_mcp.server.prompts import add_prompts
from po_mcp.server.resources import add_resources
from po_mcp.server.tool import PurchasingTool
from po_mcp.tools import REGISTRY, Registered
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.policy import SettlementPolicy

_NAME = "po-mcp"
_SEAL_OUTLIVES = 300.0
"""Seconds that the sealed state outlives an operation, so that we and not the SDK say that it expired."""


@dataclass(frozen=True)
class Composed:
    """The MCP server, and what waits for a person behind it."""

    server: PurchasingServer
    pending: PendingApprovals


def build_server(
    settings: Settings,
    *,
    erp: ERP | None = None,
    on_closed: Callable[[], None] | None = None,
    clock: Callable[[], float] = time.time,
    with_page: bool = True,
) -> PurchasingServer:
    """Build the MCP server for these settings.

    Args:
        settings: what the operator decided.
        erp: a connector in the place of the one that the settings name; it is closed with the server.
        on_closed: called when serving has ended and the connector is closed.
        clock: the journal's and the calendar's, in seconds since 1970.
        with_page: open a page for approvals on this machine when one is first needed; a process that ends
            with the call has no use for it.
    """
    page = None if with_page else NoPage(settings.approval == "page")
    return compose(settings, page, erp=erp, on_closed=on_closed, clock=clock).server


def compose(
    settings: Settings,
    page: NoPage | Mounted | None,
    *,
    erp: ERP | None = None,
    on_closed: Callable[[], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> Composed:
    """Build the MCP server, and what waits for a person, which it shares with a page.

    Args:
        settings: what the operator decided.
        page: where links lead; None opens a page on a port of its own when the first link is needed.
        erp: as for `build_server`, like the rest.
        on_closed: see there.
        clock: see there.
    """
    journal = Journal(JournalStore(settings.journal_path(), settings.approval_ttl, clock))
    connector = erp or connect(settings, journal.shared_token)
    notifications = Notifications()
    policy = SettlementPolicy(settings.timeout, *settings.bounds())
    executor = build_executor(connector, journal, policy, notifications.written)
    pin = None if settings.approver_pin is None else Pin(settings.approver_pin.get_secret_value())
    pending = PendingApprovals(journal, executor, connector.notice, pin, may_write=not settings.read_only)
    premises = Premises(settings, executor, pending, notifications, page, clock, on_closed)
    return Composed(_server(settings, connector, premises), pending)


def _server(settings: Settings, connector: ERP, premises: Premises) -> PurchasingServer:
    """Build what is served: the tools that this ERP can serve, resources, prompts, completion and notifications."""
    listed = [tool for tool in REGISTRY if _is_listed(tool, connector, settings)]
    server = PurchasingServer(
        _NAME,
        listed=[tool.name for tool in listed],
        limits=limits(connector, settings),
        title="Purchase orders",
        version=__version__,
        instructions=instructions(connector, settings),
        lifespan=premises.opened,
        tools=[PurchasingTool.of(tool) for tool in listed],
        log_level=settings.log_level,
        request_state_security=RequestStateSecurity.ephemeral(ttl=settings.approval_ttl + _SEAL_OUTLIVES),
        subscriptions=premises.notifications.bus,
        middleware=[current_request.remember],
    )
    add_resources(server, connector, settings)
    add_prompts(server, connector, settings)
    Completions().serve(server)
    premises.notifications.serve(server)
    return server


def _is_listed(tool: Registered, erp: ERP, settings: Settings) -> bool:
    return tool.operation in erp.capabilities and (tool.read_only or not settings.read_only)
