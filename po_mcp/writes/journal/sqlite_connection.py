"""A connection to the journal's file, which is its transaction as well."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from po_mcp.writes.journal.database import Ask, Begun, Mark

BUSY_S = 5.0
"""Seconds to wait for another process's transaction."""


class SqliteConnection(sqlite3.Connection):
    """A connection, and what its transaction was begun with."""

    begun: Begun | None = None
    end: Mark | None = None
    answers: list[list[Any]] = []  # noqa: RUF012 - replaced, and never changed

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question."""
        return [self.execute(*one).fetchall() for one in asks]

    def stream(self, statement: str) -> Iterator[Any]:
        """Yield the rows of a statement as they are read."""
        yield from self.execute(statement)

    def forget(self) -> None:
        """Let a new transaction know nothing of the one before it."""
        self.begun, self.end, self.answers = None, None, []


def connect(path: str) -> SqliteConnection:
    """Open a file, or a database in memory; every transaction is begun by a statement."""
    # A reader waits for others as long as a writer.
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=SqliteConnection)
    db.row_factory = sqlite3.Row
    return db
