"""What was called refused and turned out to be done: the next answer on the connection says it, once."""

from __future__ import annotations

from collections.abc import Sequence

from po_mcp.erp import Connection
from po_mcp.writes.journal import connections, queries
from po_mcp.writes.journal.database import Ask, Row, Transaction
from po_mcp.writes.operation import Recorded, Requester


def ask_any(connection: Connection) -> Ask:
    """Ask whether something is watched, or untold."""
    where = "erp = ? AND address = ? AND company = ? AND credentials = ?"
    return Ask(
        f"""SELECT EXISTS (SELECT 1 FROM live_operations
                           WHERE connection = known.connection AND state = 'WATCHED') AS is_watched,
                   EXISTS (SELECT 1 FROM write_operations
                           WHERE connection = known.connection AND is_untold = 1) AS is_untold
            FROM connections AS known WHERE {where}""",  # noqa: S608
        connections.key_of(connection),
    )


def may_exist(rows: Sequence[Row]) -> bool:
    """Tell whether something is watched or untold, or whether that takes a closer look."""
    # Without a row it may be recorded under the name of other credentials.
    return not rows or bool(rows[0]["is_watched"]) or bool(rows[0]["is_untold"])


def ask_untold(connection: str) -> Ask:
    """Ask for what is untold."""
    return Ask("SELECT * FROM write_operations WHERE connection = ? AND is_untold = 1", (connection,))


def take(db: Transaction, connection: str, reader: Requester | None) -> list[Recorded]:
    """Return it, and note that it was: of the reader's, or (None) of all."""
    [rows] = db.ask(ask_untold(connection))
    found = list(queries.readable(rows))
    if reader is not None:
        found = [one for one in found if reader.may_handle(one.operation)]
    for one in found:
        db.execute("UPDATE write_operations SET is_untold = 0 WHERE id = ?", (one.operation.id,))
    return found
