"""What a reading says of a write, and what it does not: figures with zeros, orders with gaps, errors of the reading."""

from __future__ import annotations

from decimal import Decimal

import pytest

from po_mcp.errors import NotPermitted, SignInFailed
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Vendor
from po_mcp.writes.comparison import compare_order, is_stored_as
from po_mcp.writes.observation import unreadable

DRAFT = OrderDraft(
    number="PO-1",
    vendor=Vendor(id="12", name="Acme Fasteners"),
    lines=(DraftLine(item="BOLT", quantity=Decimal(10), unit_price=Decimal("0.45")),),
)


@pytest.mark.parametrize("stored", ["13.000000", "13", "12.0", "12.500000", "12.5"])
def test_a_rounded_quantity_is_ours_however_many_zeros_are_shown(stored: str) -> None:
    assert is_stored_as(Decimal(stored), Decimal("12.5"))


@pytest.mark.parametrize("stored", ["14.000000", "12.6", "12.400000", "0.000000"])
def test_another_quantity_is_no_rounding(stored: str) -> None:
    assert not is_stored_as(Decimal(stored), Decimal("12.5"))


def test_a_quantity_that_is_not_shown_is_none() -> None:
    assert not is_stored_as(None, Decimal("12.5"))


def order(vendor: str, item: str, vendor_id: str | None = None) -> PurchaseOrder:
    line = OrderLine(
        line=1,
        item=item,
        description="",
        quantity=Decimal(7),
        unit_price=Decimal(1),
        line_total=Decimal(7),
    )
    return PurchaseOrder(
        number="PO-1", vendor=vendor, vendor_id=vendor_id, status="open", status_text="Open", lines=(line,)
    )


def test_an_order_of_another_vendor_and_item_is_anothers() -> None:
    assert compare_order(DRAFT, order("Summit Packaging", "TAPE"), None).verdict == "foreign"


@pytest.mark.parametrize(("vendor", "item"), [("", "TAPE"), ("Summit Packaging", ""), ("", ""), (" ", " ")])
def test_an_order_that_does_not_show_its_vendor_or_items_may_be_ours(vendor: str, item: str) -> None:
    assert compare_order(DRAFT, order(vendor, item), None).verdict == "differs"


@pytest.mark.parametrize(
    "error",
    [NotPermitted("It is not permitted.", effect="nothing_changed"), SignInFailed("No.", effect="nothing_sent")],
)
def test_a_reading_that_failed_says_nothing_of_what_the_write_did(error: NotPermitted | SignInFailed) -> None:
    assert "Nothing was" not in unreadable(error).why
