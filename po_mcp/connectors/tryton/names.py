"""What an order of Tryton's goes by: its number, which a draft has not, its reference, or its id. Pure.

The reference is free text in which the vendor's or our own number stands; it need not be unique.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from po_mcp.connectors import numbers
from po_mcp.connectors.numbers import order_not_found
from po_mcp.connectors.tryton.schemas import Names
from po_mcp.errors import Conflict, InvalidInput
from po_mcp.orders import MAX_ORDER_NUMBER_CHARS
from po_mcp.untrusted import visible

N = TypeVar("N", bound=Names)

_BY_ID = re.compile(r"\(([1-9][0-9]{0,17})\)", re.ASCII)
_ENDS_IN_FIGURES = re.compile(r"(.*?)[0-9]+", re.ASCII | re.DOTALL)
MAX_ALIKE = 50
"""Orders that are looked at where a name is looked up in any case."""


def format_id(identifier: int) -> str:
    """Write the name of an order that has no other, as Tryton itself does."""
    return f"({identifier})"


def find_id(name: str) -> int | None:
    """Return the id in such a name."""
    found = _BY_ID.fullmatch(name)
    return int(found[1]) if found else None


def choose_name(order: Names) -> str:
    """Return the number, else the reference, else the id. Whatever is shown, the order is found by."""
    for name in (order.number, order.reference):
        if name is not None and is_valid(name):
            return name
    return format_id(order.id)


def find_buyer_number(order: Names) -> str:
    """Return the reference that people gave an order; "" without one. Its number is always given by Tryton."""
    return order.reference if order.reference is not None and is_valid(order.reference) else ""


def choose_list_names(orders: Sequence[Names]) -> list[str]:
    """Return what is shown of each; orders that would go by the same name go by their ids."""
    names = [choose_name(order) for order in orders]
    count = Counter(names)
    # Tryton gives numbers late and keeps references as often as given, so two orders can go by one name.
    return [name if count[name] == 1 else format_id(order.id) for name, order in zip(names, orders, strict=True)]


def is_valid(name: str) -> bool:
    """Tell whether a name of an order can be asked for: one visible line without outer blanks, and no id."""
    is_line = 0 < len(name) <= MAX_ORDER_NUMBER_CHARS and name == name.strip() == visible(name)
    # A reference that is written like an id would name two orders.
    return is_line and name not in (".", "..") and find_id(name) is None


def check_readable(name: str) -> str:
    """Return the name if an order may have it; else raise `InvalidInput`."""
    if not is_valid(name) and find_id(name) is None:
        raise InvalidInput(
            "That is not an order number.",
            effect="nothing_sent",
            next_step="Write the number, the reference, or the id in brackets, such as (12).",
        )
    return name


def check_creatable(name: str) -> str:
    """Return the number of a new order, which becomes its reference.

    Raises:
        InvalidInput: it is none, or one that Tryton may give another order: those are figures alone.
    """
    numbers.check_creatable(name)
    # Figures alone are how Tryton numbers by default: the next order it makes could get this number.
    if not is_valid(name) or _prefix_of(name) == "":
        raise _sequence_number_error()
    return name


def refuse_sequence_number(name: str, given: Iterable[Names]) -> None:
    """Raise `InvalidInput` where the number is built like those that Tryton gave: it may give it, too."""
    head = _prefix_of(name)
    if head is not None and head in {_prefix_of(order.number) for order in given if order.number is not None}:
        raise _sequence_number_error()


def build_domain(name: str, *, in_any_case: bool = False) -> list[Any]:
    """Build the condition that finds the orders of a name."""
    identifier = find_id(name)
    if identifier is not None:
        return ["id", "=", identifier]
    # `ilike` takes % and _ as wildcards, so what it finds is compared again by `select_order`.
    operator = "ilike" if in_any_case else "="
    return ["OR", ["number", operator, name], ["reference", operator, name]]


def select_order(found: Iterable[N], name: str, *, in_any_case: bool = False) -> N:
    """Return the order of this name.

    Raises:
        OrderNotFound: none has it.
        Conflict: several have it; the text names each by its id.
    """
    named = [order for order in found if _has_name(order, name, in_any_case)]
    if not named:
        raise order_not_found("Tryton", name)
    if len(named) > 1:
        ids = ", ".join(format_id(order.id) for order in named)
        raise Conflict(
            f"Several orders in Tryton go by this number: {ids}.",
            effect="nothing_changed",
            next_step="Read each with get_purchase_order by its id in brackets, and ask the user which one is meant.",
        )
    return named[0]


def find_stored_name(order: Names, name: str) -> str:
    """Return the name by which an order was found, in the letters in which Tryton has it."""
    has = [one for one in (order.number, order.reference) if one is not None]
    if name in has or find_id(name) is not None:
        return name
    return next((one for one in has if one.casefold() == name.casefold()), name)


def goes_by(order: Names, name: str) -> bool:
    """Tell whether a name, letter for letter, is one of the order's."""
    return _has_name(order, name, in_any_case=False)


def _has_name(order: Names, name: str, in_any_case: bool) -> bool:
    if find_id(name) is not None:
        return order.id == find_id(name)
    has = (order.number, order.reference)
    if in_any_case:
        return name.casefold() in {one.casefold() for one in has if one is not None}
    return name in has


def _prefix_of(number: str) -> str | None:
    """Return what stands before the last figures of a number; None where there are none."""
    found = _ENDS_IN_FIGURES.fullmatch(number)
    return found[1].casefold() if found else None


def _sequence_number_error() -> InvalidInput:
    return InvalidInput(
        "Tryton numbers its orders itself, and may give this number to another order.",
        effect="nothing_sent",
        next_step="Give a number of another pattern, such as PM-2026-0001; it is kept as the order's reference.",
    )
