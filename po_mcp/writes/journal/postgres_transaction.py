"""A transaction of PostgreSQL as the journal's statements see it: `?` for values, and rows by place and by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql

from po_mcp.writes.journal.database import Rows


class _Row(tuple[Any, ...]):
    """A row by place and by name, as SQLite's are."""

    __slots__ = ()
    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


class _PipelinedRows:
    """What a statement gave, which is waited for when it is asked for."""

    def __init__(self, cursor: psycopg.Cursor[Any], pipeline: psycopg.Pipeline) -> None:
        self._cursor = cursor
        self._pipeline = pipeline
        self.fetchone, self.fetchall = cursor.fetchone, cursor.fetchall

    @property
    def rowcount(self) -> int:
        self._pipeline.sync()
        return self._cursor.rowcount

    @property
    def description(self) -> Any:
        self._pipeline.sync()
        return self._cursor.description

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor.fetchall())


class PostgresTransaction:
    """A transaction as the journal's statements see it."""

    def __init__(self, connection: psycopg.Connection[Any], pipeline: psycopg.Pipeline | None = None) -> None:
        self.connection = connection
        self._pipeline = pipeline

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run a statement with `?` for values. In a pipeline, those whose rows nobody asks for are not waited for."""
        cursor = self.connection.execute(_with_placeholders(statement), values)
        return cursor if self._pipeline is None else _PipelinedRows(cursor, self._pipeline)

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Fill a table with rows as they are."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)


@lru_cache(maxsize=512)
def _with_placeholders(statement: str) -> str:
    return statement.replace("?", "%s")


def make_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], _Row]:
    names = tuple(column.name for column in cursor.description or ())
    kind = _row_type(names)
    return lambda values: kind(values)


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> type[_Row]:
    return type("_Row", (_Row,), {"__slots__": (), "names": names})
