"""Moving a journal from a file into a database: the file is sealed first, so that never two places are written to.

A seal is a trigger on every table: a process that still runs, of whatever version, can write nothing more. What it had
sent is `SENT` in the new place, and settled there by reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import audit_log, restores
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Transaction

TABLES: Mapping[str, str] = {
    "connections": "since",
    "shared_tokens": "connection",
    "erp_credentials": "connection, person",
    "write_operations": "rowid",
    "audit_log": "place",
}
"""What is moved, and in which order; of the table `journal` only what is the same in every place."""
_SEAL = "moved_to"
SEALED = f"SELECT value FROM journal WHERE name = '{_SEAL}'"  # noqa: S608
"""Asks where a sealed journal goes on."""
_OF_EACH_PLACE = ("version", "origin", restores.PUT_BACK, _SEAL)


def seal(db: Transaction, to: str, now: float) -> None:
    """Record where the journal goes on, as its last event, and let nothing follow."""
    audit_log.append(db, Event("", now, "moved", {"to": to}))
    db.execute("INSERT INTO journal VALUES (?, ?)", (_SEAL, to))
    # Last: they would keep the two rows before from being written, too.
    for statement in triggers_of_seal().values():
        db.execute(statement)


def sealed_to(db: Transaction) -> str | None:
    """Return where a sealed journal goes on; None where it is not sealed."""
    row = db.execute(SEALED).fetchone()
    return None if row is None else str(row["value"])


def need_unsealed(db: Transaction) -> None:
    """Refuse to write to a journal that goes on elsewhere."""
    if (to := sealed_to(db)) is not None:
        raise JournalUnavailable(
            f"This journal was moved to {to}.",
            effect="nothing_sent",
            next_step="Your administrator must set PO_MCP_JOURNAL to that address.",
        )


def triggers_of_seal() -> dict[str, str]:
    """Return the triggers of a seal by their names, with their SQL."""
    made = {}
    for table in ("journal", *TABLES):
        for event in ("INSERT", "UPDATE", "DELETE"):
            name = f"{table}_is_sealed_{event.lower()}"
            body = "SELECT RAISE(ABORT, 'this journal was moved')"
            made[f"trigger {name}"] = f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN {body}; END"
    return made


def read_table(db: Transaction, table: str) -> tuple[Sequence[str], Iterator[tuple[Any, ...]]]:
    """Return the columns and the rows of a table, in their order."""
    rows = db.execute(f"SELECT * FROM {table} ORDER BY {TABLES[table]}")  # noqa: S608
    columns = [column[0] for column in rows.description]
    return columns, (tuple(row) for row in rows)


def read_values(db: Transaction) -> list[tuple[str, str]]:
    """Return what the journal has of its own wherever it is: its id, the approver's PIN."""
    rows = db.execute("SELECT name, value FROM journal ORDER BY name").fetchall()
    return [(row["name"], row["value"]) for row in rows if row["name"] not in _OF_EACH_PLACE]
