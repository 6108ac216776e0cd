"""A connection to the journal's file, which is its transaction as well."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal.database import Ask, Begun, Mark

BUSY_S = 5.0
"""Seconds to wait for another process's transaction."""
_SWITCH_AGAIN_S = 0.01


class Calling(threading.local):
    """How this thread calls: whether it may wait for another one, or another process."""

    waits = True


class SqliteConnection(sqlite3.Connection):
    """A connection, and what its transaction was begun with."""

    begun: Begun | None = None
    end: Mark | None = None
    answers: list[list[Any]] = []  # noqa: RUF012 - replaced, and never changed
    rows: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - replaced where a transaction begins

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question."""
        return [self.execute(*one).fetchall() for one in asks]

    def stream(self, statement: str) -> Iterator[Any]:
        """Yield the rows of a statement as they are read."""
        yield from self.execute(statement)

    def forget(self) -> None:
        """Let a new transaction know nothing of the one before it."""
        self.begun, self.end, self.answers, self.rows = None, None, [], {}


@contextmanager
def translate_errors() -> Iterator[None]:
    """Say of whatever fails in the block that nothing can be recorded."""
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise JournalUnavailable(
            "po-mcp cannot record operations right now, so it changes nothing.", effect="nothing_sent"
        ) from exc


def connect(path: str) -> SqliteConnection:
    """Open a file, or a database in memory; every transaction is begun by a statement."""
    # A reader waits for others as long as a writer.
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=SqliteConnection)
    db.row_factory = sqlite3.Row
    return db


def switch_to_wal(db: sqlite3.Connection) -> None:
    """Turn WAL mode on, which stays with the file.

    SQLite does not wait for the lock of this switch, whatever its busy_timeout: of several processes that open a new
    file at once all but one would fail.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_SWITCH_AGAIN_S)
        else:
            return
