"""From a proposed operation to an approval: the person is asked, and only a clear yes is executed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from po_mcp.desk.context import Desk
from po_mcp.errors import InvalidInput
from po_mcp.writes.approving import Approver, is_approval, record_approval
from po_mcp.writes.forms import MAX_TRIES, FormAnswer, is_no, read_typed_number
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome
from po_mcp.writes.order_text import name
from po_mcp.writes.payloads import CreatePayload

_NO_PLACE = (
    "the user cannot decide outside of the client: there is no page, and no terminal sees a journal in memory. "
    "The operator can set PO_MCP_JOURNAL to a file."
)


@dataclass(frozen=True)
class Proceed:
    """The operation was approved, or is further on than that: it may be executed."""


@dataclass(frozen=True)
class Stop:
    """Nothing is sent by this call."""

    outcome: WriteOutcome


async def find_answered(
    desk: Desk, approver: Approver, kind: str, number: str | None, arguments: str
) -> Recorded | Stop | None:
    """Return the operation that this call brings an answer for, if it does; it is never proposed again.

    None for `number`: the call itself does not name one.

    Raises:
        InvalidInput: the answer belongs to another call.
    """
    if approver.answered_operation_id is None:
        return None
    recorded = await desk.journal.find(approver.answered_operation_id)
    if recorded is None:
        text = "The time for approving this is over. Nothing was sent; ask for it again to be asked anew."
        return Stop(desk.words.say("expired", None, text))
    operation = recorded.operation
    # The SDK binds the sealed state to the tool and its arguments already. This check keeps an answer from
    # approving another order even if that binding fails.
    if (kind, number or operation.number, arguments) != (operation.kind, operation.number, operation.arguments):
        raise InvalidInput(
            "The answer belongs to another operation. Nothing was sent.", next_step="Ask for it again to be asked anew."
        )
    return recorded


async def run_approval(desk: Desk, recorded: Recorded, approver: Approver) -> WriteOutcome:
    """Ask the person if no decision is recorded yet, and execute an approved operation."""
    if recorded.state in ("PROPOSED", "EXPIRED"):
        decision = await ask_approval(desk, recorded, approver)
        if isinstance(decision, Stop):
            return decision.outcome
    return await desk.executor.execute(recorded.operation.id)


async def ask_approval(desk: Desk, recorded: Recorded, approver: Approver) -> Proceed | Stop:
    """Ask the person, and record a yes before anything is sent."""
    operation = recorded.operation
    if recorded.state == "EXPIRED":
        return Stop(desk.words.outcome(recorded))
    # Only an operation without a question is recorded as approved, and this one is not.
    assert operation.question is not None
    answer = await _ask(desk, operation, approver)
    if answer.how in ("not_asked", "sent_to_page"):
        return await _leave_to_page(desk, operation.id)
    # Everything that is not a clear yes stops here, also answers of a kind that is not known yet.
    if is_approval(operation, answer):
        await record_approval(desk.journal, operation, answer, {"through": approver.channel})
        return Proceed()
    return Stop(await _stop_unapproved(desk, operation, answer, approver.channel))


async def _ask(desk: Desk, operation: Operation, approver: Approver) -> FormAnswer:
    """Put the question; an order number that was mistyped may be typed again.

    A client of the stateless era brings each answer in a call of its own: its wording says which try it was.
    """
    assert operation.question is not None
    tries = [operation.question.of_try(number) for number in range(1, MAX_TRIES + 1)]
    wordings = [question.wording_digest for question in tries]
    begin = wordings.index(approver.answered_wording) if approver.answered_wording in wordings else 0
    answer = FormAnswer("not_asked")
    for question in tries[begin:]:
        answer = await approver.ask(operation.id, question, desk.page)
        if is_approval(operation, answer) or read_typed_number(answer) is None:
            break
    return answer


async def describe_waiting(desk: Desk, recorded: Recorded) -> WriteOutcome:
    """Return the outcome `approval_required`, whose text says where the person decides and until when."""
    operation = recorded.operation
    link = await desk.page.link(operation.id)
    text = (
        f"A person must approve this ({operation.kind} of order {operation.number}). {_describe_reasons(operation)}"
        f"Nothing was sent: {_describe_places(desk, link)} {_describe_expiry(recorded)} "
        "What is approved there is carried out at once; get_operation with this operation_id tells what came of it."
    )
    return desk.words.say("approval_required", operation, text, approve_at=link)


async def _leave_to_page(desk: Desk, operation_id: str) -> Proceed | Stop:
    """Proceed only if the yes is recorded already: opening the page is no approval."""
    recorded = await desk.journal.find(operation_id)
    assert recorded is not None
    return Stop(await describe_waiting(desk, recorded)) if recorded.state == "PROPOSED" else Proceed()


async def _stop_unapproved(desk: Desk, operation: Operation, answer: FormAnswer, channel: str) -> WriteOutcome:
    """End the call without a yes.

    A no that was filled in ends the operation: the person has seen it. After a plain decline it stays open elsewhere,
    since some clients decline without showing anything; the outcome then has no link, so that a no is not followed by
    an invitation to approve. A closed form, an answer that does not fit, or none in time counts as not shown.
    """
    assert operation.question is not None
    detail = {"how": answer.how, "through": channel}
    not_done = f"Order {operation.number} was not {kind_of(operation.kind).words.done}."
    if is_no(answer, operation.question) and await desk.journal.decline(operation.id, detail):
        return desk.words.say("declined", operation, f"The person said no. {not_done} Nothing was sent.")
    typed = read_typed_number(answer)
    is_decline = answer.how == "declined" or typed is not None
    await desk.journal.note_unanswered(operation.id, detail, is_decline=is_decline)
    recorded = await desk.journal.find(operation.id)
    # It was decided elsewhere meanwhile, such as on the page.
    if recorded is None or recorded.state != "PROPOSED":
        return desk.words.say("declined", operation, f"{not_done} Nothing was sent.")
    if is_decline:
        mistyped = "" if typed is None else f"{name(typed)} is not the order number. "
        return desk.words.say("declined", operation, f"{mistyped or 'Declined. '}{not_done} Nothing was sent.")
    waiting = await describe_waiting(desk, recorded)
    missing = "No answer came in time." if answer.how == "timed_out" else "No answer came that fits the question."
    text = desk.add_notice(missing)
    return waiting.model_copy(update={"message": f"{text} {waiting.message.removeprefix(desk.erp.notice).strip()}"})


def _describe_reasons(operation: Operation) -> str:
    """Return why a create needs approval and what its words were taken for; "" for other kinds of write."""
    payload = operation.payload
    if not isinstance(payload, CreatePayload):
        return ""
    return " ".join([*(reason.sentence for reason in payload.reasons), *payload.notes, ""])


def _describe_places(desk: Desk, link: str | None) -> str:
    if desk.journal.is_shared:
        page = "" if link is None else f"on this page: {link} or "
        return f"the user decides {page}in a terminal, with the command: po-mcp approve."
    return _NO_PLACE if link is None else f"the user decides on this page: {link} and nowhere else."


def _describe_expiry(recorded: Recorded) -> str:
    return f"It is open until {datetime.fromtimestamp(recorded.expires_at, UTC):%H:%M} UTC."
