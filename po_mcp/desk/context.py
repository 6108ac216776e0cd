"""The purchasing desk: what a buyer can have done, whichever ERP and whichever client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from po_mcp.desk.catalog import Catalog
from po_mcp.erp import ERP
from po_mcp.errors import NotOffered
from po_mcp.orders import OrderQuery, OrderScan
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.executor import Executor
from po_mcp.writes.journal import Journal
from po_mcp.writes.outcomes import OutcomeWriter
from po_mcp.writes.reconcile import Reconciler


@dataclass(frozen=True)
class Desk:
    """The ERP that is worked, the record of what was asked for, who carries it out, and where a person decides.

    `create_approval_over` is the amount over which an order is created only with a person's yes, `today` the
    company's date. `scans` keeps what was read for the first page of a list, for the pages after it.
    """

    erp: ERP
    journal: Journal
    executor: Executor
    page: ApprovalLink
    create_approval_over: Decimal | None = None
    today: Callable[[], date] = date.today
    scans: dict[OrderQuery, tuple[float, OrderScan]] = field(default_factory=dict)

    @property
    def reconciler(self) -> Reconciler:
        """Settles by reading what is not known."""
        return self.executor.reconciler

    @property
    def words(self) -> OutcomeWriter:
        """Writes outcomes in words."""
        return self.executor.words

    @cached_property
    def catalog(self) -> Catalog:
        """The ERP's vendors, items and warehouses, kept for a while."""
        return Catalog(self.erp)

    def require(self, capability: str) -> None:
        """Raise `NotOffered` where the ERP has no such call."""
        if capability not in self.erp.capabilities:
            raise NotOffered(f"{self.erp.title} has no call for this ({capability}). {self.erp.limits}".strip())

    def add_notice(self, text: str) -> str:
        """Put the ERP's notice, if it has one, before a message."""
        return f"{self.erp.notice} {text}".strip()
