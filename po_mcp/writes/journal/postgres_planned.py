"""Questions that a process of PostgreSQL keeps planned, since to plan one takes three times as long as to answer it.

Only on a connection that leads to one such process for as long as it lasts: a pooler such as PgBouncer gives each
transaction another one, which knows nothing of what was prepared. It is told by the id of the process, which a pooler
makes up (https://www.postgresql.org/docs/current/protocol-flow.html, BackendKeyData). And only what is asked before
anything is done, so that it can be asked again in the plain way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from psycopg import errors

from po_mcp.writes.journal.database import Ask
from po_mcp.writes.journal.postgres_transaction import ask_together

_ASK_PROCESS = Ask("SELECT pg_backend_pid()")
_MOST = 50
"""Questions that one process keeps planned."""
_NOT_PLANNED = (errors.InvalidSqlStatementName, psycopg.ProgrammingError, psycopg.NotSupportedError)
"""It is another process than before, or cannot plan it, or a table has other columns since."""


class PlannedConnection(psycopg.Connection[Any]):
    """A connection, and under which names its process keeps questions: "" for what was asked once.

    `keeps` is None until it is known whether one process answers; where it is False nothing is kept.
    """

    keeps: bool | None = None

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.names: dict[str, str] = {}


def ask_planned(
    connection: psycopg.Connection[Any], asks: Sequence[Ask], before: str = "", after: str = ""
) -> list[list[Any]]:
    """Send questions as one message, between what begins a transaction and what ends it; return the rows of each."""
    if not isinstance(connection, PlannedConnection) or connection.keeps is False:
        return ask_together(connection, asks, before, after)
    if connection.keeps is None:
        [[process]], *found = ask_together(connection, [_ASK_PROCESS, *asks], before, after)
        connection.keeps = process == connection.info.backend_pid
        return found
    names = _name_all(connection.names, asks)
    new = [Ask(_prepare(name, one)) for one, name in names.items() if name and not connection.names[one]]
    planned = [_execute(name, one) if (name := names[one.statement]) else one for one in asks]
    try:
        found = ask_together(connection, [*new, *planned], before, after)
    except _NOT_PLANNED:
        connection.keeps = False
        if before:
            connection.execute("ROLLBACK")
        return ask_together(connection, asks, before, after)
    connection.names |= names
    return found[len(new) :]


def _name_all(known: dict[str, str], asks: Sequence[Ask]) -> dict[str, str]:
    """Return the name of each question; "" for what is asked for the first time: commands ask once."""
    names: dict[str, str] = {}
    room = _MOST - sum(map(bool, known.values()))
    for statement, _ in asks:
        names[statement] = known.get(statement, "")
        if statement in known and not names[statement] and room > 0:
            names[statement], room = _name_of(statement), room - 1
    return names


@lru_cache(maxsize=512)
def _name_of(statement: str) -> str:
    # By what it asks: under one name there is never another question.
    return f"po_mcp_{hashlib.sha256(statement.encode()).hexdigest()[:24]}"


@lru_cache(maxsize=512)
def _prepare(name: str, statement: str) -> str:
    numbers = count(1)
    return f"PREPARE {name} AS {re.sub('[?]', lambda _: f'${next(numbers)}', statement)}"


def _execute(name: str, one: Ask) -> Ask:
    return Ask(f"EXECUTE {name}({', '.join('?' * len(one.values))})" if one.values else f"EXECUTE {name}", one.values)
