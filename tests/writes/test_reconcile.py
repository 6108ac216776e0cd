"""Looks at what was sent: what crashes, lags, or is settled by others meanwhile decides nothing wrongly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from po_mcp.writes import journal, reconcile
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Recorded
from tests.writes.erp import QUICK, Bench
from tests.writes.making import Clock, JournalPlace, create, find, guarded_operation, order, outcome, state_of, take_to


@pytest.fixture
def bench(store: JournalStore) -> Bench:
    bench = Bench(store)
    bench.erp.orders["PO-1"] = order()
    return bench


async def test_a_look_that_crashes_shows_nothing_and_names_no_value(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def observe(*arguments: object) -> None:
        raise RuntimeError("Acme Fasteners")

    operation_id = take_to(bench.store, guarded_operation("delete"), "UNKNOWN")
    monkeypatch.setattr(kind_of("delete"), "observe", observe)

    with caplog.at_level(logging.ERROR):
        assert await bench.reconcile(operation_id) == "UNKNOWN"
    assert "crashed: RuntimeError" in caplog.text
    assert "Acme" not in caplog.text


async def test_an_order_that_is_back_at_the_second_look_is_not_gone(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation("delete"), "UNKNOWN")
    bench.erp.orders.clear()
    was_seen_gone: list[bool] = []

    def come_back() -> None:
        was_seen_gone.append(find(bench.store, operation_id).foreign_since is not None)
        if was_seen_gone[-1]:
            bench.erp.orders["PO-1"] = order()

    bench.erp.on_read = come_back

    assert await bench.reconcile(operation_id) == "UNKNOWN"
    assert {False, True} == set(was_seen_gone)


async def test_a_write_of_a_dead_process_is_not_waited_for(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("cancel"), "SENT")
    clock.now += bench.policy.abandoned_after + 1
    bench.erp.set_status("PO-1", "cancelled")

    settled = await bench.executor.reconciler.wait_until_certain(find(bench.store, operation_id))

    assert settled.state == "DONE"


async def test_a_call_waits_on_while_another_process_sends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_POLL_S", 0.01)
    operation_id = take_to(bench.store, guarded_operation("cancel"), "SENT")
    states: list[str] = []
    find = bench.store.find

    def find_and_end(operation_id: str) -> Recorded | None:
        if len(states) == 3:
            bench.store.finish(operation_id, "SENT", "DONE", outcome(), {})
        recorded = find(operation_id)
        states.append("" if recorded is None else recorded.state)
        return recorded

    monkeypatch.setattr(bench.store, "find", find_and_end)

    with anyio.fail_after(30):
        reported = await bench.executor.outcome_of(operation_id)

    assert (reported.status, reported.replayed) == ("done", True)
    assert states[:4] == ["SENT", "SENT", "SENT", "DONE"]
    assert bench.erp.calls == []


@pytest.mark.parametrize("kind", ["create", "finalize", "delete", "cancel"])
async def test_a_call_does_not_wait_until_a_sender_is_sure_to_be_dead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Hosts give up a call after a minute; nobody can be sending any more only after two, or four."""
    monkeypatch.setattr(reconcile, "MAX_WAIT_S", 0.05)
    operation_id = take_to(bench.store, create() if kind == "create" else guarded_operation(kind), "SENT")

    with anyio.fail_after(10):
        said = await bench.executor.outcome_of(operation_id)

    assert (said.status, said.do_not_repeat) == ("unknown", True)
    assert "has not answered yet" in said.message
    assert (state_of(bench.store, operation_id), bench.erp.writes) == ("SENT", [])


async def test_an_operation_in_flight_is_not_settled_by_a_second_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender will know more, such as a backorder's number."""
    monkeypatch.setattr(reconcile, "MAX_WAIT_S", 0.05)
    operation_id = take_to(bench.store, guarded_operation("cancel"), "APPROVED")
    second: list[str] = []

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        second.append((await bench.executor.outcome_of(operation_id)).status)

    bench.erp.answer = answer

    assert (await bench.execute(operation_id)).status == "done"
    assert second == ["unknown"]
    assert len(bench.done) == 1


async def test_an_operation_that_its_sender_settles_is_not_looked_at(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation("cancel"), "SENT")
    sent = find(bench.store, operation_id)
    bench.store.finish(operation_id, "SENT", "DONE", outcome(), {})

    assert (await bench.executor.reconciler.wait_until_certain(sent)).state == "DONE"
    assert bench.erp.calls == []


async def test_a_short_lag_is_waited_for(journal_at: JournalPlace) -> None:
    store = JournalStore(journal_at, 600)  # with the clock of the system, which goes on
    bench = Bench(store, replace(QUICK, watch=0.05))
    operation_id = take_to(store, guarded_operation("cancel"), "DONE")

    is_over = await bench.executor.reconciler.wait_out_lag(find(store, operation_id))
    store.close()

    assert is_over


async def test_a_gap_is_noted_once(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation("delete"), "UNKNOWN")

    for _ in range(2):
        bench.store.note_foreign(operation_id, 1.0)

    assert [one.event for one in bench.store.events(operation_id)].count("looked: to be read again") == 1


async def test_when_each_operation_began_is_reported(bench: Bench, clock: Clock) -> None:
    first = take_to(bench.store, guarded_operation("delete"), "DONE")
    begun = clock.now
    clock.now += 60
    second = take_to(bench.store, guarded_operation("delete", "PO-2"), "DONE")

    assert bench.store.starting_times() == {first: begun, second: begun + 60}
