"""The tool `cancel_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from po_mcp.approvals.elicitation import Elicitor
from po_mcp.desk.context import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.tools._params import OrderNumber, desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import outcome_result
from po_mcp.writes.operation import WriteOutcome


async def cancel_purchase_order(
    ctx: Context[Desk, Any], number: OrderNumber
) -> Annotated[CallToolResult, WriteOutcome]:
    """Cancel an order, once a person approved it."""
    return outcome_result(await guarded_write(desk_of(ctx), "cancel", number, {}, Elicitor(ctx)))


TOOL = RegisteredTool(
    cancel_purchase_order,
    title="Cancel purchase order",
    capability="cancel",
    description=(
        "Cancel a purchase order: it stays in the ERP as inactive and can be reactivated only there. Use it "
        "when the user calls an order off, or when it cannot be deleted. The server itself asks the user "
        "first, nothing is sent before."
    ),
    returns="Outcome of a create, close, cancel or delete.",
    destructive=True,
    idempotent=True,
    has_card=True,
)
