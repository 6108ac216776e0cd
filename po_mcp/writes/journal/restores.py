"""A journal whose database is another copy than before: restored from a backup, or a standby that was promoted.

It may lack the latest events, among them that something was sent. So what waits for a person or is approved there is
not known from then on, and is settled like a send without an answer: what its copy calls approved may be sent already.
And until a person has looked (`po-mcp journal adopt`) each new order is put to one. A write on an order is put to a
person in any case, who is shown the order as it is then.

Of a file it is only seen that it may be a copy: what gives a folder's files to another user touches them, too. There
new orders are put to a person for as long as a repeated call is told from a new one: what the copy lacks was asked for
before that.
"""

from __future__ import annotations

import math

from po_mcp.writes.journal import audit_log, moves
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.operation import WAITING

_NAME = "origin"
KNOWN = f"SELECT value FROM journal WHERE name = '{_NAME}'"  # noqa: S608
PUT_BACK = "put back at"
_RESTORED = "restored to "
_BECAUSE = "the journal was restored"


def is_other(known: str | None, origin: str) -> bool:
    """Tell whether the copy in use is another one than was noted.

    `known` is None before the first write, also of one that was brought over from a file: nothing was sent from another
    copy then. `origin` is "" for what has no copies.
    """
    return _is_noted(known, origin) and known not in (origin, _RESTORED + origin)


def may_lack_events(db: Transaction, origin: str, since: float) -> bool:
    """Tell whether it is another copy than before, or may have been put back `since`, and nobody has adopted it."""
    known = _read(db, _NAME)
    if _is_noted(known, origin):
        return known != origin
    put_back_at = _read(db, PUT_BACK)
    return put_back_at is not None and float(put_back_at) >= since


def note_put_back(db: Transaction, now: float) -> None:
    """Note that a file may have been put back; what waits in it is not known any more."""
    doubt_waiting(db, now)
    audit_log.append(db, Event("", now, "may have been put back", {}))
    _set(db, PUT_BACK, repr(now))


def note_copy(db: Transaction, known: str | None, origin: str, now: float) -> None:
    """Note the copy in use, `known` being the former; if it is another one, what waits is not known any more."""
    if is_other(known, origin):
        doubt_waiting(db, now)
        audit_log.append(db, Event("", now, "restored", {"before": known, "now": origin}))
        _set(db, _NAME, _RESTORED + origin)
    elif origin and known is None:
        _set(db, _NAME, origin)


def _is_noted(known: str | None, origin: str) -> bool:
    return bool(origin) and known is not None


def adopt(db: Transaction, origin: str, now: float) -> bool:
    """Take this copy for the journal from now on; False where it is already."""
    if not may_lack_events(db, origin, -math.inf):
        return False
    if origin:
        _set(db, _NAME, origin)
    forget_put_back(db)
    audit_log.append(db, Event("", now, "adopted", {"now": origin} if origin else {}))
    return True


def forget_put_back(db: Transaction) -> None:
    """Forget that a file may have been put back: a person has looked."""
    db.execute("DELETE FROM journal WHERE name = ?", (PUT_BACK,))


def doubt_waiting(db: Transaction, now: float) -> None:
    """Call unknown what waits in a copy: it may have been sent until now."""
    for row in db.execute("SELECT id, state FROM live_operations").fetchall():
        if row["state"] in WAITING:
            moves.move(
                db, row["id"], row["state"], "UNKNOWN", {"because": _BECAUSE}, now, counts_from=now, settled_at=now
            )


def _read(db: Transaction, name: str) -> str | None:
    row = db.execute("SELECT value FROM journal WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["value"])


def _set(db: Transaction, name: str, value: str) -> None:
    statement = "INSERT INTO journal VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    db.execute(statement, (name, value))
