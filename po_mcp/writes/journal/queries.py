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
from po_mcp.writes.journal.database import Ask, Row, Transaction
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


def ask_operation(operation_id: str) -> Ask:
    """Ask for the row of an operation."""
    return Ask("SELECT * FROM write_operations WHERE id = ?", (operation_id,))


def live_row(db: Transaction, connections: Sequence[str], number: str) -> Row | None:
    """Return the row of the live operation on an order, in any of these connections, whether or not it can be read."""
    row: Row | None = db.execute(*ask_live_row(connections, number)).fetchone()
    return row


def ask_live_row(connections: Sequence[str], number: str) -> Ask:
    """Ask for that row."""
    where = f"connection IN ({', '.join('?' * len(connections))}) AND number = ?"
    return Ask(f"SELECT * FROM live_operations WHERE {where}", (*connections, number))  # noqa: S608


def ask_live_row_of(connection: Ask, number: str) -> Ask:
    """Ask for that row in the connection of which `connection` tells the name."""
    return Ask(
        f"SELECT * FROM live_operations WHERE connection = ({connection.statement}) AND number = ?",  # noqa: S608
        (*connection.values, number),
    )


def ask_live_orders() -> Ask:
    """Ask for the orders that have a live operation, in all connections, and for whom each waits."""
    return Ask("SELECT connection, number, session, state, declined_at FROM live_operations")


def live_row_alike(db: Transaction, live: Iterable[Row], number: str) -> Row | None:
    """Return the row of the live operation on an order whose number some ERPs take for this one; None where none."""
    wanted = fold_number(number)
    alike = [row for row in live if row["number"] != number and fold_number(row["number"]) == wanted]
    return live_row(db, [alike[0]["connection"]], alike[0]["number"]) if alike else None


def ask_done(connections: Sequence[str], number: str, since: float, until: float) -> Ask:
    """Ask for the writes on an order, in any of these connections, that were done then, the latest first."""
    from po_mcp.writes.kinds import kinds  # late: the kinds stand above the journal

    # By the index of calls, which needs their kinds: by any other, each proposal would read every operation.
    names = [kind.name for kind in kinds()]
    return Ask(
        f"SELECT * FROM write_operations WHERE connection IN ({', '.join('?' * len(connections))})"  # noqa: S608
        f" AND kind IN ({', '.join('?' * len(names))}) AND number = ? AND state = 'DONE'"
        " AND settled_at >= ? AND settled_at <= ? ORDER BY settled_at DESC",
        (*connections, *names, number, since, until),
    )


def ask_live(connection: str | None) -> Ask:
    """Ask for the operations of a connection (None: of all) that are not at their end, oldest first."""
    where, values = ("", ()) if connection is None else ("WHERE connection = ?", (connection,))
    return Ask(f"SELECT * FROM live_operations {where} ORDER BY proposed_at, id", values)  # noqa: S608


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


def ask_done_by_same_call(operation: Operation, since: float, until: float) -> Ask:
    """Ask for what the same call of the same user did then, whatever the state of the order was, the latest first."""
    same = (operation.connection, operation.kind, operation.number, operation.arguments, operation.requester.user)
    return Ask(
        "SELECT * FROM write_operations WHERE connection = ? AND kind = ? AND number = ? AND arguments = ?"
        " AND requested_by = ? AND state = 'DONE' AND settled_at > ? AND settled_at <= ? ORDER BY settled_at DESC",
        (*same, since, until),
    )


def same_create(db: Transaction, operation: Operation, since: float, until: float) -> Recorded | None:
    """Return the create that the very same call of the same user made, live or done then, whatever its number."""
    rows = db.execute(*ask_same_create(Ask("?", (operation.connection,)), operation, since, until))
    return next(readable(rows), None)


def ask_same_create(connection: Ask, operation: Operation, since: float, until: float) -> Ask:
    """Ask for it; `connection` tells the name of the connection."""
    # Without the number: a call that gave none gets another one each time, and is the same call.
    same = f"connection = ({connection.statement}) AND arguments = ? AND requested_by = ?"
    values = (*connection.values, operation.arguments, operation.requester.user)
    # Two conditions, each with its index: one with OR would read every create that there ever was.
    return Ask(
        f"SELECT * FROM live_operations WHERE {same} AND kind = 'create' UNION ALL"  # noqa: S608
        f" SELECT * FROM write_operations WHERE {same} AND kind = 'create' AND state = 'DONE'"
        " AND settled_at > ? AND settled_at <= ? ORDER BY proposed_at DESC",
        (*values, *values, since, until),
    )


def find_same_content(db: Transaction, operation: Operation, since: float) -> Iterator[Recorded]:
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


def ask_answers(operation: Operation, since: float) -> Ask:
    """Ask how the same request was answered since then, the latest answer first.

    Of a create the same request is one of the same content: its number may be another one.
    """
    same = "SELECT id FROM write_operations WHERE connection = ? AND kind = ? AND number = ? AND arguments = ?"
    values = [operation.connection, operation.kind, operation.number, operation.arguments]
    if operation.content_digest:
        # Two questions, each with its index: one with OR would read every operation that there ever was.
        same += " UNION SELECT id FROM write_operations WHERE connection = ? AND content_digest = ?"
        values += [operation.connection, operation.content_digest]
    return Ask(
        f"SELECT operation_id, at, event, detail FROM audit_log WHERE at > ? AND operation_id IN ({same})"  # noqa: S608
        " AND event IN ('DECLINED', 'APPROVED', 'not approved') ORDER BY place DESC",
        (since, *values),
    )


def last_no(rows: Iterable[Row]) -> Event | None:
    """Return the no among these answers that is the last; None where there is none, or a yes came after it."""
    for row in rows:
        found = Event(row["operation_id"], row["at"], row["event"], json.loads(row["detail"]))
        if found.event == "APPROVED":
            return None
        if found.event == "DECLINED" or found.detail.get("how") == "declined":
            return found
    return None


def ask_numbers_of_creates(connection: str) -> Ask:
    """Ask for the numbers that orders have or may get: of creates that are not at their end, and the latest done.

    The number of a question that was declined is free: that question gives way to a newer one of its number.
    """
    return Ask(
        "SELECT number FROM live_operations WHERE connection = ? AND kind = 'create'"
        " AND NOT (state = 'PROPOSED' AND declined_at IS NOT NULL) UNION SELECT number FROM"
        " (SELECT number, state FROM write_operations WHERE connection = ? AND kind = 'create'"
        " AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT ?) AS latest WHERE state = 'DONE'",
        (connection, connection, MAX_LATEST_CREATES),
    )
