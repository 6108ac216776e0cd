"""Reading one order by its number: by its path, and where that fails, from the list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from po_mcp.connectors.numbers import (
    is_plain,
    is_same_number,
    is_unsafe_in_path,
    leaves_its_path,
    order_not_found,
    unopenable_order,
    unproven_absence,
)
from po_mcp.errors import BadAnswer, ERPError, OrderNotFound, Refused, UnreadableOrder
from po_mcp.orders import OrderScan, PurchaseOrder

T = TypeVar("T")

# Not a missing right or a broken connection, which the list would meet as well.
_UNREADABLE_BY_PATH = (OrderNotFound, Refused, BadAnswer)


async def read_for_write(
    erp: str,
    number: str,
    read: Callable[[], Awaitable[T]],
    read_list: Callable[[], Awaitable[OrderScan]],
    *,
    lists_all: bool,
) -> T:
    """Read an order for a write on it: by its path alone, which the write uses too.

    Args:
        erp: the ERP's title.
        number: the order's number.
        read: reads the order by its path.
        read_list: reads the list of orders, to tell an order that cannot be opened from one that is not there.
        lists_all: the list contains every order.

    Raises:
        OrderNotFound: there is no such order.
        BadAnswer: there may be, or the list has it, and it did not come back by its path.
    """
    if is_plain(number):
        return await read()
    try:
        return await _read_by_path(erp, number, read)
    except UnreadableOrder:
        raise
    except (OrderNotFound, BadAnswer) as exc:
        try:
            listed = await read_list()
        except ERPError:
            raise exc from None
        if any(order.number == number for order in listed.orders):
            raise unopenable_order(erp, number, is_listed=True) from exc
        if listed.complete and lists_all:
            raise order_not_found(erp, number) from exc
        raise


async def _read_by_path(erp: str, number: str, read: Callable[[], Awaitable[T]]) -> T:
    """Read an order by its path.

    Raises:
        BadAnswer: the number has characters that a gateway may change, and the order did not come back.
    """
    # "/" or ".." in a path may be decoded by a gateway, and name another resource.
    if leaves_its_path(number):
        raise unopenable_order(erp, number)
    try:
        return await read()
    # A gateway may have cut the number, so the 404 can be about another path.
    except OrderNotFound as exc:
        if is_unsafe_in_path(number):
            raise unproven_absence(erp, number) from exc
        raise
    except UnreadableOrder:  # it came, so its number is not at fault
        raise
    except (Refused, BadAnswer) as exc:
        raise unopenable_order(erp, number) from exc


async def read_by_path_or_list(
    erp: str,
    number: str,
    read: Callable[[], Awaitable[PurchaseOrder]],
    read_list: Callable[[], Awaitable[OrderScan]],
    *,
    in_any_case: bool,
    lists_all: bool,
) -> PurchaseOrder:
    """Read an order by its path, or from the list where the path fails.

    Args:
        erp: the ERP's title.
        number: the order's number.
        read: reads the order by its path.
        read_list: reads the list of orders.
        in_any_case: a number in other letter case matches.
        lists_all: the list contains every order, so an order that is not in it does not exist.

    Raises:
        OrderNotFound: the order is neither at its path nor in the list.
        BadAnswer: the order may exist, and cannot be read.
    """
    # Such a number arrives as it was sent, so what the ERP says of it is final.
    if is_plain(number):
        return await read()
    try:
        return await _read_by_path(erp, number, read)
    except UnreadableOrder:
        raise
    except _UNREADABLE_BY_PATH as exc:
        listed = await read_list()
        # The list is asked without the number, so no gateway can change it on the way.
        for order in listed.orders:
            if is_same_number(order.number, number, in_any_case=in_any_case):
                return order
        # Only a complete list of all orders proves that there is no such order.
        if listed.complete and lists_all:
            raise order_not_found(erp, number) from exc
        if listed.complete or not isinstance(exc, OrderNotFound):
            raise
        raise unproven_absence(erp, number) from exc
