"""What waits for a person, and the one way from an answer outside of a client to the journal and the ERP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from po_mcp.approvals.pin import PinCheck, PinStatus
from po_mcp.approvals.under_way import UnderWay
from po_mcp.errors import InvalidInput, PurchaseOrderError
from po_mcp.untrusted import visible
from po_mcp.writes.approvers import THE_OPERATOR, ApproverRules, Person
from po_mcp.writes.approving import describe_person, is_approval, record_approval
from po_mcp.writes.consent import Consented
from po_mcp.writes.executor import Executor
from po_mcp.writes.forms import FormAnswer, is_typed_number
from po_mcp.writes.journal import Journal, PinPlace
from po_mcp.writes.operation import SENT_STATES, Recorded, State, WriteOutcome
from po_mcp.writes.pin_setting import PinSetting
from po_mcp.writes.verdict import record_verdict

logger = logging.getLogger(__name__)

Verdict = Literal[
    "taken",
    "too_late",
    "already_sent",
    "no_answer",
    "no_pin",
    "wrong_pin",
    "paused",
    "not_recorded",
    "elsewhere",
    "not_allowed",
    "otherwise",
    "first",
]
"""What became of an answer. Only `taken` moved anything; `first` is a yes after which another person must agree."""

Decision = Literal["approve", "reject", "carry_out", "take_back", "look", "happened", "not_happened"]
"""What the person pressed: on a proposal, on what was approved and not sent, on what is not known."""

_NEEDS: Mapping[Decision, State] = {
    "approve": "PROPOSED",
    "reject": "PROPOSED",
    "carry_out": "APPROVED",
    "take_back": "APPROVED",
    "look": "UNKNOWN",
    "happened": "UNKNOWN",
    "not_happened": "UNKNOWN",
}
_SENDS: frozenset[Decision] = frozenset({"approve", "carry_out"})
_READS: frozenset[Decision] = frozenset({"look", "happened", "not_happened"})
_SIGN_IN = "Sign in to decide."
_OTHERWISE = "Another person approved it with another choice. Nothing was changed. Choose the same, or decline."

NOT_CARRIED_OUT = "not carried out"
"""The event of an approved operation that could not be sent; its detail says why."""
_LATEST_SHOWN = 30


@dataclass(frozen=True)
class Decided:
    """What became of an answer, and why nothing did."""

    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class PendingApprovals:
    """The operations of one connection that a person is asked about.

    Args:
        journal: where they are.
        executor: carries out what is approved, there and then, on its own connection.
        notice: what stands over everything that is shown, or "".
        may_write: the operator lets this server write.
        all_connections: show what waits anywhere; only what is meant for this connection is carried out.
        place: where decisions are typed.
        pin_setting: whether this process knows the same PIN as the journal.
        under_way: what is being carried out here.
        rules: who may approve what; None where nobody signs in.
    """

    journal: Journal
    executor: Executor
    notice: str = ""
    may_write: bool = True
    all_connections: bool = False
    place: PinPlace = "page"
    pin_setting: PinSetting | None = None
    under_way: UnderWay = field(default_factory=UnderWay)
    rules: ApproverRules | None = None

    @property
    def place_name(self) -> str:
        """Whose books these are: the ERP's name, and of a real one the company or the address."""
        erp = self.executor.erp
        return erp.title if erp.notice else f"{erp.title}, {erp.connection.label}"

    async def name_erp(self, recorded: Recorded) -> str:
        """Return the name of an operation's ERP in a sentence; "the ERP" for that of another connection."""
        is_here = await self._name() == recorded.operation.connection
        return self.executor.words.name if is_here else "the ERP"

    async def find(self, operation_id: str) -> Recorded | None:
        """Return an operation of this connection; None for every other id."""
        recorded = await self.journal.find(operation_id)
        # An id of another company's books is answered like one that does not exist.
        is_here = recorded is not None and (self.all_connections or recorded.operation.connection == await self._name())
        return recorded if is_here else None

    async def open(self) -> list[Recorded]:
        """Return what waits, is approved and not sent, on its way or not known, the oldest first."""
        live = await self.journal.live(None if self.all_connections else await self._name())
        # Of a create that nobody is asked about there is nothing to decide before it was sent.
        return [one for one in live if one.operation.question is not None or one.state in SENT_STATES]

    async def find_decided(self, person: Person) -> list[Recorded]:
        """Return what ended last of what somebody was asked about and this person may see, the latest first."""
        user = None if self.rules is None or self.rules.is_approver(person) else person.user
        return await self.journal.latest(await self._name(), _LATEST_SHOWN, user=user, asked_only=True)

    async def pin_status(self) -> PinStatus:
        """Return whether a decision needs a PIN, and what a person is shown of it."""
        return await self._pin_check.status()

    async def say_earlier_no(self, recorded: Recorded) -> str:
        """Say that the same request was answered with a no before; "" where it was not, or is decided."""
        return await self.executor.say_earlier_no(recorded) if recorded.state == "PROPOSED" else ""

    async def why_not_here(self, recorded: Recorded, decision: Decision) -> str:
        """Say why this decision cannot be taken here, and where it can; "" where it can.

        What is approved is carried out at once, so nothing is approved where that cannot be.
        """
        if decision not in _SENDS | _READS:
            return ""
        if await self._name() != recorded.operation.connection:
            return (
                f"It was asked for on {visible(recorded.operation.connection, 200)}, and the settings here lead to "
                f"{visible(self.executor.erp.connection.label, 80)}. Decide on the page that the assistant's answer "
                "links to, or run this with the settings of that server."
            )
        if decision in _SENDS and not self.may_write:
            return (
                "PO_MCP_READ_ONLY is set here, so nothing can be carried out. Decide on the page that the "
                "assistant's answer links to, or run this without PO_MCP_READ_ONLY."
            )
        if decision in _SENDS and self.pin_setting is not None:
            return await self.pin_setting.find_fault()
        return ""

    def may_see(self, recorded: Recorded, person: Person) -> bool:
        """Tell whether this person is shown an operation."""
        return self.rules is None or self.rules.may_see(person, recorded.operation)

    def may_approve(self, person: Person) -> bool:
        """Tell whether this person may approve anything."""
        return self.rules is None or self.rules.is_approver(person)

    def count_needed(self, recorded: Recorded) -> int:
        """Return how many people must approve an operation."""
        payload = recorded.operation.payload
        return payload.consent.needed if self.rules is None else self.rules.count_needed(payload)

    def why_not_by(self, recorded: Recorded, decision: Decision, person: Person) -> str:
        """Say why this person may not decide so; "" where they may. The person who asked for it may end it."""
        rules, operation = self.rules, recorded.operation
        if rules is None:
            return ""
        # A page of a server with sign-in knows who decides; its operator sits at a terminal.
        if person == THE_OPERATOR and self.place == "page":
            return _SIGN_IN
        if decision == "approve":
            return rules.find_refusal(person, operation)
        is_theirs = decision not in ("happened", "not_happened") and rules.may_see(person, operation)
        return "" if is_theirs or rules.is_approver(person) else "You may not decide on this."

    async def decide(
        self,
        recorded: Recorded,
        decision: Decision,
        content: Mapping[str, Any],
        pin: str,
        through: Mapping[str, str],
        person: Person = THE_OPERATOR,
    ) -> Decided:
        """Take an answer. What it approves is carried out by `carry_out` or `start`.

        Args:
            recorded: the operation, as it was shown.
            decision: what the person pressed.
            content: the fields of the question's form, for an approval; the typed order number for a verdict.
            pin: what was typed as the PIN.
            through: how the answer came, for the audit log.
            person: who decides.
        """
        if (refused := await self._refuse(recorded, decision, content, pin, person)) is not None:
            return refused
        if self.rules is not None or recorded.operation.payload.consent.is_of_team:
            through = {**through, **describe_person(person)}
        if decision in _READS:
            return await self._settle(recorded, decision, through)
        decided = await self._move(recorded, decision, content, through, person)
        if decided.verdict != "too_late":
            return decided
        # Another tab or process was first; what it did decides what this person is shown.
        latest = await self.journal.find(recorded.operation.id)
        return Decided(_late(decision, latest.state if latest else "EXPIRED"))

    async def _refuse(
        self, recorded: Recorded, decision: Decision, content: Mapping[str, Any], pin: str, person: Person
    ) -> Decided | None:
        """Say why an answer is not taken; None where it is."""
        # A page may stand open for long, and what it showed be over.
        if recorded.state != _NEEDS[decision]:
            return Decided(_late(decision, recorded.state))
        if why := self.why_not_by(recorded, decision, person):
            return Decided("not_allowed", f"{why} Nothing was changed.")
        if why := await self.why_not_here(recorded, decision):
            return Decided("elsewhere", f"{why} Nothing was changed.")
        # Before the PIN is judged: a mistyped order number is no try of it.
        if not _is_answer(recorded, decision, content):
            return Decided("no_answer")
        # A look takes nobody's word, so it needs no PIN; nor does a person who has signed in.
        needs_pin = decision != "look" and person == THE_OPERATOR
        if needs_pin and (refused := await self._pin_check.check(recorded.operation.id, pin)) is not None:
            return Decided(refused)
        return None

    async def carry_out(self, operation_id: str) -> WriteOutcome | str:
        """Carry out what was approved; return its outcome, or why nothing was sent and the approval still holds."""
        try:
            return await self.executor.execute(operation_id)
        except PurchaseOrderError as exc:
            from po_mcp.writes.person_words import for_person  # late, for a quick start

            why = for_person(str(exc))
        except Exception as exc:  # nothing behind a page may end the server
            logger.error("operation %s could not be carried out: %s", operation_id, type(exc).__name__)
            why = "po-mcp failed. Look at the operation with po-mcp journal."
        try:
            # So that page and terminal can say why what was approved was not sent.
            await self.journal.note(operation_id, NOT_CARRIED_OUT, {"because": why})
        except PurchaseOrderError:
            logger.warning("operation %s could not be carried out, nor that be noted", operation_id)
        return why

    async def start(self, operation_id: str, patience: float) -> None:
        """Carry out what was approved; return after `patience` seconds at most, while it goes on."""
        await self.under_way.run(operation_id, self.carry_out, patience)

    async def _move(
        self,
        recorded: Recorded,
        decision: Decision,
        content: Mapping[str, Any],
        through: Mapping[str, str],
        person: Person,
    ) -> Decided:
        """Record a decision before the send; `too_late` where another came first."""
        operation, is_moved = recorded.operation, True  # what is to be carried out was approved before
        if decision == "approve":
            answer = FormAnswer("accepted", content)
            return _AFTER[await record_approval(self.journal, operation, answer, through, person, self.rules)]
        if decision in ("reject", "take_back"):
            end = self.journal.decline if decision == "reject" else self.journal.take_back
            said = self.executor.words.declined(operation, person) if "by" in through else None
            is_moved = await end(operation.id, through, said)
        return Decided("taken" if is_moved else "too_late")

    async def _settle(self, recorded: Recorded, decision: Decision, through: Mapping[str, str]) -> Decided:
        reconciler = self.executor.reconciler
        if decision == "look":
            recorded = await reconciler.reconcile(recorded)
            if recorded.state != "UNKNOWN":
                return Decided("taken")
            seen = await reconciler.look(recorded)
            shown = visible("; ".join((seen.why, *seen.differences)), 600)
            return Decided("not_recorded", f"Not clear yet: {shown}. Nothing was recorded.")
        happened = decision == "happened"
        detail = {"by": "a person", "said": "happened" if happened else "did not happen", **through}
        try:
            await record_verdict(reconciler, recorded, happened=happened, detail=detail)
        except InvalidInput as exc:
            return Decided("not_recorded", exc.message)
        return Decided("taken")

    @property
    def _pin_check(self) -> PinCheck:
        return PinCheck(self.journal, self.place)

    async def _name(self) -> str:
        return await self.journal.name_of(self.executor.erp.connection)


_AFTER: Mapping[Consented, Decided] = {
    "approved": Decided("taken"),
    "first": Decided("first"),
    "again": Decided("not_allowed", "You have approved this. Another person must approve it, too."),
    "otherwise": Decided("otherwise", _OTHERWISE),
    "late": Decided("too_late"),
}


def _late(decision: Decision, state: State) -> Verdict:
    """Say why a decision comes too late; of one that was to be taken back the person must know that it was sent."""
    was_sent = state in SENT_STATES or state in ("DONE", "REFUSED", "NOT_APPLIED", "CONFLICT")
    return "already_sent" if decision == "take_back" and was_sent else "too_late"


def _is_answer(recorded: Recorded, decision: Decision, content: Mapping[str, Any]) -> bool:
    """Tell whether what was filled in is what this decision takes."""
    operation = recorded.operation
    if decision == "approve":
        return is_approval(operation, FormAnswer("accepted", content))
    if decision in ("happened", "not_happened"):
        return is_typed_number(str(content.get("order_number", "")), operation.number)
    return True
