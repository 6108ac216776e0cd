"""The tool `create_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.approvals.elicitation import Elicitor
from po_mcp.desk.context import Desk
from po_mcp.orders import OrderRequest, OrderRequestLine, Word
from po_mcp.tools._params import Day, OrderNumber, desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import outcome_result
from po_mcp.writes.operation import WriteOutcome


async def create_purchase_order(
    ctx: Context[Desk, Any],
    vendor: Annotated[Word, Field(description="Vendor id, code or name")],
    # 200: a person must be able to read what they approve, and every line is shown on one page.
    lines: Annotated[list[OrderRequestLine], Field(min_length=1, max_length=200)],
    number: Annotated[
        OrderNumber | None, Field(description="Only if the user gave one; else the next free one")
    ] = None,
    expected_on: Annotated[Day | None, Field(description="Expected delivery, if the ERP stores it")] = None,
    note: Annotated[Word | None, Field(description="Note on the order, if the ERP stores it")] = None,
) -> Annotated[CallToolResult, WriteOutcome]:
    """Create an order; a person is asked where the words or the amount want it."""
    from po_mcp.desk.create_order import create_order  # late, for a quick start

    asked = OrderRequest(vendor=vendor, lines=tuple(lines), number=number, expected_on=expected_on, note=note)
    return outcome_result(await create_order(desk_of(ctx), asked, Elicitor(ctx)))


TOOL = RegisteredTool(
    create_purchase_order,
    title="Create purchase order",
    capability="create",
    description=(
        "Create a purchase order in the ERP. Use it once the user has named vendor, items and quantities; "
        "pass their own words. Never invent a vendor, item, quantity, number or price: leave out what is "
        "optional, ask for the rest. If words match several entries, the user is asked, or you get the list "
        "to ask from. The user may have to approve it. Returns the stored order. Repeating the same call does "
        "not order twice; after status unknown do not try another number."
    ),
    returns="Outcome of a create, close, cancel or delete.",
    has_card=True,
)
