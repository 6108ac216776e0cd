"""What every writing transaction sees to first: it was asked where that began, since nearly always nothing is due."""

from __future__ import annotations

from typing import NamedTuple

from po_mcp.writes.journal import audit_log, moves, restores
from po_mcp.writes.journal.database import Begun, Mark, Transaction

_OVER = f"SELECT COUNT(*) FROM live_operations WHERE {moves.IS_OVER}"  # noqa: S608
_END = "FROM audit_log ORDER BY place DESC LIMIT 1"
COLUMNS = (
    f"({restores.KNOWN}), ({audit_log.SINCE}), ({audit_log.LATEST_TIME}), ({_OVER}),"
    f" (SELECT place {_END}), (SELECT hash {_END})"
)
"""What is asked at the beginning; a `?` for the place up to which the latest time is known, and one for the time."""


class Latest(NamedTuple):
    """The latest time that was recorded up to a place of the log, as this process found it; None where none was."""

    place: int = 0
    at: float | None = None


def note_begun(
    db: Transaction,
    seen: Latest,
    known: str | None,
    since: int,
    latest: float | None,
    over: int,
    place: int | None,
    link: str,
) -> Latest:
    """Note in a transaction what the columns were; return the latest time for the transaction after it.

    `seen` is what was known of it, whose place stood in the question: the times up to there are not read again.
    """
    # With the event that says so the log's time begins again.
    times = [at for at in (latest, seen.at if since <= seen.place else None) if at is not None]
    found = max(times, default=None)
    db.begun, db.end = Begun(known, found, over), Mark() if place is None else Mark(place, link)
    return Latest(db.end.place, found)


def see_to(db: Transaction, origin: str, now: float) -> bool:
    """End what has its time over, and what waits where the clock was set back or the journal restored.

    Returns whether anything was changed.
    """
    assert db.begun is not None
    known, latest, over = db.begun
    before = db.end
    restores.note_copy(db, known, origin, now)
    moves.notice_clock(db, latest, now)
    if over:
        moves.expire(db, now)
    return db.end != before
