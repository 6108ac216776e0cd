"""The tool `get_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import list_orders, order_pages
from po_mcp.desk.context import Desk
from po_mcp.orders import PurchaseOrder, plain
from po_mcp.tools._registered import Registered
from po_mcp.tools._shared import HEAD, LINES_HEAD, OrderNumber, desk_of, line_row, result, row


async def get_purchase_order(
    ctx: Context[Desk, Any],
    number: OrderNumber,
    detail: Annotated[Literal["short", "full"], Field(description="short: without the lines")] = "full",
    cursor: Annotated[str | None, Field(max_length=400, description="next_cursor of the page before")] = None,
) -> Annotated[CallToolResult, order_pages.OrderPage]:
    """Read one order."""
    desk = desk_of(ctx)
    order = await list_orders.get_order(desk, number)
    parts = [*filter(None, [desk.erp.notice]), HEAD, row(order)]
    if detail == "short":
        parts.append(_how_far(order))
    page = order_pages.page_of(order, cursor)
    if detail == "full" and page.lines:
        parts += [LINES_HEAD, *map(line_row, page.lines)]
        parts += [_more(page)] if page.next_cursor else []
    parts += remarks(order)
    return result(
        "\n".join(parts), page.model_copy(update={"lines": None, "next_cursor": None}) if detail == "short" else page
    )


def _more(page: order_pages.OrderPage) -> str:
    """Say how many lines there are, and how to see the next."""
    return (
        f"{len(page.lines or ())} of {page.line_count} lines shown; for more, call again with cursor={page.next_cursor}"
    )


def remarks(order: PurchaseOrder) -> list[str]:
    """Say where the ERP's total is not what its lines add up to; neither is corrected."""
    added = order.sum_of_lines
    if added is None or order.total is None or added == order.total:
        return []
    return [f"The lines add up to {plain(added)}; the ERP's total is {plain(order.total)}."]


def _how_far(order: PurchaseOrder) -> str:
    """Say how many lines there are, and how many of them are not fully received."""
    lines = order.lines or ()
    count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
    if any(line.outstanding is None for line in lines):
        return f"{count}; the ERP does not tell what was received."
    return f"{count}, {len(order.outstanding_lines)} not fully received; detail=full shows them."


TOOL = Registered(
    get_purchase_order,
    title="Get purchase order",
    operation="get",
    description=(
        "Read one purchase order with its lines: ordered, received, outstanding, prices, warehouse. Read- "
        "only. Use it when you know the number; otherwise list_purchase_orders. Where the lines do not add up "
        "to the ERP's total, both are given."
    ),
    returns="A purchase order as the ERP stores it. outstanding: ordered less received, never below 0.",
    read_only=True,
    idempotent=True,
)
