"""The tool `get_operation`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.approvals.elicitation import Elicitor
from po_mcp.desk import operations
from po_mcp.desk.context import Desk
from po_mcp.tools._params import desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import name_operation, tool_result


class OperationsResult(operations.Operations):
    """Operations, with what stands in the text where there are none."""

    note: str | None = None


async def get_operation(
    ctx: Context[Desk, Any],
    operation_id: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{32}$", description="From an earlier outcome; leave out for all open ones"),
    ] = None,
) -> Annotated[CallToolResult, OperationsResult]:
    """Return one operation or the open ones, settled by what a reading shows; nothing is sent."""
    desk = desk_of(ctx)
    found = await operations.get_operations(desk, operation_id, Elicitor(ctx))
    # Each with its own next step: of several operations one may be done and another in doubt.
    rows = [
        " ".join(filter(None, (f"{one.status}: {one.message}", one.next_step, *name_operation(one))))
        for one in found.operations
    ]
    note = None if rows else desk.add_notice(await _describe_none(desk, Elicitor(ctx)))
    return tool_result(note or "\n".join(rows), found, note=note)


async def _describe_none(desk: Desk, elicitor: Elicitor) -> str:
    latest = await operations.describe_latest(desk, elicitor)
    return " ".join(filter(None, ("Nothing is waiting for approval, and nothing is unconfirmed.", latest)))


TOOL = RegisteredTool(
    get_operation,
    title="Check on a change",
    capability="get",
    description=(
        "Check on a create, close, cancel or delete: one by operation_id, or all that wait for approval or are "
        "unconfirmed. Use it after status approval_required, once the user has decided, and after status unknown: "
        "the order is then read again. Sends nothing."
    ),
    returns="Operations as they stand now, oldest first.",
    idempotent=True,
    # It settles by reading and sends nothing, so a token to read is enough; and it is not read-only, since it may ask.
    asks_for_writes=False,
    has_card=True,
)
