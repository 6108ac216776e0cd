"""From a proposed operation to an approval: the person is asked, and only a clear yes is executed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from po_mcp.desk.context import Desk
from po_mcp.errors import InvalidInput, JournalUnavailable
from po_mcp.writes.approvers import describe_people
from po_mcp.writes.approving import Approver, describe_answer, is_approval, record_approval, with_answer
from po_mcp.writes.forms import MAX_TRIES, FormAnswer, is_no, is_typed_no, read_typed_number
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome
from po_mcp.writes.order_text import CURRENCY_NOT_GIVEN, name, number
from po_mcp.writes.outcomes import ASK_AGAIN
from po_mcp.writes.payloads import CreatePayload

logger = logging.getLogger(__name__)

_NO_PLACE = (
    "There is no other way to approve here: the approval page is off and the journal is in memory. "
    "Your administrator can set PO_MCP_JOURNAL to a file."
)
_TERMINAL = "run po-mcp approve in a terminal"
_GIVE_LINK, _GIVE_LINK_ON = "Give the user the link and wait.", "Give the user the link for an approver, and wait."
_TERMINAL_OF_THE_SERVER = "an administrator decides on the server with po-mcp approve"
_IF_NOT_SHOWN = " If no question was shown, decide with po-mcp approve."
_QUICK_S = 1.0
"""Seconds within which no person reads a question and declines it: some clients decline without showing it."""
PAGE_WAIT_S, _CALL_S = 45.0, 50.0
"""Seconds that a call waits for the page that its client opened, and that it takes in all: many clients give a call up
after a minute."""
_PAGE_LOOK_S = 0.3
_SAID_NO_BEFORE = "Declined before."
_HOW = {
    "accepted": "an answer that is none of the form's",
    "cancelled": "closed without an answer",
    "timed_out": "no answer in time",
}
"""What came back that is no yes, as the audit log has it."""
_TIMED_OUT = "No answer came in time; one that comes now counts for nothing."
_NO_ANSWER = {"cancelled": "The question was closed without an answer.", "timed_out": _TIMED_OUT}
"""The same, as people read it."""


@dataclass(frozen=True)
class Proceed:
    """The operation was approved, or is further on than that: it may be executed.

    `in_this_call`: the yes came by this call's own form. `approved` is the operation with what it approved, where
    nobody else's yes is a part of that.
    """

    in_this_call: bool = False
    approved: Operation | None = None


@dataclass(frozen=True)
class Stop:
    """Nothing is sent by this call."""

    outcome: WriteOutcome


def check_answered(desk: Desk, approver: Approver, call: Operation, recorded: Recorded | None) -> Recorded | Stop:
    """Return the operation that this call brings an answer for; it is never proposed again.

    Raises:
        InvalidInput: the answer belongs to another call.
    """
    if recorded is None:
        return Stop(desk.words.say("expired", None, "The approval expired. Nothing was changed.", ASK_AGAIN))
    operation = recorded.operation
    if not approver.requester.may_handle(operation):
        raise InvalidInput("This answer belongs to another person's request.", effect="nothing_changed")
    # The SDK binds the sealed state to the tool and its arguments already. This check keeps an answer from
    # approving another order even if that binding fails.
    named = call.number or operation.number  # a create may leave the number to the server
    if (call.kind, named, call.arguments) != (operation.kind, operation.number, operation.arguments):
        raise InvalidInput(
            "This answer belongs to another request.", effect="nothing_changed", next_step="Call the tool again."
        )
    return recorded


async def run_approval(desk: Desk, recorded: Recorded, approver: Approver) -> WriteOutcome:
    """Ask the person if no decision is recorded yet, and execute an approved operation."""
    operation_id = recorded.operation.id
    if recorded.state in ("PROPOSED", "EXPIRED"):
        decision = await ask_approval(desk, recorded, approver)
        if isinstance(decision, Stop):
            return decision.outcome
        if decision.in_this_call:
            async with _take_back_if_cancelled(desk, operation_id, approver):
                return await desk.executor.execute(operation_id, decision.approved)
    return await desk.executor.execute(operation_id)


async def ask_approval(desk: Desk, recorded: Recorded, approver: Approver) -> Proceed | Stop:
    """Ask the person, and record a yes before anything is sent."""
    operation = recorded.operation
    if recorded.state == "EXPIRED":
        return Stop(desk.words.outcome(recorded))
    # Only an operation without a question is recorded as approved, and this one is not.
    assert operation.question is not None
    # A call that brings an answer requests nothing again.
    if approver.answered_operation_id != operation.id:
        await desk.executor.note_asked_again(recorded)
    answer = await _ask(desk, recorded, approver)
    if answer.how == "sent_to_page":
        await _wait_for_page(desk, operation.id, approver)
    if answer.how in ("not_asked", "sent_to_page"):
        return await _leave_to_page(desk, operation.id)
    # Everything that is not a clear yes stops here, also answers of a kind that is not known yet.
    if is_approval(operation, answer):
        return Proceed(in_this_call=True, approved=await _record_yes(desk, operation, answer, approver))
    return Stop(await _stop_unapproved(desk, operation, answer, approver))


async def _record_yes(desk: Desk, operation: Operation, answer: FormAnswer, approver: Approver) -> Operation | None:
    """Record a yes; return the operation as it was approved, None where only the journal knows what that is."""
    detail, rules = describe_answer(approver), desk.approvers
    async with _take_back_if_cancelled(desk, operation.id, approver):
        consented = await record_approval(desk.journal, operation, answer, detail, approver.person, rules)
    is_alone = rules is None and not operation.payload.consent.is_of_team
    return with_answer(operation, answer) if is_alone and consented == "approved" else None


@asynccontextmanager
async def _take_back_if_cancelled(desk: Desk, operation_id: str, approver: Approver) -> AsyncIterator[None]:
    """Take this call's yes back if its client ends the call before anything is sent.

    Left as it is, the yes would let the next call of the assistant send, and nobody would be asked: who stops a call
    does not mean that. What was sent by then stays as it is.
    """
    try:
        yield
    except anyio.get_cancelled_exc_class():
        detail = {"because": "the call was cancelled before it was sent", **describe_answer(approver)}
        with anyio.CancelScope(shield=True):
            try:
                await desk.journal.take_back(operation_id, detail)
            except JournalUnavailable:
                logger.error(
                    "operation %s: its call was cancelled, and its approval stands until it expires", operation_id
                )
        raise


async def _ask(desk: Desk, recorded: Recorded, approver: Approver) -> FormAnswer:
    """Put the question; an order number that was mistyped may be typed again.

    A client of the stateless era brings each answer in a call of its own: its wording says which try it was.
    """
    operation = recorded.operation
    assert operation.question is not None
    # An answer that is brought all the same is none: the person was asked before they lost the right to give it.
    if not desk.may_decide(approver, operation):
        return FormAnswer("not_asked")
    tries = operation.question.tries
    # An answer to the question as it was before the no counts: the client may have declined without showing it.
    if approver.answered_wording not in [question.wording_digest for question in tries]:
        no = await desk.executor.say_earlier_no(recorded)
        tries = operation.question.with_caution(no, _SAID_NO_BEFORE).tries if no else tries
    wordings = [question.wording_digest for question in tries]
    begin = wordings.index(approver.answered_wording) if approver.answered_wording in wordings else 0
    answer = FormAnswer("not_asked")
    for question in tries[begin:]:
        answer = await approver.ask(operation.id, question, desk.page)
        typed = read_typed_number(answer)
        if is_approval(operation, answer) or typed is None or is_typed_no(typed, operation.number):
            break
    return answer


async def describe_declined(desk: Desk, recorded: Recorded) -> WriteOutcome | None:
    """Return the outcome of a question that was declined in a form and that nobody asked again; None of any other.

    It stays open elsewhere, which is said without a link: a no is not followed by an invitation to approve.
    """
    operation = recorded.operation
    no = await desk.executor.find_own_no(operation)
    if no is None:
        return None
    declined = desk.words.earlier_no(no, desk.journal.now(), is_again=False)
    until = desk.words.local.moment(recorded.expires_at, desk.journal.now())
    place = "on the approval page" if await desk.page.link(operation.id) is not None else "for po-mcp approve"
    is_open = f" Its question stays open {place} until {until}." if desk.journal.is_shared else ""
    not_done = f"Order {number(operation.number)} was not {kind_of(operation.kind).words.done}."
    return desk.words.say("declined", operation, f"{declined} {not_done}{is_open}")


async def describe_waiting(desk: Desk, recorded: Recorded, before: str = "") -> WriteOutcome:
    """Return the outcome `approval_required`, whose text says where the person decides and until when.

    `before` is what happened to the question so far.
    """
    operation = recorded.operation
    link = await desk.page.link(operation.id)
    doing = f"{kind_of(operation.kind).words.doing} order {number(operation.number)}"
    until = desk.words.local.moment(recorded.expires_at, desk.journal.now())
    earlier = await desk.executor.say_earlier_no(recorded)
    parts = [before, earlier, f"{doing} needs approval.", *_reasons_of(operation), describe_people(operation)]
    parts.append("Nothing has been changed yet.")
    parts.append(_describe_places(desk, operation, link, until))
    next_step = "Once the user has decided, call get_operation with this operation_id: it is carried out there."
    if link is not None:
        next_step = f"{_GIVE_LINK_ON if desk.has_sign_in else _GIVE_LINK} {next_step}"
    text = " ".join(filter(None, parts))
    return desk.words.say("approval_required", operation, text, next_step, with_people=False, approve_at=link)


async def _wait_for_page(desk: Desk, operation_id: str, approver: Approver) -> None:
    """Wait for a decision on the page that the client opened, as long as its call may take."""
    until = anyio.current_time() + min(PAGE_WAIT_S, _CALL_S - approver.seconds_in_call)
    while anyio.current_time() < until:
        recorded = await desk.journal.find(operation_id)
        if recorded is None or recorded.state != "PROPOSED":
            return
        await anyio.sleep(_PAGE_LOOK_S)


async def _leave_to_page(desk: Desk, operation_id: str) -> Proceed | Stop:
    """Proceed only if the yes is recorded already: opening the page is no approval."""
    recorded = await desk.journal.find(operation_id)
    if recorded is None:  # an older copy of the journal was put in its place meanwhile
        return Stop(desk.words.lost())
    return Stop(await describe_waiting(desk, recorded)) if recorded.state == "PROPOSED" else Proceed()


async def _stop_unapproved(desk: Desk, operation: Operation, answer: FormAnswer, approver: Approver) -> WriteOutcome:
    """End the call without a yes.

    A no that was filled in ends the operation: the person has seen it. After a plain decline it stays open elsewhere,
    since some clients decline without showing anything; the outcome then has no link, so that a no is not followed by
    an invitation to approve. A closed form, an answer that does not fit, a number that was mistyped each time, or no
    answer in time decides nothing.
    """
    assert operation.question is not None
    typed = read_typed_number(answer)
    says_no = is_no(answer, operation.question) or is_typed_no(typed, operation.number)
    detail = {**({} if says_no else {"how": _how(answer)}), **describe_answer(approver)}
    not_done = f"Order {number(operation.number)} was not {kind_of(operation.kind).words.done}."
    if says_no and await desk.journal.decline(operation.id, detail):
        return desk.words.say("declined", operation, f"You said no. {not_done}")
    is_decline = answer.how == "declined"
    await desk.journal.note_unanswered(operation.id, detail, is_decline=is_decline)
    recorded = await desk.journal.find(operation.id)
    # It was decided elsewhere meanwhile, such as on the page or by another form: what came of that is the truth.
    if recorded is not None and recorded.state not in ("PROPOSED", "EXPIRED", "DECLINED"):
        return await desk.executor.outcome_of(operation.id)
    if recorded is None:
        return desk.words.lost()
    if recorded.state != "PROPOSED":
        return desk.words.say("declined", operation, f"No approval was given. {not_done}")
    if is_decline:
        return desk.words.say("declined", operation, f"Declined. {not_done}{_hint_at_terminal(desk, answer)}")
    return await describe_waiting(desk, recorded, _say_undecided(answer, typed, not_done))


def _say_undecided(answer: FormAnswer, typed: str | None, not_done: str) -> str:
    if typed is not None:
        wrong = f"{name(typed)} is not the order number. " if typed else ""
        return f"{wrong}{not_done} Nothing was decided in {MAX_TRIES} tries."
    return f"{_NO_ANSWER.get(answer.how, 'No answer came that fits the question.')} {not_done}"


def _how(answer: FormAnswer) -> str:
    """Say what came back that is no yes, for the audit log."""
    if read_typed_number(answer) is not None:
        return f"another number typed, {MAX_TRIES} times"
    return _HOW.get(answer.how, answer.how)


def _hint_at_terminal(desk: Desk, answer: FormAnswer) -> str:
    """Say where a person decides who saw no question: an answer that came at once may be the client's own."""
    is_quick = answer.how == "declined" and answer.seconds is not None and answer.seconds < _QUICK_S
    if not is_quick or not desk.journal.is_shared:
        return ""
    return f" If no question was shown: {_TERMINAL_OF_THE_SERVER}." if desk.has_sign_in else _IF_NOT_SHOWN


def _reasons_of(operation: Operation) -> list[str]:
    """Return why a create needs approval and what its words were taken for; nothing for other kinds of write."""
    payload = operation.payload
    if not isinstance(payload, CreatePayload):
        return []
    unknown = [] if payload.currency else [CURRENCY_NOT_GIVEN]
    return [*(reason.sentence for reason in payload.reasons), *unknown, *payload.notes]


def _describe_places(desk: Desk, operation: Operation, link: str | None, until: str) -> str:
    terminal = _TERMINAL_OF_THE_SERVER if desk.has_sign_in else _TERMINAL
    who = _describe_deciders(desk, operation)
    if link is None:
        return f"{who} by {until}: {terminal}." if desk.journal.is_shared else _NO_PLACE
    or_terminal = f" (or {terminal})" if desk.journal.is_shared else ""
    return f"{who} by {until}: {link}{or_terminal}"


def _describe_deciders(desk: Desk, operation: Operation) -> str:
    if desk.approvers is None:
        return "Approve or decline"
    is_one = desk.approvers.count_needed(operation.payload) == 1
    return "An approver decides" if is_one else "Two approvers must say yes"
