"""The trail: what happened to each operation, append-only, every event hashed with the one before it.

Whoever edits an event, cuts one out, or edits an operation behind the journal's back breaks the chain
or the digest that stands in it. Whoever can write the whole file anew is not found out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from po_mcp.writes.operation import digest_of

BEGINNING = "0" * 64


@dataclass(frozen=True)
class Event:
    """One thing that happened: when (seconds since 1970), what, and what is known of it."""

    operation_id: str
    at: float
    event: str
    detail: Mapping[str, Any]


def append(db: sqlite3.Connection, event: Event) -> None:
    """Add an event within the transaction that did it, and note it in the operation's row."""
    last = db.execute("SELECT place, hash FROM trail ORDER BY place DESC LIMIT 1").fetchone()
    place, previous = (last["place"] + 1, last["hash"]) if last else (1, BEGINNING)
    detail = json.dumps(event.detail, sort_keys=True, separators=(",", ":"))
    row = _digest_of_row(db, event.operation_id)
    linked = _hash(place, event.operation_id, event.at, event.event, detail, row, previous)
    db.execute(
        "INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (place, event.operation_id, event.at, event.event, detail, row, previous, linked),
    )
    db.execute("UPDATE operations SET last_event = ? WHERE id = ?", (linked, event.operation_id))


def events(db: sqlite3.Connection, operation_id: str) -> list[Event]:
    """Return what happened to one operation, in order."""
    rows = db.execute("SELECT * FROM trail WHERE operation_id = ? ORDER BY place", (operation_id,))
    return [Event(row["operation_id"], row["at"], row["event"], json.loads(row["detail"])) for row in rows]


def faults(db: sqlite3.Connection) -> Iterator[str]:
    """Yield every place where the trail or an operation is not what was written; nothing where all is well."""
    previous, place = BEGINNING, 0
    latest: dict[str, sqlite3.Row] = {}
    for row in db.execute("SELECT * FROM trail ORDER BY place"):
        place += 1
        columns = (row["place"], row["operation_id"], row["at"], row["event"], row["detail"], row["row"])
        if row["place"] != place or row["previous"] != previous:
            yield f"event {row['place']}: an event before it is missing"
            place = row["place"]
        if row["hash"] != _hash(*columns, row["previous"]):
            yield f"event {row['place']} of operation {row['operation_id']}: it was edited"
        previous = row["hash"]
        latest[row["operation_id"]] = row
    for operation in db.execute("SELECT id, last_event FROM operations"):
        event = latest.pop(operation["id"], None)
        if event is None or event["hash"] != operation["last_event"]:
            yield f"operation {operation['id']}: its last event is missing"
        elif event["row"] != _digest_of_row(db, operation["id"]):
            yield f"operation {operation['id']}: it was edited"
    yield from (f"operation {gone}: it was removed" for gone in latest)


def _digest_of_row(db: sqlite3.Connection, operation_id: str) -> str:
    row = db.execute("SELECT * FROM operations WHERE id = ?", (operation_id,)).fetchone()
    return digest_of([row[key] for key in row.keys() if key != "last_event"])  # noqa: SIM118 - a Row is no mapping


def _hash(place: int, operation_id: str, at: float, event: str, detail: str, row: str, previous: str) -> str:
    return digest_of([place, operation_id, at, event, detail, row, previous])
