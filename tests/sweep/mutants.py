"""Programs without one of the controls. The sweep must find a double write or a lie in every one of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from po_mcp.connectors.http import exchange
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.erp import Connection
from po_mcp.errors import OutcomeUnknown, PurchaseOrderError, Refused
from po_mcp.orders import OrderDraft, PurchaseOrder
from po_mcp.writes import executor
from po_mcp.writes.comparison import Comparison, compare_order
from po_mcp.writes.executor import Executor
from po_mcp.writes.journal import MEMORY, Claim, JournalStore, Similar, proposals
from po_mcp.writes.journal.sqlite import SqliteFile
from po_mcp.writes.kinds import create
from po_mcp.writes.kinds.create import Create
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation, Recorded, State, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from po_mcp.writes.reconcile import Reconciler

from .oracle import Ran
from .runner import run
from .scenarios import CREATES, FLOWS, NUMBERED, Baseline, Flow, Scenario

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def naive(patch: Patch) -> None:
    """No journal: it is sent straight, and every error is a failure."""

    async def execute(self: Executor, operation_id: str, approved: Operation | None = None) -> WriteOutcome:
        operation = _operation(self, operation_id)
        end = await self._send(_claim(self, operation))
        if isinstance(end, PurchaseOrderError):
            return self.words.say("refused", operation, str(end))
        return end.outcome if end.state == "DONE" else self.words.say("refused", operation, end.outcome.message)

    patch.setattr(Executor, "execute", execute)


def retry_three_times(patch: Patch) -> None:
    """A write that failed is sent again, three times in all."""
    once = Executor._send

    async def send(self: Executor, claim: Claim) -> Any:
        for tries in itertools.count(1):
            end = await once(self, claim)
            if tries == 3 or getattr(end, "state", "") == "DONE":
                return end
        raise AssertionError("counting does not end")

    patch.setattr(Executor, "_send", send)


def journal_after_the_wire(patch: Patch) -> None:
    """The claim is recorded when the answer is there."""

    async def claim_and_send(self: Executor, operation: Operation) -> WriteOutcome:
        end = await self._send(_claim(self, operation))
        await self.journal.claim(operation.id, self.erp.connection)
        if isinstance(end, PurchaseOrderError):
            return self.words.say("refused", operation, str(end))
        await self.reconciler.record(operation, "SENT", end.state, end.outcome, end.detail)
        return end.outcome

    patch.setattr(Executor, "_claim_and_send", claim_and_send)


def server_errors_mean_not_applied(patch: Patch) -> None:
    """A 5xx is taken for a refusal."""
    verified = ErpHttpClient._verify

    def verified_or_refused(self: ErpHttpClient, answer: Any, *given: Any, **named: Any) -> Any:
        if answer.status >= 500:
            raise Refused("The ERP failed.", effect="nothing_changed")
        return verified(self, answer, *given, **named)

    patch.setattr(ErpHttpClient, "_verify", verified_or_refused)
    refusals_are_final(patch)


def a_garbled_success_means_failed(patch: Patch) -> None:
    """A 2xx whose body is not that of a success is taken for a refusal."""
    once = ErpHttpClient._send_once

    async def once_or_refused(self: ErpHttpClient, request: Any) -> Any:
        try:
            return await once(self, request)
        except OutcomeUnknown as exc:
            if "cannot be read" in exc.what:
                raise Refused("The answer cannot be read.") from exc
            raise

    patch.setattr(ErpHttpClient, "_send_once", once_or_refused)
    refusals_are_final(patch)


def resent_once(patch: Patch) -> None:
    """What is unknown is sent once more."""
    reconcile = Reconciler.reconcile

    async def reconcile_by_sending(self: Reconciler, recorded: Recorded) -> Recorded:
        if recorded.state == "UNKNOWN":
            sender = Executor(self.erp, self.journal, self.policy, self, self.words)
            await sender._send(_claim(sender, recorded.operation))
        return await reconcile(self, recorded)

    patch.setattr(Reconciler, "reconcile", reconcile_by_sending)


def journal_in_memory(patch: Patch) -> None:
    """Every process has a journal of its own, which ends with it."""
    opened = SqliteFile.__init__
    patch.setattr(SqliteFile, "__init__", lambda self, path, clock=None: opened(self, MEMORY, clock))


def no_dedupe(patch: Patch) -> None:
    """Every call means something new, and takes the place of whatever is under way."""
    count = itertools.count()

    def propose(
        self: JournalStore, operation: Operation, detail: Mapping[str, Any], *, approved: bool = False, **_: Any
    ) -> Recorded:
        with self._file.writing() as db:
            db.execute("DROP INDEX one_live_operation")
            live = "state IN ('PROPOSED', 'APPROVED', 'SENT', 'WATCHED', 'UNKNOWN')"
            db.execute(f"CREATE INDEX one_live_operation ON write_operations (connection, number) WHERE {live}")
            fresh = replace(operation, arguments=f"{operation.arguments}-{next(count)}")
            state: State = "APPROVED" if approved else "PROPOSED"
            return proposals.insert(db, fresh, state, detail, self.now(), self._ttl)

    patch.setattr(JournalStore, "propose", propose)
    patch.setattr(Create, "find_change", _no_change)
    for kind in ("cancel", "delete", "finalize"):
        patch.setattr(f"po_mcp.writes.kinds.{kind}.find_change", _no_change_of_an_order)


def take_sent_for_unsent(patch: Patch) -> None:
    """What a dead process left SENT is sent again."""
    untouched = Executor.outcome_of

    async def outcome_of(self: Executor, operation_id: str) -> WriteOutcome:
        recorded = await self.journal.find(operation_id)
        if recorded is None or recorded.state != "SENT" or self.reconciler.is_sending(operation_id):
            return await untouched(self, operation_id)
        return await self._send_and_record(_claim(self, recorded.operation))

    patch.setattr(Executor, "outcome_of", outcome_of)


def refusals_are_final(patch: Patch) -> None:
    """The ERP's answer is reported as it came: no look, no watch."""

    async def believe(self: Executor, claim: Claim, refusal: PurchaseOrderError) -> WriteOutcome:
        outcome = self.words.say("refused", claim.operation, str(refusal))
        await self.reconciler.record(claim.operation, "SENT", "REFUSED", outcome, {})
        return outcome

    patch.setattr(Executor, "_watch_refusal", believe)


def no_watch(patch: Patch) -> None:
    """A refusal is believed after two looks, and not looked at again."""
    patch.setattr(SettlementPolicy, "watches_for", property(lambda self: 0.0))


def no_late_news(patch: Patch) -> None:
    """What turns out to be done after it was called refused is not reported."""

    async def find_nothing(self: Reconciler) -> list[Recorded]:
        return []

    patch.setattr(Reconciler, "find_late_news", find_nothing)


def no_look_for_a_free_number(patch: Patch) -> None:
    """Nobody looks whether the number is free right before the claim."""
    patch.setattr(Create, "find_change", _no_change)


def one_common_item_is_ours(patch: Patch) -> None:
    """An order under our number is ours where one item is."""

    def compare(draft: OrderDraft, order: PurchaseOrder, sent_at: float | None) -> Comparison:
        found = compare_order(draft, order, sent_at)
        return replace(found, verdict="ours") if found.verdict == "differs" else found

    patch.setattr(create, "compare_order", compare)
    patch.setattr(Create, "confirm", _confirm)


def what_is_not_ours_alone_is_another_s(patch: Patch) -> None:
    """An order that is not stored exactly as it was asked for is another's: the rule of an earlier version."""

    def compare(draft: OrderDraft, order: PurchaseOrder, sent_at: float | None) -> Comparison:
        found = compare_order(draft, order, sent_at)
        return Comparison("foreign", found.differences) if found.differences else found

    patch.setattr(create, "compare_order", compare)


def no_new_sign_in_after_a_401(patch: Patch) -> None:
    """A write that met an ended sign-in is left in doubt."""
    patch.setattr(ErrorMapping, "is_token_expired_at_write", lambda self, answer: False)


def connections_without_a_company(patch: Patch) -> None:
    """One address is one connection for every login."""
    patch.setattr(Connection, "key", property(lambda self: f"{self.erp} {self.address}"))


def any_journal_file_will_do(patch: Patch) -> None:
    """Nobody looks whether the file is still the one that was opened."""
    patch.setattr(SqliteFile, "_need_same_file", lambda self: None)
    patch.setattr(SqliteFile, "_need_marked_file", lambda self: None)
    patch.setattr(SqliteFile, "_need_whole_log", lambda self, db: None)
    patch.setattr(SqliteFile, "_need_mark", lambda self, db: None)


def no_deadline_before_the_bytes(patch: Patch) -> None:
    """A write leaves, however long ago it was claimed."""
    patch.setattr(executor, "TooLate", _NeverRaised)
    patch.setattr(exchange, "FirstByte", lambda before_send: None)
    write = ErpHttpClient.write

    async def write_at_once(self: ErpHttpClient, *given: Any, **named: Any) -> Any:
        return await write(self, *given, **{**named, "before_send": lambda: None})

    patch.setattr(ErpHttpClient, "write", write_at_once)


def replay_for_every_user(patch: Patch) -> None:
    """The same call of another user is answered by what the first one's did."""
    propose, begin = JournalStore.propose, JournalStore.begin_call

    def as_one(operation: Operation) -> Operation:
        return replace(operation, requester=replace(operation.requester, user="sweep"))

    patch.setattr(JournalStore, "propose", lambda self, operation, *a, **k: propose(self, as_one(operation), *a, **k))
    patch.setattr(JournalStore, "begin_call", lambda self, here, call, *given: begin(self, here, as_one(call), *given))


def similar_orders_are_looked_for_before(patch: Patch) -> None:
    """An order like the new one is looked for in a transaction before the one that records it."""
    propose, similar, both = JournalStore.propose, proposals.find_similar, threading.Barrier(2)

    def look_and_propose(self: JournalStore, operation: Operation, *given: Any, **named: Any) -> Recorded | Similar:
        known = named.get("known", frozenset()) | named.get("gone", frozenset())
        with self._file.reading() as db:
            found = similar(db, operation, [operation.connection], known, self._ttl_ago())
        with suppress(threading.BrokenBarrierError):  # the other call, if there is one, is between the two as well
            both.wait(timeout=2.0)
        if both.broken:
            both.reset()
        return propose(self, operation, *given, **named) if found is None else found

    patch.setattr(JournalStore, "propose", look_and_propose)
    patch.setattr(proposals, "find_similar", lambda *given: None)


def no_wait_for_lagging_readings(patch: Patch) -> None:
    """What was done and is not shown yet is done again."""

    async def wait_for_nothing(self: Reconciler, done: Recorded) -> bool:
        return True

    patch.setattr(Reconciler, "wait_out_lag", wait_for_nothing)


class _NeverRaised(Exception):
    """Stands for an error that nobody raises."""


async def _no_change(self: Create, erp: Any, operation: Operation) -> None:
    """See no change."""


async def _no_change_of_an_order(erp: Any, operation: Operation, kind: Any) -> None:
    """See no change."""


async def _confirm(self: Create, erp: Any, operation: Operation, applied: Any, sent_at: float) -> Observation:
    """Take whatever stands under the number."""
    return await self.observe(erp, operation, sent_at)


def _claim(sender: Executor, operation: Operation) -> Claim:
    """Return the right to send an operation, without a claim in the journal."""
    return Claim(operation, sender.journal.now())


def _operation(sender: Executor, operation_id: str) -> Operation:
    recorded = sender.journal.store.find(operation_id)
    assert recorded is not None
    return recorded.operation


Scenarios = Callable[[Mapping[Flow, Baseline]], Iterator[Scenario]]
_FAULTS_IN_DOUBT = ("lost-answer", "late-apply", "500-applied", "truncated-json-2xx", "409-applied", "reset-after-read")


def doubts(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """The write is in doubt, made twice at once, or its process dies."""
    for flow in FLOWS[::-1]:
        for kind in _FAULTS_IN_DOUBT:
            yield Scenario(flow, ((kind, baselines[flow].write),), "kept")
    for flow in FLOWS:
        yield Scenario(flow, moment="twice at once")
        yield Scenario(flow, bounds="kept", moment="dies when it is applied")


def late_effects(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """A refusal of a write that was applied, and readings that show it later."""
    for flow in FLOWS:
        write = baselines[flow].write
        yield Scenario(flow, (("409-applied", write),), habits=("late-read",))
        yield Scenario(flow, (("409-applied", write), ("stale", write + 1)), "kept")


def races(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """A colleague's order stands under the number, in an ERP that answers as if it were ours."""
    for flow in CREATES:
        yield Scenario(flow, moment="an order with a common item takes the number", habits=("upserts",))
    for flow in NUMBERED:
        yield Scenario(flow, moment="the number is taken before", habits=("upserts",))


def store_otherwise(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """An ERP stores an order in its own way, and its answer is lost."""
    for flow, habit in itertools.product(CREATES, ("rounds-prices", "adds-freight")):
        yield Scenario(flow, (("lost-answer", baselines[flow].write),), habits=(habit,))


def moments_of(*moments: Any, flows: Sequence[Flow] = FLOWS) -> Scenarios:
    """Return the scenarios of these moments."""

    def scenarios(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
        for flow, moment in itertools.product(flows, moments):
            yield Scenario(flow, bounds="kept", moment=moment)

    return scenarios


def sign_out(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """The token ended: the write and a read after it are sent to the sign-in."""
    for flow in FLOWS:
        if flow[0] == "exsited":
            write = baselines[flow].write
            yield Scenario(flow, (("signed-out", write), ("signed-out", write + 1)))


def lagging(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """Readings lag behind what was done."""
    yield from (Scenario(flow, habits=("late-read",)) for flow in FLOWS)


MUTANTS: Mapping[str, tuple[Mutant, Scenarios]] = {
    mutant.__name__.replace("_", " "): (mutant, scenarios)
    for mutant, scenarios in (
        (naive, doubts),
        (retry_three_times, doubts),
        (journal_after_the_wire, doubts),
        (server_errors_mean_not_applied, doubts),
        (a_garbled_success_means_failed, doubts),
        (resent_once, doubts),
        (journal_in_memory, doubts),
        (no_dedupe, doubts),
        (take_sent_for_unsent, doubts),
        (refusals_are_final, doubts),
        (no_watch, late_effects),
        (no_late_news, late_effects),
        (no_look_for_a_free_number, races),
        (one_common_item_is_ours, races),
        (what_is_not_ours_alone_is_another_s, store_otherwise),
        (no_new_sign_in_after_a_401, sign_out),
        (connections_without_a_company, moments_of("another company looks")),
        (any_journal_file_will_do, moments_of("the journal is removed", flows=FLOWS[1:2])),
        (no_deadline_before_the_bytes, moments_of("another server does it meanwhile")),
        (replay_for_every_user, moments_of("another user asks for the same", flows=CREATES)),
        (similar_orders_are_looked_for_before, moments_of("two numbers at once", flows=NUMBERED)),
        (no_wait_for_lagging_readings, lagging),
    )
}
"""Every mutant with the scenarios in which its control is missed."""


@dataclass(frozen=True)
class Kill:
    """The scenario that found a mutant, and the first fault that it saw."""

    scenario: Scenario
    fault: str


async def kill(name: str, baselines: Mapping[Flow, Baseline]) -> Kill | None:
    """Play until the mutant writes twice or lies where the program as it is does not; None where it never does."""
    mutant, scenarios = MUTANTS[name]
    for scenario in scenarios(baselines):
        if not (fault := await _run_mutant(mutant, scenario)):
            continue
        if not _find_faults(await run(scenario)):
            return Kill(scenario, fault[0])
    return None


async def _run_mutant(mutant: Mutant, scenario: Scenario) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        ran = await run(scenario)
    assert not ran.crashes, f"the mutant cannot run: {ran.crashes[0]}"
    return _find_faults(ran)


def _find_faults(ran: Ran) -> list[str]:
    """Return the double writes and lies; where the vendor refused and the order can be read, doubt is one more."""
    assert isinstance(ran.scenario, Scenario)
    is_doubt = ran.scenario.faults[:1] and ran.scenario.faults[0][0] == "signed-out"
    doubts = [f"unknown in step {one.step}" for one in ran.answers if is_doubt and one.status == "unknown"]
    return [*ran.doubles, *ran.lies, *doubts]
