"""A new order in a real Tryton: what is stored, under which number, and what is refused before anything is sent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton, reading
from po_mcp.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    PurchaseOrderError,
    Refused,
)
from po_mcp.orders import OrderQuery, Vendor
from tests.tryton.book import PURCHASE, today
from tests.tryton.conftest import Book, Connect
from tests.tryton.interceptor import Interceptor
from tests.tryton.rpc import day as written_day
from tests.tryton.rpc import money

pytestmark = pytest.mark.tryton

NEW = "PM-2026-0042"


def read_stored(book: Book, reference: str = NEW, *names: str) -> list[dict[str, Any]]:
    """Read the orders of a reference, past the connector."""
    return book.users.buyer.search_read(PURCHASE, ["reference", *names], ["reference", "=", reference])


async def test_a_created_order_is_a_draft_as_it_was_asked_for(erp: Tryton, book: Book) -> None:
    day = today() + timedelta(days=20)
    draft = book.draft(
        NEW, ("bolt", "88", "0.085"), ("oil", "87.5", "12"), note="Ring the bell.", expected_on=day.isoformat()
    ).model_copy(update={"reference": "op-7f3a"})

    created = await erp.create_order(draft)

    assert (created.number, created.status, created.status_text) == (NEW, "draft", "draft")
    assert (created.reference, created.expected_on, created.ordered_at) == ("op-7f3a", day, None)
    assert [(line.item_key, line.quantity, line.unit_price) for line in created.lines or ()] == [
        (line.item, line.quantity, line.unit_price) for line in draft.lines
    ]
    assert created == await erp.get_order(NEW)
    (row,) = read_stored(book, NEW, "state", "number", "comment", "description", "warehouse", "create_uid.login")
    assert (row["state"], row["number"], row["comment"]) == ("draft", None, "Ring the bell.")
    assert (row["description"], row["create_uid."]["login"]) == ("po-mcp op-7f3a", "buyer")
    assert row["warehouse"] == book.facts.warehouses["main"]


async def test_a_created_order_is_the_one_that_the_desktop_client_makes(erp: Tryton, book: Book) -> None:
    names = ("untaxed_amount", "tax_amount", "total_amount", "invoice_address", "payment_term", "currency")
    of_lines = ("lines.unit", "lines.taxes", "lines.product_supplier", "lines.amount", "lines.unit_price")
    by_hand = book.users.make_order("BY-HAND", ("bolt", "1200", "0.40"), ("oil", "2.35", "12.5"))
    lines = book.users.buyer.read(PURCHASE, by_hand, "lines")["lines"]
    book.users.buyer.write("purchase.line", lines[0], product_supplier=1)

    await erp.create_order(book.draft(NEW, ("bolt", "1200", "0.40"), ("oil", "2.35", "12.5")))

    ours, source = read_stored(book, NEW, *names, *of_lines)[0], read_stored(book, "BY-HAND", *names, *of_lines)[0]
    assert ours["total_amount"] == money("611.26")
    for row in (ours, source):
        row.pop("id")
        row.pop("reference")
        for line in row["lines."]:
            line.pop("id")
    assert ours == source


async def test_a_created_order_can_be_quoted_and_confirmed_and_is_found_as_before(erp: Tryton, book: Book) -> None:
    await erp.create_order(book.draft(NEW))
    (row,) = read_stored(book)

    book.users.press(row["id"], "quote", "confirm")

    order = await erp.get_order(NEW)
    assert (order.number, order.status) == (NEW, "open")
    assert order.status_text == "processing; shipment waiting; invoice pending; number 9"
    assert "9" in {listed.number for listed in (await erp.scan_orders(OrderQuery(status="open"))).orders}


async def test_a_created_order_is_found_by_its_reference_after_a_person_renamed_it(erp: Tryton, book: Book) -> None:
    await erp.create_order(book.draft(NEW).model_copy(update={"reference": "op-7f3a"}))
    (row,) = read_stored(book)
    book.users.buyer.write(PURCHASE, row["id"], reference="OFFICE-7")

    found = await erp.get_order_of_reference("op-7f3a")

    assert (found.number, found.reference) == ("OFFICE-7", "op-7f3a")
    with pytest.raises(OrderNotFound):
        await erp.get_order_of_reference("op-7f3b")


async def test_a_number_that_an_order_goes_by_is_a_conflict_and_nothing_is_sent(erp: Tryton, book: Book) -> None:
    await erp.create_order(book.draft(NEW))

    with pytest.raises(Conflict, match="Nothing was sent") as failed:
        await erp.create_order(book.draft(NEW))

    assert failed.value.effect == "nothing_sent"
    assert len(read_stored(book)) == 1


@pytest.mark.parametrize("number", ["7", "2026", "(3)", "a/b", "", ".."])
async def test_a_number_that_tryton_gives_itself_is_refused(erp: Tryton, book: Book, number: str) -> None:
    with pytest.raises(InvalidInput):
        erp.check_draft(book.draft(number))


async def test_a_number_of_the_pattern_of_trytons_sequence_is_refused(erp: Tryton, book: Book) -> None:
    (sequence,) = book.users.admin.search("ir.sequence", ["name", "=", "Purchase"])
    book.users.admin.write("ir.sequence", sequence, prefix="PO-")
    book.users.press(book.orders["draft"], "quote")
    assert read_stored(book, "PM-2026-0001", "number")[0]["number"] == "PO-9"

    with pytest.raises(InvalidInput, match="numbers its orders itself"):
        await erp.create_order(book.draft("po-10"))

    assert read_stored(book, "po-10") == []


async def test_a_vendors_currency_is_their_own_else_that_of_their_orders_else_the_companys(
    erp: Tryton, book: Book
) -> None:
    users, vendors = book.users, book.facts.vendors
    assert {vendor.currency for vendor in await erp.vendors()} == {"EUR"}

    dollars = book.facts.currencies["USD"]
    for number in range(7):
        users.make_order(f"USD-{number}", ("bolt", "1", "1"), vendor="bolts", currency=dollars)
    users.make_order("USD-7", ("bolt", "1", "1"), currency=dollars)
    # Of the latest ten orders the currency of most.
    listed = {vendor.id: vendor for vendor in await erp.vendors()}
    assert [listed[str(vendors[key])].currency for key in ("acme", "bolts")] == ["EUR", "USD"]
    for vendor in listed.values():
        assert await erp.read_vendor(vendor) == vendor

    users.admin.write("party.party", vendors["acme"], supplier_currency=dollars)
    users.admin.write("party.party", vendors["bolts"], supplier_currency=dollars)
    listed = {vendor.id: vendor for vendor in await erp.vendors()}
    assert [listed[str(vendors[key])].currency for key in ("acme", "bolts")] == ["USD", "USD"]


async def test_no_currency_is_guessed_where_there_are_too_many_vendors_to_ask_about(
    erp: Tryton, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PARTIES_ASKED_ABOUT", 0)
    book.users.make_order("USD-1", ("bolt", "1", "1"), vendor="bolts", currency=book.facts.currencies["USD"])
    vendor = next(one for one in await erp.vendors() if one.name == "Bolt & Co")
    sent: list[None] = []

    with pytest.raises(Conflict, match=r"in EUR, which was not known before\. Nothing was sent") as failed:
        await erp.create_order(book.draft(NEW).model_copy(update={"vendor": vendor}), lambda: sent.append(None))

    assert (vendor.currency, failed.value.effect, sent, read_stored(book)) == (None, "nothing_sent", [], [])


async def test_an_order_in_another_currency_than_the_companys_needs_a_rate(erp: Tryton, book: Book) -> None:
    """Without a rate Tryton fills in no line, nor does it in its own client."""
    admin, currencies = book.users.admin, book.facts.currencies
    admin.write("party.party", book.facts.vendors["acme"], supplier_currency=currencies["USD"])
    draft = book.draft(NEW)
    draft = draft.model_copy(update={"vendor": draft.vendor.model_copy(update={"currency": "USD"})})
    sent: list[None] = []

    with pytest.raises(Refused, match="by a rule of its own"):
        await erp.create_order(draft, lambda: sent.append(None))
    assert (sent, read_stored(book)) == ([], [])

    for code, rate in (("EUR", "1"), ("USD", "1.16")):
        of_day = {"date": written_day(today()), "rate": money(rate)}
        admin.create("currency.currency.rate", {"currency": currencies[code], **of_day})
    created = await erp.create_order(draft)
    assert created.currency == "USD"
    # The price is the one that was given, not one that Tryton converts.
    assert [line.unit_price for line in created.lines or ()] == [line.unit_price for line in draft.lines]


def inactive(book: Book) -> Any:
    return book.draft(NEW, vendor="former")


def unknown_vendor(book: Book) -> Any:
    return book.draft(NEW).model_copy(update={"vendor": Vendor(id="4711", name="Nobody")})


def not_purchasable(book: Book) -> Any:
    return book.draft(NEW, ("bench", "1", "300"))


def unknown_item(book: Book) -> Any:
    line = book.draft(NEW).lines[0].model_copy(update={"item": "4711"})
    return book.draft(NEW).model_copy(update={"lines": (line,)})


def half_a_bolt(book: Book) -> Any:
    return book.draft(NEW, ("bolt", "0.5", "1"))


def too_fine_a_price(book: Book) -> Any:
    return book.draft(NEW, ("bolt", "1", "0.00001"))


def unknown_warehouse(book: Book) -> Any:
    line = book.draft(NEW).lines[0].model_copy(update={"warehouse": "4711"})
    return book.draft(NEW).model_copy(update={"lines": (line,)})


def no_warehouse_of_two(book: Book) -> Any:
    line = book.draft(NEW).lines[0].model_copy(update={"warehouse": None})
    return book.draft(NEW).model_copy(update={"lines": (line,)})


def two_warehouses(book: Book) -> Any:
    lines = book.draft(NEW, ("bolt", "1", "1"), ("nut", "1", "1")).lines
    north = lines[1].model_copy(update={"warehouse": str(book.facts.warehouses["north"])})
    return book.draft(NEW).model_copy(update={"lines": (lines[0], north)})


def too_many_digits(book: Book) -> Any:
    return book.draft(NEW, ("bolt", "123456789012.123456", "1"))


@pytest.mark.parametrize(
    "make",
    [
        inactive,
        unknown_vendor,
        not_purchasable,
        unknown_item,
        half_a_bolt,
        too_fine_a_price,
        unknown_warehouse,
        no_warehouse_of_two,
        two_warehouses,
        too_many_digits,
    ],
    ids=lambda make: make.__name__,
)
async def test_a_draft_that_tryton_should_not_take_is_refused_before_it_is_sent(
    erp: Tryton, book: Book, make: Any
) -> None:
    sent: list[None] = []

    with pytest.raises(InvalidInput, match="Nothing was sent") as failed:
        await erp.create_order(make(book), lambda: sent.append(None))

    assert failed.value.effect == "nothing_sent"
    assert sent == []
    assert read_stored(book) == []


async def test_figures_are_stored_exactly(erp: Tryton, book: Book) -> None:
    await erp.create_order(book.draft(NEW, ("oil", "567890123.45", "0.0001"), ("bolt", "999999999999", "0")))

    order = await erp.get_order(NEW)

    assert [(line.quantity, line.unit_price) for line in order.lines or ()] == [
        (Decimal("567890123.45"), Decimal("0.0001")),
        (Decimal(999999999999), Decimal(0)),
    ]


async def test_an_error_right_before_the_first_byte_keeps_a_create_from_leaving(erp: Tryton, book: Book) -> None:
    class TooLateError(PurchaseOrderError):
        pass

    def refuse() -> None:
        raise TooLateError("too late")

    with pytest.raises(TooLateError):
        await erp.create_order(book.draft(NEW), refuse)

    assert read_stored(book) == []


async def test_a_user_who_may_only_read_gets_the_name_of_the_missing_right(connect: Connect, book: Book) -> None:
    clerk = connect("clerk")
    assert (await clerk.get_order("PM-2026-0001")).status == "draft"

    with pytest.raises(NotPermitted, match="group Purchase"):
        await clerk.create_order(book.draft(NEW))

    assert read_stored(book) == []


async def test_an_order_that_reads_back_otherwise_is_unknown(connect: Connect, book: Book) -> None:
    """A colleague changes the order before it is read back."""

    def change(method: str, result: Any) -> None:
        if method == f"model.{PURCHASE}.create":
            book.users.buyer.write(PURCHASE, result[0], reference="PM-CHANGED")

    erp = connect(transport=Interceptor(after=change))

    with pytest.raises(OutcomeUnknown):
        await erp.create_order(book.draft(NEW))

    assert len(read_stored(book, "PM-CHANGED")) == 1
