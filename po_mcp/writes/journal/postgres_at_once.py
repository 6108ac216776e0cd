"""A move as one message: it is made where the log still ends as this process left it, and else not at all.

All that a writing transaction of several messages would find is supposed, and compared by the statement that moves,
behind the lock: where the log ends, which copy it is, that nothing is due, the row by its last event, and the time.
Then the row, the event's hash and its time are what they would have been. Else nothing is changed, no error is made,
and the move is made in the usual way. So an operation that one process carries out takes one wait for the database at
each of its moves; where several replicas write in turn, tries that fail are made ever less often.

The event's time is the database's as this process counts it on. It is compared with the clock behind the lock: never
ahead of it, nor before the event that it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from po_mcp.writes.journal import moves, restores
from po_mcp.writes.journal.audit_log import Link
from po_mcp.writes.journal.database import Ask, Row, Step
from po_mcp.writes.journal.postgres_beginning import CLOCK, COPY
from po_mcp.writes.journal.postgres_message import row_type

BEHIND_S = 0.25
"""Seconds by which the time of an event may be behind the clock."""
_MOST_ROWS = 64
"""Operations whose rows are remembered: one is asked about for minutes, and its moves follow one another."""
_LONGEST_PAUSE = 32
"""Moves that are made in the usual way after several tries that failed."""

_HEAD = "SELECT hash, at FROM audit_log ORDER BY place DESC LIMIT 1"
_IS_END = "EXISTS (SELECT 1 FROM head WHERE hash = ? AND at <= ?)"
_IS_COPY = f"{COPY} = ? AND ({restores.KNOWN}) = ?"
_NOTHING_IS_OVER = f"NOT EXISTS (SELECT 1 FROM write_operations WHERE {moves.IS_OVER})"  # noqa: S608
_IS_AS_FOUND = "id = ? AND state = ? AND last_event = ?"
_IS_IN_TIME = f"{CLOCK} - CAST(? AS float8) BETWEEN 0 AND CAST(? AS float8)"
_EVENT = ", ".join(f"CAST(? AS {kind})" for kind in ("bigint", "text", "float8", *("text",) * 5))


class Head(NamedTuple):
    """What this process knows: the hash of the log's last event, which copy it is, and which one the journal knows."""

    hash: str
    origin: str
    known: str | None

    @property
    def is_certain(self) -> bool:
        """Whether the copy is the one that the journal knows; else a transaction has more to do."""
        return self.known is not None and not restores.is_other(self.known, self.origin)


@dataclass(frozen=True)
class Moving:
    """A move that is to be made at once.

    `row` is the operation's as it was found, `link` the event as the log's next one. `clock` is None where the
    database's counts. `need` is what must hold besides.
    """

    row: Row
    step: Step
    link: Link
    clock: float | None
    need: Ask | None = None


def ask_move(moving: Moving, head: Head) -> Ask:
    """Move, where all is as supposed; it is answered by one row: the database's time, and how many were moved."""
    row, step, link, need = moving.row, moving.step, moving.link, moving.need
    columns = "".join(f", {name} = ?" for name in step.values)
    conditions = [
        Ask(_IS_AS_FOUND, (link.operation_id, step.before, row["last_event"])),
        Ask(_IS_END, (head.hash, link.at)),
        Ask(_IS_COPY, (head.origin, head.known)),
        *_in_time(link.at, moving.clock),
        *([] if need is None else [need]),
    ]
    where = " AND ".join(one.statement for one in conditions)
    return Ask(
        f"WITH head AS ({_HEAD}),"  # noqa: S608
        f" moved AS (UPDATE write_operations SET state = ?{columns}, last_event = ? WHERE {where} RETURNING 1),"
        f" added AS (INSERT INTO audit_log SELECT {_EVENT} FROM moved RETURNING 1)"
        f" SELECT {CLOCK}, (SELECT count(*) FROM added)",
        (step.after, *step.values.values(), link.hash, *(v for one in conditions for v in one.values), *link),
    )


def _in_time(at: float, clock: float | None) -> list[Ask]:
    if clock is not None:
        return [Ask(_NOTHING_IS_OVER, (clock,))]
    return [Ask(_NOTHING_IS_OVER.replace("?", CLOCK)), Ask(_IS_IN_TIME, (at, BEHIND_S))]


class Remembered:
    """The rows of operations as this process left them, and whether it is worth trying to move one at once."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._failed = 0
        self._to_pass = 0

    def note(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember rows, as a transaction that is durable left them."""
        for operation_id, row in rows.items():
            self._rows.pop(operation_id, None)
            self._rows[operation_id] = row_type(tuple(row))(row.values())
        while len(self._rows) > _MOST_ROWS:
            self._rows.pop(next(iter(self._rows)), None)

    def recall(self, operation_id: str) -> Row | None:
        """Return a row that a move at once may be tried with; None where it is to be made in the usual way."""
        row = self._rows.get(operation_id)
        if row is not None and self._to_pass > 0:
            self._to_pass -= 1
            return None
        return row

    def note_try(self, *, has_moved: bool) -> None:
        """Note how a try ended: others that write in turn make them fail."""
        self._failed = 0 if has_moved else self._failed + 1
        self._to_pass = 0 if has_moved else min(_LONGEST_PAUSE, 2**self._failed - 1)
