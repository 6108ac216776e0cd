"""Moves of operations within one transaction, each with its event in the audit log; `now` is the journal's time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from po_mcp.writes.journal import audit_log, queries
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Row, Step, Transaction
from po_mcp.writes.operation import WAITING, State

CLOCK_SLACK_S = 5.0
"""Seconds by which the clock may stand behind the last recorded time before it counts as set back."""


_IS_AS_FOUND = "id = ? AND state = ?"
"""One statement compares and sets, so that of two processes only one changes the row, whatever each has read before."""


def move(
    db: Transaction,
    operation_id: str,
    before: State,
    after: State,
    detail: Mapping[str, Any],
    now: float,
    row: Row | None = None,
    **values: object,
) -> bool:
    """Compare and set; every move of every operation is made here.

    Args:
        db: a connection to the file, in a writing transaction.
        operation_id: the operation.
        before: the state in which it must be; False is returned where it is in another.
        after: the state that it gets.
        detail: what the audit log keeps of the move.
        now: the time of the move, in seconds since 1970.
        row: the operation's row as this transaction found it, where it is at hand.
        values: further columns of the row, with their new values.
    """
    step = Step(before, after, detail, values)
    found = row or db.execute(*queries.ask_operation(operation_id)).fetchone()
    if found is None or found["state"] != before:
        return False
    moved = moved_row(found, step)
    link = audit_log.next_link(db, Event(operation_id, now, after, detail), moved)
    columns = "".join(f", {name} = ?" for name in values)
    set_all = f"UPDATE write_operations SET state = ?{columns}, last_event = ? WHERE {_IS_AS_FOUND}"  # noqa: S608
    db.execute(set_all, (after, *values.values(), link.hash, operation_id, before))
    # In the same transaction: there is no move without its event, and without the move the event is not taken.
    audit_log.add(db, link, moved)
    return True


def make(db: Transaction, operation_id: str, step: Step, now: float, row: Row) -> bool:
    """Make a move of the row that was found; False where it is in another state."""
    return move(db, operation_id, step.before, step.after, step.detail, now, row, **step.values)


def moved_row(row: Row, step: Step) -> dict[str, Any]:
    """Return a row as it will stand after a move, but for its last event."""
    return {**row, "state": step.after, **_as_stored(step.values)}


def _as_stored(values: Mapping[str, object]) -> dict[str, object]:
    """Return columns as a database gives them back: seconds, which have a fraction there."""
    return {name: float(value) if isinstance(value, int) else value for name, value in values.items()}


IS_OVER = "state IN ('PROPOSED', 'APPROVED') AND expires_at <= ?"


def expire(db: Transaction, now: float) -> None:
    """End what was not approved, or not sent, in time."""
    over = db.execute(f"SELECT id, state FROM live_operations WHERE {IS_OVER}", (now,)).fetchall()  # noqa: S608
    for row in over:
        move(db, row["id"], row["state"], "EXPIRED", {}, now, settled_at=now)


def notice_clock(db: Transaction, latest: float | None, now: float) -> None:
    """Where the clock is behind the `latest` time, end what waits or is approved; what was sent counts from now."""
    # By a clock that was set back an approval would live longer than its ten minutes.
    if latest is None or now >= latest - CLOCK_SLACK_S:
        return
    for row in db.execute("SELECT id, state FROM live_operations WHERE state IN ('PROPOSED', 'APPROVED')").fetchall():
        move(db, row["id"], row["state"], "EXPIRED", {"because": "the clock was set back"}, now, settled_at=now)
    for row in db.execute("SELECT * FROM live_operations WHERE counts_from > ?", (now,)).fetchall():
        # A watch keeps the length that it still had; it is not over because the clock says so.
        rest = None if row["watched_until"] is None else now + max(0.0, row["watched_until"] - row["counts_from"])
        db.execute(
            "UPDATE write_operations SET counts_from = ?, watched_until = ?, foreign_since = NULL WHERE id = ?",
            (now, rest, row["id"]),
        )
        audit_log.append(db, Event(row["id"], now, "counts from now", {"because": "the clock was set back"}))
    audit_log.append(db, Event("", now, audit_log.CLOCK_SET_BACK, {"by seconds": round(latest - now, 3)}))


def end_waiting(db: Transaction, connection: str, because: str, now: float) -> None:
    """End what waits for a person, or is approved and not sent, on a connection."""
    for row in db.execute("SELECT id, state FROM live_operations WHERE connection = ?", (connection,)).fetchall():
        # A yes was given for the company of the former credentials; what was sent is settled as before.
        if row["state"] in WAITING:
            move(db, row["id"], row["state"], "EXPIRED", {"because": because}, now, settled_at=now)


def rename_connection(db: Transaction, before: str, after: str, now: float) -> None:
    """Record the live operations of one connection under another name."""
    for row in db.execute("SELECT id, number FROM live_operations WHERE connection = ?", (before,)).fetchall():
        if queries.live_row(db, [after], row["number"]) is not None:
            continue  # the order has a live operation of its own already: this one stays what it was
        db.execute("UPDATE write_operations SET connection = ? WHERE id = ?", (after, row["id"]))
        audit_log.append(db, Event(row["id"], now, "adopted", {"connection": after}))


def note_foreign(db: Transaction, operation_id: str, since: float | None, now: float) -> None:
    """Note when another's order, or a gap, was first seen in the place of ours; None: no longer."""
    changed = db.execute(
        "UPDATE write_operations SET foreign_since = ?"
        " WHERE id = ? AND coalesce(foreign_since, -1.0) != coalesce(?, -1.0)",
        (since, operation_id, since),
    )
    # Only what changed is an event: a look every second must not fill the log.
    if changed.rowcount:
        event = "looked: to be read again" if since is not None else "looked"
        audit_log.append(db, Event(operation_id, now, event, {}))
