"""The file of the book: one SQLite connection, and transactions on it.

Several books, in one process or in many, may be open on one file: every change is one
BEGIN IMMEDIATE transaction, and who comes second waits up to five seconds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from threading import RLock

from po_mcp.sandbox.tables import Tables

# "POSB" in ASCII: marks the file as a book, so that another program's database is never written to.
APPLICATION_ID = 0x504F5342
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 5.0


class Storage:
    """One connection to a book's file, safe to share between threads."""

    def __init__(self, path: str | Path) -> None:
        """Open the file, or create it readable by its owner alone; ":memory:" keeps nothing.

        Raises:
            FileNotFoundError: no such folder.
            sqlite3.Error: the file cannot be used.
        """
        if str(path) != ":memory:":
            _create_private(Path(path))
        # Reentrant: what remembers the state before a change copies the book in the same thread.
        self._lock = RLock()
        self._before_change: list[Callable[[], None]] = []
        self._before_close: list[Callable[[], None]] = []
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        # Transactions begin and end in this file, not where sqlite3 guesses.
        self._connection.isolation_level = None
        self._connection.row_factory = sqlite3.Row
        self._connection.create_collation("decimal", _compare_decimals)
        # SQLite does not enforce foreign keys by default.
        self._connection.execute("PRAGMA foreign_keys = ON")

    def prepare(self, seed: Callable[[Tables], None]) -> None:
        """Make the tables and fill them with `seed`, if the file is new.

        Raises:
            ValueError: the file is not a book, or of another version.
        """
        with self.writing() as tables:
            if self._is_new():
                self._create_tables()
                seed(tables)

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """Read one consistent state of the book, also during a write of another connection."""
        with self._transaction("BEGIN") as tables:
            yield tables

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """Change the book: all of it is kept, or, on an exception, nothing."""
        with self._lock:
            for remember in self._before_change:  # a copy cannot be made inside the transaction
                remember()
            # IMMEDIATE takes the write lock at once: a later upgrade could fail with SQLITE_BUSY in the middle.
            with self._transaction("BEGIN IMMEDIATE") as tables:
                yield tables

    def can_store_deleted(self) -> bool:
        """Tell whether an order can have the status deleted: books before that status was known cannot store it."""
        with self._lock:
            sql = self._connection.execute("SELECT sql FROM sqlite_master WHERE name = 'orders'").fetchone()[0]
        return "'deleted'" in sql

    def copy(self) -> Storage:
        """Copy the book as it stands into memory."""
        # In memory: an older state is for readings, and gone with the process.
        copy = Storage(":memory:")
        with self._lock:
            self._connection.backup(copy._connection)
        return copy

    def before_change(self, remember: Callable[[], None], close: Callable[[], None]) -> None:
        """Call `remember` before every transaction that may change the book, and `close` when it is closed."""
        self._before_change.append(remember)
        self._before_close.append(close)

    def close(self) -> None:
        """Close the connection; the storage cannot be used again."""
        with self._lock:
            for close in self._before_close:
                close()
            self._connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Tables]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield Tables(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk can have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _is_new(self) -> bool:
        application, version, table_count = (
            self._connection.execute(sql).fetchone()[0]
            for sql in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT COUNT(*) FROM sqlite_master",
            )
        )
        # Another version is refused and not brought up to date: a book is practice, and easily made again.
        if (application, version) == (APPLICATION_ID, SCHEMA_VERSION):
            return False
        # A database of another program has tables, or a mark of its own; an empty file has neither.
        if table_count or application or version:
            raise ValueError("The file is not an order book of this version.")
        return True

    def _create_tables(self) -> None:
        # executescript() would commit the transaction that the seed belongs to.
        schema = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        for statement in schema.split(";\n"):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _create_private(path: Path) -> None:
    # An existing file is not opened here: closing it would drop the locks that another
    # connection of this process holds on it.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _compare_decimals(left: str, right: str) -> int:
    # As numbers: as text 9 would come after 10.
    one, other = Decimal(left), Decimal(right)
    return (one > other) - (one < other)
