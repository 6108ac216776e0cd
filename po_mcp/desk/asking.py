"""From a proposal to an approval: the person is asked, and only a clear yes goes on."""

from __future__ import annotations

import json

from po_mcp.desk import Desk
from po_mcp.errors import InvalidInput
from po_mcp.writes import approval
from po_mcp.writes.approval import Answer, Approver
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome


def carried(desk: Desk, person: Approver, proposed: Operation) -> Recorded | WriteOutcome | None:
    """Return the operation that this call brings an answer for, if it does; it is never proposed again.

    Raises:
        InvalidInput: the answer belongs to another call.
    """
    if person.carried is None:
        return None
    recorded = desk.journal.find(person.carried)
    if recorded is None:
        return desk.executor.say("expired", None, "The time for approving this is over. Nothing was sent.")
    operation = recorded.operation
    if (operation.kind, operation.number, operation.arguments) != (
        proposed.kind,
        proposed.number,
        proposed.arguments,
    ):
        raise InvalidInput("The answer belongs to another operation. Nothing was sent.")
    return recorded


async def approved(desk: Desk, recorded: Recorded, person: Approver) -> WriteOutcome | None:
    """Ask the person; return None where the operation may be sent, else the outcome of this call."""
    operation = recorded.operation
    if recorded.state == "EXPIRED":
        return desk.executor.outcome(recorded)
    assert operation.question is not None
    answer = await person.ask(operation.id, operation.question)
    if answer.how == "not_asked":
        text = (
            f"A person must approve this ({operation.kind} of order {operation.number}), and this client offers no "
            "way to ask one. Nothing was sent. It can be approved from a client that shows forms (MCP elicitation)."
        )
        return desk.executor.say("approval_required", operation, text)
    if not _is_yes(operation, answer):
        desk.journal.note(operation.id, "not approved", {"how": answer.how, "through": person.channel})
        text = (
            "Not approved: the person said no, the answer did not fit, or the client showed no question. "
            "Nothing was sent."
        )
        return desk.executor.say("declined", operation, text)
    if recorded.state == "PROPOSED":
        desk.journal.approve(operation.id, _intent(operation, answer), {"through": person.channel})
    return None


def _is_yes(operation: Operation, answer: Answer) -> bool:
    assert operation.question is not None
    if operation.kind == "delete":
        return approval.is_approval_of_delete(answer, operation.number)
    return approval.is_approval_of_confirm(answer, operation.question)


def _intent(operation: Operation, answer: Answer) -> str:
    """Return what is to be sent, with what the person chose."""
    intent = json.loads(operation.intent)
    choice = (answer.content or {}).get("create_backorder")
    return json.dumps({**intent, "create_backorder": choice} if choice is not None else intent)
