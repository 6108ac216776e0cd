"""The ledger: what the journal tells of its operations and their trail. Nothing here changes one of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from po_mcp.writes import trail
from po_mcp.writes.operation import LIVE, Operation, Recorded
from po_mcp.writes.rows import call_of, recorded_of
from po_mcp.writes.shared_token import SharedToken
from po_mcp.writes.storage import MEMORY, Storage

LIVE_STATES = tuple(sorted(LIVE))
IN_LIVE = f"state IN ({', '.join('?' * len(LIVE_STATES))})"
"""A condition on an operation, with LIVE_STATES for its values: it is not at its end."""


class Ledger:
    """Operations by id, as they were recorded, in a file that all processes share.

    Args:
        path: the file, or `:memory:`, which ends with this process.
        life: seconds that a proposed operation can be approved, and that a done one answers the same call.
        clock: seconds since 1970.

    Every method raises `JournalUnavailable` where the file cannot be used.
    """

    def __init__(self, path: str | Path = MEMORY, life: float = 600.0, clock: Callable[[], float] = time.time) -> None:
        self._storage = Storage(path)
        self._life = life
        self._clock = clock

    def is_there(self) -> bool:
        """Tell whether there is a journal yet; it is made by the first write that is asked for."""
        return self._storage.is_there()

    def is_shared(self) -> bool:
        """Tell whether other processes see it, such as the one in which a person approves in a terminal."""
        return self._storage.is_shared

    def now(self) -> float:
        """Return the journal's time, in seconds since 1970."""
        return self._clock()

    def close(self) -> None:
        """Close the file."""
        self._storage.close()

    def shared_token(self, name: str) -> SharedToken:
        """Return the place where all processes of this user keep the token of the connection `name`."""
        return SharedToken(self._storage, name, self._clock)

    # Operations

    def all(self) -> list[Recorded]:
        """Return every operation, oldest first."""
        with self._storage.reading() as db:
            return [recorded_of(row) for row in db.execute("SELECT * FROM operations ORDER BY rowid")]

    def latest(self, connection: str, most: int) -> list[Recorded]:
        """Return the operations of a connection that are at their end, the latest first."""
        with self._storage.reading() as db:
            found = db.execute(
                f"SELECT * FROM operations WHERE connection = ? AND NOT {IN_LIVE} ORDER BY rowid DESC LIMIT ?",  # noqa: S608
                (connection, *LIVE_STATES, most),
            )
            return [recorded_of(row) for row in found]

    def done_lately(self, operation: Operation) -> Recorded | None:
        """Return what was done within its life for the same call, of whatever state of the order."""
        return self._latest_where(
            "connection = ? AND kind = ? AND number = ? AND arguments = ?"
            " AND state = 'DONE' AND settled_at > ? ORDER BY settled_at DESC",
            *call_of(operation),
            self._a_life_ago(),
        )

    def created_lately(self, operation: Operation) -> Recorded | None:
        """Return what was created within its life under the same number, whatever it was."""
        return self._latest_where(
            "connection = ? AND kind = 'create' AND number = ?"
            " AND state = 'DONE' AND settled_at > ? ORDER BY settled_at DESC",
            operation.connection,
            operation.number,
            self._a_life_ago(),
        )

    def alike(self, operation: Operation) -> Recorded | None:
        """Return an order of the same content and another number that was, or may have been, created lately."""
        return self._latest_where(
            "connection = ? AND kind = 'create' AND fingerprint = ? AND number != ?"
            " AND (state IN ('SENT', 'UNKNOWN') OR (state = 'DONE' AND settled_at > ?)) ORDER BY sent_at DESC",
            operation.connection,
            operation.fingerprint,
            operation.number,
            self._a_life_ago(),
        )

    def numbers_of_creates(self, connection: str) -> set[str]:
        """Return the numbers that orders have or may get: of creates that are not at their end, or done."""
        with self._storage.reading() as db:
            found = db.execute(
                f"SELECT number FROM operations WHERE connection = ? AND kind = 'create'"  # noqa: S608
                f" AND (state = 'DONE' OR {IN_LIVE})",
                (connection, *LIVE_STATES),
            )
            return {row["number"] for row in found}

    # The trail

    def events(self, operation_id: str) -> list[trail.Event]:
        """Return the trail of one operation."""
        with self._storage.reading() as db:
            return trail.events(db, operation_id)

    def begun(self) -> dict[str, float]:
        """Return when each operation was first recorded, in seconds since 1970."""
        with self._storage.reading() as db:
            return dict(db.execute("SELECT operation_id, MIN(at) FROM trail GROUP BY operation_id").fetchall())

    def counts(self) -> tuple[int, int]:
        """Return how many operations and how many events there are."""
        with self._storage.reading() as db:
            row = db.execute("SELECT (SELECT COUNT(*) FROM operations), (SELECT COUNT(*) FROM trail)").fetchone()
            return row[0], row[1]

    def verify(self) -> list[str]:
        """Return what in the journal was edited, removed or added behind its back; empty where nothing was."""
        with self._storage.writing() as db:  # a transaction, so that all of it is of one moment
            return list(trail.faults(db))

    def _latest_where(self, condition: str, *values: object) -> Recorded | None:
        with self._storage.reading() as db:
            return first_where(db, condition, *values)

    def _a_life_ago(self) -> float:
        return self._clock() - self._life


def first_where(db: sqlite3.Connection, condition: str, *values: object) -> Recorded | None:
    """Return the first operation that meets a condition, which may say in which order; None where none does."""
    row = db.execute(f"SELECT * FROM operations WHERE {condition} LIMIT 1", values).fetchone()  # noqa: S608
    return recorded_of(row) if row is not None else None
