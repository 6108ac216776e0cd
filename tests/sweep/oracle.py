"""What was sent, carried out and answered in a run, and what of that is wrong: double writes, lies, unsafe writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .scenarios import Bounds, Flow

_FAILED = {"error", "refused", "stale", "expired"}
"""Statuses that say of a write that it did not happen. "declined" says only that the question was answered with no."""
_WAITING = {"PROPOSED", "APPROVED", "SENT"}
_NO_VERDICT = {
    "BadAnswer",
    "ConnectionNotAdopted",
    "JournalUnavailable",
    "NotPermitted",
    "OperationUnderWay",
    "SignInFailed",
    "TooManyRequests",
    "Unreachable",
}
"""Classes of errors that say nothing of an earlier call."""


@dataclass(frozen=True)
class Answer:
    """What a client was answered at a step: a write's status, or "error".

    `asked_by`: the user, and of which company. `looked_up`: it answers get_operation. `late`: the operations that this
    answer reports to have happened after all. `is_checked`: it is a refusal that says until when it is checked.
    `misled`: a request of this very step was struck, or the ERP's readings lag behind, so that an error says nothing
    of what came before.
    """

    step: int
    status: str
    text: str
    operation_id: str | None = None
    do_not_repeat: bool = False
    error: str = ""
    looked_up: bool = False
    misled: bool = False
    asked_by: str = ""
    late: frozenset[str] = frozenset()
    is_checked: bool = False


@dataclass(frozen=True)
class Sending:
    """A write at the moment it leaves, and what the journal's file holds of it by then: its operation, if any, whether
    the audit log has its approval, and whether it is of the order that was approved."""

    tag: str
    step: int
    operation_id: str | None
    was_approved: bool
    is_as_approved: bool
    asked_by: str = ""


class Played(Protocol):
    """What the oracle must know of a scenario."""

    @property
    def flow(self) -> Flow: ...
    @property
    def bounds(self) -> Bounds: ...


@dataclass
class Ran:
    """A scenario's history. `carried_out` are the tags of the writes that changed the book, with the step of that."""

    scenario: Played
    answers: list[Answer] = field(default_factory=list)
    sent: list[Sending] = field(default_factory=list)
    carried_out: Mapping[str, int] = field(default_factory=dict)
    states: Sequence[str] = ()
    faults_of_journal: Sequence[str] = ()
    requests: Sequence[tuple[str, int]] = ()
    crashes: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return [*self.doubles, *self.lies, *_find_unsafe_writes(self), *_find_stuck_operations(self), *self.crashes]

    @property
    def doubles(self) -> list[str]:
        return list(_find_doubles(self))

    @property
    def lies(self) -> list[str]:
        found = [*_find_lies(self), *_find_unreported_effects(self)]
        return [f"step {answer.step}: {lie} ({answer.status}: {answer.text[:200]})" for answer, lie in found]

    @property
    def is_residual(self) -> bool:
        """Whether it is wrong, but the ERP was later than the bounds that it promises."""
        return self.scenario.bounds == "broken" and bool(self.wrong)


def _find_doubles(ran: Ran) -> Iterator[str]:
    """A write that was sent though one before it for the same person was carried out, or two of one operation."""
    for place, sending in enumerate(ran.sent):
        before = ran.sent[:place]
        same = [one for one in before if one.asked_by == sending.asked_by]
        if any(ran.carried_out.get(one.tag, sending.step + 1) <= sending.step for one in same):
            yield f"a second write was sent in step {sending.step} though an earlier one was carried out"
        elif sending.operation_id in {one.operation_id for one in before} - {None}:
            yield f"operation {sending.operation_id} was sent twice"
    for asked_by in {sending.asked_by for sending in ran.sent}:
        done = [one for one in ran.sent if one.asked_by == asked_by and one.tag in ran.carried_out]
        if len(done) > 1:
            yield f"{len(done)} writes of one request were carried out"


def _find_lies(ran: Ran) -> Iterator[tuple[Answer, str]]:
    for answer in ran.answers:
        done = {one: ran.carried_out[one.tag] for one in _find_sendings(ran, answer) if one.tag in ran.carried_out}
        until = [one for one, step in done.items() if step <= answer.step]
        own = [one for one in until if one.step == answer.step and one.operation_id in (answer.operation_id, None)]
        before = [one for one in until if one.step < answer.step]
        if answer.status == "done" and not until:
            yield answer, "done, and nothing was carried out for who asked"
        if answer.status in _FAILED and not answer.is_checked and (own or (before and _is_verdict(answer))):
            yield answer, "failed, and it was carried out"
        if answer.status == "unknown" and not answer.do_not_repeat:
            yield answer, "unknown without do_not_repeat"
        if answer.status == "approval_required" and until:
            yield answer, "it waits for an approval, and it was carried out"


def _find_unreported_effects(ran: Ran) -> Iterator[tuple[Answer, str]]:
    """A refusal that was checked, of a write that was carried out, and an answer after it that does not say so."""
    for answer in ran.answers:
        if not answer.is_checked or answer.operation_id is None:
            continue
        done = [ran.carried_out[one.tag] for one in ran.sent if _is_of(one, answer) and one.tag in ran.carried_out]
        if not done:
            continue
        after = max(answer.step, *done) if min(done) > answer.step else answer.step
        following = [one for one in ran.answers if one.step > after and not one.misled]
        if following and not any(_reports(one, answer.operation_id) for one in _first_step(following)):
            yield following[0], f"the late effect of {answer.operation_id} is not reported"


def _first_step(answers: Sequence[Answer]) -> list[Answer]:
    return [one for one in answers if one.step == answers[0].step]


def _reports(answer: Answer, operation_id: str) -> bool:
    return operation_id in answer.late or (answer.operation_id == operation_id and answer.status == "done")


def _find_sendings(ran: Ran, answer: Answer) -> list[Sending]:
    """Return the writes that an answer is about: those of its operation, or all of the asking client."""
    if answer.looked_up:
        return [one for one in ran.sent if one.operation_id in (answer.operation_id, None)]
    return [one for one in ran.sent if one.asked_by == answer.asked_by]


def _is_of(sending: Sending, answer: Answer) -> bool:
    return sending.operation_id == answer.operation_id


def _is_verdict(answer: Answer) -> bool:
    """Tell whether a failure is about the operation; where the ERP cannot be read, a call says only that."""
    return answer.looked_up or not (answer.misled or answer.error in _NO_VERDICT)


def _find_unsafe_writes(ran: Ran) -> Iterator[str]:
    guarded = not ran.scenario.flow[1].startswith("create")
    for sent in ran.sent:
        if sent.operation_id is None:
            yield f"write {sent.tag} left without a durable row"
        elif not sent.was_approved:
            yield f"write {sent.tag} left without {'an approval' if guarded else 'its claim'} in the audit log"
        elif not sent.is_as_approved:
            yield f"write {sent.tag} is of another order than was approved"


def _find_stuck_operations(ran: Ran) -> Iterator[str]:
    yield from (f"an operation is {state} for ever" for state in ran.states if state in _WAITING)
    if "WATCHED" in ran.states and not any(answer.misled for answer in ran.answers[-1:]):
        yield "a refusal is watched for ever"
    yield from (f"the journal: {fault}" for fault in ran.faults_of_journal)
