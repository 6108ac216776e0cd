"""What the journal is asked: one operation, those that are live, those that a new one resembles. Nothing is moved here.

Each takes the connection to the file within a transaction. A row that this version cannot read is passed over and
logged: it still blocks its order, and `po-mcp journal verify` names it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence

from po_mcp.orders import fold_number
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Row, Transaction
from po_mcp.writes.journal.rows import UnreadableRow, read_row
from po_mcp.writes.operation import Operation, Recorded

logger = logging.getLogger(__name__)

MAX_LATEST_CREATES = 10_000
"""Creates whose numbers are looked through for the next one: the ERP's own list shows what is older."""
MAX_LOOKED_AT = 2_000
"""The last operations among which the latest of a user or of a kind are looked for: a journal may be years long."""


def readable(rows: Iterable[Row]) -> Iterator[Recorded]:
    """Read rows, and pass over what cannot be read."""
    for row in rows:
        try:
            yield read_row(row)
        except UnreadableRow as exc:
            # One row that was edited must not stop every other operation.
            logger.warning("%s: po-mcp journal verify", exc)


def first(db: Transaction, condition: str, *values: object) -> Recorded | None:
    """Return the first operation that meets a condition, which may say in which order; None where none does."""
    rows = db.execute(f"SELECT * FROM write_operations WHERE {condition}", values)  # noqa: S608
    return next(readable(rows), None)


def live_row(db: Transaction, connections: Iterable[str], number: str) -> Row | None:
    """Return the row of the live operation on an order, in any of these connections, whether or not it can be read."""
    names = tuple(connections)
    where = f"connection IN ({', '.join('?' * len(names))}) AND number = ?"
    row: Row | None = db.execute(
        f"SELECT * FROM live_operations WHERE {where}",  # noqa: S608
        (*names, number),
    ).fetchone()
    return row


def live_row_alike(db: Transaction, connections: Iterable[str], number: str) -> Row | None:
    """Return the row of the live operation on an order whose number some ERPs take for this one; None where none."""
    names, wanted = tuple(connections), fold_number(number)
    where = f"connection IN ({', '.join('?' * len(names))})"
    numbers = db.execute(f"SELECT connection, number FROM live_operations WHERE {where}", names).fetchall()  # noqa: S608
    alike = [row for row in numbers if row["number"] != number and fold_number(row["number"]) == wanted]
    return live_row(db, [alike[0]["connection"]], alike[0]["number"]) if alike else None


def find_done(db: Transaction, connections: Iterable[str], number: str, since: float, until: float) -> Recorded | None:
    """Return the latest write on an order, in any of these connections, that was done then; None where none."""
    names = tuple(connections)
    return first(
        db,
        f"connection IN ({', '.join('?' * len(names))}) AND number = ? AND state = 'DONE'"
        " AND settled_at >= ? AND settled_at <= ? ORDER BY settled_at DESC",
        *names,
        number,
        since,
        until,
    )


def live(db: Transaction, connection: str | None) -> list[Recorded]:
    """Return the operations of a connection (None: of all) that are not at their end, oldest first."""
    rows = db.execute(
        "SELECT * FROM live_operations WHERE connection = coalesce(?, connection) ORDER BY proposed_at, id",
        (connection,),
    )
    return list(readable(rows))


def of_connection(db: Transaction, connection: str) -> list[Recorded]:
    """Return every operation that is recorded under this name."""
    return list(readable(db.execute("SELECT * FROM write_operations WHERE connection = ?", (connection,))))


def latest(
    db: Transaction,
    connection: str,
    limit: int,
    *,
    kind: str | None = None,
    user: str | None = None,
    asked_only: bool = False,
) -> list[Recorded]:
    """Return the operations of a connection that are at their end, the latest first.

    Args:
        db: the transaction.
        connection: the connection's name.
        limit: how many there are at most, among the last `MAX_LOOKED_AT` operations.
        kind: only those of this kind.
        user: only those that this user asked for.
        asked_only: only those that a person was asked about.
    """
    # From the end of the table; the joined text keeps SQLite from an index that it would have to sort by.
    rows = db.execute(
        "SELECT * FROM write_operations WHERE connection || '' = ?"
        " AND rowid > (SELECT max(rowid) FROM write_operations) - ?"
        " AND kind || '' = coalesce(?, kind) AND requested_by = coalesce(?, requested_by)"
        " AND (question IS NOT NULL OR ? = 0)"
        " AND id NOT IN (SELECT id FROM live_operations) ORDER BY rowid DESC LIMIT ?",
        (connection, MAX_LOOKED_AT, kind, user, int(asked_only), limit),
    )
    return list(readable(rows))


def done_since(
    db: Transaction, connection: str, kinds: Sequence[str], since: float, user: str | None, limit: int
) -> list[Recorded]:
    """Return what was done since then, the latest first: what this user asked for, or (None) anybody."""
    rows = db.execute(
        f"SELECT * FROM write_operations WHERE connection = ? AND kind IN ({', '.join('?' * len(kinds))})"  # noqa: S608
        " AND settled_at > ? AND state = 'DONE' AND requested_by = coalesce(?, requested_by)"
        " ORDER BY settled_at DESC LIMIT ?",
        (connection, *kinds, since, user, limit),
    )
    return list(readable(rows))


def done_by_same_call(db: Transaction, operation: Operation, since: float, until: float) -> Recorded | None:
    """Return what the same call of the same user did then, whatever the state of the order was."""
    return first(
        db,
        "connection = ? AND kind = ? AND number = ? AND arguments = ? AND requested_by = ?"
        " AND state = 'DONE' AND settled_at > ? AND settled_at <= ? ORDER BY settled_at DESC",
        operation.connection,
        operation.kind,
        operation.number,
        operation.arguments,
        operation.requester.user,
        since,
        until,
    )


def same_create(db: Transaction, operation: Operation, since: float, until: float) -> Recorded | None:
    """Return the create that the very same call of the same user made, live or done then, whatever its number."""
    # Without the number: a call that gave none gets another one each time, and is the same call.
    same = "connection = ? AND arguments = ? AND requested_by = ?"
    values = (operation.connection, operation.arguments, operation.requester.user)
    # Two conditions, each with its index: one with OR would read every create that there ever was.
    rows = db.execute(
        f"SELECT * FROM live_operations WHERE {same} AND kind = 'create' UNION ALL"  # noqa: S608
        f" SELECT * FROM write_operations WHERE {same} AND kind = 'create' AND state = 'DONE'"
        " AND settled_at > ? AND settled_at <= ? ORDER BY proposed_at DESC",
        (*values, *values, since, until),
    )
    return next(readable(rows), None)


def same_content(db: Transaction, operation: Operation, since: float) -> Iterator[Recorded]:
    """Yield creates of the same content that are under way, not known, or were made since then."""
    rows = db.execute(
        "SELECT * FROM write_operations WHERE connection = ? AND content_digest = ? AND content_digest != ''"
        " AND (state IN ('PROPOSED', 'APPROVED', 'SENT', 'WATCHED', 'UNKNOWN')"
        " OR (state IN ('DONE', 'CONFLICT') AND settled_at > ?)) ORDER BY proposed_at DESC",
        (operation.connection, operation.content_digest, since),
    )
    return readable(rows)


def common_items(db: Transaction, operation: Operation, connections: Iterable[str]) -> Iterator[Recorded]:
    """Yield creates for the same vendor with an item of this one, which were sent and of which an effect may show."""
    names = tuple(connections)
    rows = db.execute(
        f"SELECT * FROM write_operations WHERE connection IN ({', '.join('?' * len(names))})"  # noqa: S608
        " AND vendor = ? AND vendor != '' AND state IN ('SENT', 'WATCHED', 'UNKNOWN') ORDER BY proposed_at DESC",
        (*names, operation.vendor),
    )
    return (recorded for recorded in readable(rows) if recorded.operation.items & operation.items)


def last_no(db: Transaction, operation: Operation, since: float) -> Event | None:
    """Return the no that the same request was answered with last; None where there is none, or a yes came after it.

    Of a create the same request is one of the same content: its number may be another one.
    """
    same = "SELECT id FROM write_operations WHERE connection = ? AND kind = ?"
    rows = db.execute(
        "SELECT operation_id, at, event, detail FROM audit_log WHERE at > ? AND operation_id IN"  # noqa: S608
        f" ({same} AND number = ? AND arguments = ? UNION"
        " SELECT id FROM write_operations WHERE connection = ? AND content_digest = ? AND content_digest != '')"
        " AND event IN ('DECLINED', 'APPROVED', 'not approved') ORDER BY place DESC",
        (
            since,
            operation.connection,
            operation.kind,
            operation.number,
            operation.arguments,
            operation.connection,
            operation.content_digest,
        ),
    )
    for row in rows:
        found = Event(row["operation_id"], row["at"], row["event"], json.loads(row["detail"]))
        if found.event == "APPROVED":
            return None
        if found.event == "DECLINED" or found.detail.get("how") == "declined":
            return found
    return None


def numbers_of_creates(db: Transaction, connection: str) -> set[str]:
    """Return the numbers that orders have or may get: of creates that are not at their end, and the latest done.

    The number of a question that was declined is free: that question gives way to a newer one of its number.
    """
    found = db.execute(
        "SELECT number FROM live_operations WHERE connection = ? AND kind = 'create'"
        " AND NOT (state = 'PROPOSED' AND declined_at IS NOT NULL) UNION SELECT number FROM"
        " (SELECT number, state FROM write_operations WHERE connection = ? AND kind = 'create'"
        " AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT ?) AS latest WHERE state = 'DONE'",
        (connection, connection, MAX_LATEST_CREATES),
    )
    return {row["number"] for row in found}
