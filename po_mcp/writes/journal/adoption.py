"""A person says whose credentials are new at a known address, or whose an older version's operations are."""

from __future__ import annotations

from typing import Literal

from po_mcp.erp import Connection
from po_mcp.writes.journal import audit_log, connections, moves, queries
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.operation import Recorded


def is_needed(db: Transaction, connection: Connection) -> bool:
    """Tell whether a person must say so."""
    if connections.former_names(db, connection):
        return True
    if connections.find(db, connection) is not None:
        return False
    return bool(connections.clashing(connections.rows_at(db, connection), connection))


def adoptable(db: Transaction, connection: Connection) -> list[Recorded]:
    """Return the operations that may be this connection's and are recorded under another name, latest first."""
    names = set(connections.former_names(db, connection))
    if connections.find(db, connection) is None:
        clash = connections.clashing(connections.rows_at(db, connection), connection)
        names |= {row["connection"] for row in clash}
    found = [one for name in names for one in queries.of_connection(db, name)]
    return sorted(found, key=lambda one: one.expires_at, reverse=True)


def adopt(db: Transaction, connection: Connection, answer: Literal["same", "other"], now: float) -> str | None:
    """Record whose these credentials are; return the connection's name, None where another name must be set."""
    former = connections.former_names(db, connection)
    name = connections.find(db, connection)
    if name is None:
        take = _adopt_same if answer == "same" else _adopt_other
        name = take(db, connection, now)
    if name is None:
        return None
    if answer == "same":
        moves.end_waiting(db, name, "the credentials were changed", now)
    # Those of another company get a name that no connection has: they block no order here.
    for old in former:
        moves.rename_connection(db, old, name if answer == "same" else f"former {old}", now)
    audit_log.append(db, Event("", now, "adopted", {"connection": name, "as": answer}))
    return name


def _adopt_same(db: Transaction, connection: Connection, now: float) -> str:
    """Record that these credentials are those of the company that is known at this address."""
    clash = connections.clashing(connections.rows_at(db, connection), connection)
    return connections.add(db, connection, clash[-1]["connection"] if clash else connection.key, now)


def _adopt_other(db: Transaction, connection: Connection, now: float) -> str | None:
    """Record that these are another company's; None where that company has the same name, so that it needs another."""
    # Under one name two companies would share the room for one operation of each order number.
    if any(row["connection"] == connection.key for row in connections.rows_at(db, connection)):
        return None
    return connections.add(db, connection, connection.key, now)
