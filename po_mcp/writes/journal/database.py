"""Where the journal lies: what SQLite and PostgreSQL have in common, so that its rules are written once.

A statement is written in the SQL that both understand, with `?` for values. What differs stands in `sqlite.py` and
`postgres.py`: how a writing transaction comes alone, what tells that a journal was put back, and whose clock counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from po_mcp.writes.operation import State, may_move

T = TypeVar("T")

BEGINNING = "0" * 64
"""The hash before the first event of the audit log."""
MEMORY = ":memory:"
SCHEMES = ("postgresql://", "postgres://")


class Row(Protocol):
    """One row: its values by their columns' names and by their places, in order."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Iterable[str]:
        """Return the names of the columns, in order."""


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    @property
    def description(self) -> Any:
        """The columns, each beginning with its name."""

    def fetchone(self) -> Any:
        """Return the next row; None where there is no other."""

    def fetchall(self) -> list[Any]:
        """Return the other rows."""

    def __iter__(self) -> Iterator[Any]: ...


class Ask(NamedTuple):
    """A question to the database: a statement, a `?` in it for each of the values."""

    statement: str
    values: Sequence[Any] = ()


@dataclass(frozen=True)
class Step:
    """A move of an operation that is to be made: from and to which state, what the audit log keeps, further columns."""

    before: State
    after: State
    detail: Mapping[str, Any]
    values: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert may_move(self.before, self.after), f"{self.before} -> {self.after}"


@dataclass(frozen=True)
class Mark:
    """The end of the audit log: the place and the hash of its last event."""

    place: int = 0
    hash: str = BEGINNING


class Begun(NamedTuple):
    """What a writing transaction found at its beginning, where nobody else writes any more.

    `known` is the copy of the database that the journal knows, `latest` the latest time that was recorded, `over` how
    many operations have their time over.
    """

    known: str | None
    latest: float | None
    over: int


class Transaction(Protocol):
    """A transaction that is open; one that writes knows where the audit log ends, as it leaves it."""

    begun: Begun | None
    end: Mark | None
    answers: list[list[Any]]
    """The rows of what it was begun with."""
    rows: dict[str, dict[str, Any]]
    """The rows of operations as it leaves them, those that it has moved or recorded."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run one statement, a `?` in it for each of the values."""

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question; over a network all of them take one round trip."""

    def stream(self, statement: str) -> Iterator[Any]:
        """Yield the rows of a statement as they are read, however many there are, and keep none of them."""


class Slots(Protocol):
    """Slots of a number, each of them held by one request at a time."""

    def one(self) -> AbstractAsyncContextManager[None]:
        """Hold a slot; wait for one as long as none is free."""

    async def aclose(self) -> None:
        """Give all slots back."""


class Database(Protocol):
    """The place of a journal. Whatever fails in it is `JournalUnavailable`."""

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes can use it."""

    @property
    def path(self) -> str:
        """Where it is, in words for a person: no password."""

    readers: int
    """How many reading transactions may run at a time."""

    @property
    def id(self) -> str:
        """The random id of the journal, once it is open."""

    def find_fault(self) -> str:
        """Say why nothing can be recorded, as far as is seen without making it; "" where it can."""

    def unguarded(self, db: Transaction) -> AbstractContextManager[None]:
        """Let events of the audit log be deleted meanwhile, within a writing transaction."""

    def exists(self) -> bool:
        """Tell whether it was made, without making it."""

    def now(self) -> float:
        """Return its time in seconds since 1970: within a transaction by the clock that all who use it share."""

    def writing(self, *asks: Ask) -> AbstractContextManager[Transaction]:
        """Run a transaction alone: all of it is durable when this ends without an error, or none of it.

        What it is begun with is asked once it is alone, without a round trip of its own.
        """

    def recall(self, operation_id: str) -> Row | None:
        """Return an operation's row as this process left it, if `move_at_once` is worth trying with it."""

    def move_at_once(self, row: Row, step: Step, now: float, need: Ask | None = None) -> bool:
        """Make a move where all is as this process left it, without looking first; else change nothing.

        `now` is its time; `need` is a condition that must hold, too.
        """

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question; the quickest way where many calls need a few rows."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Read as of one moment; no writer is waited for."""

    def call_at_once(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call that reads, and waits for nothing: where it would have to, it is `JournalUnavailable`."""

    async def listen(self, heard: Callable[[str, str], None]) -> None:
        """Call `heard` with the operation and the event, of whichever process, until cancelled.

        Both are "" where some may have been missed. It ends at once where nobody tells of events.
        """

    def origin(self) -> str:
        """Return what tells this copy of it from every other; "" where a copy that was put back is refused."""

    def is_other_copy(self) -> bool:
        """Tell whether its last answer came from another copy than the journal knows: nothing was written since."""

    def read_older_copy(self) -> None:
        """Read it from now on also where it is an older copy than was used here before; nothing is written to such."""

    def is_older_copy(self) -> bool:
        """Tell whether such a copy is read."""

    def adopt(self) -> str:
        """Take it as it is for the journal from now on; return what was done, "" for nothing."""

    def find_schema_faults(self, db: Transaction) -> list[str]:
        """Return what its tables, indexes and triggers are not as this version makes them."""

    def slots(self, name: str, most: int) -> Slots | None:
        """Return so many slots of this name, which all who use the database share; None where it has none."""

    def close(self) -> None:
        """Close its connections."""


def is_postgres(place: str | Path) -> bool:
    """Tell whether a journal's place is the address of a PostgreSQL database."""
    return str(place).startswith(SCHEMES)


def open_database(place: str | Path, clock: Callable[[], float] | None) -> Database:
    """Return the database at a path, in memory or at a PostgreSQL address; it is opened when it is first used.

    `clock` takes the place of the database's own clock.
    """
    # Imported here: most starts need one of them, and psycopg takes 50 ms.
    if is_postgres(place):
        from po_mcp.writes.journal.postgres import PostgresDatabase

        return PostgresDatabase(str(place), clock)
    from po_mcp.writes.journal.sqlite import SqliteFile

    return SqliteFile(place, clock)
