"""Which sets of credentials lead to which connection: a name never joins two of them by itself.

Exsited is one address for many customers, and a rotated client id is the same customer under new credentials. No
program can tell these two apart. So credentials that are new at a known address and name stop writes, until a person
says whose they are (`po-mcp journal adopt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from po_mcp.erp import Connection
from po_mcp.errors import ConnectionNotAdopted
from po_mcp.writes.journal.database import Ask, Row, Transaction

NAME = "SELECT connection FROM connections WHERE erp = ? AND address = ? AND company = ? AND credentials = ?"
"""Asks under which name a connection is recorded: see `key_of`."""
_ASK_LIVE = Ask("SELECT DISTINCT connection FROM live_operations")
"""Asks for the names of all connections that have live operations."""


def join(db: Transaction, connection: Connection, now: float) -> str:
    """Return the name under which this connection's operations are recorded; the first use of an address records it.

    Raises:
        ConnectionNotAdopted: the credentials are new at a known address and name.
    """
    known = find(db, connection)
    if known is not None:
        return known
    # Not known as it is: renewed credentials of the same company, or another company at the same address.
    others = rows_at(db, connection)
    same_credentials = _with_same_credentials(others, connection)
    if (name := _name_beside(same_credentials, connection)) is not None:
        return add(db, connection, name, now)
    if same_credentials or clashing(others, connection):
        raise ConnectionNotAdopted(
            f"The journal knows {connection.address} with other credentials, or under another company's name.",
            effect="nothing_sent",
            detail="Nothing is written until a person says whose these are.",
            next_step="Reading goes on. Your administrator must run: po-mcp journal adopt",
        )
    return add(db, connection, connection.key, now)


def find(db: Transaction, connection: Connection) -> str | None:
    """Return the name under which this very connection is recorded; None where it is not yet."""
    return name_in(db.execute(*ask_name(connection)).fetchall())


def ask_name(connection: Connection) -> Ask:
    """Ask for that name."""
    return Ask(NAME, key_of(connection))


def ask_known_as(connection: Connection, name: str) -> Ask:
    """Ask whether it is recorded under this name: a condition."""
    return Ask(f"EXISTS (SELECT 1 FROM ({NAME}) AS known WHERE connection = ?)", (*key_of(connection), name))  # noqa: S608


def name_in(rows: Sequence[Row]) -> str | None:
    """Return the name that was found."""
    return str(rows[0]["connection"]) if rows else None


def find_for_reading(db: Transaction, connection: Connection) -> str | None:
    """Return the name under which this connection's operations are, or will be, recorded; None where nobody knows."""
    known = find(db, connection)
    return known or _name_beside(_with_same_credentials(rows_at(db, connection), connection), connection)


def rows_at(db: Transaction, connection: Connection) -> list[Row]:
    """Return what is recorded of this address."""
    values = (connection.erp, connection.address)
    found = db.execute("SELECT * FROM connections WHERE erp = ? AND address = ? ORDER BY since", values)
    return found.fetchall()


def clashing(others: Sequence[Row], connection: Connection) -> list[Row]:
    """Return the records whose company may be the same as this one's: of the same name, or without any."""
    company = connection.company or ""
    # A company without a name may be any of those with one.
    return [row for row in others if row["company"] == company or not row["company"] or not company]


def former_names(db: Transaction, connection: Connection) -> list[str]:
    """Return the names of version 1 that may be this connection's: it knew ERP and host alone."""
    return former_names_in(db.execute(*_ASK_LIVE).fetchall(), connection)


def former_names_in(rows: Sequence[Row], connection: Connection) -> list[str]:
    """Return such names among those of live operations."""
    prefix = f"{connection.erp} {urlsplit(connection.address).netloc} "
    names = [str(row["connection"]) for row in rows if row["connection"] != connection.key]
    # Keys of this version hold the whole address, with its scheme.
    return [name for name in names if name.startswith(prefix) and "://" not in name]


def _with_same_credentials(others: Sequence[Row], connection: Connection) -> list[Row]:
    return [row for row in others if row["credentials"] == connection.credentials]


def _name_beside(same_credentials: Sequence[Row], connection: Connection) -> str | None:
    """Return the name that the same credentials have where a company was named since, or is no longer named."""
    if any(not connection.company or not row["company"] for row in same_credentials):
        return str(same_credentials[0]["connection"])
    return None


def add(db: Transaction, connection: Connection, name: str, now: float) -> str:
    """Record the name of this very connection, and return it."""
    db.execute("INSERT INTO connections VALUES (?, ?, ?, ?, ?, ?)", (*key_of(connection), name, now))
    return name


def key_of(connection: Connection) -> tuple[str, str, str, str]:
    """Return by what this very connection is recorded."""
    return connection.erp, connection.address, connection.company or "", connection.credentials
