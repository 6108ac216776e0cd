"""A transaction of PostgreSQL as the journal's statements see it: `?` for values, and rows by place and by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from psycopg import sql

from po_mcp.writes.journal.database import Ask, Begun, Mark, Rows
from po_mcp.writes.journal.postgres_message import Given, Row, names_of, row_type, send

_ROWS_PER_TRIP = 1_000
"""Rows that are read at a time, of what may be long."""


class _LateRows:
    """What a statement will have given: it is sent when its rows are asked for, with all that was run before it."""

    def __init__(self, ask: Ask, send: Callable[[], object]) -> None:
        self.ask = ask
        self._send = send
        self._given: Given | None = None

    def come(self, given: Given) -> None:
        """Take what the statement gave."""
        self._given = given

    def _wait(self) -> Given:
        if self._given is None:
            self._send()
        assert self._given is not None
        return self._given

    @property
    def rowcount(self) -> int:
        return self._wait().changed

    @property
    def description(self) -> Any:
        return [(name,) for name in names_of(self._wait().result)]

    def fetchone(self) -> Any:
        rows = self._wait().rows
        return rows.pop(0) if rows else None

    def fetchall(self) -> list[Any]:
        rows = self._wait().rows
        found = rows[:]
        rows.clear()
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class PostgresTransaction:
    """A transaction as the journal's statements see it.

    A late one sends what it is to run as one message with the first statement whose rows somebody asks for. Nothing
    else is waited for, so that a journal which is far away costs few round trips.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, is_late: bool = False) -> None:
        self.connection = connection
        self.begun: Begun | None = None
        self.end: Mark | None = None
        self.answers: list[list[Any]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self._is_late = is_late
        self._waiting: list[_LateRows] = []
        self._streams = count(1)

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run a statement with `?` for values."""
        if not self._is_late:
            return self.connection.execute(_with_placeholders(statement), values)
        rows = _LateRows(Ask(statement, values), self._send)
        self._waiting.append(rows)
        return rows

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question, in one round trip."""
        found = [self.execute(*one) for one in asks]
        # The last is asked for first: it brings those of all.
        return [rows.fetchall() for rows in reversed(found)][::-1]

    def stream(self, statement: str) -> Iterator[Any]:
        """Yield the rows of a statement, a thousand in each round trip."""
        name = f"stream_{next(self._streams)}"
        # By a cursor of the server: the rows of a plain statement would all be held here at once.
        self.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {statement}")
        while rows := self.execute(f"FETCH {_ROWS_PER_TRIP} FROM {name}").fetchall():
            yield from rows
        self.execute(f"CLOSE {name}")

    def end_by(self, statement: str) -> str:
        """Send what was not sent yet, and with it what ends the transaction; return what that was answered with."""
        self.execute(statement)
        return self._send()[-1].status

    def _send(self) -> list[Given]:
        waiting, self._waiting = self._waiting, []
        found = send_together(self.connection, [one.ask for one in waiting])
        for rows, given in zip(waiting, found, strict=True):
            rows.come(given)
        return found

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Fill a table with rows as they are."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)


def ask_together(
    connection: psycopg.Connection[Any], asks: Sequence[Ask], before: str = "", after: str = ""
) -> list[list[Any]]:
    """Send questions as one message, between what stands before and after them; return the rows of each.

    Raises:
        psycopg.OperationalError: what stands after them was not done.
    """
    found = send_together(connection, asks, before, after)
    # A COMMIT of what failed before answers ROLLBACK, without an error.
    if after and found.pop().status != after:
        raise psycopg.OperationalError(f"no {after}")
    return [given.rows for given in found][-len(asks) :]


def send_together(
    connection: psycopg.Connection[Any], asks: Sequence[Ask], before: str = "", after: str = ""
) -> list[Given]:
    """Send statements as one message, and return what each of them gave."""
    parts = _split(tuple(filter(None, (before, *(one.statement for one in asks), after))))
    return send(connection, parts, [value for one in asks for value in one.values])


@lru_cache(maxsize=512)
def _split(statements: tuple[str, ...]) -> list[bytes]:
    """Join statements, and return what stands between their values."""
    # ASCII, all of them: what is not is a value.
    return [part.encode("ascii") for part in ";".join(statements).split("?")]


@lru_cache(maxsize=512)
def _with_placeholders(statement: str) -> str:
    return statement.replace("?", "%s")


def make_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Return what makes a row of its values: psycopg's row factory."""
    found = cursor.pgresult
    return row_type(names_of(found) if found is not None else ())
