"""A move of one message is made where all is as this process left it; where not, the usual way finds what is so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from po_mcp.errors import ConnectionNotAdopted, JournalUnavailable
from po_mcp.writes.journal import JournalStore, postgres_at_once, watchdog
from po_mcp.writes.journal.database import Ask
from po_mcp.writes.journal.postgres import PostgresDatabase, _Time
from po_mcp.writes.journal.postgres_at_once import Remembered
from po_mcp.writes.journal.postgres_beginning import COPY
from po_mcp.writes.journal.restores import KNOWN
from tests.writes.editing import edit
from tests.writes.making import CONNECTION, Clock, guarded_operation, propose, state_of, take_to

pytestmark = pytest.mark.postgres
Patch = pytest.MonkeyPatch


class Tried:
    """How moves at once ended, in order: whether each was made."""

    def __init__(self, patch: Patch) -> None:
        self.ends: list[bool] = []
        move = PostgresDatabase.move_at_once

        def note(*given: Any) -> bool:
            self.ends.append(move(*given))
            return self.ends[-1]

        patch.setattr(PostgresDatabase, "move_at_once", note)


@pytest.fixture
def tried(monkeypatch: Patch) -> Tried:
    return Tried(monkeypatch)


@pytest.fixture
def stores(address: str, clock: Clock) -> Iterator[list[JournalStore]]:
    with closing(JournalStore(address, 600, clock)) as first, closing(JournalStore(address, 600, clock)) as second:
        first.join(CONNECTION)  # with the first write a journal knows which copy it is
        yield [first, second]


@pytest.fixture
def timed(address: str) -> Iterator[JournalStore]:
    """A journal by the clock of its database."""
    with closing(JournalStore(address)) as store:
        store.join(CONNECTION)
        yield store


def test_what_one_process_carries_out_is_moved_at_once(stores: list[JournalStore], tried: Tried) -> None:
    operation_id = take_to(stores[0], guarded_operation("finalize"), "DONE")

    assert tried.ends == [True, True, True]
    assert state_of(stores[1], operation_id) == "DONE"
    assert stores[0].upkeep.verify() == []


def test_by_the_clock_of_the_database_too(timed: JournalStore, tried: Tried) -> None:
    operation_id = take_to(timed, guarded_operation("finalize"), "DONE")

    assert tried.ends == [True, True, True]
    times = [event.at for event in timed.events(operation_id)]
    assert times == sorted(times)
    assert timed.upkeep.verify() == []


def approve_after_another_replica(stores: list[JournalStore]) -> None:
    """Another replica records something of another order between the question and the yes."""
    first, second = stores
    operation = propose(first, guarded_operation()).operation
    propose(second, guarded_operation(number="PO-2"))
    assert first.approve(operation.id, operation.payload, {})
    assert first.upkeep.verify() == []


def claim_what_is_over(stores: list[JournalStore], clock: Clock) -> bool:
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    clock.now += 700
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_by_a_clock_that_was_set_back(stores: list[JournalStore], clock: Clock) -> bool:
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    clock.now -= 60
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_twice(stores: list[JournalStore]) -> bool:
    """Claim at a replica that remembers the operation as it was before another one claimed it."""
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    assert stores[1].claim(operation_id, CONNECTION) is not None
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_in_a_copy_that_is_not_known(stores: list[JournalStore], address: str) -> bool:
    """The journal was noted in another copy of the database than this one is."""
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(address, "UPDATE journal SET value = 'another' WHERE name = 'origin'")
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_in_a_copy_that_was_changed(stores: list[JournalStore], address: str) -> bool:
    """This process last saw the copy that the journal knows; what answers now is another one."""
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(address, "UPDATE journal SET value = 'the former' WHERE name = 'origin'")
    database: Any = stores[0]._file
    database._origin = database._known = "the former"
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_with_credentials_that_nobody_knows(stores: list[JournalStore], address: str) -> bool:
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(address, "UPDATE connections SET credentials = 'others'")
    try:
        return stores[0].claim(operation_id, CONNECTION) is not None
    except ConnectionNotAdopted:
        return False


def replaced(name: str, by: str) -> Callable[[Patch], None]:
    """Take a condition away, with the values that stand in it."""

    def patch_it(patch: Patch) -> None:
        patch.setattr(postgres_at_once, name, by)

    patch_it.__name__ = name
    return patch_it


no_end = replaced("_IS_END", "(? != '' OR 0 < ?)")
no_time_of_the_end = replaced("_IS_END", "EXISTS (SELECT 1 FROM head WHERE hash = ? AND 0 < ?)")
no_copy = replaced("_IS_COPY", f"(? != '' AND ({KNOWN}) = ?)")
no_known_copy = replaced("_IS_COPY", f"{COPY} = ? AND ? != ''")
nothing_is_looked_at = replaced("_NOTHING_IS_OVER", "0 < ?")


def no_need(patch: Patch) -> None:
    patch.setattr("po_mcp.writes.journal.connections.ask_known_as", lambda *given: Ask("TRUE"))


def test_after_another_replica_a_move_is_made_in_the_usual_way(stores: list[JournalStore], tried: Tried) -> None:
    approve_after_another_replica(stores)

    assert tried.ends == [False]


def test_without_the_end_of_the_log_it_is_made_nowhere(stores: list[JournalStore], monkeypatch: Patch) -> None:
    no_end(monkeypatch)

    with pytest.raises(JournalUnavailable):
        approve_after_another_replica(stores)


CLAIMS: list[tuple[Callable[..., bool], Callable[[Patch], None]]] = [
    (claim_what_is_over, nothing_is_looked_at),
    (claim_by_a_clock_that_was_set_back, no_time_of_the_end),
    (claim_in_a_copy_that_is_not_known, no_known_copy),
    (claim_in_a_copy_that_was_changed, no_copy),
    (claim_with_credentials_that_nobody_knows, no_need),
]


@pytest.mark.parametrize("claim", [claim for claim, _ in CLAIMS], ids=lambda one: one.__name__)
def test_what_a_transaction_would_see_to_is_never_claimed_at_once(
    stores: list[JournalStore], address: str, clock: Clock, tried: Tried, claim: Callable[..., bool]
) -> None:
    assert not call(claim, stores, address, clock)

    assert tried.ends == [True, False]
    assert stores[0].upkeep.verify() == []


@pytest.mark.parametrize(("claim", "mutant"), CLAIMS, ids=lambda one: one.__name__)
def test_without_its_condition_it_is(
    stores: list[JournalStore],
    address: str,
    clock: Clock,
    monkeypatch: Patch,
    claim: Callable[..., bool],
    mutant: Callable[[Patch], None],
) -> None:
    mutant(monkeypatch)

    assert call(claim, stores, address, clock)


def call(claim: Callable[..., bool], stores: list[JournalStore], address: str, clock: Clock) -> bool:
    known = {"stores": stores, "address": address, "clock": clock}
    return claim(*(known[name] for name in claim.__code__.co_varnames[: claim.__code__.co_argcount]))


def test_of_two_replicas_one_claims(stores: list[JournalStore]) -> None:
    assert not claim_twice(stores)


@pytest.mark.parametrize("edited", ["state = 'DECLINED'", "last_event = ''"])
@pytest.mark.parametrize("is_compared", [True, False])
def test_a_row_is_moved_only_as_it_was_left(
    stores: list[JournalStore], address: str, tried: Tried, monkeypatch: Patch, edited: str, is_compared: bool
) -> None:
    if not is_compared:
        monkeypatch.setattr(postgres_at_once, "_IS_AS_FOUND", "id = ? AND ? != ?")
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(address, f"UPDATE write_operations SET {edited}")

    stores[0].claim(operation_id, CONNECTION)

    assert tried.ends == [True, not is_compared]


@pytest.mark.parametrize(("seconds", "is_made"), [(0.0, True), (60.0, False), (-60.0, False)])
def test_an_event_is_of_the_time_of_the_database(
    timed: JournalStore, tried: Tried, seconds: float, is_made: bool
) -> None:
    operation_id = claim_by_a_time_that_is_wrong_by(timed, seconds)

    assert tried.ends[-1] is is_made
    assert abs(timed.events(operation_id)[-1].at - time.time()) < 30


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_without_the_comparison_it_is_of_another(timed: JournalStore, monkeypatch: Patch, seconds: float) -> None:
    monkeypatch.setattr(postgres_at_once, "_IS_IN_TIME", "0 < CAST(? AS float8) + CAST(? AS float8)")
    no_time_of_the_end(monkeypatch)

    operation_id = claim_by_a_time_that_is_wrong_by(timed, seconds)

    assert abs(timed.events(operation_id)[-1].at - time.time()) > 30


def claim_by_a_time_that_is_wrong_by(store: JournalStore, seconds: float) -> str:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    database: Any = store._file
    database._time = _Time(database._time.stored + seconds, database._time.monotonic)
    assert store.claim(operation_id, CONNECTION) is not None
    return operation_id


def test_where_the_connection_was_closed_a_move_is_made_in_the_usual_way(timed: JournalStore, tried: Tried) -> None:
    operation_id = take_to(timed, guarded_operation(), "APPROVED")
    for connection in timed._file._connections._pool._pool:  # type: ignore[attr-defined]
        watchdog._cut(connection)

    assert timed.claim(operation_id, CONNECTION) is not None

    assert tried.ends == [True, False]


def test_where_tries_fail_fewer_are_made() -> None:
    remembered = Remembered()
    remembered.note({"it": {"id": "it"}})
    passed = []
    for _ in range(8):
        remembered.note_try(has_moved=False)
        passed.append(0)
        while remembered.recall("it") is None:
            passed[-1] += 1

    assert passed == [1, 3, 7, 15, 31, 32, 32, 32]
    remembered.note_try(has_moved=True)
    assert remembered.recall("it") is not None


def test_the_operations_of_some_minutes_are_remembered() -> None:
    remembered = Remembered()
    for place in range(100):
        remembered.note({f"{place}": {"id": f"{place}"}})
        remembered.note({"0": {"id": "0"}})

    assert [place for place in range(100) if remembered.recall(f"{place}")] == [0, *range(37, 100)]
