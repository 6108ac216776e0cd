"""The tool `finalize_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.approvals.elicitation import Elicitor
from po_mcp.desk.context import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.tools._params import OrderNumber, desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import outcome_result
from po_mcp.writes.operation import WriteOutcome


async def finalize_purchase_order(
    ctx: Context[Desk, Any],
    number: OrderNumber,
    create_backorder: Annotated[
        # None and not false: what becomes of the rest is then for the approver to choose.
        bool | None,
        Field(
            # pydantic's own bool takes "yes", "on" and 1; what hosts may send is read in `_lenient`.
            strict=True,
            description="true: put the rest on a backorder; false: do not. "
            "Leave out unless the user said; the approver then chooses",
        ),
    ] = None,
) -> Annotated[CallToolResult, WriteOutcome]:
    """Close an order, once a person approved it."""
    arguments = {"create_backorder": create_backorder}
    return outcome_result(await guarded_write(desk_of(ctx), "finalize", number, arguments, Elicitor(ctx)))


TOOL = RegisteredTool(
    finalize_purchase_order,
    title="Close purchase order",
    capability="finalize",
    description=(
        "Close (finalize) a purchase order for good; what is outstanding can go on a new backorder. Use it "
        "when the user wants an order closed or completed, not to call one off. The server itself asks the "
        "user first, nothing is sent before. Returns the outcome and the backorder's number."
    ),
    returns="Outcome of a create, close, cancel or delete.",
    destructive=True,
    idempotent=True,
    has_card=True,
)
