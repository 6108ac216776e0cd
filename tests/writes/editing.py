"""What somebody does to a journal behind its back, whichever database it is in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.writes.making import JournalPlace


def edit(journal_at: JournalPlace, statement: str) -> None:
    """Run a statement beside the program; the triggers hold."""
    if isinstance(journal_at, Path):
        with closing(sqlite3.connect(journal_at)) as db, db:
            db.execute(statement)
    else:
        with psycopg.connect(journal_at) as server:
            server.execute(statement.encode())


def tamper(journal_at: JournalPlace, statement: str) -> None:
    """Run a statement after the triggers were taken away, and put them back."""
    if isinstance(journal_at, Path):
        with closing(sqlite3.connect(journal_at)) as db, db:
            triggers = db.execute("SELECT sql, name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for _, name in triggers:
                db.execute(f"DROP TRIGGER {name}")
            db.execute(statement)
            for sql, _ in triggers:
                db.execute(sql)
    else:
        edit(journal_at, f"SET session_replication_role = replica; {statement}")
