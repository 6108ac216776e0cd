"""The journal: every operation, durable before its first byte goes out, and the trail of what became of it.

Every move is a compare-and-set within one transaction, together with its event in the trail.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from po_mcp.errors import OperationUnderWay, TooManyQuestions
from po_mcp.writes import trail
from po_mcp.writes.ledger import IN_LIVE, LIVE_STATES, Ledger, first_where
from po_mcp.writes.operation import Operation, Recorded, State, WriteOutcome, may_move
from po_mcp.writes.rows import call_of, recorded_of, values_of
from po_mcp.writes.storage import MEMORY

MOST_OPEN = 20
"""Questions that a person is left with at a time."""


@dataclass(frozen=True)
class Claim:
    """The right to send one operation, once. Only `Journal.claim` gives it."""

    operation: Operation
    sent_at: float


class Journal(Ledger):
    """The one record of every operation: the ledger, and the moves, which all processes make on the same file.

    Args:
        path: as for the ledger, like the next two.
        life: see there.
        clock: see there.
        most_open: proposals of one connection that may wait for a person at a time.

    Every method raises `JournalUnavailable` where the file cannot be used.
    """

    def __init__(
        self,
        path: str | Path = MEMORY,
        life: float = 600.0,
        clock: Callable[[], float] = time.time,
        most_open: int = MOST_OPEN,
    ) -> None:
        super().__init__(path, life, clock)
        self._most_open = most_open

    # Moving

    def propose(
        self,
        operation: Operation,
        detail: Mapping[str, Any],
        *,
        approved: bool = False,
        anew: bool = False,
        any_number: bool = False,
    ) -> Recorded:
        """Record an operation, PROPOSED (or APPROVED where nobody is asked), or return the one that is there.

        The same meaning names the same operation: one that is live is returned as it is, and so is one
        that was done within its life, unless it is asked for `anew` because the ERP no longer shows its
        effect. A proposal of another meaning that nobody has approved gives way, unless the number was not
        asked for: with `any_number`, an order of the same content is the same under whatever number.

        Raises:
            OperationUnderWay: the order has another operation that was approved or sent, or is unknown.
            TooManyQuestions: a person has enough to answer already.
        """
        with self._storage.writing() as db:
            if any_number and (same := self._same_content(db, operation)) is not None:
                return self._renewed(db, same)
            live = self._live(db, operation)
            if live is not None and live.operation.meaning == operation.meaning:
                return self._renewed(db, live)
            if live is not None and (live.state != "PROPOSED" or any_number):
                raise OperationUnderWay(
                    f"Order {operation.number} has another operation under way: {live.operation.kind}, "
                    f"{live.state.lower()}, {live.operation.id}. Nothing was sent."
                )
            if live is not None:
                self._move(db, live.operation.id, "PROPOSED", "STALE", {"because": "another was proposed"})
            if live is None and not anew and (done := self._done_lately(db, operation)) is not None:
                return done
            if not approved:
                self._refuse_flood(db, operation)
            return self._inserted(db, operation, "APPROVED" if approved else "PROPOSED", detail)

    def approve(self, operation_id: str, intent: str, detail: Mapping[str, Any]) -> bool:
        """Record a person's yes, and what exactly is to be sent."""
        with self._storage.writing() as db:
            if self._expired(db, operation_id):
                return False
            return self._move(db, operation_id, "PROPOSED", "APPROVED", detail, intent=intent)

    def reject(self, operation_id: str, detail: Mapping[str, Any]) -> bool:
        """Record a person's no, which ends the operation."""
        with self._storage.writing() as db:
            if self._expired(db, operation_id):
                return False
            return self._move(db, operation_id, "PROPOSED", "DECLINED", detail, settled_at=self._clock())

    def claim(self, operation_id: str) -> Claim | None:
        """Take the one edge to the wire: for one caller only, in time, and durable when this returns."""
        with self._storage.writing() as db:
            if self._expired(db, operation_id):
                return None
            sent_at = self._clock()
            if not self._move(db, operation_id, "APPROVED", "SENT", {}, sent_at=sent_at):
                return None
            claimed = first_where(db, "id = ?", operation_id)
            assert claimed is not None
            return Claim(claimed.operation, sent_at)

    def settle(
        self, operation_id: str, before: State, after: State, outcome: WriteOutcome, detail: Mapping[str, Any]
    ) -> bool:
        """Record how it ended. False where it is no longer in the state `before`."""
        with self._storage.writing() as db:
            values = {"settled_at": self._clock(), "outcome": outcome.model_dump_json(exclude_none=True)}
            return self._move(db, operation_id, before, after, detail, **values)

    def note(self, operation_id: str, event: str, detail: Mapping[str, Any]) -> None:
        """Add to the trail what moves nothing, such as an answer that was no."""
        with self._storage.writing() as db:
            trail.append(db, trail.Event(operation_id, self._clock(), event, detail))

    def note_one_of(self, operation_id: str, event: str, most: int) -> bool:
        """Add to the trail what may happen `most` times in an operation's life; False where it has."""
        with self._storage.writing() as db:
            if sum(one.event == event for one in trail.events(db, operation_id)) >= most:
                return False
            trail.append(db, trail.Event(operation_id, self._clock(), event, {}))
            return True

    # Reading what is not at its end: whatever has its time over expires first

    def find(self, operation_id: str) -> Recorded | None:
        """Return an operation as it stands, or None. One whose time is over is EXPIRED from now on."""
        with self._storage.writing() as db:
            self._expire(db)
            return first_where(db, "id = ?", operation_id)

    def live(self, connection: str | None) -> list[Recorded]:
        """Return the operations of a connection (None: of all) that are not at their end, oldest first."""
        with self._storage.writing() as db:
            self._expire(db)
            found = db.execute(
                f"SELECT * FROM operations WHERE connection = ifnull(?, connection) AND {IN_LIVE} ORDER BY rowid",  # noqa: S608
                (connection, *LIVE_STATES),
            )
            return [recorded_of(row) for row in found]

    def under_way(self, operation: Operation) -> Recorded | None:
        """Return what the same call asked for before, if that was approved or sent and is not at its end."""
        with self._storage.writing() as db:
            live = self._live(db, operation)
        same = live is not None and call_of(live.operation) == call_of(operation)
        return live if live is not None and same and live.state != "PROPOSED" else None

    def same_content(self, operation: Operation) -> Recorded | None:
        """Return an order of the same content, whatever its number, that is not at its end or was created lately."""
        with self._storage.writing() as db:
            return self._same_content(db, operation)

    # Within a transaction

    def _move(
        self,
        db: sqlite3.Connection,
        operation_id: str,
        before: State,
        after: State,
        detail: Mapping[str, Any],
        **values: object,
    ) -> bool:
        """Compare and set; every move of every operation is made here."""
        assert may_move(before, after), f"{before} -> {after}"
        columns = "".join(f", {name} = ?" for name in values)
        changed = db.execute(
            f"UPDATE operations SET state = ?{columns} WHERE id = ? AND state = ?",  # noqa: S608
            (after, *values.values(), operation_id, before),
        )
        if changed.rowcount != 1:
            return False
        trail.append(db, trail.Event(operation_id, self._clock(), after, detail))
        return True

    def _inserted(
        self, db: sqlite3.Connection, operation: Operation, state: State, detail: Mapping[str, Any]
    ) -> Recorded:
        [attempts] = db.execute("SELECT COUNT(*) FROM operations WHERE meaning = ?", (operation.meaning,)).fetchone()
        operation = replace(operation, attempt=attempts)
        expires_at = self._clock() + self._life
        values = values_of(operation, state, expires_at)
        db.execute(f"INSERT INTO operations VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
        shown = {"shown": operation.question.text} if operation.question else {}
        trail.append(db, trail.Event(operation.id, self._clock(), state, {**detail, **shown}))
        return Recorded(operation, state, expires_at)

    def _refuse_flood(self, db: sqlite3.Connection, operation: Operation) -> None:
        [waiting] = db.execute(
            "SELECT COUNT(*) FROM operations WHERE connection = ? AND state = 'PROPOSED'", (operation.connection,)
        ).fetchone()
        if waiting >= self._most_open:
            raise TooManyQuestions(f"{waiting} operations wait for a person's answer already. Nothing was sent.")

    def _renewed(self, db: sqlite3.Connection, live: Recorded) -> Recorded:
        """Give a proposal that is asked about anew its whole time again."""
        if live.state != "PROPOSED":
            return live
        expires_at = self._clock() + self._life
        db.execute("UPDATE operations SET expires_at = ? WHERE id = ?", (expires_at, live.operation.id))
        trail.append(db, trail.Event(live.operation.id, self._clock(), "asked again", {}))
        return replace(live, expires_at=expires_at)

    def _live(self, db: sqlite3.Connection, operation: Operation) -> Recorded | None:
        self._expire(db)
        where = f"connection = ? AND number = ? AND {IN_LIVE}"
        return first_where(db, where, operation.connection, operation.number, *LIVE_STATES)

    def _same_content(self, db: sqlite3.Connection, operation: Operation) -> Recorded | None:
        self._expire(db)
        where = (
            "connection = ? AND kind = 'create' AND fingerprint = ?"
            f" AND ({IN_LIVE} OR (state = 'DONE' AND settled_at > ?)) ORDER BY rowid DESC"
        )
        values = (operation.connection, operation.fingerprint, *LIVE_STATES, self._a_life_ago())
        return first_where(db, where, *values)

    def _done_lately(self, db: sqlite3.Connection, operation: Operation) -> Recorded | None:
        where = "meaning = ? AND state = 'DONE' AND settled_at > ? ORDER BY attempt DESC"
        return first_where(db, where, operation.meaning, self._a_life_ago())

    def _expired(self, db: sqlite3.Connection, operation_id: str) -> bool:
        """Expire what has its time over; tell whether this operation has, or is none."""
        self._expire(db)
        row = db.execute("SELECT state FROM operations WHERE id = ?", (operation_id,)).fetchone()
        return row is None or row["state"] == "EXPIRED"

    def _expire(self, db: sqlite3.Connection) -> None:
        over = db.execute(
            "SELECT id, state FROM operations WHERE state IN ('PROPOSED', 'APPROVED') AND expires_at <= ?",
            (self._clock(),),
        ).fetchall()
        for row in over:
            self._move(db, row["id"], row["state"], "EXPIRED", {}, settled_at=self._clock())
