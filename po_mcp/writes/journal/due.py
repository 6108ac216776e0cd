"""What every writing transaction sees to first: it was asked where that began, since nearly always nothing is due."""

from __future__ import annotations

from po_mcp.writes.journal import audit_log, moves, restores
from po_mcp.writes.journal.database import Begun, Mark, Transaction

_OVER = f"SELECT COUNT(*) FROM live_operations WHERE {moves.IS_OVER}"  # noqa: S608
_END = "FROM audit_log ORDER BY place DESC LIMIT 1"
COLUMNS = f"({restores.KNOWN}), ({audit_log.LATEST_TIME}), ({_OVER}), (SELECT place {_END}), (SELECT hash {_END})"
"""What is asked at the beginning; a `?` for the time."""


def note_begun(
    db: Transaction, known: str | None, latest: float | None, over: int, place: int | None, link: str
) -> None:
    """Note in a transaction what the columns were."""
    db.begun, db.end = Begun(known, latest, over), Mark() if place is None else Mark(place, link)


def see_to(db: Transaction, origin: str, now: float) -> bool:
    """End what has its time over, and what waits where the clock was set back or the journal restored.

    Returns whether anything was changed.
    """
    assert db.begun is not None
    known, latest, over = db.begun
    before = db.end
    if restores.is_other(known, origin):
        restores.notice(db, origin, now)
    moves.notice_clock(db, latest, now)
    if over:
        moves.expire(db, now)
    return db.end != before
