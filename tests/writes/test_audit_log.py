"""The audit log: it tells the whole story, and every edit of it, of an operation or of the schema shows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore
from tests.writes.making import CONNECTION, create, guarded, outcome, proposed, take_to


def test_the_audit_log_tells_the_whole_story(store: JournalStore) -> None:
    operation = proposed(store, guarded()).operation
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
    assert store.verify() == []


def tampered(file: Path, statement: str) -> list[str]:
    """What verify finds after a statement by somebody who first took the triggers away, and put them back."""
    with closing(sqlite3.connect(file)) as db, db:
        triggers = db.execute("SELECT sql, name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for _, name in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement)
        for sql, _ in triggers:
            db.execute(sql)
    try:
        return JournalStore(file).verify()
    except JournalUnavailable as exc:  # the end of the log stands in the mark beside the file, too
        return [str(exc)]


@pytest.fixture
def full(store: JournalStore, file: Path) -> Path:
    """A file with two operations and eight events."""
    take_to(store, guarded(), "DONE")
    take_to(store, create(), "DONE")
    store.close()
    return file


def test_a_statement_that_changes_nothing_is_no_fault(full: Path) -> None:
    assert tampered(full, "UPDATE audit_log SET event = event") == []


@pytest.mark.parametrize("column", ["operation_id", "at", "event", "detail", "row", "previous", "hash"])
@pytest.mark.parametrize("place", [1, 3, 8])
def test_an_edited_event_is_found(full: Path, column: str, place: int) -> None:
    value = "0.5" if column == "at" else "'edited'"

    assert tampered(full, f"UPDATE audit_log SET {column} = {value} WHERE place = {place}")


@pytest.mark.parametrize("place", [1, 3, 4, 8])
def test_a_removed_event_is_found(full: Path, place: int) -> None:
    assert tampered(full, f"DELETE FROM audit_log WHERE place = {place}")


def columns() -> list[str]:
    """Every column of an operation; whether late news was told is a note, which moves without an event."""
    with JournalStore()._file.writing() as db:
        found = [row["name"] for row in db.execute("PRAGMA table_info(write_operations)")]
    return [name for name in found if name != "is_untold"]


@pytest.mark.parametrize("column", columns())
def test_an_edited_operation_is_found(full: Path, column: str) -> None:
    value = "7" if column.endswith(("_at", "_since", "_until", "_from")) else "'edited'"

    assert tampered(full, f"UPDATE write_operations SET {column} = {value} WHERE kind = 'delete'")


def test_a_removed_operation_is_found(full: Path) -> None:
    assert tampered(full, "DELETE FROM write_operations WHERE kind = 'delete'")


def test_an_added_operation_is_found(full: Path) -> None:
    names = ", ".join(columns()[1:])
    forged = f"SELECT 'forged', 0, {names} FROM write_operations LIMIT 1"

    assert tampered(full, f"INSERT INTO write_operations (id, is_untold, {names}) {forged}")


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DROP INDEX one_live_operation", "schema: index one_live_operation is missing"),
        ("DROP TRIGGER audit_log_is_not_edited", "schema: trigger audit_log_is_not_edited is missing"),
        ("DROP VIEW live_operations", "schema: view live_operations is missing"),
        (
            "CREATE TRIGGER swallow BEFORE INSERT ON audit_log WHEN NEW.event = 'pin tried'"
            " BEGIN SELECT RAISE(IGNORE); END",
            "schema: trigger swallow was added",
        ),
        ("CREATE TABLE extra (x)", "schema: table extra was added"),
        ("ALTER TABLE shared_tokens ADD COLUMN extra TEXT", "schema: table shared_tokens was changed"),
    ],
)
def test_a_changed_schema_is_found(full: Path, statement: str, fault: str) -> None:
    with closing(sqlite3.connect(full)) as db, db:
        db.execute(statement)

    assert fault in JournalStore(full).verify()


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET event = 'x'", "DELETE FROM audit_log"])
def test_the_audit_log_cannot_be_edited_or_cut_by_a_statement(full: Path, statement: str) -> None:
    with closing(sqlite3.connect(full)) as db, pytest.raises(sqlite3.IntegrityError, match="append only"):
        db.execute(statement)
