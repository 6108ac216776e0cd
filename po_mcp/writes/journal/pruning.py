"""Old entries go, and the chain holds: a sealed event says what went last, and the log begins after it.

Only a beginning of the log can go, up to the first event that is young enough, or belongs to an operation that is not
at its end. What went is in a file that was written before, and whose last hash is the one that the event names.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from po_mcp.writes.journal import approver_pin, audit_log, export
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.operation import LIVE


@dataclass(frozen=True)
class Pruned:
    """How many operations and events went, or would go."""

    operations: int
    events: int


def find_end(db: Transaction, before: float) -> int:
    """Return the place of the last event that may go; that after which the log begins where none may.

    Args:
        db: a connection, in a transaction.
        before: seconds since 1970 from which on everything stays.
    """
    states = ", ".join(f"'{state}'" for state in sorted(LIVE))
    [first_to_stay] = db.execute(
        "SELECT MIN(place) FROM audit_log WHERE at >= ? OR operation_id IN"  # noqa: S608
        f" (SELECT id FROM write_operations WHERE state IN ({states}))",
        (before,),
    ).fetchone()
    last = audit_log.end_of(db).place if first_to_stay is None else int(first_to_stay) - 1
    return max(last, audit_log.start_of(db).place)


def prune(db: Transaction, end: int, now: float, unguarded: AbstractContextManager[None]) -> Pruned:
    """Delete the log up to a place, and the operations that end there; all of it within one transaction.

    `unguarded` lets events be deleted meanwhile.
    """
    mark = db.execute("SELECT hash FROM audit_log WHERE place = ?", (end,)).fetchone()["hash"]
    gone = [row["id"] for row in export.operations_until(db, end)]
    [events] = db.execute("SELECT COUNT(*) FROM audit_log WHERE place <= ?", (end,)).fetchone()
    # First, so that the log is never empty: its end is what the next event is hashed with.
    detail = {"until": end, "hash": mark, "events": events, "operations": len(gone)}
    audit_log.append(db, Event("", now, audit_log.PRUNED, detail))
    approver_pin.carry_over(db, now)
    with unguarded:
        db.execute("DELETE FROM audit_log WHERE place <= ?", (end,))
    for one in gone:
        db.execute("DELETE FROM write_operations WHERE id = ?", (one,))
    return Pruned(len(gone), events)
