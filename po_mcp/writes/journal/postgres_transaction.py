"""A transaction of PostgreSQL as the journal's statements see it: `?` for values, and rows by place and by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq.abc import PGresult

from po_mcp.writes.journal.database import Ask, Begun, Mark, Rows

_ROWS_PER_TRIP = 1_000
"""Rows that are read at a time, of what may be long."""


class _Row(tuple[Any, ...]):
    """A row by place and by name, as SQLite's are."""

    __slots__ = ()
    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


class _LateRows:
    """What a statement will have given: it is sent when its rows are asked for, with all that was run before it."""

    def __init__(self, ask: Ask, send: Callable[[], object]) -> None:
        self.ask = ask
        self._send = send
        self._found: tuple[list[Any], int, PGresult | None] | None = None

    def come(self, cursor: psycopg.Cursor[Any]) -> None:
        """Take what the statement gave."""
        self._found = (_rows_of(cursor), cursor.rowcount, cursor.pgresult)

    def _wait(self) -> tuple[list[Any], int, PGresult | None]:
        if self._found is None:
            self._send()
        assert self._found is not None
        return self._found

    @property
    def rowcount(self) -> int:
        return self._wait()[1]

    @property
    def description(self) -> Any:
        return [(name,) for name in _names_of(self._wait()[2])]

    def fetchone(self) -> Any:
        rows = self._wait()[0]
        return rows.pop(0) if rows else None

    def fetchall(self) -> list[Any]:
        rows = self._wait()[0]
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

    def end_by(self, statement: str) -> str | None:
        """Send what was not sent yet, and with it what ends the transaction; return what that was answered with."""
        self.execute(statement)
        cursor = self._send()
        return None if cursor is None else cursor.statusmessage

    def _send(self) -> psycopg.Cursor[Any] | None:
        waiting, self._waiting = self._waiting, []
        cursor = None
        for rows, cursor in zip(waiting, send_together(self.connection, [one.ask for one in waiting]), strict=True):
            rows.come(cursor)
        return cursor

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Fill a table with rows as they are."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)


def ask_together(connection: psycopg.Connection[Any], asks: Sequence[Ask], before: str = "") -> list[list[Any]]:
    """Send questions as one message, behind what stands before them; return the rows of each."""
    return [_rows_of(cursor) for cursor in send_together(connection, asks, before)][-len(asks) :]


def send_together(
    connection: psycopg.Connection[Any], asks: Sequence[Ask], before: str = ""
) -> Iterator[psycopg.Cursor[Any]]:
    """Send statements as one message, and yield the cursor at what each of them gave.

    The values are written into it, quoted by libpq (`psycopg.ClientCursor`), since a message of several statements
    takes no parameters.
    """
    text = _join((*([before] if before else []), *(one.statement for one in asks)))
    cursor = connection.execute(text, [value for one in asks for value in one.values])
    yield cursor
    while cursor.nextset():
        yield cursor


@lru_cache(maxsize=512)
def _join(statements: tuple[str, ...]) -> bytes:
    # ASCII, all of them: what is not is a value.
    return ";".join(map(_with_placeholders, statements)).encode("ascii")


def _rows_of(cursor: psycopg.Cursor[Any]) -> list[Any]:
    # BEGIN and SET have none.
    return cursor.fetchall() if cursor.pgresult is not None and cursor.pgresult.nfields else []


@lru_cache(maxsize=512)
def _with_placeholders(statement: str) -> str:
    return statement.replace("?", "%s")


def make_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], _Row]:
    """Return what makes a row of its values: psycopg's row factory."""
    # Most questions find nothing, and a message has what gives none: their names are not looked up.
    found = cursor.pgresult
    kind = _row_type(_names_of(found) if found is not None and found.ntuples else ())
    return lambda values: kind(values)


def _names_of(found: PGresult | None) -> tuple[str, ...]:
    # Not by the cursor's description, which makes an object of each column.
    return tuple((found.fname(place) or b"").decode() for place in range(found.nfields)) if found else ()


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> type[_Row]:
    return type("_Row", (_Row,), {"__slots__": (), "names": names})
