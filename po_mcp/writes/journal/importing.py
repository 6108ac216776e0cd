"""Bringing a journal over from a file into PostgreSQL: everything as it is, the audit log's chain with it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from po_mcp.errors import InvalidInput
from po_mcp.writes.journal import moving
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.journal.postgres import PostgresDatabase
from po_mcp.writes.journal.postgres_transaction import PostgresTransaction
from po_mcp.writes.journal.sqlite import SqliteFile


def import_file(path: Path, address: str) -> int:
    """Seal the journal of a file and bring it over; return how many operations came.

    What fails changes neither. Where the power went between the seal and the copy's commit, it goes on.

    Raises:
        InvalidInput: there is no file, it was moved elsewhere, or the database holds a journal already.
        JournalUnavailable: one of the two cannot be used.
    """
    if not path.is_file():
        raise InvalidInput(f"There is no journal at {path}.", effect="nothing_changed")
    with closing(SqliteFile(path)) as source, closing(PostgresDatabase(address)) as target:
        with source.reading() as file:
            sealed = moving.sealed_to(file)
        if sealed not in (None, target.path):
            raise InvalidInput(f"The journal at {path} was moved to {sealed}.", effect="nothing_changed")
        with target.loading() as db:
            _need_empty(db, target.path)
            # The seal is durable before the copy is: what ends in between leaves no two places that are written to.
            with source.sealing(target.path) if sealed is None else source.reading() as file:
                return _copy(file, db)


def _copy(file: Transaction, db: PostgresTransaction) -> int:
    db.execute("DELETE FROM journal WHERE name IN ('id', 'origin')")
    for name, value in moving.read_values(file):
        db.execute("INSERT INTO journal VALUES (?, ?)", (name, value))
    for table in moving.TABLES:
        db.load(table, *moving.read_table(file, table))
    count: int = db.execute("SELECT COUNT(*) FROM write_operations").fetchone()[0]
    return count


def _need_empty(db: Transaction, place: str) -> None:
    if db.execute("SELECT COUNT(*) FROM audit_log").fetchone()[0]:
        raise InvalidInput(f"{place} holds a journal already.", effect="nothing_changed")
