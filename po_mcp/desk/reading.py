"""Reading orders: one page of them, or one whole."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import date

from po_mcp.desk import Desk
from po_mcp.errors import InvalidInput
from po_mcp.orders import OrderQuery, PurchaseOrder, Record

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 50
_LARGEST_OFFSET = 1_000_000


class OrderList(Record):
    """A page of orders. `total_count` counts all that match; `next_cursor` fetches what follows.

    `complete` is false where the ERP's list is known to have moved while it was read.
    """

    orders: tuple[PurchaseOrder, ...]
    total_count: int
    has_more: bool
    next_cursor: str | None = None
    complete: bool = True


async def list_orders(
    desk: Desk, ordered_from: date | None, ordered_to: date | None, limit: int | None, cursor: str | None
) -> OrderList:
    """Return a page of orders ordered within the dates, both inclusive.

    Raises:
        InvalidInput: the dates are the wrong way round, or the cursor is not one of this query.
    """
    desk.need("list")
    if ordered_from and ordered_to and ordered_from > ordered_to:
        raise InvalidInput("ordered_from is later than ordered_to. Nothing was sent.")
    offset, size = _place(cursor, ordered_from, ordered_to, limit)
    query = OrderQuery(ordered_from=ordered_from, ordered_to=ordered_to, limit=size, offset=offset)
    page = await desk.erp.list_orders(query)
    return OrderList(
        orders=page.orders,
        total_count=page.total_count,
        has_more=page.has_more,
        complete=page.complete,
        next_cursor=_cursor(query.model_copy(update={"offset": offset + size})) if page.has_more else None,
    )


async def get_order(desk: Desk, number: str) -> PurchaseOrder:
    """Return one order with its lines."""
    desk.need("get")
    return await desk.erp.get_order(desk.erp.valid_number(number))


def _cursor(query: OrderQuery) -> str:
    """Write the place of a page, bound to the query that it belongs to."""
    place = json.dumps([query.offset, query.limit, _name(query.ordered_from, query.ordered_to)])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(
    cursor: str | None, ordered_from: date | None, ordered_to: date | None, limit: int | None
) -> tuple[int, int]:
    """Return offset and limit, from the cursor where there is one."""
    if cursor is None:
        return 0, limit or DEFAULT_LIMIT
    try:
        offset, size, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as exc:
        raise _foreign_cursor() from exc
    fits = type(offset) is int and type(size) is int and 0 < offset <= _LARGEST_OFFSET and 0 < size <= LARGEST_LIMIT
    if not fits or offset % size or name != _name(ordered_from, ordered_to) or limit not in (None, size):
        raise _foreign_cursor()
    return offset, size


def _name(ordered_from: date | None, ordered_to: date | None) -> str:
    return hashlib.sha256(f"{ordered_from}/{ordered_to}".encode()).hexdigest()[:16]


def _foreign_cursor() -> InvalidInput:
    return InvalidInput(
        "The cursor does not belong to this query. Nothing was sent.",
        next_step="Give next_cursor as it was returned, with the same dates, or leave it out to start again.",
    )
