"""The tool `create_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk, ordering
from po_mcp.orders import DraftLine, Word
from po_mcp.person import Person
from po_mcp.tools._shared import Day, OrderNumber, desk_of, told
from po_mcp.writes.operation import WriteOutcome


async def create_purchase_order(
    ctx: Context[Desk, Any],
    number: OrderNumber,
    vendor: Annotated[Word, Field(description="Vendor name or id")],
    lines: Annotated[list[DraftLine], Field(min_length=1, max_length=200)],
    expected_on: Annotated[Day | None, Field(description="Delivery expected, where the ERP can store it")] = None,
    note: Annotated[Word | None, Field(description="Note on the order, where the ERP can store it")] = None,
) -> Annotated[CallToolResult, WriteOutcome]:
    """Create a purchase order in the ERP under a number that is not taken.

    Use it once the user has named the vendor, the items, the quantities and the prices; never make
    one of them up. Returns the order as the ERP stored it. The same order asked for again is not
    created twice. If the outcome is unknown, look the number up with get_purchase_order and do not
    create it under another number.
    """
    person = Person(ctx)
    return told(await ordering.create_order(desk_of(ctx), number, vendor, lines, expected_on, note, person))
