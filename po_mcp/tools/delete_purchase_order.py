"""The tool `delete_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from po_mcp.desk import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.person import Person
from po_mcp.tools._shared import OrderNumber, desk_of, told
from po_mcp.writes.operation import WriteOutcome


async def delete_purchase_order(
    ctx: Context[Desk, Any], number: OrderNumber
) -> Annotated[CallToolResult, WriteOutcome]:
    """Delete a purchase order from the ERP for good, such as a mistake or a test order.

    It cannot be undone, and an order that was received or invoiced cannot be deleted. The server
    shows the order to a person, who types its number; nothing is sent before that.
    """
    return told(await guarded_write(desk_of(ctx), "delete", number, {}, Person(ctx)))
