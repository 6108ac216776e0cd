"""The state of operations: one by its id, or all that are not settled. Only reads are sent to the ERP."""

from __future__ import annotations

import anyio

from po_mcp.desk.approval_flow import describe_declined, describe_waiting
from po_mcp.desk.context import Desk
from po_mcp.errors import InvalidInput, JournalUnavailable
from po_mcp.orders import Record
from po_mcp.writes import order_text
from po_mcp.writes.approving import Approver, describe_answer
from po_mcp.writes.forms import Question, read_decision
from po_mcp.writes.kinds import kind_of, kinds, place_of
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import SENT_STATES, Recorded, WriteOutcome
from po_mcp.writes.order_questions import ask_whether_it_happened
from po_mcp.writes.verdict import record_verdict

_LOOK_TIMEOUT_S = 15.0
"""How long the reads of one call may take together: many clients give a call up after a minute."""
_RECENT_S, _MOST_RECENT = 600.0, 5
"""What was done within so many seconds is named, at most so many of them: a host may have dropped their answers."""


class Operations(Record):
    """Operations as they stand now, the oldest first."""

    operations: tuple[WriteOutcome, ...]


async def get_operations(desk: Desk, operation_id: str | None, approver: Approver) -> Operations:
    """Return one operation of the caller, or all that wait or are unknown, after reading the orders that were sent.

    If one operation stays unknown, the person is asked by the client's form whether it happened.

    Raises:
        InvalidInput: there is no operation of this id on this connection.
    """
    name, caller = await desk.journal.name_of(desk.erp.connection), approver.requester
    if operation_id is None:
        live = [one for one in await desk.journal.live(name) if caller.may_handle(one.operation)]
        return Operations(operations=await _reconcile_all(desk, live))
    recorded = await desk.journal.find(operation_id)
    # Operations of other connections are not shown: this ERP cannot tell what became of them.
    is_shown = recorded is not None and recorded.operation.connection == name and caller.may_handle(recorded.operation)
    if recorded is None or not is_shown:
        raise InvalidInput("No operation has this id.", next_step="Leave operation_id out to list the open ones.")
    recorded = await _reconcile(desk, recorded)
    if recorded.state == "UNKNOWN" and desk.may_decide(approver):
        return Operations(operations=(await _ask_whether_it_happened(desk, recorded, approver),))
    return Operations(operations=(await _describe(desk, recorded),))


async def describe_latest(desk: Desk, approver: Approver) -> str:
    """Return a sentence that names what was carried out for the caller in the last ten minutes; "" for nothing.

    A host that gave a call up has no operation id to ask for.
    """
    name, begin = await desk.journal.name_of(desk.erp.connection), desk.journal.now() - _RECENT_S
    # The caller's own are chosen before they are cut to a few: what others do meanwhile must not hide them.
    every, own = [one.name for one in kinds()], approver.requester.handles
    done = await desk.journal.done_since(name, every, begin, own, _MOST_RECENT)
    named = [
        f"order {order_text.number(one.operation.number)} was {kind_of(one.operation.kind).words.done} "
        f"(operation_id {one.operation.id})"
        for one in done
    ]
    return f"In the last ten minutes {', '.join(named)}." if named else ""


async def _reconcile_all(desk: Desk, found: list[Recorded]) -> tuple[WriteOutcome, ...]:
    """Reconcile all operations at once; one that cannot be read in time is described as it was recorded."""
    settled = dict(enumerate(found))

    async def look(place: int) -> None:
        settled[place] = await _reconcile(desk, found[place])

    # A read that is too slow leaves its operation as it was recorded.
    with anyio.move_on_after(_LOOK_TIMEOUT_S):
        async with anyio.create_task_group() as looks:
            for place in range(len(found)):
                looks.start_soon(look, place)
    return tuple([await _describe(desk, settled[place]) for place in range(len(found))])


async def _reconcile(desk: Desk, recorded: Recorded) -> Recorded:
    if recorded.state not in SENT_STATES or desk.reconciler.is_sending(recorded.operation.id):
        return recorded
    try:
        return await desk.reconciler.reconcile(recorded)
    except JournalUnavailable:  # nothing can be recorded now: what is known is still true
        return recorded


async def _describe(desk: Desk, recorded: Recorded) -> WriteOutcome:
    if recorded.state != "PROPOSED":
        return desk.words.outcome(recorded)
    return await describe_declined(desk, recorded) or await describe_waiting(desk, recorded)


async def _ask_whether_it_happened(desk: Desk, recorded: Recorded, approver: Approver) -> WriteOutcome:
    """Show what was sent and what the ERP shows, and record the person's verdict that it happened."""
    seen = await desk.reconciler.look(recorded, beyond_number=True)
    question = await desk.prepare_question(_build_question(desk, recorded, seen))
    # "It did not happen" is not taken here: a wrong one would let the order be sent twice, so it needs the order's
    # number, on the page or in the terminal.
    if read_decision(await approver.choose(question), question) == "happened":
        detail = {"by": "a person", **describe_answer(approver), "said": "happened"}
        return await record_verdict(desk.reconciler, recorded, happened=True, detail=detail)
    outcome = desk.words.outcome(recorded)
    shown = "; ".join([f"Seen now: {seen.why}", *seen.differences])
    link = await desk.page.link(recorded.operation.id)
    place = "with po-mcp journal settle" if link is None else f"on this page: {link} or with po-mcp journal settle"
    message = f"{outcome.message} {shown}. A person can record {place} what happened."
    return outcome.model_copy(update={"message": message, "order": seen.order, "approve_at": link})


def _build_question(desk: Desk, recorded: Recorded, seen: Observation) -> Question:
    operation = recorded.operation
    request = kind_of(operation.kind).words.request
    shown, is_sent = (seen.why, *seen.differences), recorded.sent_at is not None
    return ask_whether_it_happened(place_of(desk.erp), request, operation.number, shown, is_sent=is_sent)
