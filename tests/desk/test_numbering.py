"""The number after the latest ones."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from po_mcp.desk.numbering import following
from po_mcp.orders import PurchaseOrder, Vendor

VENDOR = Vendor(id="CS91LM", name="Central")


def order(number: str, day: int, vendor_id: str | None = None) -> PurchaseOrder:
    placed = datetime(2025, 5, day, tzinfo=UTC)
    return PurchaseOrder(
        number=number, vendor="x", vendor_id=vendor_id, status="open", status_text="Open", ordered_at=placed
    )


@pytest.mark.parametrize(
    ("numbers", "taken", "after"),
    [
        (["PO-2025-0041", "PO-2025-0042"], [], "PO-2025-0043"),
        (["PO-2025-0042", "PO-2025-0007"], ["PO-2025-0043"], "PO-2025-0044"),
        (["PO-0099"], [], "PO-0100"),
        (["PO-9"], [], "PO-10"),
        (["PO-999"], [], "PO-1000"),
        (["PO-1", "PO-2", "PO-2-BO1"], [], "PO-3"),
        (["4711"], [], "4712"),
        (["PO-2", "no figures"], ["other-9"], "PO-3"),
    ],
)
def test_the_next_number_is_in_the_pattern_of_the_latest(numbers: list[str], taken: list[str], after: str) -> None:
    orders = [order(number, place + 1) for place, number in enumerate(numbers)]

    assert next(following(orders, taken, VENDOR)) == after


def test_the_numbers_after_it_follow() -> None:
    assert list(islice(following([order("PO-8", 1)], ["PO-10"], VENDOR), 3)) == ["PO-11", "PO-12", "PO-13"]


def test_a_number_that_holds_the_vendors_id_gets_that_of_this_vendor() -> None:
    orders = [order("PO-LHROM9-0023", 1, "LHROM9"), order("PO-CS91LM-0005", 2, "CS91LM")]

    assert next(following(orders, [], VENDOR)) == "PO-CS91LM-0006"
    assert next(following(orders[:1], [], VENDOR)) == "PO-CS91LM-0001"


def test_without_orders_there_is_no_pattern() -> None:
    assert list(following([], ["PO-1"], VENDOR)) == []
