"""The tool `get_operation`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk, operations
from po_mcp.person import Person
from po_mcp.tools._shared import desk_of, result


async def get_operation(
    ctx: Context[Desk, Any],
    operation_id: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{32}$", description="As an earlier outcome gave it; leave it out for all open ones"),
    ] = None,
) -> Annotated[CallToolResult, operations.Operations]:
    """Tell what became of a write: one by its operation_id, or all that wait or whose outcome is unknown.

    Use it after an outcome of unknown or approval_required, and before asking for a write again.
    It sends nothing: it reads the order again, and settles by what it sees. Of one whose outcome stays
    unknown it asks the user whether it happened.
    """
    desk = desk_of(ctx)
    found = await operations.get_operations(desk, operation_id, Person(ctx))
    rows = [f"{one.status}: {one.message} operation_id: {one.operation_id}" for one in found.operations]
    return result("\n".join(rows) or desk.say("No operation is open."), found)
