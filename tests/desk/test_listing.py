"""Sums, sorting, and what is overdue."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.desk.listing import Direction, Sort, is_overdue, sort_orders, summarize
from po_mcp.desk.vendor_filter import VendorFilter
from po_mcp.orders import PurchaseOrder, Status, Vendor

CENTS = st.decimals(min_value=0, max_value=Decimal(10) ** 12, places=6, allow_nan=False)


def order(number: str, **fields: Any) -> PurchaseOrder:
    return PurchaseOrder(**{"number": number, "vendor": "Acme", "status": "open", "status_text": "Open", **fields})


@given(st.lists(CENTS, max_size=60))
def test_a_sum_is_exact_whatever_is_added(totals: list[Decimal]) -> None:
    scaled = sum(int(total.scaleb(6)) for total in totals)

    summary = summarize([order(f"PO-{place}", total=total) for place, total in enumerate(totals)])

    assert summary.total_value == Decimal(scaled).scaleb(-6)
    assert summary.total_count == len(totals)


def test_currencies_are_never_added_up() -> None:
    summary = summarize(
        [order("1", total=Decimal("1.50"), currency="USD"), order("2", total=Decimal(2), currency="EUR")]
    )

    assert summary.total_value is None
    assert summary.totals == {"EUR": Decimal(2), "USD": Decimal("1.50")}


def test_a_total_that_the_erp_does_not_tell_is_counted_and_not_guessed() -> None:
    summary = summarize([order("1", total=Decimal(3)), order("2"), order("3", status="partial")])

    assert (summary.total_value, summary.without_total) == (Decimal(3), 2)
    assert summary.by_status == {"open": 2, "partial": 1}


@pytest.mark.parametrize(
    ("status", "expected", "overdue"),
    [
        ("open", "2026-11-21", True),
        ("partial", "2026-11-21", True),
        ("open", "2026-11-22", False),
        ("open", None, False),
        ("closed", "2026-11-21", False),
        ("cancelled", "2026-11-21", False),
        ("unknown", "2026-11-21", False),
    ],
)
def test_an_order_is_overdue_the_day_after_it_was_expected(status: Status, expected: str | None, overdue: bool) -> None:
    assert is_overdue(order("1", status=status, expected_on=expected), date(2026, 11, 22)) is overdue


@pytest.mark.parametrize(
    ("sort", "direction", "numbers"),
    [
        ("number", "asc", ["PO-2", "PO-9", "PO-10"]),
        ("number", "desc", ["PO-10", "PO-9", "PO-2"]),
        ("total", "desc", ["PO-9", "PO-10", "PO-2"]),
        ("total", "asc", ["PO-10", "PO-9", "PO-2"]),
        ("ordered", "desc", ["PO-2", "PO-9", "PO-10"]),
        ("vendor", "asc", ["PO-2", "PO-9", "PO-10"]),
        ("expected", "asc", ["PO-9", "PO-2", "PO-10"]),
    ],
)
def test_orders_are_sorted_and_those_that_tell_nothing_come_last(
    sort: Sort, direction: Direction, numbers: list[str]
) -> None:
    orders = [
        order("PO-10", total=Decimal(9), vendor="b"),
        order(
            "PO-9", total=Decimal(10), vendor="B", expected_on="2026-01-01", ordered_at=datetime(2025, 1, 1, tzinfo=UTC)
        ),
        order("PO-2", vendor="A", ordered_at=datetime(2025, 1, 2, tzinfo=UTC)),
    ]

    found = [one.number for one in sort_orders(orders, sort, direction)]

    assert sorted(found) == sorted(numbers)
    assert found == numbers


@pytest.mark.parametrize("said", ["Smith & Sons", "Smith &amp; Sons", " smith  &  sons", "7"])
@pytest.mark.parametrize("listed", ["Smith & Sons", "Smith &amp; Sons", "Smith  & Sons "])
@pytest.mark.parametrize("of_order", ["Smith & Sons", "Smith &amp; Sons", " Smith & Sons"])
def test_a_vendors_orders_are_found_whichever_way_its_name_is_padded_or_escaped(
    said: str, listed: str, of_order: str
) -> None:
    orders = [order("1", vendor=of_order), order("2", vendor="Smith Brothers")]
    meant = VendorFilter(said, [Vendor(id="7", name=listed), Vendor(id="8", name="Smith Brothers")], orders)

    assert [one.number for one in orders if meant.includes(one)] == ["1"]
    assert meant.note == ""


def test_vendors_whose_names_differ_in_a_voice_mark_are_two() -> None:
    orders = [order("1", vendor="バルブ"), order("2", vendor="パルプ")]
    meant = VendorFilter("バルブ", [Vendor(id="7", name="バルブ"), Vendor(id="8", name="パルプ")], orders)

    assert [one.number for one in orders if meant.includes(one)] == ["1"]


def test_an_id_that_is_the_code_of_another_vendor_lists_both_and_says_so() -> None:
    orders = [order("1", vendor="Acme", vendor_id="12"), order("2", vendor="Zeta", vendor_id="7")]
    meant = VendorFilter("12", [Vendor(id="12", name="Acme"), Vendor(id="7", code="12", name="Zeta")], orders)

    assert all(map(meant.includes, orders))
    assert meant.note == "12 matches several vendors; orders of all of them are included: Acme and Zeta."


def test_vendors_of_one_name_are_told_apart() -> None:
    orders = [order("1", vendor="Acme", vendor_id="12"), order("2", vendor="Acme", vendor_id="7")]
    known = [Vendor(id="12", name="Acme"), Vendor(id="7", code="V-2", name="Acme", word="V-2")]
    meant = VendorFilter("Acme", known, orders)

    assert all(map(meant.includes, orders))
    assert meant.note.endswith("orders of all of them are included: 12 (Acme) and V-2 (Acme).")


ACME = Vendor(id="12", code="ACME", name="Acme Fasteners")


@pytest.mark.parametrize("shown", ["Acme Fasteners GmbH", "ACME FASTENERS LTD.", "Acme Fasteners Pty. Ltd"])
@pytest.mark.parametrize("said", ["Acme Fasteners", "acme", "12"])
def test_a_vendor_is_found_under_its_legal_name(said: str, shown: str) -> None:
    orders = [order("1", vendor=shown), order("2", vendor="Acme Textiles GmbH"), order("3", vendor="Acme Fasteners EU")]
    meant = VendorFilter(said, [ACME], orders)

    assert [one.number for one in orders if meant.includes(one)] == ["1"]


def test_a_legal_name_that_may_be_of_two_vendors_is_nobodys() -> None:
    orders = [order("1", vendor="Acme Fasteners GmbH")]
    meant = VendorFilter("12", [ACME, Vendor(id="13", name="Acme Fasteners Ltd")], orders)

    assert not meant.includes(orders[0])
    assert meant.describe_none(orders) == "No order is of exactly Acme Fasteners; there is 1 of Acme Fasteners GmbH."


@pytest.mark.parametrize(
    ("vendors", "sentence"),
    [
        (["Acme Fasteners EU"] * 3, "No order is of exactly Acme Fasteners; there are 3 of Acme Fasteners EU."),
        (["Acme Fastenrs", "Zeta"], "No order is of exactly Acme Fasteners; there is 1 of Acme Fastenrs."),
        (["Zeta", "Harbor Hydraulics"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_an_empty_list_says_which_vendors_of_like_names_have_orders(vendors: list[str], sentence: str) -> None:
    orders = [order(str(place), vendor=vendor) for place, vendor in enumerate(vendors)]

    assert VendorFilter("acme", [ACME], orders).describe_none(orders) == sentence


def test_a_vendor_of_a_like_name_that_is_listed_is_reported_too() -> None:
    known = [ACME, Vendor(id="13", name="Acme Fasteners Ltd")]
    orders = [order("1", vendor="Acme Fasteners Ltd", vendor_id="13")]
    meant = VendorFilter("12", known, orders)

    assert not meant.includes(orders[0])
    assert "there is 1 of Acme Fasteners Ltd." in meant.describe_none(orders)
