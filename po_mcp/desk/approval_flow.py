"""From a proposal to an approval: the person is asked, and only a clear yes goes on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from po_mcp.desk import Desk
from po_mcp.errors import InvalidInput
from po_mcp.writes import approval
from po_mcp.writes.approval import Answer, Approver
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Kind, Operation, Recorded, WriteOutcome

_NOWHERE = (
    "the user cannot decide outside of the client: there is no page, and no terminal sees a journal in memory. "
    "The operator can set PO_MCP_JOURNAL to a file."
)


def carried(
    desk: Desk, person: Approver, kind: Kind, number: str | None, arguments: str | None = None
) -> Recorded | WriteOutcome | None:
    """Return the operation that this call brings an answer for, if it does; it is never proposed again.

    None for `number` or `arguments`: the call itself does not tell them.

    Raises:
        InvalidInput: the answer belongs to another call.
    """
    if person.carried is None:
        return None
    recorded = desk.journal.find(person.carried)
    if recorded is None:
        return desk.executor.say(
            "expired", None, "The time for approving this is over. Nothing was sent; ask for it again to be asked anew."
        )
    operation = recorded.operation
    brought = (kind, number or operation.number, arguments or operation.arguments)
    if brought != (operation.kind, operation.number, operation.arguments):
        raise InvalidInput(
            "The answer belongs to another operation. Nothing was sent.", next_step="Ask for it again to be asked anew."
        )
    return recorded


async def through(
    desk: Desk, recorded: Recorded, person: Approver, carry_out: Callable[[Operation], Awaitable[WriteOutcome]]
) -> WriteOutcome:
    """Ask the person where nobody has decided yet, and carry out what is approved."""
    if recorded.state in ("PROPOSED", "EXPIRED"):
        stopped = await approved(desk, recorded, person)
        if stopped is not None:
            return stopped
    return await carry_out(recorded.operation)


async def approved(desk: Desk, recorded: Recorded, person: Approver) -> WriteOutcome | None:
    """Ask the person; return None where the operation may be sent, else the outcome of this call."""
    operation = recorded.operation
    if recorded.state == "EXPIRED":
        return desk.executor.outcome(recorded)
    assert operation.question is not None
    answer = await person.ask(operation.id, operation.question, desk.page)
    if answer.how in ("not_asked", "sent_to_page"):
        return await _left_to_the_page(desk, operation.id)
    if not is_yes(operation, answer):
        desk.journal.note(operation.id, "not approved", {"how": answer.how, "through": person.channel})
        return await _not_approved(desk, operation)
    if recorded.state == "PROPOSED":
        take_yes(desk.journal, operation, answer, {"through": person.channel})
    return None


def take_yes(journal: Journal, operation: Operation, answer: Answer, detail: Mapping[str, Any]) -> bool:
    """Record a yes with what the person chose; False where it comes too late, or another came first."""
    return journal.approve(operation.id, _intent(operation, answer), detail)


def is_yes(operation: Operation, answer: Answer) -> bool:
    """Tell whether the answer is a clear yes to exactly what this operation asks."""
    assert operation.question is not None
    if operation.kind == "delete":
        return approval.is_approval_of_delete(answer, operation.number)
    return approval.is_approval_of_confirm(answer, operation.question)


async def waiting(desk: Desk, recorded: Recorded) -> WriteOutcome:
    """Return the outcome of an operation that waits for a person, and say where they decide."""
    operation = recorded.operation
    link = await desk.page.link(operation.id)
    text = (
        f"A person must approve this ({operation.kind} of order {operation.number}). {_because(operation)}"
        f"Nothing was sent: {_where(desk, link)} {_until(recorded)} "
        "Once they did, get_operation with this operation_id carries it out."
    )
    return desk.executor.say("approval_required", operation, text, approve_at=link)


async def _left_to_the_page(desk: Desk, operation_id: str) -> WriteOutcome | None:
    """Go on where the page has the yes already; that the page was opened is none."""
    recorded = desk.journal.find(operation_id)
    assert recorded is not None
    if recorded.state == "PROPOSED":
        return await waiting(desk, recorded)
    return None if recorded.state == "APPROVED" else await desk.executor.outcome_of(operation_id)


async def _not_approved(desk: Desk, operation: Operation) -> WriteOutcome:
    """Tell of a no that some clients give without showing anything: the question stays open elsewhere."""
    text = (
        "Not approved: the person said no, the answer did not fit, or the client showed no question. Nothing was sent."
    )
    recorded = desk.journal.find(operation.id)
    if recorded is None or recorded.state != "PROPOSED":
        return desk.executor.say("declined", operation, text)
    link = await desk.page.link(operation.id)
    text += f" The question stays open, in case the user saw none: {_where(desk, link)} {_until(recorded)}"
    return desk.executor.say("declined", operation, text, approve_at=link)


def _because(operation: Operation) -> str:
    """Say why the creation of an order is asked about; nothing for what is always asked about."""
    because = str(json.loads(operation.intent).get("because", ""))
    return f"{because} " if because else ""


def _where(desk: Desk, link: str | None) -> str:
    if desk.journal.is_shared():
        page = "" if link is None else f"on this page: {link} or "
        return f"the user decides {page}in a terminal, with the command: po-mcp approve."
    return _NOWHERE if link is None else f"the user decides on this page: {link} and nowhere else."


def _until(recorded: Recorded) -> str:
    return f"It is open until {datetime.fromtimestamp(recorded.expires_at, UTC):%H:%M} UTC."


def _intent(operation: Operation, answer: Answer) -> str:
    """Return what is to be sent, with what the person chose."""
    intent = json.loads(operation.intent)
    choice = (answer.content or {}).get("create_backorder")
    return json.dumps({**intent, "create_backorder": choice} if choice is not None else intent)
