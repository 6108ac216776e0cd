"""The tool `get_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from po_mcp.desk import Desk, reading
from po_mcp.orders import PurchaseOrder, plain
from po_mcp.tools._shared import HEAD, OrderNumber, desk_of, line_row, result, row


async def get_purchase_order(ctx: Context[Desk, Any], number: OrderNumber) -> Annotated[CallToolResult, PurchaseOrder]:
    """Get one purchase order with its lines: quantities, received, prices, warehouse.

    Use it when the number is known. Changes nothing. The total is the ERP's own; where the lines
    add up to something else, both are shown.
    """
    desk = desk_of(ctx)
    order = await reading.get_order(desk, number)
    parts = [*filter(None, [desk.erp.notice]), HEAD, row(order)]
    if order.lines:
        parts += ["line | item | description | quantity | received | unit price | line total | warehouse"]
        parts += [line_row(line) for line in order.lines]
    parts += remarks(order)
    return result("\n".join(parts), order)


def remarks(order: PurchaseOrder) -> list[str]:
    """Say where the ERP's total is not what its lines add up to; neither is corrected."""
    added = order.sum_of_lines
    if added is None or order.total is None or added == order.total:
        return []
    return [f"The lines add up to {plain(added)}; the ERP's total is {plain(order.total)}."]
