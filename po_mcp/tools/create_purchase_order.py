"""The tool `create_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk
from po_mcp.desk.create_order import create_order
from po_mcp.orders import AskedLine, AskedOrder, Word
from po_mcp.person import Person
from po_mcp.tools._shared import Day, OrderNumber, desk_of, told
from po_mcp.writes.operation import WriteOutcome


async def create_purchase_order(
    ctx: Context[Desk, Any],
    vendor: Annotated[Word, Field(description="Vendor id, code or name")],
    lines: Annotated[list[AskedLine], Field(min_length=1, max_length=200)],
    number: Annotated[OrderNumber | None, Field(description="Only one the user named; else the next free one")] = None,
    expected_on: Annotated[Day | None, Field(description="Delivery expected, where the ERP can store it")] = None,
    note: Annotated[Word | None, Field(description="Note on the order, where the ERP can store it")] = None,
) -> Annotated[CallToolResult, WriteOutcome]:
    """Create a purchase order in the ERP, in the user's own words for vendor, items and warehouses.

    Use it once the user has named the vendor, the items and the quantities; never make one of them, a
    number or a price up. What fits several entries is asked of the person, or listed for you to ask.
    Returns the order as the ERP stored it. The same order asked for again is not created twice; after
    an outcome of unknown do not ask again under another number.
    """
    asked = AskedOrder(vendor=vendor, lines=tuple(lines), number=number, expected_on=expected_on, note=note)
    return told(await create_order(desk_of(ctx), asked, Person(ctx)))
