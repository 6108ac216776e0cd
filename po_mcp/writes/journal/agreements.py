"""A person's yes, beside those of others where several people must agree, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from po_mcp.writes.consent import Agreement, Consented
from po_mcp.writes.journal import audit_log, moves, queries
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Row, Transaction
from po_mcp.writes.payloads import Payload

FIRST_YES = "approved by one"
"""The event of a yes after which another person must agree."""


def agree(
    db: Transaction,
    operation_id: str,
    payload: Payload,
    agreement: Agreement,
    needed: int,
    detail: Mapping[str, Any],
    now: float,
    ttl: float,
) -> Consented:
    """Record a yes, and approve the operation where it is the last one needed.

    Args:
        db: a writing transaction.
        operation_id: the operation.
        payload: what is to be sent after this yes; who agreed before is read from the row.
        agreement: who agrees, and to what.
        needed: people that must agree by today's settings; of this and of what was recorded the larger counts.
        detail: what the audit log keeps.
        now: the journal's time.
        ttl: seconds that the others have from now on.
    """
    row = db.execute("SELECT * FROM write_operations WHERE id = ? AND state = 'PROPOSED'", (operation_id,)).fetchone()
    found = next(queries.readable([] if row is None else [row]), None)
    if found is None:
        return "late"
    # As the row has it, not as the caller read it: another yes may have come in between.
    held = found.operation.payload.consent
    if (refused := held.judge(agreement)) is not None:
        return refused
    consent = held.add(agreement, needed)
    expires_at = now + ttl if consent.missing else found.expires_at
    agreed = payload.model_copy(update={"consent": consent})
    if not _keep(db, operation_id, agreed, row["payload"], expires_at):
        return "late"
    if consent.missing:
        count = {"people": len(consent.given), "needed": consent.needed}
        audit_log.append(db, Event(operation_id, now, FIRST_YES, {**detail, **count}))
        return "first"
    return "approved" if moves.move(db, operation_id, "PROPOSED", "APPROVED", detail, now) else "late"


def _keep(db: Transaction, operation_id: str, agreed: Payload, before: str, expires_at: float) -> bool:
    """Put the payload with a further yes in the place of the one before it; False where that is there no more."""
    # Compared with what was read, whatever the isolation of the store: of two at once one is lost, and never both kept.
    changed = db.execute(
        "UPDATE write_operations SET payload = ?, expires_at = ? WHERE id = ? AND state = 'PROPOSED' AND payload = ?",
        (agreed.model_dump_json(), expires_at, operation_id, before),
    )
    return changed.rowcount == 1


def is_of_team(rows: Sequence[Row]) -> bool:
    """Tell whether a yes of nobody in particular is not enough for an operation, whose row this is."""
    try:
        return any(Payload.model_validate_json(row["payload"]).consent.is_of_team for row in rows)
    except ValueError:
        return True  # what cannot be read is approved by nobody
