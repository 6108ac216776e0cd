"""The audit log: what happened to each operation, append-only, every event hashed with the one before it.

Editing an event, cutting one out, or editing an operation behind the journal's back breaks the chain or the
digest that stands in it. Writing the whole file again is not found out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from po_mcp.writes.journal.database import BEGINNING as BEGINNING
from po_mcp.writes.journal.database import Ask, Mark, Row, Transaction
from po_mcp.writes.operation import digest_of

CLOCK_SET_BACK = "clock set back"
"""The event with which the log's time begins again."""
PRUNED = "pruned"
"""The event with which the log's beginning was taken away: it holds the place and the hash of what went last."""
GUARD = "audit_log_is_not_cut"
"""The trigger that keeps events from being deleted."""
_RECENT_EVENTS = 200
"""Events among which the latest time is looked for."""
SINCE = f"SELECT coalesce(MAX(place), 1) AS place FROM audit_log WHERE operation_id = '' AND event = '{CLOCK_SET_BACK}'"  # noqa: S608
"""The place from which the log's times count: the first, or that at which the clock was last found set back."""
# One bound, since of two SQLite goes down to the one that it likes.
_AFTER = (
    "SELECT CASE WHEN since.place > seen.place THEN since.place - 1 ELSE seen.place END"  # noqa: S608
    f" FROM ({SINCE}) AS since, (SELECT ? AS place) AS seen"
)
_LATEST = f"SELECT at FROM audit_log WHERE place > ({_AFTER}) ORDER BY place DESC LIMIT {_RECENT_EVENTS}"  # noqa: S608
LATEST_TIME = f"SELECT MAX(at) FROM ({_LATEST}) AS recent"  # noqa: S608
"""The latest time that was recorded since then, and after a place; NULL where there is none.

Many small corrections would otherwise put the clock back by any amount without being noticed.
"""
# Whether a late effect was reported is a note to ourselves, which moves without an event; the place of a row among
# others is each database's own.
_NOT_DIGESTED = ("last_event", "is_untold", "rowid", "event_hash", "event_row")
_WITH_LAST_EVENT = """
SELECT o.*, e.hash AS event_hash, e.row AS event_row FROM write_operations AS o
  LEFT JOIN audit_log AS e ON e.place = (SELECT MAX(place) FROM audit_log WHERE operation_id = o.id)
"""
_GONE = """
SELECT DISTINCT operation_id FROM audit_log AS e
 WHERE operation_id != '' AND NOT EXISTS (SELECT 1 FROM write_operations WHERE id = e.operation_id)
"""
# Its hash is that which the operation's row names, and must be there.
_ADD = (
    "INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?,"
    " (SELECT last_event FROM write_operations WHERE id = ? AND last_event = ?))"
)
INSERT = "INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LAST = "SELECT place, hash FROM audit_log ORDER BY place DESC LIMIT 1"


ANSWERED_NUMBER = "answered number"
"""In an event's detail: the order that the ERP named in its success, where it is not the one that was asked for."""


@dataclass(frozen=True)
class Event:
    """One thing that happened: when (seconds since 1970), what, and what is known of it.

    `operation_id` is "" for what concerns the journal itself.
    """

    operation_id: str
    at: float
    event: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Proof:
    """On what an operation counts as done.

    `answered_number`: the order that the ERP named in its success, where that is not the one that was asked for.
    `is_persons_word`: a person said that it happened, and the ERP neither said nor showed it.
    """

    answered_number: str | None
    is_persons_word: bool

    @classmethod
    def of(cls, events: Sequence[Event]) -> Proof:
        """Return what the events of an operation tell."""
        named = [event.detail.get(ANSWERED_NUMBER) for event in events]
        return cls(
            next((str(number) for number in reversed(named) if number), None),
            any(event.event == "DONE" and "said" in event.detail for event in events),
        )


def end_of(db: Transaction) -> Mark:
    """Return where the log ends."""
    return _mark_of(db.execute(_LAST).fetchone())


def _mark_of(last: Row | None) -> Mark:
    return Mark(last["place"], last["hash"]) if last else Mark()


def start_of(db: Transaction) -> Mark:
    """Return after which event the log begins: after the last one that was pruned, if one was."""
    row = db.execute(
        "SELECT detail FROM audit_log WHERE operation_id = '' AND event = ? ORDER BY place DESC LIMIT 1", (PRUNED,)
    ).fetchone()
    if row is None:
        return Mark()
    detail = json.loads(row["detail"])
    return Mark(int(detail["until"]), str(detail["hash"]))


def holds(db: Transaction, mark: Mark) -> bool:
    """Tell whether the log once ended at this mark, and goes on from it."""
    start = start_of(db)
    # What was pruned can no longer be compared; that it was stands in the log itself.
    if mark.place < start.place or mark == start:
        return True
    row = db.execute("SELECT hash FROM audit_log WHERE place = ?", (mark.place,)).fetchone()
    return row is not None and row["hash"] == mark.hash


class Link(NamedTuple):
    """An event as the log's next one, with the digest of its operation's row as it stands then, not added yet."""

    place: int
    operation_id: str
    at: float
    event: str
    detail: str
    row: str
    previous: str
    hash: str


def next_link(db: Transaction, event: Event, row: Row | None) -> Link:
    """Return an event as the log's next one; `row` is its operation's as it stands, or will stand, after it."""
    # The transaction is alone, so that the log ends where it did when it was begun, and after each event of its own.
    return link_after(db.end or end_of(db), event, row)


def link_after(end: Mark, event: Event, row: Row | None) -> Link:
    """Return an event as the one that follows where the log ends."""
    # The operation's row goes into the hash, so that an edit of the row shows as well.
    digest = _digest_of_row(row)
    detail = json.dumps(event.detail, sort_keys=True, separators=(",", ":"))
    # Counted on without a gap, so that an event that was cut out is missed.
    values = (end.place + 1, event.operation_id, event.at, event.event, detail, digest, end.hash)
    return Link(*values, _hash(*values))


def add(db: Transaction, link: Link, row: Mapping[str, Any]) -> None:
    """Add the event of an operation whose row, which stands as `row` then, names it already.

    Where the row does not, since the statement before it changed none, this fails, and with it the transaction.
    """
    db.execute(_ADD, (*link[:-1], link.operation_id, link.hash))
    db.end = Mark(link.place, link.hash)
    db.rows[link.operation_id] = {**row, "last_event": link.hash}


def append(db: Transaction, event: Event) -> None:
    """Add an event within the transaction that did it, and note it in the operation's row.

    An event of an operation that is not recorded names it in its detail: an older copy may have been put in the
    journal's place while it was under way.
    """
    row = None
    if event.operation_id:
        row = db.execute("SELECT * FROM write_operations WHERE id = ?", (event.operation_id,)).fetchone()
        if row is None:
            # Else it would look as if somebody had removed the operation.
            event = replace(event, operation_id="", detail={**event.detail, "operation": event.operation_id})
    link = next_link(db, event, row)
    db.execute(INSERT, link)
    # A chain whose end was cut off is whole: the row names its last event, so that it is missed.
    if event.operation_id:
        db.execute("UPDATE write_operations SET last_event = ? WHERE id = ?", (link.hash, event.operation_id))
    db.end = Mark(link.place, link.hash)


def ask_events(operation_id: str) -> Ask:
    """Ask what happened to one operation, in order."""
    return Ask("SELECT * FROM audit_log WHERE operation_id = ? ORDER BY place", (operation_id,))


def read_events(rows: Iterable[Row]) -> list[Event]:
    """Return events as the log has them."""
    return [Event(row["operation_id"], row["at"], row["event"], json.loads(row["detail"])) for row in rows]


def count(db: Transaction, operation_id: str, event: str) -> int:
    """Return how often an event happened to one operation."""
    found = db.execute("SELECT COUNT(*) FROM audit_log WHERE operation_id = ? AND event = ?", (operation_id, event))
    times: int = found.fetchone()[0]
    return times


def find_faults(db: Transaction) -> Iterator[str]:
    """Yield every place where the log or an operation is not what was written; nothing where all is well."""
    before = start_of(db)
    # Streamed, all three: a journal may be years long, and longer than this machine's memory.
    for row in db.stream("SELECT * FROM audit_log ORDER BY place"):
        yield from check_event(row, before)
        before = Mark(row["place"], row["hash"])
    for operation in db.stream(_WITH_LAST_EVENT):
        if operation["event_hash"] is None or operation["event_hash"] != operation["last_event"]:
            yield f"operation {operation['id']}: last event missing"
        elif operation["event_row"] != _digest(operation):
            yield f"operation {operation['id']}: edited"
    for row in db.stream(_GONE):
        yield f"operation {row['operation_id']}: removed"


def check_event(row: Mapping[str, Any] | Row, before: Mark) -> Iterator[str]:
    """Yield what is wrong with an event that follows another."""
    columns = (row["place"], row["operation_id"], row["at"], row["event"], row["detail"], row["row"])
    if row["place"] != before.place + 1 or row["previous"] != before.hash:
        yield f"event {row['place']}: an earlier event is missing"
    if row["hash"] != _hash(*columns, row["previous"]):
        yield f"event {row['place']} (operation {row['operation_id']}): edited"


def _digest_of_row(row: Row | None) -> str:
    return digest_of([]) if row is None else _digest(row)


def _digest(row: Row) -> str:
    return digest_of_values(row[key] for key in digested(row))


def digested(row: Row) -> list[str]:
    """Return the columns of an operation that go into its digest, in order."""
    return [key for key in row.keys() if key not in _NOT_DIGESTED]  # noqa: SIM118


def digest_of_values(values: Iterable[object]) -> str:
    """Return the digest of an operation's columns."""
    return digest_of([*values])


def _hash(place: int, operation_id: str, at: float, event: str, detail: str, row: str, previous: str) -> str:
    return digest_of([place, operation_id, at, event, detail, row, previous])
