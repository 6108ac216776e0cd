"""A move at once is made where all is as this process left it; where not, the usual way finds what is so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from po_mcp.errors import ConnectionNotAdopted, JournalUnavailable
from po_mcp.writes.journal import JournalStore, at_once
from po_mcp.writes.journal.at_once import Remembered
from po_mcp.writes.journal.database import Ask
from tests.writes.editing import edit
from tests.writes.making import CONNECTION, Clock, JournalPlace, guarded_operation, propose, state_of, take_to

Patch = pytest.MonkeyPatch


class Tried:
    """How moves at once ended, in order: whether each was made."""

    def __init__(self, store: JournalStore, patch: Patch) -> None:
        self.ends: list[bool] = []
        database: Any = type(store._file)
        move = database.move_at_once

        def note(*given: Any) -> bool:
            self.ends.append(move(*given))
            return self.ends[-1]

        patch.setattr(database, "move_at_once", note)


@pytest.fixture
def stores(journal_at: JournalPlace, clock: Clock) -> Iterator[list[JournalStore]]:
    """Of two processes, one journal."""
    both = [JournalStore(journal_at, 600, clock) for _ in range(2)]
    both[0].join(CONNECTION)  # with the first write a journal knows which copy it is
    yield both
    for store in both:
        store.close()


@pytest.fixture
def tried(stores: list[JournalStore], monkeypatch: Patch) -> Tried:
    return Tried(stores[0], monkeypatch)


def test_what_one_process_carries_out_is_moved_at_once(stores: list[JournalStore], tried: Tried) -> None:
    operation_id = take_to(stores[0], guarded_operation("finalize"), "DONE")

    assert tried.ends == [True, True, True]
    assert state_of(stores[1], operation_id) == "DONE"
    assert stores[0].upkeep.verify() == []


def approve_after_another_process(stores: list[JournalStore]) -> None:
    """Another process records something of another order between the question and the yes."""
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
    """Claim at a process that remembers the operation as it was before another one claimed it."""
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    assert stores[1].claim(operation_id, CONNECTION) is not None
    return stores[0].claim(operation_id, CONNECTION) is not None


def claim_with_credentials_that_nobody_knows(stores: list[JournalStore], journal_at: JournalPlace) -> bool:
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(journal_at, "UPDATE connections SET credentials = 'others'")
    try:
        return stores[0].claim(operation_id, CONNECTION) is not None
    except ConnectionNotAdopted:
        return False


def replaced(name: str, by: str) -> Callable[[Patch], None]:
    """Take a condition away, with the values that stand in it."""

    def patch_it(patch: Patch) -> None:
        patch.setattr(at_once, name, by)

    patch_it.__name__ = name
    return patch_it


no_end = replaced("_IS_END", "(? != '' OR 0 < ?)")
no_time_of_the_end = replaced("_IS_END", at_once._IS_END.replace("at <= ?", "0 < ?"))


def nothing_is_looked_at(patch: Patch) -> None:
    for module in ("sqlite", "postgres_at_once"):
        patch.setattr(f"po_mcp.writes.journal.{module}._NOTHING_IS_OVER", "0 < ?")


def no_need(patch: Patch) -> None:
    patch.setattr("po_mcp.writes.journal.connections.ask_known_as", lambda *given: Ask("TRUE"))


def test_after_another_process_a_move_is_made_in_the_usual_way(stores: list[JournalStore], tried: Tried) -> None:
    approve_after_another_process(stores)

    assert tried.ends == [False]


def test_without_the_end_of_the_log_it_is_made_nowhere(stores: list[JournalStore], monkeypatch: Patch) -> None:
    no_end(monkeypatch)

    with pytest.raises(JournalUnavailable):
        approve_after_another_process(stores)


CLAIMS: list[tuple[Callable[..., bool], Callable[[Patch], None]]] = [
    (claim_what_is_over, nothing_is_looked_at),
    (claim_by_a_clock_that_was_set_back, no_time_of_the_end),
    (claim_with_credentials_that_nobody_knows, no_need),
]


@pytest.mark.parametrize("claim", [claim for claim, _ in CLAIMS], ids=lambda one: one.__name__)
def test_what_a_transaction_would_see_to_is_never_claimed_at_once(
    stores: list[JournalStore], journal_at: JournalPlace, clock: Clock, tried: Tried, claim: Callable[..., bool]
) -> None:
    assert not call(claim, stores, journal_at, clock)

    assert tried.ends == [True, False]
    assert stores[0].upkeep.verify() == []


@pytest.mark.parametrize(("claim", "mutant"), CLAIMS, ids=lambda one: one.__name__)
def test_without_its_condition_it_is(
    stores: list[JournalStore],
    journal_at: JournalPlace,
    clock: Clock,
    monkeypatch: Patch,
    claim: Callable[..., bool],
    mutant: Callable[[Patch], None],
) -> None:
    mutant(monkeypatch)

    assert call(claim, stores, journal_at, clock)


def call(claim: Callable[..., bool], stores: list[JournalStore], journal_at: JournalPlace, clock: Clock) -> bool:
    known = {"stores": stores, "journal_at": journal_at, "clock": clock}
    return claim(*(known[name] for name in claim.__code__.co_varnames[: claim.__code__.co_argcount]))


def test_of_two_processes_one_claims(stores: list[JournalStore]) -> None:
    assert not claim_twice(stores)


@pytest.mark.parametrize("edited", ["state = 'DECLINED'", "last_event = ''"])
@pytest.mark.parametrize("is_compared", [True, False])
def test_a_row_is_moved_only_as_it_was_left(
    stores: list[JournalStore],
    journal_at: JournalPlace,
    tried: Tried,
    monkeypatch: Patch,
    edited: str,
    is_compared: bool,
) -> None:
    if not is_compared:
        monkeypatch.setattr(at_once, "_IS_AS_FOUND", "id = ? AND ? != ?")
    operation_id = take_to(stores[0], guarded_operation(), "APPROVED")
    edit(journal_at, f"UPDATE write_operations SET {edited}")

    stores[0].claim(operation_id, CONNECTION)

    assert tried.ends == [True, not is_compared]


def test_in_a_file_a_move_is_four_statements(file: Path, stores: list[JournalStore]) -> None:
    operation = propose(stores[0], guarded_operation("finalize")).operation
    database: Any = stores[0]._file
    run: list[str] = []
    database._writer.set_trace_callback(run.append)
    assert stores[0].approve(operation.id, operation.payload, {})

    assert [statement.split()[0] for statement in run] == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]


def claim_in_a_file_that_goes_on_elsewhere(store: JournalStore, moved_by: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    database: Any = moved_by._file
    with database.sealing("postgresql://elsewhere"):
        pass
    store.claim(operation_id, CONNECTION)


@pytest.mark.parametrize(("process", "is_compared"), [(0, True), (1, True), (1, False)])
def test_where_a_file_goes_on_elsewhere_it_says_so(
    file: Path, stores: list[JournalStore], monkeypatch: Patch, process: int, is_compared: bool
) -> None:
    if not is_compared:
        no_end(monkeypatch)

    with pytest.raises(JournalUnavailable) as failed:
        claim_in_a_file_that_goes_on_elsewhere(stores[0], stores[process])

    assert ("moved to postgresql://elsewhere" in failed.value.what) is is_compared


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
