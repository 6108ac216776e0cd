"""The answer to a question that this server cannot open: what became of it, in words for the model and its user.

At 2026-07-28 a client repeats its call with the answer and the sealed state of the question. The SDK refuses a state of
another start of the server, of another call, or one that is too old, with the same bare text for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError

from po_mcp.approvals import caller
from po_mcp.desk.context import Desk
from po_mcp.errors import PurchaseOrderError
from po_mcp.orders import fold_number
from po_mcp.server.current_request import Request
from po_mcp.writes import order_text
from po_mcp.writes.kinds import kinds
from po_mcp.writes.operation import Recorded, Requester

_REASON = "invalid_request_state"
"""What the SDK's error gives as `reason`, to each client."""


async def explain_lost_answer(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Say what became of an answer that cannot be opened; an MCP middleware around the SDK's own check.

    Raises:
        MCPError: the SDK's, with its code and data, and our words.
    """
    try:
        return await call_next(ctx)
    except MCPError as exc:
        given = exc.error.data
        is_lost = isinstance(given, Mapping) and given.get("reason") == _REASON
        if not is_lost or ctx.method != "tools/call":
            raise
        raise MCPError(exc.error.code, await _explain(ctx.lifespan_context, ctx.params or {}), given) from exc


async def _explain(desk: Desk, params: Mapping[str, Any]) -> str:
    tool, arguments = str(params.get("name", "")), params.get("arguments")
    number = arguments.get("number") if isinstance(arguments, Mapping) else None
    said = (
        "The answer to this question was not taken, and nothing was sent with it: po-mcp was restarted since it was "
        "asked, or too much time went by, or it was asked for another call. "
        "Call the tool again with the same arguments, and the person is asked again."
    )
    found = await _find_open(desk, tool, number if isinstance(number, str) else None)
    if found is None:
        return said
    operation = found.operation
    which = f"Operation {operation.id} for order {order_text.number(operation.number)}"
    return f"{said} {which} is open: get_operation shows where it stands."


async def _find_open(desk: Desk, tool: str, number: str | None) -> Recorded | None:
    """Return the caller's open operation that a call is about; None where there is none, or not only one."""
    kind = next((one.name for one in kinds() if tool == f"{one.name}_purchase_order"), None)
    if kind is None or not desk.journal.exists():
        return None
    requester = Requester(caller.user_name(), oauth_client=caller.oauth_client())
    try:
        live = await desk.journal.live(await desk.journal.name_of(desk.erp.connection))
    except PurchaseOrderError:  # the words are true without it
        return None
    asked = [
        one
        for one in live
        if one.operation.kind == kind
        and requester.may_handle(one.operation)
        and (number is None or fold_number(one.operation.number) == fold_number(number))
    ]
    return asked[0] if len(asked) == 1 else None
