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
from po_mcp.writes.operation import SENT_STATES, Recorded, Requester

_REASON = "invalid_request_state"
"""What the SDK's error gives as `reason`, to each client."""
_WHY = "po-mcp was restarted since it was asked, or too much time went by, or it was asked for another call."
_RECENT_S = 86_400.0
"""How long ago what was sent may have been sent with this answer: longer than any answer is taken."""
_LATEST = 100


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
    found = await _find_operations(desk, tool, number if isinstance(number, str) else None)
    # A client repeats an answer to which no answer came: the start before this one may have sent the change with it.
    sent = found if found is None else [one for one in found if _was_sent(one)]
    if sent is None or sent:
        return f"The answer to this question was not taken by this call: {_WHY} {_tell_sent(sent or [])}"
    said = (
        f"The answer to this question was not taken, and nothing was sent with it: {_WHY} "
        "Call the tool again with the same arguments, and the person is asked again."
    )
    if found is None or len(found) != 1:
        return said
    return f"{said} {_name(found[0])} is open: get_operation shows where it stands."


def _tell_sent(sent: list[Recorded]) -> str:
    what = "A call before it may have carried the change out."
    if len(sent) == 1:
        what = f"{_name(sent[0])} was sent by a call before it."
    return f"{what} Do not repeat it before get_operation has shown what became of it."


def _name(recorded: Recorded) -> str:
    return f"Operation {recorded.operation.id} for order {order_text.number(recorded.operation.number)}"


def _was_sent(recorded: Recorded) -> bool:
    # Where a restored journal does not tell it, too.
    return recorded.sent_at is not None or recorded.state in (*SENT_STATES, "DONE")


async def _find_operations(desk: Desk, tool: str, number: str | None) -> list[Recorded] | None:
    """Return the caller's operations that a call may be about: what is open, and what was sent within a day.

    None where the journal does not tell.
    """
    kind = next((one.name for one in kinds() if tool == f"{one.name}_purchase_order"), None)
    if kind is None or not desk.journal.exists():
        return []
    requester = Requester(caller.user_name(), oauth_client=caller.oauth_client())
    try:
        name = await desk.journal.name_of(desk.erp.connection)
        live = await desk.journal.live(name)
        ended = await desk.journal.latest(name, _LATEST, kind=kind, user=requester.handles)
    except PurchaseOrderError:
        return None
    recent = desk.journal.now() - _RECENT_S
    return [
        one
        for one in (*live, *(one for one in ended if _was_sent(one) and (one.settled_at or recent) >= recent))
        if one.operation.kind == kind
        and requester.may_handle(one.operation)
        and (number is None or fold_number(one.operation.number) == fold_number(number))
    ]
