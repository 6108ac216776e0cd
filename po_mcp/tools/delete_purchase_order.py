"""The tool `delete_purchase_order`."""

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


async def delete_purchase_order(
    ctx: Context[Desk, Any], number: OrderNumber
) -> Annotated[CallToolResult, WriteOutcome]:
    """Delete an order, once a person approved it."""
    # No argument stands for a yes: a model would fill it in.
    return outcome_result(await guarded_write(desk_of(ctx), "delete", number, {}, Elicitor(ctx)))


TOOL = RegisteredTool(
    delete_purchase_order,
    title="Delete purchase order",
    capability="delete",
    description=(
        "Delete a purchase order permanently, such as a mistake or a test order. Not possible once goods were "
        "received or invoiced. The server itself asks the user, who types the order number; nothing is sent "
        "before."
    ),
    returns="Outcome of a create, close, cancel or delete.",
    destructive=True,
    idempotent=True,
    has_card=True,
)
