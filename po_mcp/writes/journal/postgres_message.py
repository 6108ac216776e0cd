"""Messages to PostgreSQL, by psycopg's wrapper of libpq: several statements at once, and what each of them gave.

A cursor of psycopg adapts every value and every column by rules that a program may change at any time. A statement of
the journal has texts, numbers and NULL, and its rows have those and booleans: adapted here, a message takes half of
the processor time. Connecting, and what is not asked at each call, is left to psycopg.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg import errors, pq
from psycopg.pq.abc import Escaping, PGconn, PGresult

_TEXT = pq.Format.TEXT
_Reader = Callable[[bytes], Any]
_INTERRUPTED_S = 0.1
"""Seconds after which Windows looks for an interrupt."""


class Row(tuple[Any, ...]):
    """A row by place and by name, as SQLite's are."""

    __slots__ = ()
    names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def keys(self) -> tuple[str, ...]:
        return self.names


class Given(NamedTuple):
    """What one statement gave: its rows, and how libpq has it."""

    rows: list[Any]
    result: PGresult

    @property
    def changed(self) -> int:
        """How many rows it changed, or gave; -1 for neither."""
        count = self.result.command_tuples
        return -1 if count is None else count

    @property
    def status(self) -> str:
        """The name of the statement, as `COMMIT`."""
        return (self.result.command_status or b"").decode("ascii")


def send(connection: psycopg.Connection[Any], parts: Sequence[bytes], values: Sequence[Any]) -> list[Given]:
    """Send statements as one message, and return what each of them gave.

    `values` stand between the parts of the message, quoted by libpq, since a message of several statements takes no
    parameters.

    Raises:
        psycopg.Error: a statement failed, and those after it were not run; or the connection is gone.
    """
    encoding = connection.info.encoding
    pgconn = connection.pgconn
    pgconn.send_query(_write(parts, values, pq.Escaping(pgconn), encoding))
    found = _wait_for_results(pgconn)
    if found and found[-1].status == pq.ExecStatus.FATAL_ERROR:
        raise errors.error_from_result(found[-1], encoding)
    readers = _READERS if encoding == "utf-8" else {}
    return [_read(one, readers, connection) for one in found]


def _write(parts: Sequence[bytes], values: Sequence[Any], escaping: Escaping, encoding: str) -> bytes:
    written = [parts[0]]
    for value, part in zip(values, parts[1:], strict=True):
        written += (_quote(value, escaping, encoding), part)
    return b"".join(written)


def _quote(value: Any, escaping: Escaping, encoding: str) -> bytes:
    if value is None:
        return b"NULL"
    if isinstance(value, str):
        if "\0" in value:  # libpq would end the text there
            raise psycopg.DataError("PostgreSQL has no text with NUL in it")
        return escaping.escape_literal(value.encode(encoding))
    if type(value) in (int, float):
        # Two signs one after another begin a comment.
        return f" {value!r}".encode("ascii")
    raise psycopg.ProgrammingError(f"a {type(value).__name__} is no value of the journal")


def _wait_for_results(pgconn: PGconn) -> list[PGresult]:
    while pgconn.flush():
        # What the server says meanwhile is taken, or both would wait for the other to read.
        if _wait(pgconn.socket, is_writing=True):
            pgconn.consume_input()
    found: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            _wait(pgconn.socket)
            pgconn.consume_input()
        if (result := pgconn.get_result()) is None:
            return found
        found.append(result)


def _wait_by_poll(descriptor: int, is_writing: bool = False) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | (select.POLLOUT if is_writing else 0))
    [(_, events)] = poll.poll()
    return bool(events & ~select.POLLOUT)


def _wait_by_select(descriptor: int, is_writing: bool = False) -> bool:
    while True:
        writers = [descriptor] if is_writing else []
        readable, writable, _ = select.select([descriptor], writers, [], _INTERRUPTED_S)
        if readable or writable:
            return bool(readable)


_wait = _wait_by_poll if hasattr(select, "poll") else _wait_by_select
"""Waits until a socket can be read, or written; tells whether it can be read, or is at its end."""


def _read(result: PGresult, readers: Mapping[int, _Reader], connection: psycopg.Connection[Any]) -> Given:
    # Most questions find nothing, and a message has what gives none: its columns are not looked up.
    if not result.ntuples:
        return Given([], result)
    kind, get = row_type(names_of(result)), result.get_value
    types = map(result.ftype, range(result.nfields))
    columns = [(place, readers.get(type_id) or _load(type_id, connection)) for place, type_id in enumerate(types)]
    rows = [
        kind([None if (text := get(row, place)) is None else read(text) for place, read in columns])
        for row in range(result.ntuples)
    ]
    return Given(rows, result)


_READERS: Mapping[int, _Reader] = {
    16: b"t".__eq__,  # bool
    20: int,  # bigint
    23: int,  # integer
    25: bytes.decode,  # text
    701: float,  # double precision
}
"""By the ids of their types, which are the same in all (https://www.postgresql.org/docs/current/catalog-pg-type.html)."""


def _load(type_id: int, connection: psycopg.Connection[Any]) -> _Reader:
    """Return what reads a type by psycopg's rules: what only an administrator asks for, as names of the catalog."""
    found = connection.adapters.get_loader(type_id, _TEXT) or connection.adapters.get_loader(0, _TEXT)
    assert found is not None
    return found(type_id, connection).load


def names_of(result: PGresult) -> tuple[str, ...]:
    """Return the names of the columns."""
    # Not by a cursor's description, which makes an object of each.
    return tuple([(result.fname(place) or b"").decode() for place in range(result.nfields)])


@lru_cache(maxsize=256)
def row_type(names: tuple[str, ...]) -> type[Row]:
    """Return what makes a row with these names of its values."""
    return type("Row", (Row,), {"__slots__": (), "names": names})
