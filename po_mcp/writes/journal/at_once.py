"""A move at once: it is made where the log still ends as this process left it, and else not at all.

All that a writing transaction would find at its beginning is supposed, and compared by the statement that moves, where
nobody else writes any more: where the log ends, that nothing is due, the row by its last event, and the time. Then the
row, the event's hash and its time are what they would have been. Else nothing is changed, no error is made, and the
move is made in the usual way. Where several processes write in turn, tries that fail are made ever less often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from po_mcp.writes.journal import audit_log
from po_mcp.writes.journal.audit_log import Event, Link
from po_mcp.writes.journal.database import Ask, Mark, Row, Step
from po_mcp.writes.journal.moves import moved_row

_MOST_ROWS = 64
"""Operations whose rows are remembered: one is asked about for minutes, and its moves follow one another."""
_LONGEST_PAUSE = 32
"""Moves that are made in the usual way after several tries that failed."""

_IS_AS_FOUND = "id = ? AND state = ? AND last_event = ?"
_LAST = "SELECT hash, at FROM audit_log ORDER BY place DESC LIMIT 1"
_IS_END = f"EXISTS (SELECT 1 FROM ({_LAST}) AS last WHERE hash = ? AND at <= ?)"  # noqa: S608


class Supposed(NamedTuple):
    """A move as it will be: the row as it was left, the step, the event as the log's next one, the row after it."""

    before: Row
    step: Step
    link: Link
    after: dict[str, Any]

    @property
    def end(self) -> Mark:
        """Where the log ends after it."""
        return Mark(self.link.place, self.link.hash)


def suppose(row: Row, step: Step, end: Mark, now: float) -> Supposed:
    """Return the move of a row that is made where the log ends so."""
    moved = moved_row(row, step)
    link = audit_log.link_after(end, Event(row["id"], now, step.after, step.detail), moved)
    return Supposed(row, step, link, {**moved, "last_event": link.hash})


def ask_update(move: Supposed, conditions: Iterable[Ask | None]) -> Ask:
    """Move the row, if it and the log are as they were left, and these conditions hold."""
    row, link, step = move.before, move.link, move.step
    needed = [
        Ask(_IS_AS_FOUND, (link.operation_id, step.before, row["last_event"])),
        Ask(_IS_END, (link.previous, link.at)),
        *(one for one in conditions if one is not None),
    ]
    columns = "".join(f", {name} = ?" for name in step.values)
    where = " AND ".join([one.statement for one in needed])
    return Ask(
        f"UPDATE write_operations SET state = ?{columns}, last_event = ? WHERE {where}",  # noqa: S608
        (step.after, *step.values.values(), link.hash, *values_of(needed)),
    )


def values_of(asks: Iterable[Ask]) -> Sequence[Any]:
    """Return the values of all of them, in order."""
    return [value for one in asks for value in one.values]


class Remembered:
    """The rows of operations as this process left them, and whether it is worth trying to move one at once."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._failed = 0
        self._to_pass = 0

    def note(self, rows: Mapping[str, dict[str, Any]]) -> None:
        """Remember rows, as a transaction that is durable left them."""
        for operation_id, row in rows.items():
            self._rows.pop(operation_id, None)
            self._rows[operation_id] = row
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
