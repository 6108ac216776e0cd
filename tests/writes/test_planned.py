"""What is asked again is kept planned by the server, where one process of it answers; else it is asked as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, postgres_connections, postgres_planned
from po_mcp.writes.journal.postgres_planned import PlannedConnection
from po_mcp.writes.journal.store import Claim
from tests.postgres import Cluster
from tests.writes.making import CONNECTION, guarded_operation, take_to

pytestmark = pytest.mark.postgres
Patch = pytest.MonkeyPatch
THREE = ("PO-1", "PO-2", "PO-3")


@pytest.fixture
def store(address: str, monkeypatch: Patch) -> Iterator[JournalStore]:
    monkeypatch.setattr(postgres_connections, "MAX_CONNECTIONS", 1)
    with closing(JournalStore(address)) as store:
        yield store


@contextmanager
def connection_of(store: JournalStore) -> Iterator[PlannedConnection]:
    with store._file._connections.use(5) as connection:  # type: ignore[attr-defined]
        yield connection


def carry_out(store: JournalStore, *numbers: str) -> None:
    """Ask all that a write asks, for each of these orders."""
    for number in numbers:
        operation = guarded_operation("finalize", number)
        store.begin_call(CONNECTION, operation, None)
        store.find_recent_and_pin(operation)
        operation_id = take_to(store, operation, "APPROVED")
        store.begin_call(CONNECTION, operation, operation_id)
        assert isinstance(store.claim(operation_id, CONNECTION), Claim)
        store.may_have_news(CONNECTION)


def planned_on(connection: PlannedConnection) -> set[str]:
    """The questions that the server keeps for a connection, as it has them itself."""
    return {row[0] for row in connection.execute("SELECT name FROM pg_prepared_statements").fetchall()}


def test_what_is_asked_again_is_kept_planned(store: JournalStore) -> None:
    carry_out(store, *THREE)

    with connection_of(store) as connection:
        assert connection.keeps
        known = {name for name in connection.names.values() if name}
        assert planned_on(connection) == known
    assert len(known) >= 12


def test_what_is_asked_once_is_not(store: JournalStore) -> None:
    store.find("nobody")

    with connection_of(store) as connection:
        assert planned_on(connection) == set()


def test_no_more_is_kept_than_so_much(store: JournalStore, monkeypatch: Patch) -> None:
    monkeypatch.setattr(postgres_planned, "_MOST", 3)

    carry_out(store, *THREE)

    with connection_of(store) as connection:
        assert 0 < len(planned_on(connection)) <= 3


@pytest.mark.parametrize("undo", ["DEALLOCATE ALL", "ALTER TABLE write_operations ADD COLUMN later TEXT"])
def test_what_the_server_no_longer_keeps_is_asked_in_the_plain_way(store: JournalStore, undo: str) -> None:
    carry_out(store, *THREE)
    with connection_of(store) as connection:
        connection.execute(undo.encode())

    carry_out(store, "PO-4", "PO-5")

    assert store.find("nobody") is None
    with connection_of(store) as connection:
        assert connection.keeps is False


def test_without_that_a_server_that_forgot_stops_the_journal(store: JournalStore, monkeypatch: Patch) -> None:
    monkeypatch.setattr(postgres_planned, "_NOT_PLANNED", ())
    carry_out(store, *THREE)
    with connection_of(store) as connection:
        connection.execute("DEALLOCATE ALL")

    with pytest.raises(JournalUnavailable):
        carry_out(store, "PO-4", "PO-5")


def test_a_lock_that_is_not_free_in_time_is_not_waited_for_twice(store: JournalStore, monkeypatch: Patch) -> None:
    asked = []

    def wait_in_vain(*given: object) -> None:
        asked.append(given)
        raise psycopg.errors.LockNotAvailable

    with connection_of(store) as connection:
        monkeypatch.setattr(postgres_planned, "ask_together", wait_in_vain)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            postgres_planned.ask_planned(connection, [], "BEGIN")

    assert len(asked) == 1


def test_behind_a_pooler_nothing_is_kept(postgres: Cluster, pooler: Callable[[str], str]) -> None:
    with closing(JournalStore(pooler(postgres.new_database()))) as store:
        carry_out(store, *THREE)

        with connection_of(store) as connection:
            assert planned_on(connection) == set()
            assert connection.keeps is False
