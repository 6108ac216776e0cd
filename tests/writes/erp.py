"""An ERP in memory whose every answer a test decides, and an executor over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, OnItems, Progress, send_at_once
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import (
    CANCELLABLE_STATUSES,
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)
from po_mcp.writes.executor import Executor, build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.operation import Operation, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from tests.writes.making import CONNECTION, store_as_asked

QUICK = SettlementPolicy(timeout=20.0, second_look=0.02, watch=30.0, foreign_gap=0.02)
"""An ERP of which nothing is known, with pauses that a test can wait for."""
EXACT = SettlementPolicy(timeout=20.0, late_apply=0.0, read_lag=0.0)
"""An ERP whose reads show everything at once."""


@dataclass
class FakeERP:
    """Orders by number. `answer` runs in the place of what a write does, and gets the function that does it."""

    orders: dict[str, PurchaseOrder] = field(default_factory=dict)
    answer: Callable[[Callable[[], None]], Awaitable[None]] | None = None
    before_bytes: Callable[[], None] = lambda: None
    unreadable: ERPError | None = None
    on_read: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)
    connection: Connection = CONNECTION
    title: str = "Fake"
    notice: str = ""
    limits: str = ""
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    clock_skew: float | None = None
    capabilities: frozenset[Capability] = frozenset({"get", "create", "finalize", "delete", "cancel"})
    listed_statuses: frozenset[Status] = frozenset({"open"})
    changes_on_create: dict[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> list[str]:
        """The writes whose bytes left."""
        return [call for call in self.calls if call.startswith("write")]

    def check_number(self, number: str) -> str:
        return number

    def check_draft(self, draft: OrderDraft) -> None:
        return None

    async def probe(self) -> None:
        self._read("probe")

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        self._read(f"get {number}")
        names = {name.casefold(): name for name in self.orders} if in_any_case else {name: name for name in self.orders}
        name = names.get(number.casefold() if in_any_case else number)
        if name is None:
            raise OrderNotFound(f"There is no order {number}.")
        return self.orders[name]

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        self._read("scan")
        return OrderScan(orders=tuple(self.orders.values()), read=len(self.orders))

    async def vendors(self) -> tuple[Vendor, ...]:
        return ()

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        return ()

    async def warehouses(self) -> tuple[Warehouse, ...]:
        return ()

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        return None

    async def read_item(self, item: Item) -> Item | None:
        return None

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        return Snapshot(order=await self.get_order(number), erp_id=f"uuid of {number}", version="3")

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        made = store_as_asked(draft, **self.changes_on_create)

        def apply() -> None:
            self.orders[made.number] = made

        await self._write(f"create {draft.number}", apply, before_send)
        return made

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        await self._write(f"finalize {number}", lambda: self.set_status(number, "closed"), before_send)
        return Finalized(status_text="Closed")

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        await self._write(f"delete {number}", lambda: self.remove(number), before_send)

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        await self._write(f"cancel {number}", lambda: self.set_status(number, "cancelled"), before_send)

    async def aclose(self) -> None:
        return None

    def set_status(self, number: str, status: Status) -> None:
        self.orders[number] = self.orders[number].model_copy(update={"status": status})

    def remove(self, number: str) -> None:
        self.orders.pop(number, None)

    async def _write(self, name: str, apply: Callable[[], None], before_send: BeforeSend) -> None:
        self.before_bytes()
        before_send()
        self.calls.append(f"write {name}")
        if self.answer is None:
            apply()
        else:
            await self.answer(apply)

    def _read(self, name: str) -> None:
        self.calls.append(name)
        self.on_read()
        if self.unreadable is not None:
            raise self.unreadable


@dataclass
class Bench:
    """An executor built alone, over a journal and an ERP in memory."""

    store: JournalStore
    policy: SettlementPolicy = QUICK
    erp: FakeERP = field(default_factory=FakeERP)
    done: list[tuple[Operation, WriteOutcome]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = Journal(self.store)
        self.executor = self.another_executor()

    def another_executor(self) -> Executor:
        """What another process has: nothing in common but the journal and the ERP."""
        return build_executor(
            self.erp, self.journal, self.policy, lambda operation, outcome: self.done.append((operation, outcome))
        )

    async def execute(self, operation_id: str) -> WriteOutcome:
        return await self.executor.execute(operation_id)

    async def reconcile(self, operation_id: str) -> str:
        """Look at an operation as recovery and get_operation do; return the state it is in then."""
        recorded = await self.journal.find(operation_id)
        assert recorded is not None
        return (await self.executor.reconciler.reconcile(recorded)).state
