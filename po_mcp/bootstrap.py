"""The composition root: settings, connector, desk, MCP server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from mcp.server.mcpserver import RequestStateSecurity

from po_mcp import __version__
from po_mcp.approvals.page_server import CREDENTIALS_PATH, MountedPage, NoPage
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.cards.order_card import OrderCard
from po_mcp.config import MEMORY, Settings
from po_mcp.connectors import connect
from po_mcp.erp import ERP, ServesPeople
from po_mcp.errors import JournalUnavailable
from po_mcp.server import current_request
from po_mcp.server.completions import Completions
from po_mcp.server.instructions import write_instructions, write_limits
from po_mcp.server.lifespan import KeepPage, ServerLifespan
from po_mcp.server.mcp_server import PurchasingServer
from po_mcp.server.notifications import Notifications
from po_mcp.server.prompts import add_prompts
from po_mcp.server.replicas import Replicas
from po_mcp.server.request_params import read_params
from po_mcp.server.resources import add_resources
from po_mcp.server.skills import Skills
from po_mcp.server.tool import PurchasingTool
from po_mcp.tools import REGISTRY, RegisteredTool
from po_mcp.writes.approvers import ApproverRules
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import Operation, WriteOutcome
from po_mcp.writes.pin_setting import PinSetting
from po_mcp.writes.policy import SettlementPolicy

if TYPE_CHECKING:
    from po_mcp.connectors.personal.giving import CredentialDesk

_NAME = "po-mcp"
_STATE_GRACE_S = 300.0
"""Seconds that sealed request state outlives an operation: this server, and not the SDK, then reports the expiry."""


def build_server(
    settings: Settings,
    *,
    erp: ERP | None = None,
    on_closed: Callable[[], None] | None = None,
    clock: Callable[[], float] | None = None,
    with_page: bool = True,
    keep_page: KeepPage | None = None,
) -> PurchasingServer:
    """Build the MCP server for these settings.

    Args:
        settings: the operator's settings.
        erp: a connector in the place of the one that the settings name; it is closed with the server.
        on_closed: called when serving has ended and the connector is closed.
        clock: seconds since 1970, in the place of the clocks of the journal and of the calendar.
        with_page: open a page for approvals on this machine when one is first needed; a process that ends
            with the call has no use for it.
        keep_page: serves the page on, if a client ends this server while a person still has something to decide.
    """
    page = None if with_page else NoPage(settings.approval == "page")
    server, _ = build_server_with_approvals(
        settings, page, erp=erp, on_closed=on_closed, clock=clock, keep_page=keep_page
    )
    return server


def build_server_with_approvals(
    settings: Settings,
    page: NoPage | MountedPage | None,
    *,
    erp: ERP | None = None,
    on_closed: Callable[[], None] | None = None,
    clock: Callable[[], float] | None = None,
    keep_page: KeepPage | None = None,
) -> tuple[PurchasingServer, PendingApprovals]:
    """Build the MCP server, and the pending approvals that an approval page shares with it.

    Args:
        settings: the operator's settings.
        page: where approval links lead; None opens a page on a port of its own when the first link is needed.
        erp: a connector in the place of the one that the settings name; it is closed with the server.
        on_closed: called when serving has ended and the connector is closed.
        clock: seconds since 1970, in the place of the clocks of the journal and of the calendar.
        keep_page: serves the page on, if a client ends this server while a person still has something to decide.
    """
    notifications = Notifications()
    replicas = Replicas(notifications)
    pending = build_approvals(settings, erp=erp, clock=clock, on_done=replicas.note_own)
    lifespan = ServerLifespan(
        settings, pending, notifications, replicas, page, clock or time.time, on_closed, keep_page
    )
    return _build_mcp_server(settings, pending.executor.erp, lifespan), pending


def build_approvals(
    settings: Settings,
    *,
    erp: ERP | None = None,
    clock: Callable[[], float] | None = None,
    on_done: Callable[[Operation, WriteOutcome], None] | None = None,
) -> PendingApprovals:
    """Build the journal, the connector, the executor, and what of it waits for a person.

    Args:
        settings: the operator's settings.
        erp: a connector in the place of the one that the settings name.
        clock: seconds since 1970, in the place of the journal's clock.
        on_done: called with every write that was carried out.
    """
    journal = Journal(JournalStore(settings.journal_path(), settings.approval_ttl, clock))
    connector = erp or connect_erp(settings, journal.store)
    # Before anything asks: what a person's own connector sends later counts among the same requests.
    if settings.max_requests is not None:
        _limit_requests(connector, journal, settings.max_requests)
    policy = SettlementPolicy(settings.timeout, *settings.bounds())
    local = LocalTime(settings.zone())
    executor = build_executor(connector, journal, policy, on_done, local=local)
    pin_setting = build_pin_setting(settings, journal)
    return PendingApprovals(
        journal,
        executor,
        connector.notice,
        may_write=not settings.read_only,
        pin_setting=pin_setting,
        rules=build_rules(settings),
    )


def connect_erp(settings: Settings, store: JournalStore) -> ERP:
    """Return the connection on which operations are carried out: one for all, or with each person's credentials."""
    service = connect(settings, store.shared_token)
    if settings.erp_credentials == "shared":
        return service
    from po_mcp.connectors.personal.credentials import PeoplesCredentials  # late: most starts have no use for it
    from po_mcp.connectors.personal.erp import PersonalERP

    def build(values: Mapping[str, str]) -> ERP:
        return connect(settings.with_credentials(values), store.shared_token)

    key = service.connection.key
    credentials = PeoplesCredentials(store.credential_rows(key), settings.derive_keys("erp-credentials"), key)
    return PersonalERP(service, credentials, build, f"{settings.public_url}{CREDENTIALS_PATH}")


def build_credential_desk(settings: Settings, erp: ERP) -> CredentialDesk | None:
    """Return what takes the credentials of people for a connection; None where it has the same for all."""
    if settings.erp_credentials == "shared":
        return None
    from po_mcp.connectors.personal.erp import PersonalERP
    from po_mcp.connectors.personal.giving import CredentialDesk
    from po_mcp.connectors.registry import REGISTRY as ERPS

    return CredentialDesk(ERPS[settings.erp], erp) if isinstance(erp, PersonalERP) else None


def build_rules(settings: Settings) -> ApproverRules | None:
    """Return who may approve what; None where nobody signs in."""
    if settings.issuer is None:
        return None
    return ApproverRules(
        settings.approver_entries(),
        may_approve_own=bool(settings.self_approval),
        second_over=settings.second_approver_over,
        limits=settings.approver_limits or {},
    )


def _limit_requests(connector: ERP, journal: Journal, most: int) -> None:
    """Let so many requests be under way, of all who share the journal where it is in PostgreSQL."""
    from po_mcp.connectors.http.call_limit import CallLimit, TakesCallLimit  # late: most starts have no such limit

    if isinstance(connector, TakesCallLimit):
        connector.limit_calls(CallLimit(most, journal.store.slots(connector.connection.key, most)))


def build_pin_setting(settings: Settings, journal: Journal) -> PinSetting:
    """Return what compares PO_MCP_APPROVER_PIN with the journal's PIN; a journal in memory takes it as its PIN."""
    if settings.approver_pin is None:
        return PinSetting(journal)
    pin = settings.approver_pin.get_secret_value()
    if not journal.is_shared:  # no other process sees it, and none could set the PIN
        journal.store.upkeep.set_approver_pin(hash_pin(pin), None, "PIN set")
    return PinSetting(journal, pin)


def has_approver_pin(settings: Settings) -> bool:
    """Tell whether an approver PIN is set: without one, an HTTP server has no approval page."""
    if settings.journal_path() == MEMORY:
        return settings.approver_pin is not None
    with closing(JournalStore(settings.journal_path())) as store:
        try:
            return store.approver_pin().is_set
        except JournalUnavailable:  # nothing can be decided then, in any place
            return False


def _build_mcp_server(settings: Settings, connector: ERP, lifespan: ServerLifespan) -> PurchasingServer:
    """Build the server with the tools, resources and prompts that this ERP can serve, completion and notifications."""
    listed = [tool for tool in REGISTRY if _is_listed(tool, connector, settings)]
    for_caller = [current_request.act_for_caller(connector)] if isinstance(connector, ServesPeople) else []
    server = PurchasingServer(
        _NAME,
        scopes={tool.name: tool.scopes for tool in listed},
        calls_per_minute=None if settings.issuer is None else settings.calls_per_minute,
        limits=write_limits(connector, settings),
        title="Purchase orders",
        version=__version__,
        instructions=write_instructions(connector, settings),
        lifespan=lifespan.run,
        tools=[PurchasingTool.of(tool) for tool in listed],
        log_level=settings.log_level,
        request_state_security=_seal_state(settings),
        subscriptions=lifespan.notifications.bus,
        # Tracked as it was sent: a tool refuses arguments that are no object, for which `read_params` puts one.
        middleware=[current_request.track_request, *for_caller, read_params],
        skills=Skills(connector, settings),
        card=OrderCard(tool.name for tool in listed if tool.has_card),
    )
    add_resources(server, connector, settings)
    add_prompts(server, connector, settings)
    Completions().serve(server)
    lifespan.notifications.serve(server)
    return server


def _seal_state(settings: Settings) -> RequestStateSecurity:
    """Return what seals a question's state: with keys that all replicas share, else with one of this process."""
    ttl, keys = settings.approval_ttl + _STATE_GRACE_S, settings.derive_keys("request-state")
    if not keys:
        # A question does not outlive this process then, and no other process could open it.
        return RequestStateSecurity.ephemeral(ttl=ttl)
    # By its address, so that no state of a test system opens here.
    return RequestStateSecurity(keys=keys, ttl=ttl, audience=settings.public_url)


def _is_listed(tool: RegisteredTool, erp: ERP, settings: Settings) -> bool:
    return tool.capability in erp.capabilities and (tool.read_only or not settings.read_only)
