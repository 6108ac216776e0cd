"""The journal in PostgreSQL: what it refuses to use, and how it goes on where a transaction cannot begin or end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, moving, postgres, postgres_connections, schema
from po_mcp.writes.journal.postgres import PostgresDatabase
from tests.writes.making import CONNECTION, guarded_operation, propose, state_of, take_to
from tests.writes.test_away import seconds_of, until_it_answers

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(address: str) -> Iterator[JournalStore]:
    with closing(JournalStore(address)) as store:
        yield store


@contextmanager
def hold_lock(address: str) -> Iterator[None]:
    """Hold the lock of a writer, as a replica does that stands still."""
    with psycopg.connect(address) as db:
        db.execute("SELECT pg_advisory_xact_lock(28783, hashtext(current_schema()))")
        yield


def test_a_writer_that_waits_for_another_too_long_is_refused_and_goes_on_afterwards(
    store: JournalStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    begin = postgres._BEGIN_WRITING.replace("'lock_timeout', '6s'", "'lock_timeout', '100ms'")
    monkeypatch.setattr(postgres, "_BEGIN_WRITING", begin)

    with hold_lock(address):
        seconds_of(lambda: store.claim(operation_id, CONNECTION))
        assert state_of(store, operation_id) == "APPROVED"
    assert store.claim(operation_id, CONNECTION) is not None


def test_a_transaction_that_does_not_begin_is_left_in_time_and_others_are_turned_away(
    store: JournalStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    monkeypatch.setattr(postgres, "WRITING_S", 0.3)

    with hold_lock(address):
        first = seconds_of(lambda: store.claim(operation_id, CONNECTION))
        second = seconds_of(lambda: store.claim(operation_id, CONNECTION))
    monkeypatch.undo()
    until_it_answers(store)

    assert second < 0.3 <= first
    assert store.claim(operation_id, CONNECTION) is not None


def test_a_database_that_ends_every_connection_is_not_tried_for_ever(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    ended = postgres._BEGIN_WRITING + ";SELECT pg_terminate_backend(pg_backend_pid())"
    monkeypatch.setattr(postgres, "_BEGIN_WRITING", ended)

    seconds_of(lambda: store.claim(operation_id, CONNECTION))
    second = seconds_of(lambda: store.claim(operation_id, CONNECTION))
    monkeypatch.undo()
    until_it_answers(store)

    assert second < 0.3
    assert store.claim(operation_id, CONNECTION) is not None


def test_a_transaction_that_does_not_end_is_cut_and_others_are_turned_away(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    monkeypatch.setattr(postgres, "READING_S", 0.3)

    def stand_still() -> None:
        with store._file.reading() as db:
            db.execute("SELECT pg_sleep(5)").fetchone()

    assert seconds_of(stand_still) < 5
    assert seconds_of(lambda: store.live(None)) < 0.3
    monkeypatch.undo()
    until_it_answers(store)


def test_a_database_that_is_not_there_is_reported_and_not_asked_by_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "CHECKOUT_S", 0.5)
    with closing(JournalStore(f"postgresql://po@/postgres?host={tmp_path}")) as store:
        first = seconds_of(lambda: store.live(None))
        second = seconds_of(lambda: store.live(None))
        fault = store.find_fault()

    assert second < 0.5 <= first
    assert "does not answer" in fault


REFUSALS = {
    "ALTER TABLE audit_log RENAME COLUMN hash TO h": "its tables are not as po-mcp made them (SQLSTATE 42703)",
    "DROP TABLE write_operations CASCADE": "its tables are not as po-mcp made them (SQLSTATE 42P01)",
}


@pytest.mark.parametrize(("statement", "said"), REFUSALS.items(), ids=["column", "table"])
def test_a_database_that_refuses_what_is_asked_is_not_said_to_be_away(
    store: JournalStore, address: str, statement: str, said: str
) -> None:
    propose(store, guarded_operation())
    with psycopg.connect(address, autocommit=True) as db:
        db.execute(statement.encode())

    with pytest.raises(JournalUnavailable) as refused:
        store.propose(guarded_operation(number="PO-2"), {})

    assert f"refused it, since {said}, so po-mcp changes nothing. Nothing was sent." in str(refused.value)
    assert "po-mcp journal adopt" in refused.value.next_step


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg.errors.InsufficientPrivilege(), "its user lacks a right there (SQLSTATE 42501)"),
        (psycopg.errors.InvalidSchemaName(), "there is no schema for its tables (SQLSTATE 3F000)"),
        (psycopg.errors.ReadOnlySqlTransaction(), "it takes no writes now (SQLSTATE 25006)"),
        (psycopg.errors.DiskFull(), "it has no room or no connection left (SQLSTATE 53100)"),
        (psycopg.errors.QueryCanceled(), "does not answer"),
        (psycopg.errors.AdminShutdown(), "does not answer"),
        (psycopg.OperationalError(), "does not answer"),
        (TimeoutError(), "does not answer"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_what_failed_at_the_database_is_told_by_what_it_says(error: Exception, said: str) -> None:
    told = postgres_connections.error_of(error)

    assert said in told.what
    assert str(told).count("Nothing was sent.") == 1


def test_a_database_that_answers_has_no_fault(store: JournalStore) -> None:
    assert store.find_fault() == ""


def test_the_time_is_this_machines_until_the_database_was_asked(address: str) -> None:
    with closing(PostgresDatabase(address)) as database:
        before, now, after = time.time(), database.now(), time.time()

    assert before <= now <= after


@pytest.mark.parametrize("text", ["postgresql://[", "postgresql://po:hush@erp.example.com/po?unheard_of=hush"])
def test_an_address_that_is_none_is_reported_without_what_stands_in_it(text: str) -> None:
    assert postgres.describe(text) == "postgresql://"


def test_a_commit_that_was_answered_by_a_rollback_recorded_nothing(store: JournalStore, address: str) -> None:
    """PostgreSQL ends so, without an error, what failed before."""
    take_to(store, guarded_operation(), "APPROVED")
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("BEGIN")
        with pytest.raises(psycopg.errors.DivisionByZero):
            db.execute("SELECT 1 / 0")
        answered = db.execute("COMMIT")

        with pytest.raises(JournalUnavailable):
            postgres._need_committed(answered.statusmessage)


@pytest.mark.parametrize("version", [3, 4])
def test_a_journal_of_an_earlier_version_is_brought_up_to_date(address: str, version: int) -> None:
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "UNKNOWN")
    with psycopg.connect(address) as db:
        db.execute("DROP TABLE erp_credentials")
    set_version(address, version)

    with closing(JournalStore(address)) as later:
        assert state_of(later, operation_id) == "UNKNOWN"
        assert later.upkeep.verify() == []
        later.credential_rows("exsited").keep("https://issuer alice", "sealed", "Alice")
    assert version_of(address) == schema.VERSION


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(address: str) -> None:
    with closing(JournalStore(address)) as store:
        take_to(store, guarded_operation(), "UNKNOWN")
    set_version(address, 99)

    with closing(JournalStore(address)) as store, pytest.raises(JournalUnavailable, match="newer po-mcp"):
        store.live(None)
    assert version_of(address) == 99


def set_version(address: str, version: int) -> None:
    with psycopg.connect(address) as db:
        db.execute("UPDATE journal SET value = %s WHERE name = 'version'", (str(version),))


def version_of(address: str) -> int:
    with psycopg.connect(address) as db:
        row = db.execute("SELECT value FROM journal WHERE name = 'version'").fetchone()
    assert row is not None
    return int(row[0])


def test_a_table_is_read_with_the_names_of_its_columns(store: JournalStore) -> None:
    store.join(CONNECTION)
    with store._file.reading() as db:
        columns, rows = moving.read_table(db, "connections")
        found = [dict(zip(columns, row, strict=True)) for row in rows]

    assert [row["connection"] for row in found] == [store.name_of(CONNECTION)]


def test_calls_one_after_another_use_one_connection(store: JournalStore) -> None:
    for place in range(3):
        take_to(store, guarded_operation(number=f"PO-{place}"), "DONE")

    assert store._file._connections._pool.get_stats()["pool_size"] == 1  # type: ignore[attr-defined]
