"""What a journal's file defines: its tables are made, brought up to date, and told from another program's."""

from __future__ import annotations

from contextlib import closing

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import schema
from po_mcp.writes.journal.database import MEMORY, Transaction
from po_mcp.writes.journal.sqlite_connection import SqliteConnection, connect

_TABLES: dict[int, frozenset[str]] = {
    0: frozenset(),
    1: frozenset({"operations", "trail", "tokens"}),
    2: frozenset({"journal", "write_operations", "audit_log"}),
    3: frozenset({"journal", "write_operations", "audit_log"}),
    4: frozenset({"journal", "write_operations", "audit_log"}),
    5: frozenset({"journal", "write_operations", "audit_log", "erp_credentials"}),
}
"""What tells a journal of each version from another program's database."""


def expect_schema() -> dict[str, str]:
    """Return what a journal's file defines: every table, view, index and trigger with its SQL."""
    with closing(connect(MEMORY)) as db:
        _create(db)
        return read_schema(db)


def read_schema(db: Transaction) -> dict[str, str]:
    """Return what this file defines."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {f"{row['type']} {row['name']}": row["sql"] for row in rows}


def prepare(db: SqliteConnection) -> None:
    """Make the tables of a new file, or bring those of an older version up to date; two processes may try at once."""
    if db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION:
        return  # without a lock, so that a file which another process holds can be read
    # An older program may still have the file open; it must not write in between.
    db.execute("BEGIN EXCLUSIVE")
    try:
        version = need_journal(db)
        if version == 0:
            _create(db)
            schema.fill(db)
        elif version < schema.VERSION:
            from po_mcp.writes.journal import migration  # late: few journals are of an older version

            migration.migrate(db, version, list(schema.statements()))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def need_journal(db: SqliteConnection) -> int:
    """Return the version of a journal, 0 for an empty file; refuse every other database, and change nothing in it."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables = {row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version > schema.VERSION and _TABLES[schema.VERSION] & tables:
        raise schema.newer_error()
    # By the tables, too: other programs keep a version of theirs in the same place.
    is_journal = version in _TABLES and tables >= _TABLES[version] and bool(version) == bool(tables)
    if not is_journal:
        raise JournalUnavailable(
            "The file at the journal's path is the database of another program.",
            effect="nothing_sent",
            next_step="Your administrator must set PO_MCP_JOURNAL to a path of its own.",
        )
    return version


def _create(db: SqliteConnection) -> None:
    for statement in schema.statements():
        db.execute(statement)


def id_of(db: SqliteConnection) -> str:
    """Return the random id of this journal."""
    row = db.execute("SELECT value FROM journal WHERE name = 'id'").fetchone()
    if row is None:
        raise JournalUnavailable(
            "The journal's id was removed from its file.",
            effect="nothing_sent",
            next_step="Your administrator must put a copy of the journal back, and then run: po-mcp journal adopt",
        )
    return str(row["value"])
