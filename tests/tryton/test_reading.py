"""Orders, lists, vendors, items and warehouses, as they are read of a real Tryton."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.errors import Conflict, InvalidInput, OrderNotFound
from po_mcp.orders import OrderQuery, Status
from tests.tryton.conftest import Book, Connect
from tests.tryton.interceptor import Interceptor

pytestmark = pytest.mark.tryton

OF_STATUS: dict[Status, set[str]] = {
    "draft": {"draft", "nameless", "twin", "other_twin", "quotation"},
    "open": {"waiting", "exception"},
    "partial": {"partial"},
    "closed": {"received", "short", "done"},
    "cancelled": {"cancelled"},
}


async def test_the_list_holds_every_order_once(erp: Tryton, book: Book) -> None:
    found = await erp.scan_orders(OrderQuery())

    assert len(found.orders) == len({order.number for order in found.orders}) == len(book.orders)
    assert (found.read, found.total, found.complete, found.is_cut) == (len(book.orders), len(book.orders), True, False)


@pytest.mark.parametrize("status", OF_STATUS)
async def test_tryton_picks_the_orders_of_a_status(erp: Tryton, book: Book, status: Status) -> None:
    found = await erp.scan_orders(OrderQuery(status=status))

    everything = await erp.scan_orders(OrderQuery())
    assert found.total == found.read == len(OF_STATUS[status])
    assert {order.number for order in found.orders} <= {order.number for order in everything.orders}
    assert {order.status for order in found.orders} == {status}


async def test_the_statuses_together_are_the_whole_list(erp: Tryton, book: Book) -> None:
    counted = [len((await erp.scan_orders(OrderQuery(status=status))).orders) for status in sorted(erp.listed_statuses)]

    assert sum(counted) == len(book.orders)


async def test_a_status_that_tryton_does_not_have_is_refused(erp: Tryton) -> None:
    statuses: tuple[Status, ...] = ("unknown", "deleted")
    for status in statuses:
        with pytest.raises(InvalidInput, match="Nothing was sent"):
            await erp.scan_orders(OrderQuery(status=status))


async def test_dates_are_inclusive_and_leave_out_what_is_not_ordered_yet(erp: Tryton, book: Book) -> None:
    on_the_day = await erp.scan_orders(OrderQuery(ordered_from=_read_day(book), ordered_to=_read_day(book)))
    after = await erp.scan_orders(OrderQuery(ordered_from=_read_day(book) + timedelta(days=1)))

    assert len(on_the_day.orders) == 6
    assert all(order.ordered_at is not None for order in on_the_day.orders)
    assert after.orders == ()


async def test_orders_of_one_reference_are_listed_by_their_ids(erp: Tryton, book: Book) -> None:
    found = {order.number for order in (await erp.scan_orders(OrderQuery(status="draft"))).orders}

    assert found == {"PM-2026-0001", "1", *(f"({book.orders[name]})" for name in ("nameless", "twin", "other_twin"))}


async def test_an_order_is_read_with_exact_numbers(erp: Tryton, book: Book) -> None:
    order = await erp.get_order("PM-2026-0004")

    assert (order.status, order.currency, order.line_count) == ("partial", "EUR", 2)
    assert order.status_text == "processing; shipment partially shipped; invoice pending; number 3"
    assert (order.total, order.sum_of_lines) == (Decimal("89.26"), Decimal("74.38"))
    assert (order.vendor, order.vendor_id) == ("Acme Fasteners", str(book.facts.vendors["acme"]))
    assert [(line.quantity, line.received, line.outstanding, line.unit_price) for line in order.lines or ()] == [
        (Decimal(100), Decimal(30), Decimal(70), Decimal("0.45")),
        (Decimal("2.35"), Decimal("2.35"), Decimal(0), Decimal("12.50")),
    ]
    assert [(line.item, line.description, line.warehouse_name) for line in order.lines or ()] == [
        ("BOLT-M8-30", "M8 x 30mm Hex Bolt", "Main"),
        ("OIL-1", "Machine oil", "Main"),
    ]
    assert [line.item_key for line in order.lines or ()] == [str(book.facts.items[item]) for item in ("bolt", "oil")]
    assert order.total_before_tax == order.sum_of_lines


async def test_an_abandoned_quantity_is_neither_received_nor_outstanding(erp: Tryton) -> None:
    order = await erp.get_order("PM-2026-0006")

    assert order.status == "closed"
    assert [(line.quantity, line.received, line.outstanding) for line in order.lines or ()] == [
        (Decimal(100), Decimal(60), Decimal(0))
    ]


async def test_a_service_is_never_received(erp: Tryton) -> None:
    freight = ((await erp.get_order("PM-2026-0003")).lines or ())[2]

    assert (freight.received, freight.outstanding) == (None, None)


async def test_a_title_is_no_line(erp: Tryton, book: Book) -> None:
    title = ["create", [{"type": "title", "description": "Fasteners"}, {"type": "subtotal", "description": "Sum"}]]
    book.users.buyer.write("purchase.purchase", book.orders["draft"], lines=[title])

    order = await erp.get_order("PM-2026-0001")

    assert order.line_count == len(order.lines or ()) == 2


@pytest.mark.parametrize("name", ["1", "PM-2026-0002", "(5)"])
async def test_an_order_is_found_by_number_reference_and_id(erp: Tryton, book: Book, name: str) -> None:
    assert book.orders["quotation"] == 5

    order = await erp.get_order(name)

    assert order.number == name
    assert "quotation" in order.status_text
    assert (await erp.snapshot(name, "cancel")).erp_id == "5"


async def test_a_name_that_several_orders_have_is_a_conflict_that_lists_their_ids(erp: Tryton, book: Book) -> None:
    with pytest.raises(Conflict, match=rf"\({book.orders['twin']}\), \({book.orders['other_twin']}\)"):
        await erp.get_order("PM-2026-0009")

    order = await erp.get_order(f"({book.orders['other_twin']})")

    assert [line.quantity for line in order.lines or ()] == [Decimal(6)]


async def test_a_number_of_one_order_that_is_the_reference_of_another_is_a_conflict(erp: Tryton, book: Book) -> None:
    book.users.buyer.write("purchase.purchase", book.orders["draft"], reference="3")

    with pytest.raises(Conflict):
        await erp.get_order("3")


async def test_letter_case_is_ignored_only_where_that_is_asked(erp: Tryton, book: Book) -> None:
    with pytest.raises(OrderNotFound):
        await erp.get_order("pm-2026-0001")

    order = await erp.get_order("pm-2026-0001", in_any_case=True)

    assert order.number == "PM-2026-0001"
    assert order.created_at is not None
    assert abs(order.created_at - datetime.now(UTC)) < timedelta(days=400)


@pytest.mark.parametrize("name", ["%", "PM-2026-000_", "PM-2026-0404", "(404)"])
async def test_a_name_is_not_taken_for_a_pattern(erp: Tryton, name: str) -> None:
    with pytest.raises(OrderNotFound):
        await erp.get_order(name, in_any_case=True)


@pytest.mark.usefixtures("restart_after")
async def test_an_order_of_another_company_is_not_found(erp: Tryton, book: Book) -> None:
    admin = book.users.admin
    (party,) = admin.create("party.party", {"name": "Other Works Ltd"})
    (other,) = admin.create("company.company", {"party": party, "currency": book.facts.currencies["EUR"]})
    admin.write("res.user", admin.user, companies=[["add", [other]]])
    values = {"party": book.facts.vendors["acme"], "company": other, "reference": "PM-OTHER-1"}
    ((identifier,)) = admin.on("purchase.purchase", "create", [values], company=other)

    for name in ("PM-OTHER-1", f"({identifier})"):
        with pytest.raises(OrderNotFound):
            await erp.get_order(name)


async def test_vendors_are_the_active_parties_but_the_company_itself(erp: Tryton, book: Book) -> None:
    vendors = await erp.vendors()

    assert {(vendor.id, vendor.code, vendor.name) for vendor in vendors} == {
        (str(book.facts.vendors["acme"]), "V-ACME", "Acme Fasteners"),
        (str(book.facts.vendors["bolts"]), "V-BOLT", "Bolt & Co"),
    }


async def test_items_are_the_products_that_can_be_bought(erp: Tryton) -> None:
    items = await erp.items()

    assert {(item.code, item.name, item.unit, item.price) for item in items} == {
        ("BOLT-M8-30", "M8 x 30mm Hex Bolt", "u", Decimal("0.45")),
        ("NUT-M8", "M8 Nut", "u", Decimal("0.12")),
        ("OIL-1", "Machine oil", "kg", Decimal("12.5")),
        ("FREIGHT", "Freight", "u", Decimal(40)),
    }


async def test_warehouses_are_the_locations_of_that_type(erp: Tryton, book: Book) -> None:
    assert {(warehouse.id, warehouse.name) for warehouse in await erp.warehouses()} == {
        (str(book.facts.warehouses["main"]), "Main"),
        (str(book.facts.warehouses["north"]), "North"),
    }


async def test_a_list_of_several_pages_is_read_to_its_end(
    erp: Tryton, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("po_mcp.connectors.tryton.reading._ROWS_PER_PAGE", 5)
    reported: list[tuple[int, int | None]] = []

    async def tell(read: int, of: int | None) -> None:
        reported.append((read, of))

    found = await erp.scan_orders(OrderQuery(), tell)
    cut = await erp.scan_orders(OrderQuery(max_orders=5))

    assert len(found.orders) == len(book.orders) == 12
    assert (reported[0], reported[-1], len(reported)) == ((5, 12), (12, 12), 3)
    assert reported == sorted(reported)  # the second and the third page are read at the same time
    assert (cut.read, cut.total, cut.complete, cut.is_cut) == (5, 12, False, True)


async def test_a_probe_reads_an_order_and_writes_nothing(connect: Connect) -> None:
    interceptor = Interceptor()

    await connect(transport=interceptor).probe()

    assert interceptor.methods[-1] == "model.purchase.purchase.search"
    assert not [one for one in interceptor.methods if one.endswith((".create", ".write", ".cancel", ".delete"))]


def _read_day(book: Book) -> date:
    day = book.users.buyer.read("purchase.purchase", book.orders["waiting"], "purchase_date")["purchase_date"]
    return date(year=day["year"], month=day["month"], day=day["day"])
