"""The journal as a file for auditors: lines of JSON with the chain, which is checked without the journal.

The first line says which journal it is, and where its part of the log begins and ends; then come the events in order,
then the operations as they stand. Keep the hash of the last event apart, and you notice a file that was rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from po_mcp.writes.journal import audit_log
from po_mcp.writes.journal.database import Mark, Row, Transaction

FORMAT = "po-mcp journal, format 1"
_EVENT = ("place", "operation_id", "at", "event", "detail", "row", "previous", "hash")
_UNKNOWN_FORMAT = "line 1: not the beginning of an exported journal"


def write_lines(db: Transaction, journal_id: str, until: int | None = None) -> Iterator[str]:
    """Yield the lines of an export.

    Args:
        db: a connection, in a transaction.
        journal_id: the random id of the journal.
        until: the place of the last event; with it come only the operations that end there or before.
    """
    start, end = audit_log.start_of(db), audit_log.end_of(db) if until is None else _mark_at(db, until)
    # Both ends stand in the head, so that events which were cut off at either are missed.
    marks = {"begins_after": _of_mark(start), "ends_at": _of_mark(end)}
    yield json.dumps({"format": FORMAT, "journal": journal_id, **marks, "is_part": until is not None})
    for row in db.execute("SELECT * FROM audit_log WHERE place <= ? ORDER BY place", (end.place,)):
        yield json.dumps({"event": {name: row[name] for name in _EVENT}})
    for row in operations_until(db, end.place):
        yield json.dumps({"operation": {name: row[name] for name in audit_log.digested(row)}})


def operations_until(db: Transaction, place: int) -> list[Row]:
    """Return the operations whose last event is at this place of the log, or before it."""
    return db.execute(
        "SELECT * FROM write_operations WHERE last_event IN (SELECT hash FROM audit_log WHERE place <= ?) ORDER BY id",
        (place,),
    ).fetchall()


def _mark_at(db: Transaction, place: int) -> Mark:
    row = db.execute("SELECT hash FROM audit_log WHERE place = ?", (place,)).fetchone()
    return Mark(place, row["hash"])


def _of_mark(mark: Mark) -> dict[str, object]:
    return {"place": mark.place, "hash": mark.hash}


@dataclass
class Checked:
    """What an export holds, and where it is not what was written.

    Attributes:
        faults: one line for each; empty where all is well.
        end: the hash of its last event.
    """

    operations: int = 0
    events: int = 0
    faults: list[str] = field(default_factory=list)
    end: str = audit_log.BEGINNING


def check_lines(lines: Iterable[str]) -> Checked:
    """Check an export: every hash, every link, every operation against its last event, and the marks at its head."""
    checked = Checked()
    reader = _Reader(checked)
    for number, line in enumerate(lines, 1):
        try:
            reader.read(json.loads(line), number)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            checked.faults.append(f"line {number}: cannot be read")
    reader.end()
    return checked


class _Reader:
    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._head: Mapping[str, Any] = {}
        self._at = Mark()
        self._last: dict[str, str] = {}

    def read(self, line: Mapping[str, Any], number: int) -> None:
        """Check one line."""
        if number == 1:
            self._begin(line)
        elif "event" in line:
            self._read_event(line["event"])
        else:
            self._read_operation(line["operation"], number)

    def end(self) -> None:
        """Check what only the end of the file shows."""
        faults, end = self._checked.faults, self._head.get("ends_at", {})
        if not self._head and not faults:
            faults.append(_UNKNOWN_FORMAT)
        if self._head and (end.get("place"), end.get("hash")) != (self._at.place, self._at.hash):
            faults.append("the last events are missing, or events were added")
        # A part of a log also has events of operations that went on after it, and stand in the next part.
        if not self._head.get("is_part"):
            faults += [f"operation {one}: removed" for one in self._last if one]
        self._checked.end = self._at.hash

    def _begin(self, head: Mapping[str, Any]) -> None:
        if head.get("format") != FORMAT:
            self._checked.faults.append(_UNKNOWN_FORMAT)
            return
        self._head = head
        self._at = Mark(int(head["begins_after"]["place"]), str(head["begins_after"]["hash"]))

    def _read_event(self, event: Mapping[str, Any]) -> None:
        self._checked.events += 1
        self._checked.faults += audit_log.check_event(event, self._at)
        self._at = Mark(event["place"], event["hash"])
        self._last[event["operation_id"]] = event["row"]

    def _read_operation(self, operation: Mapping[str, Any], number: int) -> None:
        self._checked.operations += 1
        known = self._last.pop(operation["id"], None)
        if known is None:
            self._checked.faults.append(f"line {number}: operation {operation['id']} has no events")
        elif known != audit_log.digest_of_values(operation.values()):
            self._checked.faults.append(f"operation {operation['id']}: edited")
