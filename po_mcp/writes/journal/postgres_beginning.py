"""What transactions and looks of PostgreSQL begin with: which copy it is, its time, what is due, where the log ends.

Each question is planned anew at each call, which takes longer than to answer it. So they are as plain as may be: the
rows behind what this process knows already tell nearly always all of it, and aggregates of the whole log are asked for
where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from po_mcp.writes.journal import audit_log, due, moves, restores
from po_mcp.writes.journal.database import Ask, Mark

_MOST = 200
"""Events of others that are read, one by one; where there are more, they are not."""
CLOCK = "extract(epoch FROM clock_timestamp())::float8"
# What tells this copy of the database from every other: a promoted standby goes on in a timeline of its own, and a
# dump that was read back has tables of its own.
COPY = (
    "(pg_control_system()).system_identifier::text || ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
    " || ' ' || coalesce(to_regclass('audit_log')::oid::text, '')"
)
# Of the table and not of the view, whose condition would be planned, too: PostgreSQL finds the index of what is live.
_IS_DUE = f"EXISTS (SELECT 1 FROM write_operations WHERE {moves.IS_OVER})"  # noqa: S608


class Beginning(NamedTuple):
    """The database's time, which copy it is and which one it knows, and the hash where this process wrote last.

    `due` is None where the log's end does not tell it: see `due.note_begun`, whose arguments these are.
    """

    at: float
    origin: str
    known: str | None
    hash_at_mark: str | None
    due: Sequence[Any] | None = None


def ask_copy(mark: Mark) -> Ask:
    """Ask what a look begins with: it is answered by one row."""
    at_mark = "SELECT hash FROM audit_log WHERE place = ?"
    return Ask(f"SELECT {CLOCK}, {COPY}, ({restores.KNOWN}), ({at_mark})", (mark.place,))


def ask_due(clock: float | None) -> Ask:
    """Ask what a writing transaction begins with: it is answered by one row; `clock` stands for the database's."""
    begin = f"SELECT {CLOCK}, {COPY}, ({restores.KNOWN}), "
    return Ask(begin + _IS_DUE.replace("?", CLOCK)) if clock is None else Ask(begin + _IS_DUE, (clock,))


def ask_end(mark: Mark, seen: due.Latest) -> Ask:
    """Ask for the events behind what this process knows, and the last one that it knows."""
    return Ask(
        "SELECT place, hash, at, operation_id = '' AND event = ? AS is_set_back FROM audit_log WHERE place >= ?"
        " ORDER BY place DESC LIMIT ?",
        (audit_log.CLOCK_SET_BACK, min(mark.place, seen.place), _MOST + 1),
    )


def ask_all(seen: due.Latest, now: float) -> Ask:
    """Ask for what is due where the end of the log does not tell it."""
    return Ask(f"SELECT {due.COLUMNS}", (seen.place, now))


def read_due(row: Sequence[Any], end: Sequence[Any], mark: Mark, seen: due.Latest) -> Beginning:
    """Return a beginning, of the row and of the events that were asked for."""
    at, origin, known, is_over = row
    hash_at_mark = next((event["hash"] for event in end if event["place"] == mark.place), None)
    beginning = Beginning(at, origin, known, hash_at_mark)
    # Not all that came since, or what this process knows is no longer there.
    if len(end) > _MOST or (mark.place and hash_at_mark != mark.hash):
        return beginning
    since = next((event["place"] for event in end if event["is_set_back"]), 1)
    times = [event["at"] for event in end if event["place"] > seen.place and event["place"] >= since]
    last = end[0] if end else None
    ends = (last["place"], last["hash"]) if last else (None, None)
    return beginning._replace(due=(known, since, max(times, default=None), int(is_over), *ends))
