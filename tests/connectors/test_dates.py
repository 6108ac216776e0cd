"""Dates that are not in ISO form: what has one reading is read by both connectors, all else is left out and said."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from po_mcp.connectors import dates
from po_mcp.connectors.exsited import translate as exsited
from po_mcp.connectors.inventory_pro import translate as inventory_pro
from po_mcp.orders import PurchaseOrder

DAY = date(2026, 5, 13)
OF_ONE_READING: list[Any] = [
    "2026/05/13",
    "2026/5/13 10:30",
    "2026.05.13",
    "2026-5-13",
    "20260513",
    20260513,
    "13.05.2026",
    "13.5.2026 10:30:00",
    "13-05-2026",
    "13/05/2026",
    "05/13/2026",
    "5/13/2026 12:00:00 AM",
    "5/13/2026 1:30:00 PM",
    "05/13/2026T10:30:00.123+00:00",
    1778630400,
    "1778630400",
    1778630400000,
    "1778630400000",
    Decimal("1778668200.250"),
    "/Date(1778630400000)/",
    "/Date(1778630400000+0200)/",
]
ODD: list[Any] = [
    "04/05/2026",
    "05.04.2026",
    "04-05-2026 10:00",
    "13.05.26",
    "2026/13/05",
    "31/02/2026",
    "5/13/2026 13:00:00 PM",
    "13/05/2026 25:00",
    "13/05.2026",
    "13 May",
    5,
    177863040,
    "177863040",
    17786304000000000,
    253402300799,
    -1,
    Decimal("Infinity"),
    True,
    "/Date(soon)/",
    "\uff12026/05/13",
    [2026, 5, 13],
]
NONE: list[Any] = [0, "0", "00.00.0000", "1/1/0001 12:00:00 AM", "01.01.1900", -62135596800000, "/Date(0)/"]


def read(written: Any, zone: Any = UTC) -> list[PurchaseOrder]:
    """One order of each ERP that was ordered, and is expected, on this date."""
    row = {"id": "PO-1", "issue_date": written, "expected_completion_date": written}
    return [
        inventory_pro.parse_order({"poNo": "PO-1", "orderDate": written, "expectedDate": written}, "PO-1", zone),
        exsited.combine(exsited.parse_order({"purchase_order": row}, "PO-1"), None, zone),
    ]


@pytest.mark.parametrize("written", OF_ONE_READING, ids=str)
def test_a_date_of_one_reading_is_read(written: Any) -> None:
    for order in read(written):
        assert (order.ordered_at and order.ordered_at.date(), order.expected_on, order.odd) == (DAY, DAY, ())


@pytest.mark.parametrize("written", ODD, ids=str)
def test_a_date_of_two_readings_or_none_is_left_out_and_said(written: Any) -> None:
    for order in read(written):
        assert (order.ordered_at, order.expected_on) == (None, None)
        assert [one.field for one in order.odd] == ["order date", "expected date"]


@pytest.mark.parametrize("written", NONE, ids=str)
def test_a_date_that_stands_for_none_is_none(written: Any) -> None:
    for order in read(written):
        assert (order.ordered_at, order.expected_on, order.odd) == (None, None, ())


def test_a_day_that_is_a_month_too_is_that_day() -> None:
    assert [order.expected_on for order in read("05/05/2026")] == [date(2026, 5, 5)] * 2


def test_a_time_of_day_is_kept() -> None:
    noon, midnight = (dates.parse_date(f"5/13/2026 12:15:30 {half}") for half in ("PM", "AM"))

    assert noon == datetime(2026, 5, 13, 12, 15, 30, tzinfo=UTC)
    assert midnight == datetime(2026, 5, 13, 0, 15, 30, tzinfo=UTC)


def test_the_midnight_of_a_company_is_its_day() -> None:
    """13 May begins in Auckland at noon of the day before, as an ERP there counts seconds."""
    assert [order.expected_on for order in read(1778587200, ZoneInfo("Pacific/Auckland"))] == [DAY] * 2


def test_milliseconds_are_no_day_and_time() -> None:
    """`fromisoformat` finds 31 December 1712, 23:45, in these."""
    assert [order.expected_on for order in read("1712123112345")] == [date(2024, 4, 3)] * 2


def test_a_guess_would_take_one_day_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "_find_day", lambda year, one, other, *, is_year_first: date(year, other, one))

    assert [order.expected_on for order in read("04/05/2026")] == [date(2026, 5, 4)] * 2
