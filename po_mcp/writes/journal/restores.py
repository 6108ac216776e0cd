"""A journal whose database is another copy than before: restored from a backup, or a standby that was promoted.

It may lack the latest events, among them that something was sent. So what waits for a person or is approved there is
not known from then on, and is settled like a send without an answer: what its copy calls approved may be sent already.
And until a person has looked (`po-mcp journal adopt`) each new order is put to one. A write on an order is put to a
person in any case, who is shown the order as it is then.
"""

from __future__ import annotations

from po_mcp.writes.journal import audit_log, moves
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.operation import WAITING

_NAME = "origin"
KNOWN = f"SELECT value FROM journal WHERE name = '{_NAME}'"  # noqa: S608
_RESTORED = "restored to "
_BECAUSE = "the journal was restored"


def is_other(known: str | None, origin: str) -> bool:
    """Tell whether the copy in use is another one than was noted.

    `known` is None before the first write, also of one that was brought over from a file: nothing was sent from another
    copy then. `origin` is "" for what has no copies.
    """
    return _is_noted(known, origin) and known not in (origin, _RESTORED + origin)


def may_lack_events(db: Transaction, origin: str) -> bool:
    """Tell whether the journal is another copy than before, and nobody has adopted it."""
    known = _read_known(db)
    return _is_noted(known, origin) and known != origin


def note_copy(db: Transaction, known: str | None, origin: str, now: float) -> None:
    """Note the copy in use, `known` being the former; if it is another one, what waits is not known any more."""
    if is_other(known, origin):
        doubt_waiting(db, now)
        audit_log.append(db, Event("", now, "restored", {"before": known, "now": origin}))
        _set(db, _RESTORED + origin)
    elif origin and known is None:
        _set(db, origin)


def _is_noted(known: str | None, origin: str) -> bool:
    return bool(origin) and known is not None


def adopt(db: Transaction, origin: str, now: float) -> bool:
    """Take this copy for the journal from now on; False where it is already."""
    if not may_lack_events(db, origin):
        return False
    _set(db, origin)
    audit_log.append(db, Event("", now, "adopted", {"now": origin}))
    return True


def doubt_waiting(db: Transaction, now: float) -> None:
    """Call unknown what waits in a copy: it may have been sent until now."""
    for row in db.execute("SELECT id, state FROM live_operations").fetchall():
        if row["state"] in WAITING:
            moves.move(
                db, row["id"], row["state"], "UNKNOWN", {"because": _BECAUSE}, now, counts_from=now, settled_at=now
            )


def _read_known(db: Transaction) -> str | None:
    row = db.execute(KNOWN).fetchone()
    return None if row is None else str(row["value"])


def _set(db: Transaction, value: str) -> None:
    statement = "INSERT INTO journal VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    db.execute(statement, (_NAME, value))
