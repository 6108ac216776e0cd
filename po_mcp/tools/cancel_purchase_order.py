"""The tool `cancel_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from po_mcp.desk import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.person import Person
from po_mcp.tools._shared import OrderNumber, desk_of, told
from po_mcp.writes.operation import WriteOutcome


async def cancel_purchase_order(
    ctx: Context[Desk, Any], number: OrderNumber
) -> Annotated[CallToolResult, WriteOutcome]:
    """Cancel a purchase order in the ERP: it stays there, inactive.

    Use it when the user calls an order off, or wants to delete one that was received or invoiced.
    Making it active again is done in the ERP. The server shows the order to a person and sends
    nothing before they approve.
    """
    return told(await guarded_write(desk_of(ctx), "cancel", number, {}, Person(ctx)))
