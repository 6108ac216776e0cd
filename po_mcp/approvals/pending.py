"""What waits for a person, and the one way from an answer outside of a client to the journal and the ERP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import anyio.to_thread

from po_mcp.approvals.pin import TRIES, Pin
from po_mcp.errors import InvalidInput, PurchaseOrderError
from po_mcp.writes.approving import is_approval, record_approval
from po_mcp.writes.executor import Executor
from po_mcp.writes.forms import FormAnswer
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Recorded, WriteOutcome
from po_mcp.writes.verdict import record_verdict

Verdict = Literal["taken", "too_late", "no_answer", "no_pin", "wrong_pin", "locked", "too_early"]
"""What became of an answer. Only `taken` moved anything."""

Decision = Literal["approve", "reject", "take_back", "happened", "not_happened"]
"""What the person pressed: on a proposal, on what was approved and not sent, on what is not known."""

_NEEDS: Mapping[Decision, str] = {
    "approve": "PROPOSED",
    "reject": "PROPOSED",
    "take_back": "APPROVED",
    "happened": "UNKNOWN",
    "not_happened": "UNKNOWN",
}
_PIN_TRIED = "pin tried"
_LATEST = 30


@dataclass(frozen=True)
class Decided:
    """What became of an answer, and of the operation where it was carried out at once."""

    verdict: Verdict
    outcome: WriteOutcome | None = None
    why: str = ""


@dataclass(frozen=True)
class PendingApprovals:
    """The operations of one connection that a person is asked about.

    Args:
        journal: where they are.
        executor: carries out what is approved, there and then; None where this process has no ERP.
        notice: what stands over everything that is shown, or "".
        pin: what a decision needs besides the link; None where the operator set none.
        may_write: the operator lets this server write.
        all_connections: show what waits anywhere; only what is meant for this connection is carried out.
    """

    journal: Journal
    executor: Executor | None = None
    notice: str = ""
    pin: Pin | None = None
    may_write: bool = True
    all_connections: bool = False

    async def find(self, operation_id: str) -> Recorded | None:
        """Return an operation that a person is or was asked about; None for every other id."""
        recorded = await self.journal.find(operation_id)
        return recorded if recorded is not None and await self._belongs(recorded) else None

    async def open(self) -> list[Recorded]:
        """Return what waits, is approved and not sent, or is not known, the oldest first."""
        return [one for one in await self.journal.live(await self._connection()) if await self._belongs(one)]

    async def recently_decided(self) -> list[Recorded]:
        """Return what came to an end lately, the latest first."""
        name = await self._connection()
        found = [] if name is None else await self.journal.latest(name, _LATEST)
        return [one for one in found if await self._belongs(one)]

    async def is_locked(self, recorded: Recorded) -> bool:
        """Tell whether too many PINs were tried; the audit log keeps them, so a new start changes nothing."""
        return self.pin is not None and await self._tries(recorded) >= TRIES

    async def tries_left(self, recorded: Recorded) -> int:
        """Return how many more wrong PINs it takes until nobody can decide any more."""
        return max(0, TRIES - await self._tries(recorded))

    async def decide(
        self, recorded: Recorded, decision: Decision, content: Mapping[str, Any], pin: str, through: Mapping[str, str]
    ) -> Decided:
        """Take an answer, and carry out a yes.

        Args:
            recorded: the operation, as it was shown.
            decision: what the person pressed.
            content: the fields of the question's form, for an approval; the typed order number for a verdict.
            pin: what was typed as the PIN.
            through: how the answer came, for the audit log.
        """
        if recorded.state != _NEEDS[decision]:
            return Decided("too_late")
        if not _is_answer(recorded, decision, content) or (decision == "approve" and not self.may_write):
            return Decided("no_answer")
        if (refused := await self._check_pin(recorded.operation.id, pin)) is not None:
            return Decided(refused)
        match decision:
            case "approve":
                return await self._approve(recorded, FormAnswer("accepted", content), through)
            case "reject":
                taken = await self.journal.decline(recorded.operation.id, through)
            case "take_back":
                taken = await self.journal.take_back(recorded.operation.id, through)
            case _:
                return await self._take_verdict(recorded, decision == "happened", through)
        return Decided("taken" if taken else "too_late")

    async def _approve(self, recorded: Recorded, answer: FormAnswer, through: Mapping[str, str]) -> Decided:
        if not await record_approval(self.journal, recorded.operation, answer, through):
            return Decided("too_late")
        if self.executor is None or await self._name() != recorded.operation.connection:
            return Decided("taken")
        try:
            return Decided("taken", await self.executor.execute(recorded.operation.id))
        except PurchaseOrderError as exc:  # nothing was sent, and the approval still holds
            return Decided("taken", why=str(exc))

    async def _take_verdict(self, recorded: Recorded, happened: bool, through: Mapping[str, str]) -> Decided:
        if self.executor is None or await self._name() != recorded.operation.connection:
            return Decided("no_answer")
        detail = {"by": "a person", "said": "happened" if happened else "did not happen", **through}
        try:
            outcome = await record_verdict(self.executor.reconciler, recorded, happened=happened, detail=detail)
        except InvalidInput as exc:
            return Decided("too_early", why=exc.what)
        return Decided("taken", outcome)

    async def _check_pin(self, operation_id: str, pin: str) -> Verdict | None:
        """Count the try before it is judged, so that many at once are not more than one after the other."""
        if self.pin is None:
            return None
        if not pin:
            return "no_pin"
        if not await self.journal.note_up_to(operation_id, _PIN_TRIED, TRIES):
            return "locked"
        fits = await anyio.to_thread.run_sync(self.pin.fits, pin)  # its hash takes its time
        return None if fits else "wrong_pin"

    async def _tries(self, recorded: Recorded) -> int:
        return sum(event.event == _PIN_TRIED for event in await self.journal.events(recorded.operation.id))

    async def _connection(self) -> str | None:
        """Return whose operations are shown; None for all."""
        return None if self.all_connections else await self._name()

    async def _name(self) -> str | None:
        return None if self.executor is None else await self.journal.name_of(self.executor.erp.connection)

    async def _belongs(self, recorded: Recorded) -> bool:
        operation = recorded.operation
        is_asked = operation.question is not None or recorded.state == "UNKNOWN"
        return is_asked and (await self._connection()) in (None, operation.connection)


def _is_answer(recorded: Recorded, decision: Decision, content: Mapping[str, Any]) -> bool:
    """Tell whether what was filled in is what this decision takes."""
    operation = recorded.operation
    if decision == "approve":
        return is_approval(operation, FormAnswer("accepted", content))
    if decision in ("happened", "not_happened"):
        return str(content.get("order_number", "")).strip() == operation.number
    return True
