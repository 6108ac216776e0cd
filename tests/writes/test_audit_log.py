"""The audit log: it tells the whole story, and every edit of it, of an operation or of the schema shows."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.sqlite import SqliteFile
from tests.postgres import Cluster
from tests.writes.editing import edit, tamper
from tests.writes.making import (
    CONNECTION,
    JournalPlace,
    create,
    fill_with_checked,
    guarded_operation,
    outcome,
    propose,
    take_to,
)


def test_the_audit_log_tells_the_whole_story(store: JournalStore) -> None:
    operation = propose(store, guarded_operation()).operation
    store.note_unanswered(operation.id, {"how": "declined"}, is_decline=True)
    store.approve(operation.id, operation.payload, {"through": "form"})
    store.claim(operation.id, CONNECTION)
    store.finish(operation.id, "SENT", "WATCHED", outcome("refused"), {"answer": "no"}, watched_until=store.now() + 30)
    store.finish(operation.id, "WATCHED", "DONE", outcome(), {"observed": "it is gone"}, is_late=True)
    store.take_late_news(operation.connection)

    events = [(event.event, dict(event.detail)) for event in store.events(operation.id)]

    assert operation.question is not None
    assert events == [
        ("PROPOSED", {**operation.requester.detail(), "shown": operation.question.text}),
        ("not approved", {"how": "declined"}),
        ("APPROVED", {"through": "form"}),
        ("SENT", {}),
        ("WATCHED", {"answer": "no"}),
        ("DONE", {"observed": "it is gone"}),
    ]
    assert store.upkeep.verify() == []


def verify_after(journal_at: JournalPlace, statement: str) -> list[str]:
    """What verify finds after a statement by somebody who first took the triggers away, and put them back."""
    tamper(journal_at, statement)
    try:
        return JournalStore(journal_at).upkeep.verify()
    except JournalUnavailable as exc:  # the end of the log stands in the mark beside the file, too
        return [str(exc)]


@pytest.fixture
def full(store: JournalStore, journal_at: JournalPlace) -> JournalPlace:
    """A journal with two operations and eight events."""
    take_to(store, guarded_operation(), "DONE")
    take_to(store, create(), "DONE")
    store.close()
    return journal_at


def test_a_statement_that_changes_nothing_is_no_fault(full: JournalPlace) -> None:
    assert verify_after(full, "UPDATE audit_log SET event = event") == []


@pytest.mark.parametrize("column", ["operation_id", "at", "event", "detail", "row", "previous", "hash"])
@pytest.mark.parametrize("place", [1, 3, 8])
def test_an_edited_event_is_found(full: JournalPlace, column: str, place: int) -> None:
    value = "0.5" if column == "at" else "'edited'"

    assert verify_after(full, f"UPDATE audit_log SET {column} = {value} WHERE place = {place}")


@pytest.mark.parametrize("place", [1, 3, 4, 8])
def test_a_removed_event_is_found(full: JournalPlace, place: int) -> None:
    assert verify_after(full, f"DELETE FROM audit_log WHERE place = {place}")


def columns() -> list[str]:
    """Every column of an operation; whether a late effect was reported is a note, which moves without an event."""
    with JournalStore()._file.writing() as db:
        found = [row["name"] for row in db.execute("PRAGMA table_info(write_operations)")]
    return [name for name in found if name != "is_untold"]


@pytest.mark.parametrize("column", columns())
def test_an_edited_operation_is_found(full: JournalPlace, column: str) -> None:
    value = "7" if column.endswith(("_at", "_since", "_until", "_from")) else "'edited'"

    assert verify_after(full, f"UPDATE write_operations SET {column} = {value} WHERE kind = 'delete'")


def test_a_removed_operation_is_found(full: JournalPlace) -> None:
    assert verify_after(full, "DELETE FROM write_operations WHERE kind = 'delete'")


def test_an_event_of_an_operation_that_is_no_longer_recorded_is_kept_and_is_no_fault(store: JournalStore) -> None:
    """An older copy was put in the journal's place while it was under way: nobody removed anything."""
    gone = "0123456789abcdef"
    store.note(gone, "ANSWERED", {"status": "done"})
    store.note_unanswered(gone, {"answer": "decline"}, is_decline=True)

    assert store.upkeep.verify() == []
    assert [event.detail["operation"] for event in store.events("")] == [gone, gone]


def test_an_added_operation_is_found(full: JournalPlace) -> None:
    names = ", ".join(columns()[1:])
    forged = f"SELECT 'forged', 0, {names} FROM write_operations LIMIT 1"

    assert verify_after(full, f"INSERT INTO write_operations (id, is_untold, {names}) {forged}")


def peak_of_verify(store: JournalStore) -> int:
    """Return the most bytes that Python holds while a journal is verified, the least of three times.

    What is built once counts in the first alone, and what the worker's other thread takes in meanwhile in hardly two.
    """
    peaks = []
    for _ in range(3):
        tracemalloc.start()
        try:
            assert store.upkeep.verify() == []
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)


def test_a_long_journal_is_verified_in_the_memory_that_a_short_one_takes(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(store._file, SqliteFile):
        from po_mcp.writes.journal import postgres_transaction  # only its own tests load psycopg

        monkeypatch.setattr(postgres_transaction, "_ROWS_PER_TRIP", 50)
    fill_with_checked(store, guarded_operation(), 100)
    short = peak_of_verify(store)
    fill_with_checked(store, guarded_operation("cancel"), 400)

    assert peak_of_verify(store) < short + 100_000


OF_SQLITE = {
    "DROP INDEX one_live_operation": "schema: index one_live_operation is missing",
    "DROP TRIGGER audit_log_is_not_edited": "schema: trigger audit_log_is_not_edited is missing",
    "DROP VIEW live_operations": "schema: view live_operations is missing",
    "CREATE TRIGGER swallow BEFORE INSERT ON audit_log WHEN NEW.event = 'pin tried'"
    " BEGIN SELECT RAISE(IGNORE); END": "schema: trigger swallow was added",
    "CREATE TABLE extra (x)": "schema: table extra was added",
    "ALTER TABLE shared_tokens ADD COLUMN extra TEXT": "schema: table shared_tokens was changed",
}


@pytest.mark.parametrize(("statement", "fault"), OF_SQLITE.items())
def test_a_changed_schema_of_a_file_is_found(full: JournalPlace, file: Path, statement: str, fault: str) -> None:
    edit(full, statement)

    assert fault in JournalStore(file).upkeep.verify()


OF_POSTGRES = {
    "DROP INDEX one_live_operation": "schema: index one_live_operation is missing",
    "DROP TRIGGER audit_log_is_not_edited ON audit_log": "schema: trigger audit_log_is_not_edited is missing",
    "ALTER TABLE audit_log DISABLE TRIGGER audit_log_is_not_edited": (
        "schema: trigger audit_log_is_not_edited was changed"
    ),
    "CREATE OR REPLACE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NEW; END $$": "schema: function refuse_edit was changed",
    "CREATE TABLE extra (x integer)": "schema: table extra.x was added",
    "ALTER TABLE shared_tokens ADD COLUMN extra TEXT": "schema: table shared_tokens.extra was added",
    "ALTER TABLE write_operations ALTER COLUMN state DROP NOT NULL": "schema: table write_operations.state was changed",
}


@pytest.mark.postgres
@pytest.mark.parametrize(("statement", "fault"), OF_POSTGRES.items())
def test_a_changed_schema_of_a_database_is_found(postgres: Cluster, statement: str, fault: str) -> None:
    address = postgres.new_schema()
    with closing(JournalStore(address)) as store:
        take_to(store, guarded_operation(), "DONE")
        assert store.upkeep.verify() == []
        edit(address, statement)

        assert fault in store.upkeep.verify()


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET event = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_the_audit_log_cannot_be_edited_or_cut_by_a_statement(full: JournalPlace, statement: str) -> None:
    if isinstance(full, Path):
        statement = statement.replace("TRUNCATE", "DELETE FROM")

    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match="append only"):
        edit(full, statement)
