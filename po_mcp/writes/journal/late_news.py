"""What was called refused and turned out to be done: the next answer on the connection says it, once."""

from __future__ import annotations

from po_mcp.erp import Connection
from po_mcp.writes.journal import connections, queries
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.operation import Recorded, Requester


def may_exist(db: Transaction, connection: Connection) -> bool:
    """Tell, by one statement, whether something is watched or untold, or whether that takes a closer look."""
    where = "erp = ? AND address = ? AND company = ? AND credentials = ?"
    row = db.execute(
        f"""SELECT EXISTS (SELECT 1 FROM live_operations
                           WHERE connection = known.connection AND state = 'WATCHED') AS is_watched,
                   EXISTS (SELECT 1 FROM write_operations
                           WHERE connection = known.connection AND is_untold = 1) AS is_untold
            FROM connections AS known WHERE {where}""",  # noqa: S608
        connections.key_of(connection),
    ).fetchone()
    # It may be recorded under the name of other credentials.
    return row is None or bool(row["is_watched"]) or bool(row["is_untold"])


def exist(db: Transaction, connection: str) -> bool:
    """Tell whether there is any."""
    rows = db.execute("SELECT id FROM write_operations WHERE connection = ? AND is_untold = 1", (connection,))
    return rows.fetchone() is not None


def take(db: Transaction, connection: str, reader: Requester | None) -> list[Recorded]:
    """Return it, and note that it was: of the reader's, or (None) of all."""
    rows = db.execute("SELECT * FROM write_operations WHERE connection = ? AND is_untold = 1", (connection,))
    found = list(queries.readable(rows.fetchall()))
    if reader is not None:
        found = [one for one in found if reader.may_handle(one.operation)]
    for one in found:
        db.execute("UPDATE write_operations SET is_untold = 0 WHERE id = ?", (one.operation.id,))
    return found
