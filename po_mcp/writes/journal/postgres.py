"""The journal in PostgreSQL, which several servers (replicas) share: one set of rules, one clock, one order of events.

Every writing transaction begins by taking one advisory lock, at READ COMMITTED: one at a time, as in SQLite, since each
event of the audit log needs the hash of the one before it. The lock is for order. What keeps a write from being sent
twice are the compare-and-set of `moves.move` and the unique index of what is live. (REPEATABLE READ would take its
snapshot before it waits for the lock, and then see the past.)

The clock is the database's, taken after the lock: those of replicas differ, and by one that is ahead an operation that
another replica is sending would look abandoned. A move that is made at once (`postgres_at_once`) has the time that this
process counts on from the database's, compared with it behind the lock.

Nothing here is a setting of the session, and nothing is prepared where a pooler such as PgBouncer stands between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, NoReturn

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import audit_log, due, restores, schema
from po_mcp.writes.journal import postgres_beginning as beginning
from po_mcp.writes.journal.at_once import Remembered, suppose
from po_mcp.writes.journal.database import Ask, Mark, Row, Slots, Step, Transaction
from po_mcp.writes.journal.postgres_at_once import ask_move
from po_mcp.writes.journal.postgres_beginning import Beginning
from po_mcp.writes.journal.postgres_connections import DEFAULTS, PostgresConnections, away_error, error_of
from po_mcp.writes.journal.postgres_planned import ask_planned
from po_mcp.writes.journal.postgres_schema import need_durable, prepare, read_schema, translate_schema
from po_mcp.writes.journal.postgres_transaction import PostgresTransaction, ask_together

READING_S, WRITING_S = 6.0, 10.0
"""Seconds after which a transaction is cut off: its server stands still. A writing one may wait for its turn."""
FRESH_S = 1.0
"""Seconds for which the database's time is counted on here, and its connections are not tried before they are used."""
READERS = 4
# As one message: the lock is taken, and only then the clock is read. A transaction that stands still (a machine that
# was suspended) is ended before those who wait for its lock give up.
# With `synchronous_commit` off, as a user or a database may have it, a crash would lose a claim whose bytes went out.
_BEGIN_WRITING = """
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT set_config('lock_timeout', '6s', true), set_config('statement_timeout', '7s', true),
  set_config('idle_in_transaction_session_timeout', '3s', true), set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' WHEN 'local' THEN 'on'
    ELSE current_setting('synchronous_commit') END, true);
SELECT pg_advisory_xact_lock(28783, hashtext(current_schema()))
"""
_BEGIN_READING = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = '6s'; SET LOCAL idle_in_transaction_session_timeout = '60s'
"""
_COMMIT = "COMMIT"


class _Time(NamedTuple):
    """The database's time at a monotonic second of this process."""

    stored: float
    monotonic: float


class _Begun(NamedTuple):
    """A transaction that was begun; what is due, and the answers to what was asked with it.

    `holds_mark`: the log still has the last event that this process wrote, which the mark names.
    """

    connection: psycopg.Connection[Any]
    mark: Mark
    holds_mark: bool
    seen: due.Latest
    due: Sequence[Any]
    answers: list[list[Any]]


class PostgresDatabase:
    """The journal's database, opened when it is first used.

    Args:
        address: `postgresql://...`, as libpq takes it (https://www.postgresql.org/docs/current/libpq-connect.html).
        clock: seconds since 1970, in the place of the database's clock.
    """

    is_shared = True
    readers = READERS

    def __init__(self, address: str, clock: Callable[[], float] | None = None) -> None:
        self._address = address
        self._clock = clock
        self._connections = PostgresConnections(address, _prepare)
        self._time: _Time | None = None
        self._origin = ""
        self._known: str | None = None
        self._holds_mark = True
        self._mark = Mark()
        self._latest = due.Latest()
        self._remembered = Remembered()

    @property
    def path(self) -> str:
        """The address without user, password and parameters."""
        return describe(self._address)

    @property
    def id(self) -> str:
        """The random id of the journal, once it is open."""
        return self._connections.journal_id

    def call_at_once(self, call: Callable[..., Any], *arguments: Any) -> NoReturn:
        """Refuse: every question waits for the network."""
        raise JournalUnavailable("PostgreSQL is not asked without waiting.", effect="nothing_sent")

    def find_fault(self) -> str:
        """Say why nothing can be recorded; "" where it can."""
        try:
            with self.reading():
                return ""
        except JournalUnavailable as exc:
            return exc.message

    @contextmanager
    def unguarded(self, db: Transaction) -> Iterator[None]:
        """Switch the trigger off that keeps events from being deleted, and on again."""
        db.execute(f"ALTER TABLE audit_log DISABLE TRIGGER {audit_log.GUARD}")
        yield
        db.execute(f"ALTER TABLE audit_log ENABLE TRIGGER {audit_log.GUARD}")

    def exists(self) -> bool:
        """Tell that there is one: it is made by the first reader or writer."""
        return True

    def now(self) -> float:
        """Return the database's time as it was when it was last asked, and the seconds that passed here since."""
        if self._clock is not None:
            return self._clock()
        if self._time is None:
            return time.time()
        return self._time.stored + time.monotonic() - self._time.monotonic

    def origin(self) -> str:
        """Return what tells this copy of the database from every other."""
        return self._origin

    def read_older_copy(self) -> None:
        """Do nothing: a database that was put back is read, and written to."""

    def is_older_copy(self) -> bool:
        """Tell no: `is_other_copy` does."""
        return False

    def is_other_copy(self) -> bool:
        """Tell whether its last answer came from another copy than the journal knows: nothing was written since."""
        if restores.is_other(self._known, self._origin):
            return True
        if self._holds_mark:
            return False
        with self.reading() as db:
            return not audit_log.holds(db, self._mark)  # what was pruned is no longer there, either

    @contextmanager
    def writing(self, *asks: Ask) -> Iterator[PostgresTransaction]:
        """Run a transaction alone: all of it is durable when this ends without an error, or none of it."""
        with _translate_errors(), self._open_transaction(asks, is_writing=True) as begun:
            db = PostgresTransaction(begun.connection, is_late=True)
            self._latest = due.note_begun(db, begun.seen, *begun.due)
            db.answers = begun.answers
            # What was pruned meanwhile is no longer there, and the log itself says so.
            if not begun.holds_mark and not audit_log.holds(db, begun.mark):
                db.execute("UPDATE journal SET value = 'cut' WHERE name = 'origin'")
                self._latest = due.Latest()  # places of the log are used again
                db.begun = db.begun and db.begun._replace(known=db.begun.known and "cut")
            yield db
            _need_committed(db.end_by(_COMMIT))
            self._mark = db.end or Mark()
            self._remembered.note(db.rows)

    def recall(self, operation_id: str) -> Row | None:
        """Return an operation's row as this process left it, if `move_at_once` is worth trying with it."""
        return self._remembered.recall(operation_id)

    def move_at_once(self, row: Row, step: Step, now: float, need: Ask | None = None) -> bool:
        """Make a move by one message, where all is as this process left it; else change nothing."""
        origin, known = self._origin, self._known
        # Where the copy is not the one that the journal knows, a transaction has more to do.
        if known is None or restores.is_other(known, origin) or row["state"] != step.before:
            return False
        move = suppose(row, step, self._mark, now)
        with _translate_errors():
            count = self._ask_alone(ask_move(move, origin, known, None if self._clock is None else now, need))
        self._remembered.note_try(has_moved=count == 1)
        if count != 1:
            return False
        self._mark = move.end
        self._remembered.note({row["id"]: move.after})
        return True

    def _ask_alone(self, ask: Ask) -> int:
        """Ask in a transaction of one message what changes rows; return how many, 0 where the connection was gone."""
        with self._connections.use(WRITING_S) as connection:
            try:
                [[(at, count)]] = ask_planned(connection, [ask], _BEGIN_WRITING, _COMMIT)
            except psycopg.Error:
                if connection.broken:
                    return 0  # a server that was restarted has closed every connection: the usual way takes another
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            self._time = _Time(at, time.monotonic())
            return int(count)

    @contextmanager
    def loading(self) -> Iterator[PostgresTransaction]:
        """Run a transaction alone in which tables are filled, however long that takes."""
        with _translate_errors(), self._open_transaction(is_writing=True) as begun:
            connection = begun.connection
            self._connections.let_go(connection)
            connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            db = PostgresTransaction(connection)
            yield db
            end = audit_log.end_of(db)
            _need_committed(connection.execute(_COMMIT).statusmessage)
            self._mark = end

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question, which needs no transaction on a connection that answered a moment ago."""
        if self._time is None or time.monotonic() - self._time.monotonic > FRESH_S:
            with _translate_errors(), self._open_transaction(asks) as begun:
                begun.connection.execute(_COMMIT)
                return begun.answers
        with _translate_errors(), self._connections.use(READING_S) as connection:
            mark = self._mark
            [row], *found = ask_planned(connection, [beginning.ask_copy(mark), *asks])
            self._note_copy(mark, beginning.Beginning(*row))
            return found

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        """Read as of one moment; no writer is waited for."""
        begun = self._open_transaction()
        with _translate_errors(), begun as (connection, *_):
            db = PostgresTransaction(connection, is_late=True)
            yield db
            db.end_by(_COMMIT)

    def adopt(self) -> str:
        """Do nothing: what was put back is noticed and adopted by the journal's rules."""
        return ""

    def find_schema_faults(self, db: Transaction) -> list[str]:
        """Compare the tables with those of this version, which are made in a schema that is then dropped."""
        assert isinstance(db, PostgresTransaction)
        # The whole log is read now, and it may be long.
        self._connections.let_go(db.connection)
        db.execute("SET LOCAL statement_timeout = 0")
        found = read_schema(db, str(db.execute("SELECT current_schema()").fetchone()[0]))
        return schema.find_faults(found, self._expected_schema())

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def __del__(self) -> None:
        # A pool that is dropped open is closed by a thread of its own, which cannot wait for itself.
        self.close()

    def slots(self, name: str, most: int) -> Slots:
        """Return slots that all replicas share."""
        from po_mcp.writes.journal.slots import SharedSlots  # late: only where a limit is set

        return SharedSlots(self._address, DEFAULTS, name, most)

    async def listen(self, heard: Callable[[str, str], None]) -> None:
        """Hear of every event, of whichever replica, until cancelled."""
        from po_mcp.writes.journal.listening import listen  # late: a command hears of nothing

        await listen(self._address, DEFAULTS, heard)

    # Transactions

    @contextmanager
    def _open_transaction(self, asks: Sequence[Ask] = (), *, is_writing: bool = False) -> Iterator[_Begun]:
        """Give a connection in a transaction, which is rolled back where it was not committed."""
        mark, seen = self._mark, self._latest

        def begin(connection: psycopg.Connection[Any]) -> _Begun:
            if is_writing:
                return self._begin_writing(connection, mark, seen, asks)
            [row], *answers = ask_planned(connection, [beginning.ask_copy(mark), *asks], _BEGIN_READING)
            self._note_begun(mark, begun := beginning.Beginning(*row))
            return _Begun(connection, mark, self._holds_mark, seen, begun.due or (), answers)

        with self._connections.transaction(begin, WRITING_S if is_writing else READING_S) as begun:
            yield begun

    def _begin_writing(
        self, connection: psycopg.Connection[Any], mark: Mark, seen: due.Latest, asks: Sequence[Ask]
    ) -> _Begun:
        due_now = beginning.ask_due(None if self._clock is None else self._clock())
        asked = [due_now, beginning.ask_end(mark, seen), *asks]
        [row], end, *answers = ask_planned(connection, asked, _BEGIN_WRITING)
        begun = beginning.read_due(row, end, mark, seen)
        self._note_begun(mark, begun)
        if (found := begun.due) is None:
            [[found]] = ask_together(connection, [beginning.ask_all(seen, self.now())])
        return _Begun(connection, mark, self._holds_mark, seen, found, answers)

    def _note_begun(self, mark: Mark, begun: Beginning) -> None:
        self._time = _Time(begun.at, time.monotonic())
        self._note_copy(mark, begun)

    def _note_copy(self, mark: Mark, begun: Beginning) -> None:
        self._origin, self._known = begun.origin, begun.known
        self._holds_mark = mark.place == 0 or begun.hash_at_mark == mark.hash

    def _expected_schema(self) -> dict[str, str]:
        name = "po_mcp_expected"
        with self._connections.use(WRITING_S) as connection:
            try:
                connection.execute(f"BEGIN; CREATE SCHEMA {name}; SET LOCAL search_path = {name}")
                for statement in translate_schema(schema.statements()):
                    connection.execute(statement)
                return read_schema(PostgresTransaction(connection), name)
            finally:
                connection.execute("ROLLBACK")


def _prepare(connection: psycopg.Connection[Any]) -> str:
    """See that the database keeps what it is given, make tables where there are none, and return the journal's id."""
    need_durable(connection)
    prepare(connection, _BEGIN_WRITING)
    found = connection.execute("SELECT value FROM journal WHERE name = 'id'").fetchone()
    return str(found[0]) if found else ""


def describe(address: str) -> str:
    """Return an address for people: host, port and name of the database; no user and no password."""
    try:
        known = conninfo_to_dict(address)
    except psycopg.Error:
        return "postgresql://"
    host, port = known.get("host") or known.get("hostaddr") or "", known.get("port")
    return f"postgresql://{host}{f':{port}' if port else ''}/{known.get('dbname') or ''}"


def _need_committed(answer: str | None) -> None:
    """See that it was; a COMMIT of what failed before answers ROLLBACK, without an error."""
    if answer != "COMMIT":
        raise away_error()


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, PoolTimeout, OSError) as exc:
        raise error_of(exc) from exc
