"""The tool `finalize_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.person import Person
from po_mcp.tools._shared import OrderNumber, desk_of, told
from po_mcp.writes.operation import WriteOutcome


async def finalize_purchase_order(
    ctx: Context[Desk, Any],
    number: OrderNumber,
    create_backorder: Annotated[
        bool | None,
        Field(
            strict=True,
            description="true: order again what was not received; false: give it up. "
            "Leave it out unless the user said so: then the person who approves chooses",
        ),
    ] = None,
) -> Annotated[CallToolResult, WriteOutcome]:
    """Mark a purchase order complete (close it) in the ERP, with a backorder for what is outstanding if wanted.

    Use it when the user wants an order closed. It cannot be undone. The server shows the order to a
    person and sends nothing before they approve. Returns the outcome and the backorder's number.
    """
    arguments = {"create_backorder": create_backorder}
    return told(await guarded_write(desk_of(ctx), "finalize", number, arguments, Person(ctx)))
