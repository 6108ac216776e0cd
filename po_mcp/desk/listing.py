"""Filtering, sorting and summing of orders for a list. Pure: no I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from po_mcp.amounts import Money, total_of
from po_mcp.orders import OrderQuery, PurchaseOrder, Record, Status

Sort = Literal["ordered", "expected", "number", "vendor", "total"]
Direction = Literal["asc", "desc"]

AWAITING_GOODS: frozenset[Status] = frozenset({"open", "partial"})
"""Statuses of orders with goods still outstanding."""
NO_CURRENCY = "no currency"
"""Stands in the place of a currency for orders without one, beside others."""
_figures = re.compile(r"(\d+)")


class ListRequest(OrderQuery):
    """The filter and the sort order of a list. `vendor` is in the caller's words."""

    vendor: str | None = None
    overdue: bool = False
    sort: Sort = "ordered"
    direction: Direction = "desc"


class Summary(Record):
    """Count and sums of all orders that match, whatever page is shown.

    `total_value` is absent for several currencies: `totals` has the sum of each. `without_total`
    counts orders without a total in the ERP, which are in no sum.
    """

    total_count: int
    total_value: Money | None = None
    currency: str | None = None
    totals: Mapping[str, Money] | None = None
    without_total: int | None = None
    by_status: Mapping[str, int]


def summarize(orders: Sequence[PurchaseOrder]) -> Summary:
    """Return the count and the exact sums of orders."""
    with_value = [order for order in orders if order.total is not None]
    # Amounts of different currencies are never added.
    totals = {
        currency: total_of(
            order.total for order in with_value if _currency_of(order) == currency and order.total is not None
        )
        for currency in sorted({_currency_of(order) for order in with_value}, key=str)
    }
    one = len(totals) <= 1
    currency = next(iter(totals), None)
    return Summary(
        total_count=len(orders),
        total_value=next(iter(totals.values()), Decimal(0)) if one else None,
        currency=currency if one else None,
        totals=None if one else {name or NO_CURRENCY: total for name, total in totals.items()},
        # Counted, and not taken for 0: the sum would look whole.
        without_total=len(orders) - len(with_value) or None,
        by_status=dict(sorted(Counter(order.status for order in orders).items())),
    )


def _currency_of(order: PurchaseOrder) -> str | None:
    """Return an order's currency; None also where the ERP says our word for none, whose sum would take its place."""
    return None if order.currency == NO_CURRENCY else order.currency


def is_overdue(order: PurchaseOrder, today: date) -> bool:
    """Return whether goods are outstanding that were expected before today."""
    # Due today is not overdue: the goods may still come.
    return order.status in AWAITING_GOODS and order.expected_on is not None and order.expected_on < today


def has_no_date(order: PurchaseOrder) -> bool:
    """Return whether goods are outstanding without an expected date in the ERP."""
    return order.status in AWAITING_GOODS and order.expected_on is None


def sort_orders(orders: Iterable[PurchaseOrder], sort: Sort, direction: Direction) -> list[PurchaseOrder]:
    """Return orders sorted, by number where they are equal; orders without the sort field come last."""
    # Sorting is stable: orders that are equal in the sort field stay sorted by number, on every page alike.
    by_number = sorted(orders, key=_number_key)
    # Python cannot compare None with a value, so orders without a value are kept apart, and last in either direction.
    with_value = [order for order in by_number if _SORT_KEYS[sort](order) is not None]
    without_value = [order for order in by_number if _SORT_KEYS[sort](order) is None]
    return [*sorted(with_value, key=_SORT_KEYS[sort], reverse=direction == "desc"), *without_value]


def _number_key(order: PurchaseOrder) -> list[tuple[int, int, str]]:
    """Return a sort key that puts PO-9 before PO-10."""
    parts = _figures.split(order.number)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


_SORT_KEYS: Mapping[Sort, Callable[[PurchaseOrder], Any]] = {
    "ordered": lambda order: order.ordered_at,
    "expected": lambda order: order.expected_on,
    "number": _number_key,
    "vendor": lambda order: order.vendor.casefold(),
    "total": lambda order: order.total,
}
