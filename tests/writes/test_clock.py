"""A clock that was set back or ahead extends no life, blocks no order for long, and sends nothing late."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.writes.journal import JournalStore, Similar, due
from po_mcp.writes.journal.proposals import MAX_PROPOSALS
from po_mcp.writes.operation import State
from po_mcp.writes.policy import SettlementPolicy
from tests.writes.making import (
    CONNECTION,
    Clock,
    JournalPlace,
    create,
    find,
    find_begun,
    find_recent,
    guarded_operation,
    propose,
    state_of,
    take_to,
)

DAY = 86_400.0


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
@pytest.mark.parametrize("by", [6.0, 32.0, DAY])
def test_a_waiting_operation_ends_where_the_clock_was_set_back(
    store: JournalStore, clock: Clock, state: State, by: float
) -> None:
    operation = guarded_operation()
    take_to(store, operation, state)
    clock.now -= by

    assert not store.approve(operation.id, operation.payload, {})
    assert store.claim(operation.id, CONNECTION) is None
    assert state_of(store, operation.id) == "EXPIRED"
    assert store.events(operation.id)[-1].detail == {"because": "the clock was set back"}


def test_a_clock_that_is_corrected_by_little_ends_nothing(store: JournalStore, clock: Clock) -> None:
    operation = propose(store, guarded_operation()).operation
    clock.now -= 4

    assert store.approve(operation.id, operation.payload, {})


def test_many_small_corrections_extend_no_life(store: JournalStore, clock: Clock) -> None:
    operation = propose(store, guarded_operation()).operation
    for _ in range(3):
        clock.now -= 4
        store.note(operation.id, "looked", {})

    assert not store.approve(operation.id, operation.payload, {})


@pytest.mark.parametrize("state", ["SENT", "UNKNOWN"])
def test_a_send_by_a_clock_that_was_ahead_counts_from_its_correction(
    store: JournalStore, clock: Clock, state: State
) -> None:
    """Sent a day ahead, then corrected: the order was blocked for a day."""
    operation_id = take_to(store, guarded_operation(), state)
    clock.now -= DAY
    propose(store, guarded_operation(number="PO-2"))

    recorded = find(store, operation_id)

    assert recorded.sent_at == clock.now + DAY  # what was recorded stays what it was
    assert recorded.counts_from == clock.now
    assert store.upkeep.verify() == []


def test_a_watch_lasts_no_longer_than_it_had_to(store: JournalStore, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "WATCHED")
    clock.now -= DAY
    propose(store, guarded_operation(number="PO-2"))

    assert find(store, operation_id).watched_until == clock.now + 30


def test_a_done_operation_answers_no_call_of_the_time_before(store: JournalStore, clock: Clock) -> None:
    """Else the very same call would be "done already" for a day; the person is asked instead."""
    take_to(store, create(), "DONE")
    take_to(store, guarded_operation(), "DONE")
    clock.now -= DAY

    assert find_begun(store, create()) is None
    assert find_recent(store, guarded_operation()) is None
    assert isinstance(store.propose(create("PO-10"), {}), Similar)


def test_proposals_of_a_clock_that_was_ahead_lock_nobody_out(store: JournalStore, clock: Clock) -> None:
    for place in range(MAX_PROPOSALS[60.0]):
        take_to(store, guarded_operation(number=f"PO-{place}"), "DECLINED")
        clock.now += 2
    clock.now -= DAY

    assert propose(store, guarded_operation(number="PO-X")).state == "PROPOSED"


def test_the_clock_that_was_set_back_is_reported_in_the_audit_log(store: JournalStore, clock: Clock) -> None:
    take_to(store, guarded_operation(), "SENT")
    clock.now -= DAY
    propose(store, guarded_operation(number="PO-2"))

    assert [(one.event, one.detail) for one in store.events("")] == [("clock set back", {"by seconds": DAY})]


def test_a_clock_that_was_set_ahead_ends_what_waits(store: JournalStore, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    clock.now += DAY

    assert store.claim(operation_id, CONNECTION) is None
    assert state_of(store, operation_id) == "EXPIRED"


def test_a_clock_that_was_set_back_is_noticed_once(store: JournalStore, clock: Clock, journal_at: JournalPlace) -> None:
    take_to(store, guarded_operation(), "SENT")
    clock.now -= DAY
    other = JournalStore(journal_at, 600, clock)
    for each in (store, other, store):
        each.note("", "looked", {})

    assert [one.event for one in store.events("")].count("clock set back") == 1


def set_back_by(store: JournalStore, clock: Clock, journal_at: JournalPlace) -> list[str]:
    """Let another process notice that the clock was set back, and this one write then; return which events follow."""
    take_to(store, guarded_operation(), "SENT")
    clock.now -= DAY
    other = JournalStore(journal_at, 600, clock)
    other.note("", "written by the other", {})
    other.close()
    store.note("", "written here", {})
    return [event.event for event in store.events("")]


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_process_forgets_the_latest_time_where_another_set_it_back(
    store: JournalStore, clock: Clock, journal_at: JournalPlace, monkeypatch: pytest.MonkeyPatch, *, is_kept: bool
) -> None:
    if is_kept:  # without the control: what was known counts for ever, and each write finds the clock set back
        note = due.note_begun

        def note_and_keep(db: Any, seen: due.Latest, known: str, since: int, *more: Any) -> due.Latest:
            return note(db, seen, known, 0, *more)

        monkeypatch.setattr(due, "note_begun", note_and_keep)

    events = set_back_by(store, clock, journal_at)

    assert (events.count("clock set back") > 1) is is_kept
    assert events[-1] == "written here"


def test_the_latest_time_is_that_of_another_process(
    store: JournalStore, clock: Clock, journal_at: JournalPlace
) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    clock.now += 60
    other = JournalStore(journal_at, 600, clock)
    other.note("", "written by the other", {})
    other.close()
    clock.now -= 50
    store.note("", "written here", {})

    assert [event.event for event in store.events("")] == ["written by the other", "clock set back", "written here"]


def test_the_times_after_which_an_absence_decides_are_those_of_the_operator() -> None:
    assert SettlementPolicy(60.0, 20.0, 10.0).absence_decides_after == 60 + 60 + 20 + 10
    assert SettlementPolicy(60.0, None, 10.0).absence_decides_after is None
    assert SettlementPolicy(60.0, 20.0, None).absence_decides_after is None
    assert SettlementPolicy(60.0).verdict_after == 120
    assert SettlementPolicy(60.0, 900.0).verdict_after == 960
    assert (SettlementPolicy().watches_for, SettlementPolicy(read_lag=0.0).watches_for) == (30, 0)
    assert (SettlementPolicy().foreign_after, SettlementPolicy(read_lag=60.0).foreign_after) == (5, 60)
    assert (SettlementPolicy().looks_again_after, SettlementPolicy(read_lag=0.0).looks_again_after) == (2, 0)
