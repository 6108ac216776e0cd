"""A transaction of PostgreSQL knows from the end of the log what the whole of it would tell, or asks the whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from po_mcp.writes.journal import JournalStore, due, postgres_beginning
from po_mcp.writes.journal.at_once import Remembered
from po_mcp.writes.journal.postgres import PostgresDatabase
from po_mcp.writes.journal.postgres_transaction import PostgresTransaction, ask_together
from tests.writes.making import Clock, guarded_operation, propose, state_of, take_to

pytestmark = pytest.mark.postgres
Patch = pytest.MonkeyPatch


class Compared:
    """What each transaction knew, and what it would have known of the whole log; how often it asked for that."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []
        self.asked = 0


@pytest.fixture
def compared(monkeypatch: Patch) -> Compared:
    monkeypatch.setattr(Remembered, "recall", lambda self, operation_id: None)  # each move looks first
    compared, begin, ask_all = Compared(), PostgresDatabase._begin_writing, postgres_beginning.ask_all

    def begin_and_compare(self: PostgresDatabase, connection: Any, mark: Any, seen: Any, asks: Any) -> Any:
        begun = begin(self, connection, mark, seen, asks)
        [[whole]] = ask_together(connection, [ask_all(seen, self.now())])
        compared.pairs.append((_noted(connection, seen, begun.due), _noted(connection, seen, whole)))
        return begun

    def count(*given: Any) -> Any:
        compared.asked += 1
        return ask_all(*given)

    monkeypatch.setattr(PostgresDatabase, "_begin_writing", begin_and_compare)
    monkeypatch.setattr(postgres_beginning, "ask_all", count)
    return compared


def _noted(connection: Any, seen: due.Latest, found: Any) -> object:
    db = PostgresTransaction(connection)
    latest = due.note_begun(db, seen, *found)
    assert db.begun is not None
    return latest, db.end, db.begun._replace(over=bool(db.begun.over))


@pytest.fixture
def stores(address: str, clock: Clock) -> Iterator[list[JournalStore]]:
    with closing(JournalStore(address, 600, clock)) as first, closing(JournalStore(address, 600, clock)) as second:
        yield [first, second]


def play(stores: list[JournalStore], clock: Clock) -> None:
    """Write at two replicas in turn, while questions run out and the clock is set back."""
    for place, moved in enumerate((1, 30, -20, 3, 700, -900, 1, 2)):
        clock.now += moved
        propose(stores[place % 2], guarded_operation(number=f"PO-OPEN-{place}"))
        take_to(stores[(place + place // 2) % 2], guarded_operation(number=f"PO-{place}"), "DONE")


def test_the_end_of_the_log_tells_what_the_whole_of_it_does(
    stores: list[JournalStore], clock: Clock, compared: Compared
) -> None:
    play(stores, clock)

    assert [known for known, _ in compared.pairs] == [whole for _, whole in compared.pairs]
    assert len(compared.pairs) > 20
    assert compared.asked == 0
    assert stores[0].upkeep.verify() == []


def test_where_more_came_than_is_read_the_whole_is_asked(
    stores: list[JournalStore], clock: Clock, compared: Compared, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(postgres_beginning, "_MOST", 3)

    play(stores, clock)

    assert [known for known, _ in compared.pairs] == [whole for _, whole in compared.pairs]
    assert compared.asked > 3
    assert stores[0].upkeep.verify() == []


def ask_by_a_clock_set_back(stores: list[JournalStore], clock: Clock) -> str:
    """Another replica finds the clock set back and asks; return what its question is after a write of this one."""
    propose(stores[0], guarded_operation(number="PO-BEFORE"))
    clock.now -= 60
    propose(stores[1], guarded_operation(number="PO-BACK"))
    waits = propose(stores[1], guarded_operation(number="PO-AFTER")).operation.id
    propose(stores[0], guarded_operation(number="PO-OTHER"))
    return state_of(stores[0], waits)


def test_a_clock_that_another_replica_found_set_back_is_not_found_so_again(
    stores: list[JournalStore], clock: Clock
) -> None:
    assert ask_by_a_clock_set_back(stores, clock) == "PROPOSED"


def test_where_that_is_not_seen_a_question_ends_that_nothing_is_wrong_with(
    stores: list[JournalStore], clock: Clock, monkeypatch: Patch
) -> None:
    ask = postgres_beginning.ask_end
    monkeypatch.setattr(
        postgres_beginning, "ask_end", lambda *given: ask(*given)._replace(values=("", *ask(*given).values[1:]))
    )

    assert ask_by_a_clock_set_back(stores, clock) == "EXPIRED"
