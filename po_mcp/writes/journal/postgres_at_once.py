"""A move at once (`at_once`) in PostgreSQL: one message that begins, takes the lock, moves, adds the event and commits.

So an operation that one process carries out takes one wait for the database at each of its moves. The event's time is
the database's as this process counts it on. It is compared with the clock behind the lock: never ahead of it, nor
before the event that it follows.
"""

from __future__ import annotations

from po_mcp.writes.journal import moves, restores
from po_mcp.writes.journal.at_once import Supposed, ask_update
from po_mcp.writes.journal.database import Ask
from po_mcp.writes.journal.postgres_beginning import CLOCK, COPY

BEHIND_S = 0.25
"""Seconds by which the time of an event may be behind the clock."""

_IS_COPY = f"{COPY} = ? AND ({restores.KNOWN}) = ?"
_NOTHING_IS_OVER = f"NOT EXISTS (SELECT 1 FROM write_operations WHERE {moves.IS_OVER})"  # noqa: S608
_IS_IN_TIME = f"{CLOCK} - CAST(? AS float8) BETWEEN 0 AND CAST(? AS float8)"
_EVENT = ", ".join(f"CAST(? AS {kind})" for kind in ("bigint", "text", "float8", *("text",) * 5))


def ask_move(move: Supposed, origin: str, known: str, clock: float | None, need: Ask | None) -> Ask:
    """Move, where all is as supposed; it is answered by one row: the database's time, and how many were moved.

    Args:
        move: what is to be made.
        origin: the copy of the database, as this process saw it last.
        known: the copy that the journal knows.
        clock: what stands for the database's clock; None where that counts.
        need: a condition that must hold, too.
    """
    copy = Ask(_IS_COPY, (origin, known))
    update, values = ask_update(move, (copy, *_in_time(move.link.at, clock), need))
    return Ask(
        f"WITH moved AS ({update} RETURNING 1),"  # noqa: S608
        f" added AS (INSERT INTO audit_log SELECT {_EVENT} FROM moved RETURNING 1)"
        f" SELECT {CLOCK}, (SELECT count(*) FROM added)",
        (*values, *move.link),
    )


def _in_time(at: float, clock: float | None) -> tuple[Ask, ...]:
    if clock is not None:
        return (Ask(_NOTHING_IS_OVER, (clock,)),)
    return Ask(_NOTHING_IS_OVER.replace("?", CLOCK)), Ask(_IS_IN_TIME, (at, BEHIND_S))
