"""Prices that nobody gave."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.desk import numbering, pricing
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.errors import BadAnswer, InvalidInput, Unreachable
from po_mcp.orders import Item, OrderLine, OrderRequest, PurchaseOrder, Vendor
from po_mcp.writes.order_text import name
from tests.desk.fakes import ListsERP, desk_over, line, order

ACME = Vendor(id="12", name="Acme", currency="AUD")
BOLT = Item(id="BOLT", name="Bolt", unit="EA")
ASKED = OrderRequest.model_validate({"vendor": "12", "lines": [{"item": "bolt", "quantity": "5"}]})


def resolve(vendor: Vendor = ACME, item: Item = BOLT) -> ResolvedOrder:
    return ResolvedOrder(vendor=vendor, items={"bolt": item}, warehouses={}, warehouse_names={})


def bought(number: str, placed: str, price: str | None, quantity: str = "10", **fields: Any) -> PurchaseOrder:
    return order(number, placed, vendor_id="12", lines=(line("BOLT", price, quantity),), **fields)


async def find_price(
    orders: list[PurchaseOrder], vendor: Vendor = ACME, item: Item = BOLT, **erp: Any
) -> pricing.SuggestedPrice:
    return (await pricing.find_prices(desk_over(ListsERP(orders, **erp)), ASKED, resolve(vendor, item)))["BOLT"]


@pytest.mark.parametrize("status", ["open", "partial", "closed"])
async def test_the_last_price_paid_is_known_with_its_source(status: str) -> None:
    last = bought("PO-2", "2026-11-02", "0.45", status=status, currency="AUD")
    price = await find_price([bought("PO-1", "2026-11-01", "0.40", currency="AUD"), last])

    assert (price.price, price.text) == (Decimal("0.45"), "0.45 AUD per EA")
    assert pricing.explain_prices({"BOLT": price}, resolve()) == [
        "No price was given for BOLT (Bolt); 0.45 AUD per EA was last paid, on PO-2 of 2 Nov 2026."
    ]


@pytest.mark.parametrize(
    "later",
    [
        bought("PO-2", "2026-11-02", "0"),
        bought("PO-2", "2026-11-02", "0.00"),
        bought("PO-2", "2026-11-02", "-0.45"),
        bought("PO-2", "2026-11-02", None),
        bought("PO-2", "2026-11-02", "9.99", quantity="-3"),
        bought("PO-2", "2026-11-02", "9.99", quantity="0"),
        bought("PO-2", "2026-11-02", "9.99", status="cancelled"),
        bought("PO-2", "2026-11-02", "9.99", status="deleted"),
        bought("PO-2", "2026-11-02", "9.99", status="draft"),
        bought("PO-2", "2026-11-02", "9.99", status="unknown"),
        bought("PO-2", "2026-11-02", "9.99", currency="USD"),
        order("PO-2", "2026-11-02", vendor_id="13", lines=(line("BOLT", "9.99"),)),
        order("PO-2", "2026-11-02", vendor_id="12", lines=(line("NUT", "9.99"),)),
        order("PO-2", "2026-11-02", vendor_id="12"),
    ],
)
async def test_free_returned_cancelled_and_foreign_currency_lines_give_no_price(later: PurchaseOrder) -> None:
    price = await find_price([bought("PO-1", "2026-11-01", "0.45"), later])

    assert (price.price, price.source) == (Decimal("0.45"), "last paid, on PO-1 of 1 Nov 2026")


@pytest.mark.parametrize(
    ("bought_in", "ordered_in", "price"),
    [("BX", "EA", "0.45"), ("EA", "EA", "9.99"), (None, "EA", "9.99"), ("BX", None, "9.99"), ("m", "M", "0.45")],
)
async def test_a_price_of_another_unit_is_no_price(bought_in: str | None, ordered_in: str | None, price: str) -> None:
    item = Item(id="BOLT", name="Bolt", unit=ordered_in)
    boxes = line("BOLT", "9.99").model_copy(update={"unit": bought_in})
    orders = [bought("PO-1", "2026-11-01", "0.45"), order("PO-2", "2026-11-02", vendor_id="12", lines=(boxes,))]

    assert (await find_price(orders, item=item)).price == Decimal(price)


async def test_the_free_line_of_an_order_does_not_hide_its_paid_one() -> None:
    both = (line("BOLT", "0"), line("BOLT", "0.45"))

    assert (await find_price([order("PO-1", "2026-11-01", vendor_id="12", lines=both)])).price == Decimal("0.45")


async def test_orders_of_several_currencies_give_no_price_for_a_vendor_without_one() -> None:
    vendor = Vendor(id="12", name="Acme")
    orders = [bought("PO-1", "2026-11-01", "1", currency="AUD"), bought("PO-2", "2026-11-02", "2", currency="USD")]

    assert (await find_price(orders[:1], vendor)).text == "1.00 AUD per EA"
    with pytest.raises(InvalidInput, match="No price was given for BOLT"):
        await find_price(orders, vendor)


async def test_an_order_that_cannot_be_read_is_passed_over_and_an_erp_that_is_away_is_not() -> None:
    orders = [bought("PO-1", "2026-11-01", "0.45"), bought("PO/2", "2026-11-02", "9")]

    assert (await find_price(orders, unreadable={"PO/2": BadAnswer("odd")})).price == Decimal("0.45")
    with pytest.raises(Unreachable):
        await find_price(orders, unreadable={"PO/2": Unreachable("away")})


@pytest.mark.parametrize("listed", ["0", "0.00", "-1", None])
async def test_a_list_price_of_nothing_is_none(listed: str | None) -> None:
    item = Item.model_validate({"id": "BOLT", "name": "Bolt", "price": listed})

    assert (await find_price([bought("PO-1", "2026-11-01", "0.45")], item=item)).price == Decimal("0.45")
    with pytest.raises(InvalidInput, match="Give the unit price"):
        await find_price([], item=item)


async def test_a_list_price_is_taken_before_any_order_is_read() -> None:
    erp = ListsERP([bought("PO-1", "2026-11-01", "0.45")])
    item = Item(id="BOLT", name="Bolt", unit="BX", price=Decimal("7.50"))
    prices = await pricing.find_prices(desk_over(erp), ASKED, resolve(item=item))

    assert prices["BOLT"].text == "7.50 per BX"
    assert erp.scans == []


@pytest.mark.parametrize(
    ("listed_in", "paid_in", "text"),
    [("AUD", "AUD", "7.50 AUD"), (None, "AUD", "7.50"), ("USD", None, "0.45 AUD"), ("USD", "AUD", "0.45 AUD")],
)
async def test_a_list_price_in_another_currency_than_the_vendors_is_not_taken(
    listed_in: str | None, paid_in: str | None, text: str
) -> None:
    item = Item(id="BOLT", name="Bolt", price=Decimal("7.50"), currency=listed_in)
    vendor = Vendor(id="12", name="Acme", currency=paid_in)

    assert (await find_price([bought("PO-1", "2026-11-01", "0.45", currency="AUD")], vendor, item)).text == text


async def test_the_list_is_read_once_for_prices_and_number() -> None:
    erp = ListsERP([bought("PO-1", "2020-11-01", "0.45"), bought("PO-2", "2020-11-02", "0.45")])
    desk = desk_over(erp)
    latest = LatestOrders(desk)
    await pricing.find_prices(desk, ASKED, resolve(), latest)
    numbers = [number async for number in numbering.find_free_numbers(desk, ACME, latest)]

    assert numbers[0] == "PO-3"
    assert len(erp.scans) == 1


def test_a_price_of_zero_is_for_a_person_to_see() -> None:
    free = OrderRequest.model_validate(
        {"vendor": "12", "lines": [{"item": "bolt", "quantity": "5", "unit_price": "0.00"}]}
    )

    assert pricing.explain_zero_prices(free, resolve()) == [
        "The price of BOLT (Bolt) is 0 AUD: it is ordered for nothing."
    ]
    assert pricing.explain_zero_prices(ASKED, resolve()) == []


@pytest.mark.parametrize(
    ("code", "word", "shown"),
    [("BLT-8", "BLT-8", "BLT-8 (Bolt)"), (None, "Bolt", "Bolt"), (None, None, "41 (Bolt)")],
)
def test_an_item_is_called_by_its_word_where_its_id_is_none(code: str | None, word: str | None, shown: str) -> None:
    bolt = Item(id="41", name="Bolt", code=code, word=word)
    lines = [{"item": "bolt", "quantity": "5", "unit_price": price} for price in ("0", "2")]
    asked = OrderRequest.model_validate({"vendor": "12", "lines": lines})
    listed = {"41": pricing.SuggestedPrice(Decimal(2), "the item's price in the ERP")}

    (free,) = pricing.explain_zero_prices(asked, resolve(item=bolt))
    (source,) = pricing.explain_prices(listed, resolve(item=bolt))
    (several,) = pricing.explain_several_prices(asked, resolve(item=bolt), {})

    assert free.startswith(f"The price of {shown} is 0 AUD")
    assert source.startswith(f"No price was given for {shown}; 2.00 was")
    assert several.startswith(f"{shown} is ordered at several prices")


@pytest.mark.parametrize("shown", ["BOLT-M8", "bolt-m8", "BOLT-M8  ", " bolt-m8", "1001"])
async def test_a_last_price_is_of_the_item_however_an_order_writes_its_code(shown: str) -> None:
    item = Item(id="BOLT-M8", code="1001", name="Bolt", unit="EA")
    lines = (line(shown, "0.45"),)
    found_prices = await find_price_of(item, [item], lines)

    assert found_prices is not None
    assert found_prices.price == Decimal("0.45")


@pytest.mark.parametrize(
    ("shown", "others"),
    [
        ("bolt-m8", [Item(id="bolt-m8", name="Another")]),
        ("Bolt-M8", []),
        ("BOLT -M8", []),
        ("BOLT-M80", []),
        ("1001", [Item(id="1001", name="Another")]),
        ("1001 ", [Item(id="X", code="1001", name="Another")]),
        ("Bolt", []),
        ("", []),
    ],
)
async def test_a_last_price_is_never_that_of_another_item(shown: str, others: list[Item]) -> None:
    item = Item(id="BOLT-M8", code="1001", name="Bolt", unit="EA")

    assert await find_price_of(item, [item, *others], (line(shown, "0.45"),)) is None


async def find_price_of(item: Item, listed: list[Item], lines: tuple[OrderLine, ...]) -> pricing.SuggestedPrice | None:
    """The last price of an item, where the only order has these lines."""
    desk = desk_over(ListsERP([order("PO-1", "2026-11-01", vendor_id="12", lines=lines)], item_list=listed))
    try:
        return (await pricing.find_prices(desk, ASKED, resolve(item=item)))[item.id]
    except InvalidInput:
        return None


@pytest.mark.parametrize("shown", ["Acme GmbH", "ACME Ltd.", "Acme & Co. KG"])
async def test_a_last_price_of_the_vendors_legal_name_says_under_which_it_was_paid(shown: str) -> None:
    orders = [order("PO-1", "2026-11-01", vendor=shown, lines=(line("BOLT", "0.45"),))]
    price = await find_price(orders, vendor_list=[ACME])

    assert price.source == f"last paid, on PO-1 of 1 Nov 2026, whose vendor is shown as {name(shown)}"


async def test_a_price_of_the_vendors_own_name_goes_before_a_later_one_of_its_legal_name() -> None:
    orders = [
        order("PO-1", "2026-11-01", vendor="Acme", lines=(line("BOLT", "0.45"),)),
        order("PO-2", "2026-11-02", vendor="Acme GmbH", lines=(line("BOLT", "9.99"),)),
    ]

    assert (await find_price(orders)).price == Decimal("0.45")


@pytest.mark.parametrize(
    ("shown", "listed"),
    [
        ("Acme EU", [ACME]),
        ("Acme Textiles GmbH", [ACME]),
        ("Acme GmbH", [ACME, Vendor(id="13", name="Acme Ltd")]),
        ("Acme GmbH", [ACME, Vendor(id="13", name="Acme GmbH")]),
        ("GmbH", [ACME]),
    ],
)
async def test_a_last_price_is_never_that_of_another_vendor(shown: str, listed: list[Vendor]) -> None:
    orders = [order("PO-1", "2026-11-01", vendor=shown, lines=(line("BOLT", "0.45"),))]
    with pytest.raises(InvalidInput, match="No price was given"):
        await find_price(orders, vendor_list=listed)


async def test_a_price_whose_currency_is_not_given_says_so_where_the_vendor_has_one() -> None:
    price = await find_price([bought("PO-1", "2026-11-01", "0.45")])
    bare = Vendor(id="12", name="Acme")

    [sentence] = pricing.explain_prices({"BOLT": price}, resolve())
    assert sentence.endswith("was last paid, on PO-1 of 1 Nov 2026. Its currency is not given.")
    assert "currency" not in pricing.explain_prices({"BOLT": price}, resolve(bare))[0]
    assert pricing.describe_source(price, BOLT, ACME).endswith("of 1 Nov 2026; its currency is not given")
    assert "currency" not in pricing.describe_source(price, BOLT, bare)


async def test_the_source_of_a_price_says_its_unit_where_the_item_has_none() -> None:
    item = BOLT.model_copy(update={"unit": None})
    price = replace(await find_price([bought("PO-1", "2026-11-01", "0.45", currency="AUD")], item=item), unit="BOX")

    assert pricing.describe_source(price, item, ACME) == "per BOX, last paid, on PO-1 of 1 Nov 2026"
    assert pricing.describe_source(price, BOLT, ACME) == "last paid, on PO-1 of 1 Nov 2026"


def test_several_prices_of_one_item_are_for_a_person_to_see() -> None:
    prices = ["0.22", "0.25", "0.22", None]
    lines = [{"item": "bolt", "quantity": "5", "unit_price": price} for price in prices]
    several = OrderRequest.model_validate({"vendor": "12", "lines": lines})
    guessed = {"BOLT": pricing.SuggestedPrice(Decimal("0.2"), "last paid")}

    assert pricing.explain_several_prices(several, resolve(), guessed) == [
        "BOLT (Bolt) is ordered at several prices: 0.22 AUD on lines 1 and 3, 0.25 AUD on line 2, 0.20 AUD on line 4."
    ]
    assert pricing.explain_several_prices(ASKED, resolve(), guessed) == []


async def test_a_last_price_says_the_unit_of_its_line_where_the_item_has_none() -> None:
    boxes = line("BOLT", "9.99").model_copy(update={"unit": "BX"})
    orders = [order("PO-1", "2026-11-01", vendor_id="12", lines=(boxes,))]

    assert (await find_price(orders, item=Item(id="BOLT", name="Bolt"))).text == "9.99 per BX"
