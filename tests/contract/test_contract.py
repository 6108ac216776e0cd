"""The contract that every connector fulfils, for each ERP."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.errors import (
    Conflict,
    InvalidInput,
    NotOffered,
    OrderNotFound,
    Refused,
    SignInFailed,
)
from po_mcp.orders import DraftLine, Item, OrderDraft, OrderQuery, Status, Vendor
from tests.contract.conftest import Subject

OPEN, PARTIAL, CLOSED, INVOICED = "PO-2025-0042", "PO-2025-0037", "PO-2025-0012", "PO-2025-0018"
NEW = "PO-2026-0001"


async def test_a_connection_has_a_title_and_an_identity(subject: Subject) -> None:
    erp = subject.erp

    assert erp.title
    assert erp.connection.label in erp.connection.key
    assert erp.limits.endswith(".")
    assert erp.capabilities >= {"list", "get", "create", "catalog"}


async def test_the_dates_of_a_query_are_inclusive(subject: Subject) -> None:
    query = OrderQuery(ordered_from=date(2025, 5, 7), ordered_to=date(2025, 5, 15))

    found = await subject.erp.scan_orders(query)

    assert sorted(order.number for order in found.orders) == ["PO-2025-0040", "PO-2025-0041", OPEN]
    assert (found.complete, found.is_cut) == (True, False)


async def test_a_scan_reads_every_order_once_and_reports_progress(subject: Subject) -> None:
    reported: list[tuple[int, int | None]] = []

    async def tell(read: int, of: int | None) -> None:
        reported.append((read, of))

    found = await subject.erp.scan_orders(OrderQuery(), tell)

    assert len({order.number for order in found.orders}) == len(found.orders) == found.total == subject.listed_count
    assert reported[-1] == (subject.listed_count, subject.listed_count)
    assert (found.complete, found.is_cut) == (True, False)


async def test_a_filter_by_status_matches_the_whole_list(subject: Subject) -> None:
    everything = await subject.erp.scan_orders(OrderQuery())

    found = await subject.erp.scan_orders(OrderQuery(status="open"))

    assert found.complete
    of_status = [order.number for order in everything.orders if order.status == "open"]
    assert sorted(order.number for order in found.orders) == sorted(of_status)


async def test_a_status_and_dates_are_asked_for_together(subject: Subject) -> None:
    dates = OrderQuery(ordered_from=date(2025, 5, 7), ordered_to=date(2025, 5, 15))
    everything = await subject.erp.scan_orders(dates)

    found = await subject.erp.scan_orders(dates.model_copy(update={"status": "open"}))

    of_status = [order.number for order in everything.orders if order.status == "open"]
    assert sorted(order.number for order in found.orders) == sorted(of_status)
    assert found.complete


async def test_an_unsupported_status_is_refused(subject: Subject) -> None:
    statuses: tuple[Status, ...] = ("closed", "unknown")
    for status in statuses:
        with pytest.raises(InvalidInput, match="Nothing was sent"):
            await subject.erp.scan_orders(OrderQuery(status=status))


async def test_an_order_is_read_with_exact_numbers(subject: Subject) -> None:
    order = await subject.erp.get_order(OPEN)

    assert order.number == OPEN
    assert order.status == "open"
    assert order.total == Decimal("4250")
    assert order.expected_on == date(2025, 6, 1)
    assert order.lines is not None
    assert [(line.quantity, line.received, line.outstanding, line.unit_price) for line in order.lines] == [
        (Decimal(1000), Decimal(0), Decimal(1000), Decimal("0.45")),
        (Decimal(1000), Decimal(0), Decimal(1000), Decimal("0.22")),
        (Decimal(2000), Decimal(0), Decimal(2000), Decimal("0.12")),
    ]
    assert order.sum_of_lines == Decimal("910")


async def test_received_quantities_are_shown(subject: Subject) -> None:
    order = await subject.erp.get_order(PARTIAL)

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
    assert {item.name for item in items if item.id == subject.item} == {"M8 x 30mm Hex Bolt"}


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

    order = await subject.erp.get_order(OPEN)

    assert order.lines is not None
    assert {line.warehouse for line in order.lines} <= known


async def test_a_created_order_is_stored_exactly(subject: Subject) -> None:
    draft = await subject.draft(NEW, quantity="123456789012.123456", unit_price="0.000001")
    subject.erp.check_draft(draft)

    created = await subject.erp.create_order(draft)
    stored = await subject.erp.get_order(NEW)

    assert (created.number, created.status) == (NEW, "open")
    assert stored.lines is not None
    assert [(line.quantity, line.unit_price) for line in stored.lines] == [
        (Decimal("123456789012.123456"), Decimal("0.000001"))
    ]


async def test_a_number_that_is_taken_is_a_conflict(subject: Subject) -> None:
    await subject.erp.create_order(await subject.draft(NEW))

    with pytest.raises(Conflict):
        await subject.erp.create_order(await subject.draft(NEW))


async def test_an_item_that_the_erp_does_not_know_is_refused(subject: Subject) -> None:
    draft = await subject.draft(NEW)
    unknown = draft.lines[0].model_copy(update={"item": "NO-SUCH-ITEM"})

    with pytest.raises(Refused):
        await subject.erp.create_order(draft.model_copy(update={"lines": (unknown,)}))
    with pytest.raises(OrderNotFound):
        await subject.erp.get_order(NEW)


async def test_a_vendor_without_an_id_is_refused_before_anything_is_sent(subject: Subject) -> None:
    draft = (await subject.draft(NEW)).model_copy(update={"vendor": Vendor(id=None, name="Nobody")})

    with pytest.raises(InvalidInput):
        subject.erp.check_draft(draft)
    with pytest.raises(InvalidInput):
        await subject.erp.create_order(draft)


async def test_finalize_closes_the_order_and_names_the_backorder(subject: Subject) -> None:
    if not subject.offers("finalize"):
        with pytest.raises(NotOffered):
            await subject.erp.finalize_order(PARTIAL, create_backorder=True)
        with pytest.raises(NotOffered):
            await subject.erp.snapshot(PARTIAL, "finalize")
        return
    before = await subject.erp.snapshot(PARTIAL, "finalize")

    done = await subject.erp.finalize_order(PARTIAL, create_backorder=True)

    assert before.order.status == "partial"
    assert done.backorder_number is not None
    assert (await subject.erp.get_order(PARTIAL)).status == "closed"
    assert (await subject.erp.get_order(done.backorder_number)).status == "open"
    with pytest.raises(Conflict):
        await subject.erp.finalize_order(PARTIAL, create_backorder=True)


async def test_finalize_without_a_backorder_makes_none(subject: Subject) -> None:
    if subject.offers("finalize"):
        done = await subject.erp.finalize_order(PARTIAL, create_backorder=False)

        assert done.backorder_number is None


async def test_a_deleted_order_is_gone(subject: Subject) -> None:
    if not subject.offers("delete"):
        with pytest.raises(NotOffered):
            await subject.erp.delete_order(OPEN)
        with pytest.raises(NotOffered):
            await subject.erp.snapshot(OPEN, "delete")
        assert (await subject.erp.get_order(OPEN)).status == "open"
        return

    assert (await subject.erp.snapshot(OPEN, "delete")).blockers == ()
    await subject.erp.delete_order(OPEN)

    with pytest.raises(OrderNotFound):
        await subject.erp.get_order(OPEN)
    with pytest.raises(OrderNotFound):
        await subject.erp.delete_order(OPEN)
    with pytest.raises(OrderNotFound):
        await subject.erp.snapshot(OPEN, "delete")


@pytest.mark.parametrize("number", [OPEN, PARTIAL, INVOICED])
async def test_a_cancelled_order_is_kept_and_reads_so(subject: Subject, number: str) -> None:
    if not subject.offers("cancel"):
        with pytest.raises(NotOffered):
            await subject.erp.cancel_order(number)
        with pytest.raises(NotOffered):
            await subject.erp.snapshot(number, "cancel")
        return
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


async def test_an_order_that_is_not_there_cannot_be_cancelled(subject: Subject) -> None:
    if subject.offers("cancel"):
        with pytest.raises(OrderNotFound):
            await subject.erp.cancel_order("PO-1999-0001")
        with pytest.raises(OrderNotFound):
            await subject.erp.snapshot("PO-1999-0001", "cancel")


@pytest.mark.parametrize(("number", "document"), [(PARTIAL, "item receipt IR-"), (INVOICED, "purchase invoice PI-")])
async def test_documents_that_forbid_a_delete_are_named_and_enforced(
    subject: Subject, number: str, document: str
) -> None:
    if subject.offers("delete"):
        found = await subject.erp.snapshot(number, "delete")

        assert any(blocker.startswith(document) for blocker in found.blockers)
        with pytest.raises(Refused):
            await subject.erp.delete_order(number)


async def test_an_order_that_was_recreated_under_its_number_has_another_identity(subject: Subject) -> None:
    if subject.offers("delete"):
        draft = await subject.draft(NEW)
        await subject.erp.create_order(draft)
        before = await subject.erp.snapshot(NEW, "delete")
        await subject.erp.delete_order(NEW)
        await subject.erp.create_order(draft)

        after = await subject.erp.snapshot(NEW, "delete")

        assert before.erp_id is not None
        assert before.erp_id != after.erp_id


async def test_the_sandbox_shows_the_identity_of_an_order_to_finalize(subject: Subject) -> None:
    if subject.erp.capabilities >= {"finalize", "delete"}:
        finalizing, deleting = [await subject.erp.snapshot(OPEN, kind) for kind in ("finalize", "delete")]

        assert finalizing == deleting
        assert finalizing.erp_id is not None


async def test_wrong_credentials_are_reported_and_no_write_is_sent(url: str) -> None:
    draft = OrderDraft(
        number=NEW,
        vendor=Vendor(id="12", name="Acme Fasteners"),
        lines=(DraftLine.model_validate({"item": "A", "quantity": "1", "unit_price": "1", "warehouse": "1"}),),
    )
    for erp in (
        InventoryPro(url, "sandbox", "not-the-secret"),
        Exsited(url, "sandbox", "not-the-secret", "https://localhost/"),
    ):
        with pytest.raises(SignInFailed):
            await erp.get_order(OPEN)
        if isinstance(erp, InventoryPro):
            with pytest.raises(SignInFailed):
                await erp.create_order(draft)
        await erp.aclose()
