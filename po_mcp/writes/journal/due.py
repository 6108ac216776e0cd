"""What every writing transaction sees to first: asked in one statement, since nearly always nothing is due."""

from __future__ import annotations

from po_mcp.writes.journal import audit_log, moves, restores
from po_mcp.writes.journal.database import Transaction

_OVER = f"SELECT COUNT(*) FROM live_operations WHERE {moves.IS_OVER}"  # noqa: S608
_ASK = f"SELECT ({restores.KNOWN}) AS known, ({audit_log.LATEST_TIME}) AS latest, ({_OVER}) AS over"


def see_to(db: Transaction, origin: str, now: float) -> None:
    """End what has its time over, and what waits where the clock was set back or the journal restored."""
    known, latest, over = db.execute(_ASK, (now,)).fetchone()
    if restores.is_other(known, origin):
        restores.notice(db, origin, now)
    moves.notice_clock(db, latest, now)
    if over:
        moves.expire(db, now)
