"""Programs without one of the controls. The sweep must find a double write or a lie in every one of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from po_mcp.connectors.http import client
from po_mcp.writes.execution import Executor
from po_mcp.writes.storage import MEMORY, Storage

from po_mcp.errors import OutcomeUnknown, PurchaseOrderError, Refused
from po_mcp.writes import execution
from po_mcp.writes.journal import Claim, Journal
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome

from .runner import Ran, run
from .scenarios import FLOWS, Calm, Flow, Moment, Scenario, moments

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def naive(patch: Patch) -> None:
    """No journal: it is sent straight, and every error is a failure."""

    async def carry_out(self: Executor, operation_id: str) -> WriteOutcome:
        operation = _operation(self, operation_id)
        try:
            return await execution.send(self.erp, _claim(self, operation), self)
        except PurchaseOrderError as exc:
            return self.say("refused", operation, str(exc))

    patch.setattr(Executor, "carry_out", carry_out)


def retry_three_times(patch: Patch) -> None:
    """A write that failed is sent again, three times in all."""
    once = execution.send

    async def send(*given: Any) -> WriteOutcome:
        for tries in itertools.count(1):
            try:
                return await once(*given)
            except PurchaseOrderError:
                if tries == 3:
                    raise
        raise AssertionError("counting does not end")

    patch.setattr(execution, "send", send)


def journal_after_the_wire(patch: Patch) -> None:
    """The claim is recorded when the answer is there."""

    async def carry_out(self: Executor, operation_id: str) -> WriteOutcome:
        recorded = self.journal.find(operation_id)
        if recorded is None or recorded.state != "APPROVED":
            return await self.outcome_of(operation_id)
        after, outcome, detail = await self._sent(_claim(self, recorded.operation))
        self.journal.claim(operation_id)
        self.journal.settle(operation_id, "SENT", after, outcome, detail)
        return outcome

    patch.setattr(Executor, "carry_out", carry_out)


def server_errors_mean_not_applied(patch: Patch) -> None:
    """A 5xx is taken for a refusal."""
    verified = client.ErpHttpClient._verify

    def verified_or_refused(self: client.ErpHttpClient, answer: Any, *given: Any, **named: Any) -> Any:
        if answer.status >= 500:
            raise Refused("The ERP failed. Nothing was changed.")
        return verified(self, answer, *given, **named)

    patch.setattr(client.ErpHttpClient, "_verify", verified_or_refused)
    patch.setattr(Executor, "_looked_after", _believed)


def a_garbled_success_means_failed(patch: Patch) -> None:
    """A 2xx whose body is not that of a success is taken for a refusal."""
    once = client.ErpHttpClient._send_once

    async def once_or_refused(self: client.ErpHttpClient, request: Any) -> Any:
        try:
            return await once(self, request)
        except OutcomeUnknown as exc:
            if "cannot be read" in exc.what:
                raise Refused("The answer cannot be read.") from exc
            raise

    patch.setattr(client.ErpHttpClient, "_send_once", once_or_refused)
    patch.setattr(Executor, "_looked_after", _believed)


def resent_once(patch: Patch) -> None:
    """What is unknown is sent once more."""
    reconcile = Executor.reconcile

    async def reconcile_by_sending(self: Executor, recorded: Recorded) -> Recorded:
        if recorded.state == "UNKNOWN":
            await self._sent(_claim(self, recorded.operation))
        return await reconcile(self, recorded)

    patch.setattr(Executor, "reconcile", reconcile_by_sending)


def journal_in_memory(patch: Patch) -> None:
    """Every process has a journal of its own, which ends with it."""
    opened = Storage.__init__
    patch.setattr(Storage, "__init__", lambda self, path: opened(self, MEMORY))


def no_dedupe(patch: Patch) -> None:
    """Every call means something new, and takes the place of whatever is under way."""
    count = itertools.count()

    def propose(
        self: Journal, operation: Operation, detail: Mapping[str, Any], *, approved: bool = False, **_: bool
    ) -> Recorded:
        with self._storage.writing() as db:
            db.execute("DROP INDEX IF EXISTS one_live_operation")
            fresh = replace(operation, digest=f"{operation.digest}-{next(count)}")
            return self._inserted(db, fresh, "APPROVED" if approved else "PROPOSED", detail)

    patch.setattr(Journal, "propose", propose)
    patch.setattr("po_mcp.desk.deciding.digest_of_snapshot", _Same())


def sent_is_taken_for_unsent(patch: Patch) -> None:
    """What a dead process left SENT is claimed again."""
    claim = Journal.claim

    def claim_again(self: Journal, operation_id: str) -> Claim | None:
        with self._storage.writing() as db:
            db.execute("UPDATE operations SET state = 'APPROVED' WHERE id = ? AND state = 'SENT'", (operation_id,))
        return claim(self, operation_id)

    async def outcome_of(self: Executor, operation_id: str) -> WriteOutcome:
        again = self.journal.claim(operation_id)
        return await (untouched(self, operation_id) if again is None else self._carried_out(again))

    untouched = Executor.outcome_of
    patch.setattr(Journal, "claim", claim_again)
    patch.setattr(Executor, "outcome_of", outcome_of)


def unique_is_reported_raw(patch: Patch) -> None:
    """ "Already exists" is told as it came, though it is our own order."""
    patch.setattr(Executor, "_looked_after", _believed)


def a_conflict_without_a_reason_is_believed(patch: Patch) -> None:
    """ "Not found" and "conflict" are believed where a reading shows no effect, however old that is."""
    patch.setattr(Executor, "_is_prompt", True)


async def _believed(self: Executor, operation: Operation, refusal: PurchaseOrderError) -> Any:
    return "REFUSED", self.say("refused", operation, str(refusal)), {}


class _Same:
    """A digest that never finds a change."""

    def __call__(self, snapshot: object) -> _Same:
        return self

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def _claim(executor: Executor, operation: Operation) -> Claim:
    """Make the right to send out of nothing."""
    return Claim(operation, executor.journal.now())


def _operation(executor: Executor, operation_id: str) -> Operation:
    recorded = executor.journal.find(operation_id)
    assert recorded is not None
    return recorded.operation


MUTANTS: Mapping[str, Mutant] = {
    mutant.__name__.replace("_", " "): mutant
    for mutant in (
        naive,
        retry_three_times,
        journal_after_the_wire,
        server_errors_mean_not_applied,
        a_garbled_success_means_failed,
        resent_once,
        journal_in_memory,
        no_dedupe,
        sent_is_taken_for_unsent,
        unique_is_reported_raw,
        a_conflict_without_a_reason_is_believed,
    )
}

_MOMENT_BESIDE: Mapping[str, Moment] = {"lost-answer": "twice at once", "late-apply": "dies when it is applied"}
_TELLING = ("lost-answer", "late-apply", "500-applied", "truncated-json-2xx", "409-applied", "reset-after-read")


def telling(calm: Mapping[Flow, Calm]) -> Iterator[Scenario]:
    """The scenarios in which a control that is gone is missed soon."""
    for flow in FLOWS[1:3]:
        yield Scenario(flow, (("409-applied", calm[flow].write), ("stale", calm[flow].write + 1)), "kept")
    for kind in _TELLING:
        yield from (Scenario(flow, ((kind, calm[flow].write),), "kept") for flow in FLOWS[::-1])
        yield Scenario(FLOWS[0], (), moment=_MOMENT_BESIDE.get(kind, ""))
    yield from moments()


@dataclass(frozen=True)
class Kill:
    """Which scenario found a mutant out, and what it saw."""

    scenario: Scenario
    harm: str


async def killed(mutant: Mutant, calm: Mapping[Flow, Calm]) -> Kill | None:
    """Play until the mutant writes twice or lies where the program as it is does not; None where it never does."""
    for scenario in telling(calm):
        if not (harm := await _harm(mutant, scenario)):
            continue
        if not _seen(await run(scenario)):
            return Kill(scenario, harm[0])
    return None


async def _harm(mutant: Mutant, scenario: Scenario) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        ran = await run(scenario)
    assert not ran.crashes, f"the mutant cannot run: {ran.crashes[0]}"
    return _seen(ran)


def _seen(ran: Ran) -> list[str]:
    return [*ran.doubles, *ran.lies]
