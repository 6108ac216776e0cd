"""The purchasing desk: what a buyer can have done, whichever ERP and whichever client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from po_mcp.desk.catalog import Catalog
from po_mcp.erp import ERP, Capability
from po_mcp.errors import NotOffered
from po_mcp.orders import OrderQuery, OrderScan
from po_mcp.writes.approval import Page
from po_mcp.writes.execution import Executor
from po_mcp.writes.journal import Journal


@dataclass(frozen=True)
class Desk:
    """The ERP that is worked, the record of what was asked for, who carries it out, and where a person decides.

    `create_approval_over` is the amount over which an order is created only with a person's yes, `today` the
    company's date. `scans` keeps what was read for the first page of a list, for the pages after it.
    """

    erp: ERP
    journal: Journal
    executor: Executor
    page: Page
    create_approval_over: Decimal | None = None
    today: Callable[[], date] = date.today
    scans: dict[OrderQuery, tuple[float, OrderScan]] = field(default_factory=dict)

    @cached_property
    def catalog(self) -> Catalog:
        """The ERP's vendors, items and warehouses, kept for a while."""
        return Catalog(self.erp)

    def need(self, operation: Capability) -> None:
        """Raise `NotOffered` where the ERP has no such call."""
        if operation not in self.erp.capabilities:
            raise NotOffered(f"{self.erp.title} has no call for this ({operation}). {self.erp.limits}".strip())

    def say(self, text: str) -> str:
        """Put the ERP's notice, if it has one, before a message."""
        return f"{self.erp.notice} {text}".strip()
