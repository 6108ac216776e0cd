"""The person, as the writes see them: someone who can be asked, and whose yes is recorded once.

How a question reaches them (a form, a page, a terminal) is no matter of this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from po_mcp.writes.approvers import ApproverRules, Person, agreement_of
from po_mcp.writes.consent import Consented
from po_mcp.writes.forms import FormAnswer, Question
from po_mcp.writes.journal import Journal
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Operation, Requester


class ApprovalLink(Protocol):
    """Where a person decides outside of the client."""

    @property
    def comes_first(self) -> bool:
        """The operator lets no client's own form stand for a person's yes."""

    async def link(self, operation_id: str) -> str | None:
        """Return where the person decides on this operation; None where there is no page."""


class Approver(Protocol):
    """The person behind a call, and who calls."""

    @property
    def answered_operation_id(self) -> str | None:
        """The id of the operation that this call brings an answer for, if it does."""

    @property
    def answered_wording(self) -> str | None:
        """The digest of the wording that this call brings an answer for, if it does."""

    @property
    def requester(self) -> Requester:
        """Who asks."""

    @property
    def channel(self) -> str:
        """The way by which an answer of this person comes, for the audit log."""

    @property
    def person(self) -> Person:
        """Whose answers these are."""

    @property
    def seconds_in_call(self) -> float:
        """How long the call has taken so far."""

    async def ask(self, operation_id: str, question: Question, page: ApprovalLink) -> FormAnswer:
        """Put the question to the person, by whichever way the client offers."""

    async def choose(self, question: Question) -> FormAnswer:
        """Put a question that approves nothing, by the client's form; `not_asked` where it has none."""


def describe_answer(approver: Approver) -> dict[str, str]:
    """Return how an answer came, and whose it is where people sign in, for the audit log."""
    signed_in = describe_person(approver.person) if approver.requester.is_signed_in else {}
    return {"through": approver.channel, **signed_in}


def describe_person(person: Person) -> dict[str, str]:
    """Return whose decision it is, for the audit log."""
    return {"by": person.user, "name": person.name}


def is_approval(operation: Operation, answer: FormAnswer) -> bool:
    """Tell whether the answer is a clear yes to exactly what this operation asks."""
    return kind_of(operation.kind).answer(operation, answer) is not None


def with_answer(operation: Operation, answer: FormAnswer) -> Operation:
    """Return an operation with what a clear yes to it has chosen."""
    payload = kind_of(operation.kind).answer(operation, answer)
    assert payload is not None
    return replace(operation, payload=payload)


async def record_approval(
    journal: Journal,
    operation: Operation,
    answer: FormAnswer,
    detail: Mapping[str, Any],
    person: Person,
    rules: ApproverRules | None,
) -> Consented:
    """Record a yes with what the person chose.

    Args:
        journal: where it is recorded.
        operation: what it is for, as it was shown.
        answer: what the person filled in.
        detail: how it came, for the audit log.
        person: whose yes it is.
        rules: who may approve; None where nobody signs in.

    Raises:
        ValueError: the answer is no yes, or of somebody who may not approve this.
    """
    payload = kind_of(operation.kind).answer(operation, answer)
    if payload is None:
        raise ValueError("the answer approves nothing")
    # Recorded before anything is sent: a yes that is only in memory would be lost with the process, or used twice.
    if rules is None and not operation.payload.consent.is_of_team:
        return "approved" if await journal.approve(operation.id, payload, detail) else "late"
    # Once more, whatever the caller has looked at: here each yes comes through.
    if rules is not None and (refused := rules.find_refusal(person, operation)):
        raise ValueError(refused)
    needed = 1 if rules is None else rules.count_needed(payload)
    agreement = agreement_of(person, operation, payload)
    return await journal.agree(operation.id, payload, agreement, needed, {**detail, **describe_person(person)})
