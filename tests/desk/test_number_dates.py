"""Numbers that hold years and days: what would go on with one that is over is asked for, and never made in silence."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest

from po_mcp.desk.numbering import find_free_numbers, find_series
from po_mcp.errors import InvalidInput
from po_mcp.orders import PurchaseOrder
from tests.desk.fakes import ListsERP, desk_over, order
from tests.desk.test_numbering import VENDOR

Write = Callable[[date, int], str]
"""A scheme: writes the number of a day and of a count within its period."""
Period = Callable[[date], object]


def next_number(orders: Sequence[PurchaseOrder], today: date) -> str | None:
    """The number that is made in silence."""
    series = find_series(orders, (), VENDOR, today)
    return None if series is None or series.is_over else series.number(series.highest + 1)


def book(*numbers: str, first: date, every: int = 1) -> list[PurchaseOrder]:
    return [order(number, f"{first + timedelta(days=every * at)}") for at, number in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        (["20261101", "20261103", "20261107"], date(2026, 10, 2)),
        (["PO-01112026", "PO-03112026", "PO-07112026"], date(2026, 10, 2)),
        (["261101", "261103", "261107"], date(2026, 10, 25)),
        (["PO-2025-0997", "PO-2025-0998", "PO-2025-0999"], date(2025, 12, 20)),
        (["PO-25-0997", "PO-25-0998", "PO-25-0999"], date(2025, 12, 20)),
        (["0997-25", "0998-25", "0999-25"], date(2025, 12, 20)),
        (["PO-202510-007", "PO-202510-008", "PO-202510-009"], date(2025, 10, 20)),
        (["PO-202610-007", "PO-202610-008", "PO-202610-009"], date(2026, 10, 20)),
        (["2610-007", "2610-008", "2610-009"], date(2026, 10, 20)),
        (["PO-2026-10-007", "PO-2026-10-008"], date(2026, 10, 20)),
        (["2026-11-26-001", "2026-11-26-002"], date(2026, 11, 26)),
        (["20251234", "20251235", "20251236"], date(2025, 12, 20)),
        (["251234", "251235", "251236"], date(2025, 12, 20)),
        (["PO-FY26-0101", "PO-FY26-0102"], date(2026, 6, 20)),
        (["FY2025-0101", "FY2025-0102"], date(2025, 6, 20)),
        (["2025-26-0101", "2025-26-0102"], date(2026, 3, 20)),
        (["PO-2526-001", "PO-2526-002"], date(2026, 3, 10)),
        (["OCT26-01", "OCT26-02"], date(2026, 10, 10)),
        (["PO-Okt-01", "PO-Okt-02"], date(2026, 10, 10)),
        (["PO-Q3-001", "PO-Q3-002"], date(2026, 9, 10)),
        (["PO-H1-001", "PO-H1-002"], date(2026, 6, 10)),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_a_year_or_a_day_that_is_over_is_never_carried_on_in_silence(numbers: list[str], first: date) -> None:
    assert next_number(book(*numbers, first=first), date(2026, 11, 27)) is None


@pytest.mark.parametrize(
    ("numbers", "first", "number"),
    [
        (["PO-2026-0997", "PO-2026-0998", "PO-2026-0999"], date(2026, 2, 20), "PO-2026-1000"),
        (["PO-26-0997", "PO-26-0998"], date(2026, 2, 20), "PO-26-0999"),
        (["PO-202611-007", "PO-202611-008"], date(2026, 11, 2), "PO-202611-009"),
        (["2611-007", "2611-008"], date(2026, 11, 2), "2611-009"),
        (["2026-11-27-001", "2026-11-27-002"], date(2026, 11, 26), "2026-11-27-003"),
        (["20261234", "20261235", "20261236"], date(2026, 3, 20), "20261237"),
        (["261234", "261235"], date(2026, 3, 20), "261236"),
        (["PO-FY27-0101", "PO-FY27-0102"], date(2026, 11, 20), "PO-FY27-0103"),
        # The orders of this year say that the figure is none: a company, a project, a series that goes on.
        (["PO-2025-0040", "PO-2025-0041", "PO-2025-0042"], date(2026, 11, 1), "PO-2025-0043"),
        (["PO-17-0997", "PO-17-0998"], date(2025, 12, 20), "PO-17-0999"),
        (["NOV26-01", "NOV26-02"], date(2026, 11, 10), "NOV26-03"),
        (["PO-Q4-001", "PO-Q4-002"], date(2026, 11, 10), "PO-Q4-003"),
        (["MARINE-001", "MARINE-002"], date(2026, 6, 10), "MARINE-003"),
        (["HQ-0011", "HQ-0012"], date(2026, 6, 10), "HQ-0013"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_a_series_of_today_or_of_no_date_goes_on(numbers: list[str], first: date, number: str) -> None:
    assert next_number(book(*numbers, first=first), date(2026, 11, 27)) == number


def test_a_figure_that_some_orders_of_the_new_year_carry_is_no_year() -> None:
    """25 is a project here: of the year 2026 there are enough orders under it."""
    old = book(*(f"PO-25-{n:04}" for n in range(1, 20)), first=date(2025, 12, 1))
    new = book(*(f"PO-25-{n:04}" for n in range(20, 23)), first=date(2026, 1, 5))

    assert next_number([*old, *new[:2]], date(2026, 1, 20)) is None
    assert next_number([*old, *new], date(2026, 1, 20)) == "PO-25-0023"


def test_the_turn_of_a_financial_year_that_was_seen_says_when_it_ends() -> None:
    before = book("FY26-0050", "FY26-0051", "FY26-0052", first=date(2026, 6, 20))
    since = book("FY27-0001", "FY27-0002", "FY27-0003", first=date(2026, 7, 3))

    assert next_number([*before, *since], date(2027, 6, 21)) == "FY27-0004"
    assert next_number([*before, *since], date(2027, 6, 23)) is None
    assert next_number(since, date(2026, 7, 31)) == "FY27-0004"
    assert next_number(since, date(2026, 8, 1)) is None


async def test_a_year_that_may_be_over_and_a_slash_are_named() -> None:
    over = book("PO-2025-0997", "PO-2025-0998", "PO-2025-0999", first=date(2025, 12, 20))
    slashes = book("2026/0001", "2026/0002", "2026/0003", first=date(2026, 11, 2))

    with pytest.raises(InvalidInput) as year:
        await anext(find_free_numbers(desk_over(ListsERP(over)), VENDOR))
    with pytest.raises(InvalidInput) as slash:
        await anext(find_free_numbers(desk_over(ListsERP(slashes)), VENDOR))

    assert str(year.value) == (
        "The earlier orders are numbered as PO-2025-0999 is, by a year or a day that may be over. Nothing was sent. "
        "Ask the user for a number, and give that."
    )
    assert str(slash.value) == (
        "Orders here have numbers such as 2026/0003, and a new number may not have / in it. Nothing was sent. "
        "Ask the user for a number, and give that."
    )


async def test_older_orders_show_that_a_figure_is_no_date() -> None:
    """The orders of the last months alone look as if 10 was their month beside their year."""
    old = book(*(f"PO-2026-10-{n:04}" for n in range(1, 40)), first=date(2026, 1, 2), every=5)
    late = book("PO-2026-10-0040", "PO-2026-10-0041", first=date(2026, 10, 8))

    assert next_number(late, date(2026, 11, 27)) is None
    assert await anext(find_free_numbers(desk_over(ListsERP([*old, *late])), VENDOR)) == "PO-2026-10-0042"


# Generated schemes


def financial(day: date, begin: int, *, by_end: bool) -> int:
    """The financial year of a day, which begins with a month and is named by the year of its end or its begin."""
    return day.year - (day.month < begin) + by_end


def write_by(form: str) -> Write:
    """A scheme with the forms of `strftime`, and {} for the count."""
    return lambda day, count: day.strftime(form).format(count)


def of_financial_year(form: str, begin: int, *, by_end: bool) -> Write:
    return lambda day, count: form.format(financial(day, begin, by_end=by_end) % 100, count)


DAYS: dict[str, Period] = {
    "year": lambda day: day.year,
    "month": lambda day: (day.year, day.month),
    "day": lambda day: day,
}
SCHEMES: list[tuple[str, Write, Period]] = [
    (form, write_by(form), DAYS[period])
    for period, forms in {
        "year": ["PO-%Y-{:04}", "%Y.{:04}", "PO%y-{:04}", "%y-{:05}", "{:04}-%Y", "{:04}-%y", "%Y{:04}", "P%Y{:03}"],
        "month": [
            "PO-%Y%m-{:03}",
            "%y%m-{:03}",
            "%y%m{:03}",
            "%Y%m{:03}",
            "PO-%Y-%m-{:03}",
            "%m%Y-{:03}",
            "{:03}-%m-%Y",
        ],
        "day": ["%Y%m%d-{:03}", "%Y-%m-%d-{:03}", "PO-%y%m%d-{:03}", "%d%m%Y-{:03}", "%Y%m%d{:03}", "%d.%m.%Y-{:03}"],
    }.items()
    for form in forms
] + [
    (f"FY from {begin}", of_financial_year("PO-FY{:02}-{:04}", begin, by_end=by_end), lambda _: None)
    for begin in (2, 4, 7, 10)
    for by_end in (True, False)
]


def generate_book(
    chance: random.Random, write: Write, period: Period, restarts: bool
) -> tuple[list[PurchaseOrder], date]:
    """A book of a scheme, whose orders lie some days apart, and the day of its last order."""
    day, count, orders = date(2023, 1, 1) + timedelta(days=chance.randrange(900)), chance.randrange(1, 300), []
    every = chance.choice([0, 1, 3, 11])
    for _ in range(chance.choice([2, 3, 8, 40, 90])):
        later = day + timedelta(days=chance.randint(0, 2 * every))
        count = 1 if restarts and period(later) != period(day) else count + 1
        day = later
        orders.append(order(write(day, count), f"{day}"))
    return orders, day


@pytest.mark.parametrize("books", [15, pytest.param(60, marks=pytest.mark.process)])
@pytest.mark.parametrize(("scheme", "write", "period"), SCHEMES, ids=[name for name, _, _ in SCHEMES])
def test_no_generated_book_is_given_a_number_of_another_year_or_day(
    scheme: str, write: Write, period: Period, books: int
) -> None:
    chance = random.Random(scheme)
    given = 0
    for _ in range(books):
        orders, last = generate_book(chance, write, period, restarts=chance.random() < 0.5)
        today = last + timedelta(days=chance.choice([0, 0, 0, 1, 5, 20, 45, 200, 400]))
        number = next_number(orders, today)
        given += number is not None

        known = {one.number for one in orders}
        assert number is None or number in {write(today, count) for count in range(1, 1000)} - known, (
            [one.number for one in orders[-5:]],
            today,
        )
    # What is of today goes on, or the property would hold of what gives no number at all.
    assert given
