"""Completion of arguments: numbers of open orders, vendors and items from the ERP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from po_mcp.desk.context import Desk
from po_mcp.desk.open_orders import read_open_orders
from po_mcp.errors import InvalidInput

_MAX_ORDERS = 500
_escape = "\\u{"
"""Begins an invisible character that was written out: the ERP knows no such number."""


@dataclass(frozen=True)
class Suggestion:
    """A value that may complete an argument, and its other names."""

    value: str
    names: tuple[str, ...] = ()

    def rank(self, typed: str) -> int:
        """Return 2 if the value or a name starts with the typed text, 1 if one contains it, else 0."""
        words = [word.casefold() for word in (self.value, *self.names)]
        if any(word.startswith(typed) for word in words):
            return 2
        return int(any(typed in word for word in words))


async def list_order_numbers(desk: Desk) -> tuple[Suggestion, ...]:
    """Return the numbers of open orders that the connector can read, of some five hundred at most."""
    found = await read_open_orders(desk, _MAX_ORDERS)
    # A number that the connector cannot put into a URL would be offered and then refused.
    return tuple(Suggestion(order.number) for order in found.orders if _is_readable(desk, order.number))


async def list_vendors(desk: Desk) -> tuple[Suggestion, ...]:
    """Return the active vendors by name, with their codes and ids as other names."""
    desk.require("catalog")
    found = await desk.catalog.vendors()
    # One that is not active would be offered and then refused.
    return _drop_repeats(Suggestion(one.name, tuple(filter(None, (one.code, one.id)))) for one in found if one.active)


async def list_items(desk: Desk) -> tuple[Suggestion, ...]:
    """Return the active items by the id that an order's line takes, with their codes and names as other names."""
    desk.require("catalog")
    found = await desk.catalog.items()
    return _drop_repeats(Suggestion(one.id, tuple(filter(None, (one.code, one.name)))) for one in found if one.active)


def filter_suggestions(candidates: Sequence[Suggestion], typed: str) -> list[str]:
    """Return the values that fit the typed text in any case; values that start with it come first."""
    wanted = typed.strip().casefold()
    ranked = [(candidate.rank(wanted), candidate.value) for candidate in candidates]
    return [value for rank in (2, 1) for fits, value in ranked if fits == rank]


def _drop_repeats(candidates: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    # Two vendors of one name are one value: the person who completes a prompt sees only names.
    return tuple({candidate.value: candidate for candidate in candidates}.values())


def _is_readable(desk: Desk, number: str) -> bool:
    if _escape in number:
        return False
    try:
        return desk.erp.check_number(number) == number
    except InvalidInput:
        return False
