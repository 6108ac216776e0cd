"""Each kind alone: what forbids it, and what a reading shows of it after it was sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from po_mcp.errors import Unreachable
from po_mcp.orders import OrderLine, PurchaseOrder, Snapshot, Status
from po_mcp.writes.approvers import THE_OPERATOR
from po_mcp.writes.approving import record_approval
from po_mcp.writes.forms import FormAnswer
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.kinds import Applied, GuardedKind, kind_of
from po_mcp.writes.operation import Operation
from po_mcp.writes.payloads import FinalizePayload
from tests.writes.erp import FakeERP
from tests.writes.making import create, draft, guarded_operation, order, store_as_asked

READ = ["create", "finalize", "cancel", "delete"]


def an_operation(kind: str) -> Operation:
    return create("PO-1") if kind == "create" else guarded_operation(kind)


async def observe(operation: Operation, *shown: PurchaseOrder, **erp: Any) -> tuple[str, str]:
    """What a reading of an ERP with these orders shows of an operation, and why."""
    books = FakeERP({one.number: one for one in shown}, **erp)
    found = await kind_of(operation.kind).observe(books, operation, 0.0)
    return found.seen, found.why


@pytest.mark.parametrize("kind", READ)
async def test_an_erp_that_cannot_be_read_shows_nothing(kind: str) -> None:
    shown, _ = await observe(an_operation(kind), order(), unreadable=Unreachable("It does not answer."))

    assert shown == "unreadable"


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
async def test_a_status_that_is_not_known_shows_nothing(kind: str) -> None:
    assert await observe(guarded_operation(kind), order(status="unknown")) == (
        "unreadable",
        "the order has a status that po-mcp does not know",
    )


@pytest.mark.parametrize(
    ("kind", "snapshot", "why"),
    [
        ("cancel", {"blockers": ("item receipt IR-1 uses it",)}, "item receipt IR-1 uses it"),
        ("delete", {"blockers": ("item receipt IR-1 uses it",)}, "item receipt IR-1 uses it"),
        ("delete", {}, "goods were received for it"),
    ],
)
def test_a_write_that_the_erp_would_refuse_is_forbidden_with_the_reason(
    kind: str, snapshot: dict[str, Any], why: str
) -> None:
    forbidden = cast("GuardedKind", kind_of(kind)).forbid(FakeERP(), Snapshot(order=order(), **snapshot))

    assert why in str(forbidden)


async def test_a_number_that_was_given_to_a_new_order_shows_that_the_old_one_is_deleted() -> None:
    operation = guarded_operation("delete")
    payload = operation.payload.model_copy(update={"snapshot": Snapshot(order=order(), erp_id="another")})

    shown = await observe(replace(operation, payload=payload), order(status="open"))

    assert shown == ("applied", "order PO-1 was created again since")


async def test_an_order_that_is_shown_as_deleted_is_deleted() -> None:
    assert await observe(guarded_operation("delete"), order(status="deleted")) == ("applied", "the order is deleted")


async def test_an_order_in_capitals_is_found_under_the_number_that_was_asked_for() -> None:
    class InOneCase(FakeERP):
        async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
            return await super().get_order(number)

    books = InOneCase({"PO-A": store_as_asked(draft("PO-A"))})
    found = await kind_of("create").observe(books, create("po-a"), 0.0)

    assert found.order is not None
    assert found.order.number == "PO-A"


async def test_an_order_of_the_same_contents_with_anothers_reference_is_in_doubt() -> None:
    shown = await observe(create(), store_as_asked(draft(), reference="of another"))

    assert shown == (
        "differs",
        "order PO-9 has the requested contents, but it carries the reference of another request",
    )


async def test_a_header_of_another_vendor_is_no_success() -> None:
    operation = create()
    anothers = store_as_asked(draft(), vendor="Another", vendor_id="99", lines=())
    books = FakeERP({"PO-9": anothers})
    applied = await kind_of("create").send(FakeERP(), operation, lambda: None)

    found = await kind_of("create").confirm(books, operation, applied, 0.0)

    assert found.seen != "applied"


@pytest.mark.parametrize(("status", "is_there"), [("open", True), ("closed", True), ("deleted", False)])
def test_a_created_order_is_there_until_it_is_deleted(status: Status, is_there: bool) -> None:
    assert kind_of("create").is_still_applied(order(status=status)) is is_there
    assert not kind_of("create").is_still_applied(None)


RECEIVED = OrderLine(item="BOLT", quantity=Decimal(5), received=Decimal(5), outstanding=Decimal(0))


def backorder(quantity: int, place: int = 1) -> PurchaseOrder:
    line = OrderLine(item="BOLT", quantity=Decimal(quantity), received=Decimal(0), outstanding=Decimal(quantity))
    return order(f"PO-1-BO{place}", status="open", lines=(line,))


def with_backorder(operation: Operation) -> Operation:
    assert isinstance(operation.payload, FinalizePayload)
    return replace(operation, payload=operation.payload.model_copy(update={"create_backorder": True}))


@pytest.mark.parametrize(
    ("orders", "why"),
    [
        ([backorder(6)], "the order is closed, with backorder PO-1-BO1"),
        ([backorder(5)], "the order is closed, its backorder was not found"),
        ([], "the order is closed, its backorder was not found"),
        ([backorder(6, place) for place in range(1, 10)], "the order is closed, with one of its backorders"),
    ],
)
async def test_a_backorder_is_known_by_what_it_must_hold(orders: list[PurchaseOrder], why: str) -> None:
    operation = with_backorder(guarded_operation("finalize"))

    assert await observe(operation, order(status="closed"), *orders) == ("applied", why)


async def test_an_order_without_lines_is_no_backorder_of_one_that_was_received() -> None:
    operation = with_backorder(guarded_operation("finalize", shown=order(lines=(RECEIVED,))))
    empty = order("PO-1-BO1", status="open", lines=())

    shown = await observe(operation, order(status="closed", lines=(RECEIVED,)), empty)

    assert shown == ("applied", "the order is closed, its backorder was not found")


def test_a_close_of_what_was_received_says_so() -> None:
    operation = guarded_operation("finalize", shown=order(lines=(RECEIVED,)))

    said = kind_of("finalize").describe_done(FakeERP({}), operation, Applied())

    assert said == "Order PO-1 was closed. Everything had been received."


@pytest.mark.parametrize("changes", [{"lines": ()}, {"lines": (), "line_count": 3}, {"line_count": 3}])
def test_a_close_never_says_that_untold_lines_were_received(changes: dict[str, Any]) -> None:
    operation = guarded_operation("finalize", shown=order(**{"lines": (RECEIVED,), **changes}))

    said = kind_of("finalize").describe_done(FakeERP({}), operation, Applied())

    assert said == "Order PO-1 was closed. No backorder was created."


async def test_an_answer_that_is_no_yes_is_never_recorded_as_one(store: JournalStore) -> None:
    with pytest.raises(ValueError, match="approves nothing"):
        await record_approval(
            Journal(store), guarded_operation("delete"), FormAnswer("declined"), {}, THE_OPERATOR, None
        )
