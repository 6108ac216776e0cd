"""Drafts that Tryton would take as nobody meant, or refuse without a reason, are refused before they are sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from po_mcp.connectors.tryton import catalog, drafts, names, schemas, translate, values
from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import DraftLine, OrderDraft, OrderQuery, Vendor

ACTIVE = schemas.Party.parse({"id": 2, "active": True, "name": "Acme"})
UNIT = {"id": 1, "digits": 0, "symbol": "u"}
BOLT = schemas.Product.parse({"id": 1, "code": "B8", "active": True, "purchasable": True, "purchase_uom.": UNIT})
WAREHOUSES = [schemas.Warehouse.parse({"id": place, "name": f"W{place}"}) for place in (5, 6)]


def draft(vendor: str | None = "2", **changes: Any) -> OrderDraft:
    """Return an order of 12 bolts, its line with changes."""
    line = {
        "item": "1",
        "quantity": Decimal(12),
        "unit_price": Decimal("0.4"),
        "warehouse": "5",
        "unit": "u",
        **changes,
    }
    lines = (DraftLine.model_validate(line),)
    return OrderDraft(number="PM-1", vendor=Vendor(id=vendor, name="Acme"), lines=lines)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (draft(vendor=None), "vendor id must be a whole number"),
        (draft(vendor="ACME"), "vendor id must be a whole number"),
        (draft(item="BOLT"), r"item's id must be a whole number in Tryton \(line 1\)"),
        (draft(quantity=Decimal("123456789012.123456")), "Tryton keeps 15 digits of a quantity, and line 1 has more"),
        (
            draft().model_copy(update={"lines": (*draft().lines, *draft(warehouse="6").lines)}),
            "delivers an order to one warehouse",
        ),
    ],
)
def test_a_draft_that_is_wrong_by_itself_is_refused_before_anything_is_read(asked: OrderDraft, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        drafts.check_draft(asked)


@pytest.mark.parametrize(
    ("asked", "parties", "products", "why"),
    [
        (draft(), [], {1: BOLT}, "no active vendor of this id"),
        (draft(), [ACTIVE.model_copy(update={"active": False})], {1: BOLT}, "no active vendor of this id"),
        (draft(), [ACTIVE], {}, r"no item of this id that can be bought \(line 1\)"),
        (draft(), [ACTIVE], {1: BOLT.model_copy(update={"purchasable": False})}, "no item of this id"),
        (
            draft(quantity=Decimal("1.5")),
            [ACTIVE],
            {1: BOLT},
            "at most 0 decimals of quantity",
        ),
        (draft(unit_price=Decimal("0.12345")), [ACTIVE], {1: BOLT}, "at most 4 decimals of unit_price"),
        (draft(unit="dz"), [ACTIVE], {1: BOLT}, "orders the item of line 1 by u now, not by dz"),
        (
            draft(unit="dz"),
            [ACTIVE],
            {1: BOLT.model_copy(update={"unit": None})},
            "orders the item of line 1 by no unit now, not by dz",
        ),
        (draft(unit=None), [ACTIVE], {1: BOLT}, r"orders the item of line 1 by u now\. Nothing was sent"),
        (draft(word="B9"), [ACTIVE], {1: BOLT}, "calls the item of line 1 B8 now, not B9"),
        (
            draft(),
            [ACTIVE.model_copy(update={"name": "Bolt & Co"})],
            {1: BOLT},
            "calls the vendor of this id Bolt & Co now, not Acme",
        ),
    ],
)
def test_a_draft_that_contradicts_tryton_is_refused(
    asked: OrderDraft, parties: list[schemas.Party], products: dict[int, schemas.Product], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        drafts.check_values(asked, parties, products, 4)


@pytest.mark.parametrize("word", [None, "B8"])
def test_a_draft_as_tryton_shows_it_is_taken(word: str | None) -> None:
    drafts.check_values(draft(word=word), [ACTIVE], {1: BOLT}, 4)


def test_an_invisible_difference_in_a_name_is_no_change() -> None:
    """A person was shown the name with its invisible character made visible."""
    odd = BOLT.model_copy(update={"code": "B\u200b8"})
    (shown,) = catalog.convert_items([odd], None)

    drafts.check_values(draft(word=shown.word, unit=shown.unit), [ACTIVE], {1: odd}, 4)


@pytest.mark.parametrize(
    ("asked", "known", "chosen"), [("6", WAREHOUSES, 6), (None, WAREHOUSES[:1], 5), ("5", WAREHOUSES[:1], 5)]
)
def test_the_warehouse_is_the_one_asked_for_or_the_only_one(
    asked: str | None, known: list[schemas.Warehouse], chosen: int
) -> None:
    assert drafts.choose_warehouse(draft(warehouse=asked), known) == chosen


@pytest.mark.parametrize(
    ("asked", "why"),
    [(None, 'needs "warehouse"'), ("7", "no active warehouse of this id"), ("Main", "must be a whole number")],
)
def test_no_warehouse_is_guessed(asked: str | None, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        drafts.choose_warehouse(draft(warehouse=asked), WAREHOUSES)


def test_a_status_that_tryton_has_no_orders_of_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match='Tryton has no "deleted" orders'):
        translate.build_order_domain(OrderQuery(status="deleted"))


@pytest.mark.parametrize("answer", [None, [], "x"])
def test_values_that_are_no_object_are_not_trusted(answer: object) -> None:
    with pytest.raises(BadAnswer, match="not in the documented format"):
        drafts.parse_values(answer)


def test_an_order_without_a_name_is_asked_for_by_its_id() -> None:
    assert names.build_domain(names.format_id(7)) == ["id", "=", 7]


def test_the_id_of_a_new_order_is_the_one_that_was_made() -> None:
    assert schemas.parse_only_id([7]) == 7


def test_a_missing_quantity_is_none_and_a_flag_that_is_not_yes_or_no_is_refused() -> None:
    assert values._parse_quantity(None) is None
    with pytest.raises(ValueError, match="not yes or no"):
        values._parse_flag("maybe")
