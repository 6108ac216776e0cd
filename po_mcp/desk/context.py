"""The desk: what every use case works with, for any ERP and any client."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from po_mcp.desk.catalog import Catalog
from po_mcp.desk.catalog_file import CatalogFile
from po_mcp.desk.receipts import Receipts
from po_mcp.erp import ERP, acting
from po_mcp.errors import NotOffered
from po_mcp.orders import OrderQuery, OrderScan
from po_mcp.writes.approvers import ApproverRules
from po_mcp.writes.approving import ApprovalLink, Approver
from po_mcp.writes.consent import Consent
from po_mcp.writes.executor import Executor
from po_mcp.writes.forms import Question, pin_reset
from po_mcp.writes.journal import ApproverPin, Journal
from po_mcp.writes.kinds import place_of
from po_mcp.writes.operation import Operation, Requester
from po_mcp.writes.outcomes import OutcomeWriter
from po_mcp.writes.payloads import Payload
from po_mcp.writes.pin_setting import PinSetting
from po_mcp.writes.reconcile import Reconciler

Scans = dict[OrderQuery, tuple[float, OrderScan, dict[str, Receipts]]]
"""Orders by their query, with the monotonic time of reading and what is known of their receipts."""
Suggestions = dict[Hashable, tuple[float, tuple[Any, ...]]]
"""What completes an argument, by what read it, with the monotonic time until which it is shown."""
MAX_VIEWS = 32
"""People whose lists are kept in memory: those who asked last."""


@dataclass(frozen=True)
class View:
    """What was read of the ERP, and is shown to those alone for whom it was read."""

    catalog: Catalog
    scans: Scans = field(default_factory=dict)
    suggestions: Suggestions = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """The ERP, the journal, the executor and the approval page of one server.

    Attributes:
        erp: the port to the ERP.
        journal: the record of every operation.
        executor: sends approved operations.
        page: where a person decides outside of the client.
        create_approval_over: by currency, the total over which a create needs approval; one under "" is for all.
            None for no limit.
        form_timeout_s: seconds that a client's form may be open within a call.
        today: returns the company's date.
        catalog_file: where the ERP's lists are kept between starts; None to keep them in memory alone.
        pin_setting: whether this process knows the approver PIN that was set.
        approvers: who may approve what, where people sign in at this server; its terminal is then the
            administrator's alone. None without sign-in.
        views: what was read, each for those who may see it; the view that was used last is the last.
    """

    erp: ERP
    journal: Journal
    executor: Executor
    page: ApprovalLink
    create_approval_over: Mapping[str, Decimal] | None = None
    form_timeout_s: float = 300.0
    today: Callable[[], date] = date.today
    catalog_file: CatalogFile | None = None
    pin_setting: PinSetting | None = None
    approvers: ApproverRules | None = None
    views: dict[str, View] = field(default_factory=dict)

    @property
    def has_sign_in(self) -> bool:
        """Whether people sign in at this server."""
        return self.approvers is not None

    @property
    def reconciler(self) -> Reconciler:
        """Settles unknown operations by reading the ERP."""
        return self.executor.reconciler

    @property
    def words(self) -> OutcomeWriter:
        """Writes outcomes as sentences."""
        return self.executor.words

    @property
    def catalog(self) -> Catalog:
        """The ERP's vendors, items and warehouses, cached for a while."""
        return self._view.catalog

    @property
    def scans(self) -> Scans:
        """The orders of the latest list, for further pages."""
        return self._view.scans

    @property
    def suggestions(self) -> Suggestions:
        """The latest values that complete arguments."""
        return self._view.suggestions

    @property
    def _view(self) -> View:
        """What was read for the caller: where each person has their own rights in the ERP, nobody sees another's."""
        actor = acting()
        name = "" if actor is None else actor.view
        # Taken out and put in as the last, so that the first is the one which nobody has used for longest.
        view = self.views.pop(name, None) or View(Catalog(self.erp, file=self.catalog_file))
        self.views[name] = view
        if len(self.views) > MAX_VIEWS:
            del self.views[next(iter(self.views))]
        return view

    def require(self, capability: str) -> None:
        """Raise `NotOffered` if the ERP lacks this capability."""
        if capability not in self.erp.capabilities:
            what = f"{place_of(self.erp).erp} does not support this ({capability})."
            raise NotOffered(f"{what[0].upper()}{what[1:]} {self.erp.limits}".strip())

    async def prepare_question(self, question: Question, pin: ApproverPin | None = None) -> Question:
        """Return a question as it is asked; for some days it says that the approver PIN was reset.

        `pin` is what the journal knows of it, where that was read already.

        Raises:
            ConfigurationError: PO_MCP_APPROVER_PIN is not the PIN that was set, so nobody is asked.
        """
        if self.pin_setting is not None:
            # Where the setting is another PIN than that of the journal, nobody could answer the question.
            await self.pin_setting.need_match()
        pin = pin or await self.journal.approver_pin()
        return (
            question if pin.reset_at is None else question.with_caution(pin_reset(self.words.local.day(pin.reset_at)))
        )

    def begin_consent(self, payload: Payload, requester: Requester) -> Payload:
        """Return what is decided on with who asks and how many people must approve; as it is without sign-in."""
        if self.approvers is None:
            return payload
        consent = Consent(requested_by=requester.name, needed=self.approvers.count_needed(payload))
        return payload.model_copy(update={"consent": consent})

    def may_decide(self, approver: Approver, operation: Operation | None = None) -> bool:
        """Tell whether this person's own answers decide: on what they asked for, or on what came of it (None)."""
        if self.approvers is None:
            return True
        if operation is None:
            return self.approvers.is_approver(approver.person)
        return self.approvers.may_approve_alone(approver.person, operation)

    def add_notice(self, text: str) -> str:
        """Return what was read after the ERP's notice, if there is one."""
        return f"{self.erp.notice} {text}".strip()
