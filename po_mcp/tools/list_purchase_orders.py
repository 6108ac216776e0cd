"""The tool `list_purchase_orders`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk, reading
from po_mcp.tools._shared import HEAD, Day, desk_of, result, row


async def list_purchase_orders(
    ctx: Context[Desk, Any],
    ordered_from: Annotated[Day | None, Field(description="Only orders placed on this day or later")] = None,
    ordered_to: Annotated[Day | None, Field(description="Only orders placed on this day or earlier")] = None,
    limit: Annotated[
        int | None, Field(ge=1, le=reading.LARGEST_LIMIT, strict=True, description="Orders per page")
    ] = None,
    cursor: Annotated[
        str | None, Field(max_length=200, description="next_cursor of the page before, with the same dates")
    ] = None,
) -> Annotated[CallToolResult, reading.OrderList]:
    """List purchase orders, a page at a time, without their lines.

    Use it to find an order or to see what is open. Changes nothing. Returns the orders, the exact
    count of all that match, and a cursor where there are more. For lines and quantities of one
    order use get_purchase_order.
    """
    desk = desk_of(ctx)
    page = await reading.list_orders(desk, ordered_from, ordered_to, limit, cursor)
    shown = [HEAD, *(row(order) for order in page.orders)] if page.orders else ["No orders match."]
    count = f"{len(page.orders)} of {page.total_count} orders"
    more = f"{count}; for more, call again with cursor={page.next_cursor}" if page.next_cursor else count
    moved = [] if page.complete else ["The ERP's list changed while it was read: an order may be missing or old."]
    return result("\n".join([desk.say(more), *moved, *shown]), page)
