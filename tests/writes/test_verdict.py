"""What a person says of an unknown operation: not too early, not against what the ERP shows, else recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import OrderLine, PurchaseOrder
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.operation import Operation, WriteOutcome
from po_mcp.writes.policy import MIN_HUMAN_VERDICT_S
from po_mcp.writes.verdict import record_verdict
from tests.writes.erp import QUICK, Bench
from tests.writes.making import Clock, create, draft, find, guarded_operation, order, state_of, store_as_asked, take_to

SAID: Mapping[str, Any] = {"by": "a person", "through": "page"}


@pytest.fixture
def bench(store: JournalStore) -> Bench:
    bench = Bench(store)
    bench.erp.orders["PO-1"] = order()
    return bench


async def say(bench: Bench, operation_id: str, *, happened: bool) -> WriteOutcome:
    recorded = find(bench.store, operation_id)
    return await record_verdict(bench.executor.reconciler, recorded, happened=happened, detail=SAID)


async def test_a_person_cannot_say_too_early_that_a_write_did_not_happen(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    clock.now += MIN_HUMAN_VERDICT_S - 1

    with pytest.raises(InvalidInput, match=r"Say that it did not after \d\d:\d\d:\d\d "):
        await say(bench, operation_id, happened=False)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


@pytest.mark.parametrize(("seconds", "late_apply", "after"), [(20, None, 120), (60, 900, 960), (200, None, 200)])
async def test_the_time_is_that_of_the_erp_and_two_minutes_at_least(
    store: JournalStore, clock: Clock, seconds: float, late_apply: float | None, after: float
) -> None:
    bench = Bench(store, replace(QUICK, timeout=seconds, late_apply=late_apply))
    bench.erp.orders["PO-1"] = order()
    operation_id = take_to(store, guarded_operation("finalize"), "UNKNOWN")
    clock.now += after - 1
    with pytest.raises(InvalidInput):
        await say(bench, operation_id, happened=False)
    clock.now += 1

    assert (await say(bench, operation_id, happened=False)).status == "refused"


async def test_after_the_time_it_is_recorded_and_may_be_asked_for_again(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    clock.now += MIN_HUMAN_VERDICT_S

    outcome = await say(bench, operation_id, happened=False)

    assert outcome.status == "refused"
    assert state_of(bench.store, operation_id) == "NOT_APPLIED"
    last = bench.store.events(operation_id)[-1]
    assert last.detail == {**SAID, "observed": "the order is partly received"}


async def test_a_verdict_that_a_write_happened_is_taken_at_once(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")

    outcome = await say(bench, operation_id, happened=True)

    assert outcome.status == "done"
    assert "the order is partly received" in outcome.message
    assert state_of(bench.store, operation_id) == "DONE"


@pytest.mark.parametrize("happened", [True, False])
async def test_an_effect_that_shows_decides_whatever_the_person_says(
    bench: Bench, clock: Clock, happened: bool
) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    clock.now += MIN_HUMAN_VERDICT_S
    bench.erp.set_status("PO-1", "closed")

    outcome = await say(bench, operation_id, happened=happened)

    assert outcome.status == "done"
    assert "confirmed by reading it back" in outcome.message


def hides_first(bench: Bench, number: str, reads: int) -> None:
    """Let the ERP show the order as it is only from the n-th read on: in the look right before the record."""
    there: PurchaseOrder | None = bench.erp.orders.pop(number, None)

    def show() -> None:
        if len(bench.erp.calls) > reads and there is not None:
            bench.erp.orders[number] = there

    bench.erp.on_read = show


async def test_an_order_that_may_be_ours_keeps_it_open(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, create(), "UNKNOWN")
    bench.erp.orders["PO-9"] = store_as_asked(draft(), lines=(OrderLine(item="BOLT", quantity=500),))
    clock.now += MIN_HUMAN_VERDICT_S

    with pytest.raises(InvalidInput, match="The ERP shows otherwise"):
        await say(bench, operation_id, happened=False)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


@pytest.mark.parametrize("reads", [3, 4])
async def test_an_effect_that_only_the_last_look_shows_keeps_it_open(bench: Bench, clock: Clock, reads: int) -> None:
    operation_id = take_to(bench.store, create(), "UNKNOWN")
    bench.erp.orders["PO-9"] = store_as_asked(draft())
    hides_first(bench, "PO-9", reads)
    clock.now += MIN_HUMAN_VERDICT_S

    with pytest.raises(InvalidInput, match="The ERP shows otherwise"):
        await say(bench, operation_id, happened=False)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


async def test_a_deleted_order_that_only_the_last_look_misses_keeps_it_open(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("delete"), "UNKNOWN")

    def vanish() -> None:
        if len(bench.erp.calls) > 2:
            bench.erp.remove("PO-1")

    bench.erp.on_read = vanish
    clock.now += MIN_HUMAN_VERDICT_S

    with pytest.raises(InvalidInput, match="The ERP shows otherwise"):
        await say(bench, operation_id, happened=False)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


async def test_without_a_look_nobody_can_say_that_it_did_not_happen(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    bench.erp.unreadable = BadAnswer("no JSON")
    clock.now += MIN_HUMAN_VERDICT_S

    with pytest.raises(InvalidInput, match="cannot be read now"):
        await say(bench, operation_id, happened=False)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


@pytest.mark.parametrize("happened", [True, False])
async def test_an_operation_settled_meanwhile_is_not_recorded_again(bench: Bench, clock: Clock, happened: bool) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    clock.now += MIN_HUMAN_VERDICT_S
    settled = WriteOutcome(status="refused", message="settled by another")

    def settle() -> None:
        bench.store.finish(operation_id, "UNKNOWN", "NOT_APPLIED", settled, {})

    bench.erp.on_read = settle

    assert (await say(bench, operation_id, happened=happened)).message == "settled by another"
    assert state_of(bench.store, operation_id) == "NOT_APPLIED"


@pytest.mark.parametrize("state", ["DONE", "REFUSED", "WATCHED"])
async def test_a_known_outcome_is_not_put_to_a_person(bench: Bench, clock: Clock, state: Any) -> None:
    operation: Operation = guarded_operation("finalize")
    operation_id = take_to(bench.store, operation, state)
    clock.now += MIN_HUMAN_VERDICT_S

    await say(bench, operation_id, happened=True)

    assert state_of(bench.store, operation_id) == ("REFUSED" if state == "WATCHED" else state)


async def test_a_clock_that_was_set_back_gives_no_time(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    clock.now -= 86_400
    bench.store.note(operation_id, "looked", {})
    clock.now += MIN_HUMAN_VERDICT_S - 1
    with pytest.raises(InvalidInput):
        await say(bench, operation_id, happened=False)
    clock.now += 1

    assert (await say(bench, operation_id, happened=False)).status == "refused"


async def test_an_answer_that_another_process_forestalls_is_not_recorded(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation("delete"), "UNKNOWN")
    bench.erp.unreadable = BadAnswer("no JSON")
    settled = WriteOutcome(status="done", message="settled by others")

    def settle_at_the_last_look() -> None:
        if len(bench.erp.calls) > 1:
            bench.store.finish(operation_id, "UNKNOWN", "DONE", settled, {})

    bench.erp.on_read = settle_at_the_last_look

    with pytest.raises(InvalidInput, match="Another process settled it first"):
        await say(bench, operation_id, happened=True)
    assert find(bench.store, operation_id).outcome == settled
