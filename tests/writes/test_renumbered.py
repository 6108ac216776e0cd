"""An order that was created and then got another number in the ERP is found by its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from po_mcp.erp import Progress
from po_mcp.errors import OrderNotFound, OutcomeUnknown, Unreachable
from po_mcp.orders import OrderQuery, OrderScan, PurchaseOrder, Vendor
from po_mcp.writes import kinds
from po_mcp.writes.journal import JournalStore
from tests.writes.erp import EXACT, Bench, FakeERP
from tests.writes.making import Clock, create, draft, state_of, store_as_asked, take_to

LOST = OutcomeUnknown("The connection broke.")


@dataclass
class WithReferences(FakeERP):
    """An ERP that finds orders by their references; `search_fails` for a moment."""

    search_fails: bool = False

    async def get_order_of_reference(self, reference: str) -> PurchaseOrder:
        if self.search_fails:
            raise Unreachable("Gone.")
        for order in self.orders.values():
            if order.reference == reference:
                return order
        raise OrderNotFound("There is none.")


def lose_and_renumber(bench: Bench, reference: str, beside: dict[str, PurchaseOrder] | None = None) -> None:
    async def answer(apply: Any) -> None:
        bench.erp.orders["OFFICE-7"] = store_as_asked(draft("OFFICE-7"), reference=reference)
        bench.erp.orders |= beside or {}
        raise LOST

    bench.erp.answer = answer


def bench_of(store: JournalStore) -> Bench:
    return Bench(store, EXACT, WithReferences())


TAKEN = store_as_asked(draft(), vendor="Bolt & Co", vendor_id="13", lines=({"item": "WASHER", "quantity": "1"},))


@pytest.mark.parametrize("beside", [{}, {"PO-9": TAKEN}], ids=["its number is free", "its number is another's"])
async def test_an_order_that_got_another_number_after_a_lost_answer_is_done(
    store: JournalStore, clock: Clock, beside: dict[str, PurchaseOrder]
) -> None:
    bench = bench_of(store)
    operation = create()
    operation_id = take_to(store, operation, "APPROVED")
    lose_and_renumber(bench, operation.id, beside)

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert outcome.message.startswith("Order PO-9 was created as OFFICE-7, confirmed by reading it back")


async def test_a_search_that_fails_settles_nothing(store: JournalStore, clock: Clock) -> None:
    bench = bench_of(store)
    assert isinstance(bench.erp, WithReferences)
    operation = create()
    operation_id = take_to(store, operation, "APPROVED")
    lose_and_renumber(bench, operation.id)
    bench.erp.search_fails = True
    await bench.execute(operation_id)
    clock.now += 1_000

    assert await Bench(store, EXACT, bench.erp).reconcile(operation_id) == "UNKNOWN"
    bench.erp.search_fails = False
    assert await Bench(store, EXACT, bench.erp).reconcile(operation_id) == "DONE"


class Unlisted(FakeERP):
    """An ERP whose list cannot be read."""

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        raise Unreachable("Gone.")


async def test_a_new_order_is_not_called_absent_while_the_list_cannot_be_read(
    store: JournalStore, clock: Clock
) -> None:
    """It may stand there under another number."""
    kept = create("PO-8", draft("PO-8", vendor=Vendor(id="7", name="Central"), lines=draft().lines[:1]))
    await Bench(store, EXACT, FakeERP()).execute(take_to(store, kept, "APPROVED"))
    operation_id = take_to(store, create(), "UNKNOWN")
    clock.now += 1_000

    assert await Bench(store, EXACT, Unlisted()).reconcile(operation_id) == "UNKNOWN"
    assert await Bench(store, EXACT, FakeERP()).reconcile(operation_id) == "NOT_APPLIED"


async def test_without_the_search_it_would_be_called_not_created(
    store: JournalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(erp: object, reference: str) -> None:
        return None

    monkeypatch.setattr(kinds.create, "find_created_order", none)
    bench = bench_of(store)
    operation = create()
    operation_id = take_to(store, operation, "APPROVED")
    lose_and_renumber(bench, operation.id)
    await bench.execute(operation_id)
    clock.now += 1_000

    assert await Bench(store, EXACT, bench.erp).reconcile(operation_id) == "NOT_APPLIED"
    assert state_of(store, operation_id) == "NOT_APPLIED"
