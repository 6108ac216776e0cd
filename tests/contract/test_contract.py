"""The contract that every connector fulfils, for each ERP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import get_args

import pytest

from po_mcp.erp import ERP, Guarded
from po_mcp.errors import (
    Conflict,
    InvalidInput,
    NotOffered,
    OrderNotFound,
    Refused,
    SignInFailed,
)
from po_mcp.orders import Item, OrderQuery, Status, Vendor
from tests.contract.subjects import Subject, subjects

NEW = "PO-2026-0001"
_FINALIZE, _DELETE, _CANCEL = (
    pytest.mark.parametrize("subject", subjects(offering=kind), indirect=True)
    for kind in ("finalize", "delete", "cancel")
)
_WRITES: Mapping[Guarded, Callable[[ERP, str], Awaitable[object]]] = {
    "finalize": lambda erp, number: erp.finalize_order(number, create_backorder=True),
    "delete": lambda erp, number: erp.delete_order(number),
    "cancel": lambda erp, number: erp.cancel_order(number),
}


async def test_a_connection_has_a_title_and_an_identity(subject: Subject) -> None:
    erp = subject.erp

    assert erp.title
    assert erp.connection.label in erp.connection.key
    assert erp.limits.endswith(".")
    assert erp.capabilities >= {"list", "get", "create", "catalog"}


async def test_the_dates_of_a_query_are_inclusive(subject: Subject) -> None:
    first, last, numbers = subject.known.dates

    found = await subject.erp.scan_orders(OrderQuery(ordered_from=first, ordered_to=last))

    assert sorted(order.number for order in found.orders) == sorted(numbers)
    assert (found.complete, found.is_cut) == (True, False)


async def test_a_scan_reads_every_order_once_and_reports_progress(subject: Subject) -> None:
    reported: list[tuple[int, int | None]] = []

    async def tell(read: int, of: int | None) -> None:
        reported.append((read, of))

    found = await subject.erp.scan_orders(OrderQuery(), tell)

    assert len({order.number for order in found.orders}) == len(found.orders) == found.total == subject.known.listed
    assert reported[-1] == (subject.known.listed, subject.known.listed)
    assert (found.complete, found.is_cut) == (True, False)


async def test_a_filter_by_status_matches_the_whole_list(subject: Subject) -> None:
    everything = await subject.erp.scan_orders(OrderQuery())

    found = await subject.erp.scan_orders(OrderQuery(status="open"))

    assert found.complete
    of_status = [order.number for order in everything.orders if order.status == "open"]
    assert sorted(order.number for order in found.orders) == sorted(of_status)


async def test_a_status_and_dates_are_asked_for_together(subject: Subject) -> None:
    first, last, _ = subject.known.dates
    dates = OrderQuery(ordered_from=first, ordered_to=last)
    everything = await subject.erp.scan_orders(dates)

    found = await subject.erp.scan_orders(dates.model_copy(update={"status": "open"}))

    of_status = [order.number for order in everything.orders if order.status == "open"]
    assert sorted(order.number for order in found.orders) == sorted(of_status)
    assert found.complete


async def test_an_unsupported_status_is_refused(subject: Subject) -> None:
    for status in set(get_args(Status)) - subject.erp.listed_statuses:
        with pytest.raises(InvalidInput, match="orders"):
            await subject.erp.scan_orders(OrderQuery(status=status))


async def test_an_order_is_read_with_exact_numbers(subject: Subject) -> None:
    known = subject.known

    order = await subject.erp.get_order(known.open)

    assert (order.number, order.status) == (known.open, "open")
    assert (order.total, order.expected_on) == (known.total, known.expected_on)
    assert order.lines is not None
    assert [(line.quantity, line.received, line.outstanding, line.unit_price) for line in order.lines] == [
        (line.quantity, line.received, None if line.received is None else line.quantity, line.unit_price)
        for line in known.lines
    ]
    assert order.sum_of_lines == known.sum_of_lines


async def test_received_quantities_are_shown(subject: Subject) -> None:
    order = await subject.erp.get_order(subject.known.partial)

    assert order.lines is not None
    assert any(line.received for line in order.lines)
    for line in order.lines:
        assert line.received is not None
        assert line.quantity is not None
        assert line.outstanding == line.quantity - line.received


async def test_an_order_that_is_not_there_is_not_found(subject: Subject) -> None:
    with pytest.raises(OrderNotFound):
        await subject.erp.get_order("PO-1999-0001")


@pytest.mark.parametrize("number", ["", ".", "..", " ", "a\n", "a\x00", "x" * 101])
async def test_a_number_that_no_path_can_carry_is_refused(subject: Subject, number: str) -> None:
    with pytest.raises(InvalidInput):
        subject.erp.check_number(number)
    with pytest.raises(InvalidInput):
        await subject.erp.get_order(number)


async def test_every_vendor_has_the_id_that_an_order_needs(subject: Subject) -> None:
    vendors = await subject.erp.vendors()

    assert len({vendor.id for vendor in vendors}) == len(vendors)
    assert None not in {vendor.id for vendor in vendors}
    assert "Acme Fasteners" in {vendor.name for vendor in vendors}


async def test_every_item_has_the_id_that_an_orders_line_takes(subject: Subject) -> None:
    items = await subject.erp.items()

    assert len({item.id for item in items}) == len(items)
    assert {item.name for item in items if item.id == subject.item} == {subject.item_name}


async def test_a_vendor_and_an_item_are_read_alone_as_the_list_shows_them(subject: Subject) -> None:
    vendors, items = await subject.erp.vendors(), await subject.erp.items()

    for vendor in vendors:
        assert await subject.erp.read_vendor(vendor) == vendor
    for item in (items[0], next(item for item in items if item.id == subject.item), items[-1]):
        assert await subject.erp.read_item(item) == item


async def test_an_item_that_is_not_there_is_none(subject: Subject) -> None:
    assert await subject.erp.read_item(Item(id="NO-SUCH-ITEM", name="Nothing")) is None


async def test_every_warehouse_is_listed_once(subject: Subject) -> None:
    warehouses = await subject.erp.warehouses()

    assert len({warehouse.id for warehouse in warehouses}) == len(warehouses)
    assert "Main" in {warehouse.name for warehouse in warehouses}


async def test_an_orders_line_names_a_warehouse_as_the_warehouses_do(subject: Subject) -> None:
    known = {warehouse.id for warehouse in await subject.erp.warehouses()}

    order = await subject.erp.get_order(subject.known.open)

    assert order.lines is not None
    assert {line.warehouse for line in order.lines} <= known


async def test_a_created_order_is_stored_exactly(subject: Subject) -> None:
    quantity, unit_price = subject.known.figures
    draft = await subject.draft(NEW, quantity, unit_price)
    subject.erp.check_draft(draft)

    created = await subject.erp.create_order(draft)
    stored = await subject.erp.get_order(NEW)

    assert (created.number, created.status) == (NEW, subject.known.created)
    assert stored.lines is not None
    assert [(line.quantity, line.unit_price) for line in stored.lines] == [(Decimal(quantity), Decimal(unit_price))]


async def test_a_number_that_is_taken_is_a_conflict(subject: Subject) -> None:
    await subject.erp.create_order(await subject.draft(NEW))

    with pytest.raises(Conflict):
        await subject.erp.create_order(await subject.draft(NEW))


async def test_an_item_that_the_erp_does_not_know_is_refused(subject: Subject) -> None:
    draft = await subject.draft(NEW)
    unknown = draft.lines[0].model_copy(update={"item": "NO-SUCH-ITEM"})

    # Some ERPs are known to refuse it, so that it is not sent.
    with pytest.raises((Refused, InvalidInput)) as failed:
        await subject.erp.create_order(draft.model_copy(update={"lines": (unknown,)}))
    assert failed.value.effect in ("nothing_sent", "nothing_changed")
    with pytest.raises(OrderNotFound):
        await subject.erp.get_order(NEW)


async def test_a_vendor_without_an_id_is_refused_before_anything_is_sent(subject: Subject) -> None:
    draft = (await subject.draft(NEW)).model_copy(update={"vendor": Vendor(id=None, name="Nobody")})

    with pytest.raises(InvalidInput):
        subject.erp.check_draft(draft)
    with pytest.raises(InvalidInput):
        await subject.erp.create_order(draft)


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        pytest.param(*subject.values, kind, marks=subject.marks)
        for kind in get_args(Guarded)
        for subject in subjects(lacking=kind)
    ],
    indirect=["subject"],
)
async def test_a_write_that_the_erp_has_no_call_for_is_not_offered(subject: Subject, kind: Guarded) -> None:
    before = await subject.erp.get_order(subject.known.open)

    with pytest.raises(NotOffered):
        await _WRITES[kind](subject.erp, subject.known.open)
    with pytest.raises(NotOffered):
        await subject.erp.snapshot(subject.known.open, kind)

    assert await subject.erp.get_order(subject.known.open) == before


@_FINALIZE
async def test_finalize_closes_the_order_and_names_the_backorder(subject: Subject) -> None:
    partial = subject.known.partial
    before = await subject.erp.snapshot(partial, "finalize")

    done = await subject.erp.finalize_order(partial, create_backorder=True)

    assert before.order.status == "partial"
    assert done.backorder_number is not None
    assert (await subject.erp.get_order(partial)).status == "closed"
    assert (await subject.erp.get_order(done.backorder_number)).status == "open"
    with pytest.raises(Conflict):
        await subject.erp.finalize_order(partial, create_backorder=True)


@_FINALIZE
async def test_finalize_without_a_backorder_makes_none(subject: Subject) -> None:
    done = await subject.erp.finalize_order(subject.known.partial, create_backorder=False)

    assert done.backorder_number is None


@_DELETE
async def test_a_deleted_order_is_gone(subject: Subject) -> None:
    number = subject.known.deletable
    assert (await subject.erp.snapshot(number, "delete")).blockers == ()

    await subject.erp.delete_order(number)

    with pytest.raises(OrderNotFound):
        await subject.erp.get_order(number)
    with pytest.raises(OrderNotFound):
        await subject.erp.delete_order(number)
    with pytest.raises(OrderNotFound):
        await subject.erp.snapshot(number, "delete")


@_CANCEL
async def test_a_cancelled_order_is_kept_and_reads_so(subject: Subject) -> None:
    for number in subject.known.cancellable:
        before = await subject.erp.snapshot(number, "cancel")

        await subject.erp.cancel_order(number)

        after = await subject.erp.snapshot(number, "cancel")
        assert before.order == (await subject.erp.get_order(number)).model_copy(
            update={"status": before.order.status, "status_text": before.order.status_text}
        )
        assert (before.blockers, after.order.status) == ((), "cancelled")
        assert (before.erp_id, before.version) != (None, after.version)
        assert before.erp_id == after.erp_id
        with pytest.raises(Conflict):
            await subject.erp.cancel_order(number)


@_CANCEL
async def test_an_order_that_is_not_there_cannot_be_cancelled(subject: Subject) -> None:
    with pytest.raises(OrderNotFound):
        await subject.erp.cancel_order("PO-1999-0001")
    with pytest.raises(OrderNotFound):
        await subject.erp.snapshot("PO-1999-0001", "cancel")


@_DELETE
async def test_the_reason_that_forbids_a_delete_is_named_and_enforced(subject: Subject) -> None:
    for number, because in subject.known.undeletable.items():
        found = await subject.erp.snapshot(number, "delete")

        assert any(blocker.startswith(because) for blocker in found.blockers)
        with pytest.raises(Refused):
            await subject.erp.delete_order(number)


@_DELETE
async def test_an_order_that_was_recreated_under_its_number_has_another_identity(subject: Subject) -> None:
    draft = await subject.draft(NEW)
    await subject.erp.create_order(draft)
    before = await subject.erp.snapshot(NEW, "delete")
    await subject.erp.delete_order(NEW)
    await subject.erp.create_order(draft)

    after = await subject.erp.snapshot(NEW, "delete")

    assert before.erp_id is not None
    assert before.erp_id != after.erp_id


@_DELETE
async def test_every_guarded_write_is_decided_on_the_same_snapshot(subject: Subject) -> None:
    kinds: list[Guarded] = [kind for kind in get_args(Guarded) if kind in subject.erp.capabilities]
    snapshots = [await subject.erp.snapshot(subject.known.deletable, kind) for kind in kinds]

    assert len(kinds) > 1
    assert all(snapshot == snapshots[0] for snapshot in snapshots)
    assert snapshots[0].erp_id is not None


@pytest.mark.parametrize("subject", [one for one in subjects() if one.values != ("sandbox",)], indirect=True)
async def test_wrong_credentials_are_reported_and_no_write_is_sent(subject: Subject) -> None:
    draft = await subject.draft(NEW)
    assert subject.as_stranger is not None
    stranger = subject.as_stranger()

    with pytest.raises(SignInFailed):
        await stranger.get_order(subject.known.open)
    with pytest.raises(SignInFailed):
        await stranger.create_order(draft)
    await stranger.aclose()
    with pytest.raises(OrderNotFound):
        await subject.erp.get_order(NEW)
