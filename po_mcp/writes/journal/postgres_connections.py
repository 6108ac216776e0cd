"""Connections to the journal's database: each use has its time, and one that is away is not waited for by all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal.breaker import DatabaseBreaker
from po_mcp.writes.journal.postgres_planned import PlannedConnection
from po_mcp.writes.journal.postgres_transaction import make_rows
from po_mcp.writes.journal.watchdog import Watchdog

CHECKOUT_S = 2.0
"""Seconds to wait for a connection. A read of orders waits for it at most once, then the breaker answers."""
MAX_CONNECTIONS = 6
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 2,
    "application_name": "po-mcp",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "target_session_attrs": "read-write",
}
"""Parameters of a connection that the address does not give."""
_RECONNECT_S = 2.0

_REFUSALS: Mapping[str, tuple[str, str]] = {
    "42501": (
        "its user lacks a right there",
        "grant the user of PO_MCP_JOURNAL all rights on the journal's tables, and CREATE on its schema and database",
    ),
    "42": (
        "its tables are not as po-mcp made them",
        "put them back, from a backup where they are gone, and then run: po-mcp journal adopt",
    ),
    "3F": (
        "there is no schema for its tables",
        "name one that is there, in PO_MCP_JOURNAL or as the user's search_path",
    ),
    "25006": ("it takes no writes now", "let it take writes, or set PO_MCP_JOURNAL to the one that does"),
    "53": ("it has no room or no connection left", "look at its disk and at its limits"),
}
"""By the beginning of an SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html): why a database that
answers refused what was asked, and what an administrator must do."""

_Connection = PlannedConnection
# psycopg prepares nothing: behind a pooler another's may stand under the same name.
_OF_EACH = {
    "autocommit": True,
    "prepare_threshold": None,
    "row_factory": make_rows,
    "cursor_factory": psycopg.ClientCursor,
}
"""What each connection is opened with."""
_Begun = TypeVar("_Begun")

logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it warns of every try; what failed is told by who needed it


class PostgresConnections:
    """A pool that is opened when it is first used, behind a breaker.

    Args:
        address: of the database, as libpq takes it.
        prepare: sees to the database once the pool is open, and returns the journal's id; where it fails the pool is
            closed again.

    `journal_id` is that id, "" until it is open.
    What fails is an error of psycopg, or `JournalUnavailable` where nobody tries just now.
    """

    def __init__(self, address: str, prepare: Callable[[_Connection], str]) -> None:
        self._address = address
        self.journal_id = ""
        self._prepare = prepare
        self._pool: ConnectionPool[_Connection] | None = None
        self._opening = Lock()
        self._breaker = DatabaseBreaker()
        self._watchdog = Watchdog()

    @contextmanager
    def use(self, seconds: float) -> Iterator[_Connection]:
        """Give a connection, which is cut off after so many seconds."""
        pool = self._open_pool()
        connection = self._take(pool)
        try:
            with self._watchdog.watching(connection, seconds):
                yield connection
            self._breaker.note_success()
        finally:
            if self._watchdog.has_cut(connection):
                self._breaker.note_failure()
            pool.putconn(connection)

    @contextmanager
    def transaction(self, begin: Callable[[_Connection], _Begun], seconds: float) -> Iterator[_Begun]:
        """Give what `begin` gives, which begins a transaction; it is rolled back where an error comes before its end.

        Beginning and the rest have so many seconds each.
        """
        pool = self._open_pool()
        connection, begun = self._begin(pool, begin, seconds)
        try:
            with self._watchdog.watching(connection, seconds):
                yield begun
        except BaseException:
            with suppress(psycopg.Error), self._watchdog.watching(connection, CHECKOUT_S):
                connection.execute("ROLLBACK")
            if self._watchdog.has_cut(connection):
                self._breaker.note_failure()
            raise
        finally:
            pool.putconn(connection)

    def let_go(self, connection: psycopg.Connection[Any]) -> None:
        """Let what is done on a connection now take its time."""
        self._watchdog.let_go(connection)

    def close(self) -> None:
        """Close the connections."""
        with self._opening:
            if self._pool is not None:
                self._pool.close(timeout=1.0)
            self._pool = None
        self._watchdog.close()

    def _begin(
        self, pool: ConnectionPool[_Connection], begin: Callable[[_Connection], _Begun], seconds: float
    ) -> tuple[_Connection, _Begun]:
        until = time.monotonic() + seconds
        for _ in range(MAX_CONNECTIONS + 1):
            connection = self._take(pool)
            try:
                with self._watchdog.watching(connection, seconds):
                    begun = begin(connection)
            except psycopg.Error:
                is_gone = connection.broken
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                pool.putconn(connection)
                if not is_gone:
                    raise
                if time.monotonic() > until:
                    break
                continue  # a server that was restarted has closed every connection; nothing was done on this one
            self._breaker.note_success()
            return connection, begun
        self._breaker.note_failure()
        raise away_error()

    def _take(self, pool: ConnectionPool[_Connection]) -> _Connection:
        if not self._breaker.may_try():
            raise away_error()
        try:
            return pool.getconn(timeout=CHECKOUT_S)
        except PoolTimeout:
            self._breaker.note_failure()
            raise

    def _open_pool(self) -> ConnectionPool[_Connection]:
        with self._opening:
            if self._pool is None:
                if not self._breaker.may_try():
                    raise away_error()
                self._pool = self._open()
            return self._pool

    def _open(self) -> ConnectionPool[_Connection]:
        given = conninfo_to_dict(self._address)
        pool: ConnectionPool[_Connection] = ConnectionPool(
            make_conninfo(**{**DEFAULTS, **given}),
            connection_class=_Connection,
            kwargs=_OF_EACH,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=CHECKOUT_S,
            reconnect_timeout=_RECONNECT_S,
            num_workers=1,
            open=False,
        )
        try:
            # Waited for, since who asks before it is there lets the pool open a second one, which it uses in turn:
            # one process of the server then has in its caches what the other needs.
            pool.open(wait=True, timeout=CHECKOUT_S)
            with pool.connection(timeout=CHECKOUT_S) as connection:
                self.journal_id = self._prepare(connection)
        except (psycopg.OperationalError, PoolTimeout):
            self._breaker.note_failure()
            pool.close(timeout=1.0)
            raise
        except BaseException:
            pool.close(timeout=1.0)
            raise
        self._breaker.note_success()
        return pool


def away_error() -> JournalUnavailable:
    """Return the error for a database that does not answer."""
    what = "The journal's database does not answer, so po-mcp changes nothing."
    return JournalUnavailable(what, effect="nothing_sent")


def error_of(exc: Exception) -> JournalUnavailable:
    """Return the error for what failed at the database: one that answers says why, any other is away."""
    state = exc.sqlstate or "" if isinstance(exc, psycopg.Error) else ""
    refusal = _REFUSALS.get(state) or _REFUSALS.get(state[:2])
    if refusal is None:
        return away_error()
    why, must = refusal
    what = f"The journal's database refused it, since {why} (SQLSTATE {state}), so po-mcp changes nothing."
    step = f"Reading still works. Your administrator must {must}."
    return JournalUnavailable(what, effect="nothing_sent", next_step=step)
