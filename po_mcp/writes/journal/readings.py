"""What the journal is asked, and where it lies: nothing is recorded here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from po_mcp.erp import Connection
from po_mcp.writes.journal import (
    adoption,
    approver_pin,
    audit_log,
    connections,
    late_news,
    moves,
    proposals,
    queries,
    restores,
)
from po_mcp.writes.journal.approver_pin import ApproverPin, PinPlace
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import MEMORY, Ask, Row, Slots, open_database
from po_mcp.writes.journal.proposals import MAX_OPEN_QUESTIONS
from po_mcp.writes.journal.token_store import SharedToken
from po_mcp.writes.operation import WAITING, Operation, Recorded

T = TypeVar("T")


class JournalReadings:
    """What the journal is asked; see `store` for what it is made with."""

    def __init__(
        self,
        path: str | Path = MEMORY,
        ttl: float = 600.0,
        clock: Callable[[], float] | None = None,
        max_open: int = MAX_OPEN_QUESTIONS,
    ) -> None:
        self._file = open_database(path, clock)
        self._ttl = ttl
        self._clock = self._file.now
        self._max_open = max_open
        self._has_pin = False
        """As the last look found it, so that one with a PIN is one look."""

    # Where it lies

    def exists(self) -> bool:
        """Tell whether there is a journal yet; it is made by the first write that is asked for."""
        return self._file.exists()

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes see it, such as the one in which a person approves in a terminal."""
        return self._file.is_shared

    @property
    def readers(self) -> int:
        """How many reading calls may run at a time."""
        return self._file.readers

    def call_at_once(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call that reads, where nothing has to be waited for; else it is `JournalUnavailable`."""
        return self._file.call_at_once(call, *arguments)

    @property
    def path(self) -> str:
        """Where it lies."""
        return self._file.path

    def now(self) -> float:
        """Return the journal's time, in seconds since 1970."""
        return self._clock()

    def slots(self, name: str, most: int) -> Slots | None:
        """Return so many slots of this name, which all replicas share; None in a file, where each process counts."""
        return self._file.slots(name, most)

    async def listen(self, heard: Callable[[str, str], None]) -> None:
        """Call `heard` with the id and the event of every operation, of whichever process, until cancelled."""
        await self._file.listen(heard)

    def find_fault(self) -> str:
        """Say why nothing can be recorded, without making the file; "" where it can, as far as is seen."""
        return self._file.find_fault()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def shared_token(self, name: str) -> SharedToken:
        """Return the place where all processes of this user keep the token of the connection `name`."""
        return SharedToken(self._file, name, self._clock)

    # Connections

    def begin_call(
        self, connection: Connection, call: Operation, answered: str | None
    ) -> tuple[Operation, Recorded | None] | None:
        """Return a call under this connection's name, with the operation that it is about; None before `join`.

        That is the one with the id `answered`; or what the same call asked for before, if that was approved or sent
        and is not at its end, and of a create also what the very same call of the same user made a few minutes ago.
        """
        name = connections.ask_name(connection)
        if answered is not None:
            about = queries.ask_operation(answered)
        elif call.makes_order:
            about = queries.ask_same_create(name, call, *self._within_ttl())
        else:
            about = queries.ask_live_row_of(name, call.number)
        names, rows = self._file.ask(name, about)
        if not names:
            return None
        call = replace(call, connection=str(names[0]["connection"]))
        if answered is None and not call.makes_order:
            return call, self._in_progress(call, rows)
        found = next(queries.readable(rows), None)
        return call, None if found is None else self._as_of_now(found)

    def _in_progress(self, call: Operation, rows: Sequence[Row]) -> Recorded | None:
        live = proposals.read_or_block(rows[0], call.number) if rows else None
        if live is None or not live.operation.is_same_call(call) or not call.requester.may_handle(live.operation):
            return None
        live = self._as_of_now(live)
        # What nobody has approved is proposed again: the order may have changed since it was read.
        return live if live.state not in ("PROPOSED", "EXPIRED") else None

    def name_of(self, connection: Connection) -> str:
        """Return that name for reading; the connection's own key where it is not recorded."""
        with self._file.reading() as db:
            return connections.find_for_reading(db, connection) or connection.key

    def adoptable(self, connection: Connection) -> list[Recorded]:
        """Return the operations that may be this connection's and are recorded under another name, latest first."""
        with self._file.reading() as db:
            return adoption.adoptable(db, connection)

    def needs_adoption(self, connection: Connection) -> bool:
        """Tell whether a person must say whose credentials these are, or whose an older version's operations."""
        with self._file.reading() as db:
            return adoption.is_needed(db, connection)

    def read_older_copy(self) -> None:
        """Read a file from now on also where it is an older copy than was used here before; writing stays refused."""
        self._file.read_older_copy()

    def is_older_copy(self) -> bool:
        """Tell whether such a copy is read, once something of it was."""
        return self._file.is_older_copy()

    def may_lack_events(self) -> bool:
        """Tell whether the journal was restored, so that the latest events may be missing, and nobody adopted it."""
        with self._file.reading() as db:
            lacks = restores.may_lack_events(db, self._file.origin(), self._ttl_ago())
        return lacks or self._file.is_other_copy()

    # Operations

    def find(self, operation_id: str) -> Recorded | None:
        """Return an operation as it stands now, or None."""
        [rows] = self._file.ask(queries.ask_operation(operation_id))
        found = next(queries.readable(rows), None)
        return None if found is None else self._as_of_now(found)

    def find_beginning(self, beginning: str) -> list[Recorded]:
        """Return the operations whose id begins so."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM write_operations WHERE substr(id, 1, ?) = ?", (len(beginning), beginning))
            return [self._as_of_now(one) for one in queries.readable(rows)]

    def live(self, connection: str | None) -> list[Recorded]:
        """Return the operations of a connection (None: of all) that are not at their end, oldest first."""
        [rows] = self._file.ask(queries.ask_live(connection))
        found = [self._as_of_now(one) for one in queries.readable(rows)]
        return [one for one in found if one.state != "EXPIRED"]

    def all(self) -> list[Recorded]:
        """Return every operation, oldest first."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM write_operations ORDER BY proposed_at, rowid")
            return [self._as_of_now(one) for one in queries.readable(rows)]

    def latest(
        self,
        connection: str,
        limit: int,
        *,
        kind: str | None = None,
        user: str | None = None,
        asked_only: bool = False,
    ) -> list[Recorded]:
        """Return the operations of a connection that are at their end, the latest first: of a kind, of a user."""
        with self._file.reading() as db:
            return queries.latest(db, connection, limit, kind=kind, user=user, asked_only=asked_only)

    def done_since(
        self, connection: str, kinds: Sequence[str], since: float, user: str | None, limit: int
    ) -> list[Recorded]:
        """Return what was done since then, the latest first: what this user asked for, or (None) anybody."""
        with self._file.reading() as db:
            return queries.done_since(db, connection, kinds, since, user, limit)

    def find_last_no(self, operation: Operation) -> Event | None:
        """Return the no that the same request was answered with last, within a day; None where none, or a yes after."""
        # A look makes no file: the first write that is asked for does.
        if not self.exists():
            return None
        [rows] = self._file.ask(queries.ask_answers(operation, self._clock() - proposals.NO_IS_SHOWN_S))
        return queries.last_no(rows)

    def numbers_of_creates(self, connection: str) -> set[str]:
        """Return the numbers that orders have or may get: of creates that are not at their end, or done."""
        [rows] = self._file.ask(queries.ask_numbers_of_creates(connection))
        return {row["number"] for row in rows}

    def events(self, operation_id: str) -> list[Event]:
        """Return what happened to one operation, in order."""
        [rows] = self._file.ask(audit_log.ask_events(operation_id))
        return audit_log.read_events(rows)

    def starting_times(self) -> dict[str, float]:
        """Return when each operation was first recorded, in seconds since 1970."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT id, proposed_at FROM write_operations").fetchall())

    def counts(self) -> tuple[int, int]:
        """Return how many operations and how many events there are."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT (SELECT COUNT(*) FROM write_operations), (SELECT COUNT(*) FROM audit_log)"
            ).fetchone()
            return row[0], row[1]

    # The approver's PIN, and late news

    def approver_pin(self) -> ApproverPin:
        """Return what is known of the approver's PIN, without making the file."""
        if not self.exists():
            return ApproverPin()
        _, pin = self._ask_with_pin()
        return pin

    def find_recent_and_pin(self, operation: Operation) -> tuple[Recorded | None, ApproverPin]:
        """Return what the same call of the same user did within the ttl, whatever the order was; and the PIN."""
        recent = queries.ask_done_by_same_call(operation, *self._within_ttl())
        [done], pin = self._ask_with_pin(recent)
        return next(queries.readable(done), None), pin

    def _ask_with_pin(self, *asks: Ask) -> tuple[list[list[Any]], ApproverPin]:
        """Return the rows of each question, and what is known of the PIN."""
        now, is_with_tries = self._clock(), self._has_pin
        held, tries = approver_pin.ask_held(now), approver_pin.ask_all_tries(now)
        found = self._file.ask(*asks, held, *([tries] if is_with_tries else []))
        [pin] = found[len(asks)]
        # Every question asks, and without a PIN there is nothing to try: the events of the hour are not gone through.
        self._has_pin = pin["hash"] is not None
        if self._has_pin and not is_with_tries:
            found += self._file.ask(tries)
        return found[: len(asks)], approver_pin.read(pin, found[-1] if self._has_pin else ())

    def seconds_to_pin_try(self, place: PinPlace) -> float:
        """Return in how many seconds a PIN may be tried in this place; 0 for now."""
        with self._file.reading() as db:
            return approver_pin.seconds_to_wait(db, place, self._clock())

    def may_have_news(self, connection: Connection) -> bool:
        """Tell whether a refusal of this connection is watched, or late news is untold, as far as one look shows."""
        [rows] = self._file.ask(late_news.ask_any(connection))
        return late_news.may_exist(rows)

    def has_late_news(self, connection: str) -> bool:
        """Tell whether there is any, without waiting for a writer."""
        [rows] = self._file.ask(late_news.ask_untold(connection))
        return bool(rows)

    def _as_of_now(self, recorded: Recorded) -> Recorded:
        """Return it as the next move will find it: one that waits may have its time over, or stand in a copy."""
        # Computed and not written: reading must wait for no lock.
        if recorded.state not in WAITING:
            return recorded
        if self._file.is_other_copy():
            return replace(recorded, state="UNKNOWN", counts_from=self._clock())
        return replace(recorded, state="EXPIRED") if recorded.expires_at <= self._clock() else recorded

    def _within_ttl(self) -> tuple[float, float]:
        """Return from when until when something was done within the ttl: by a clock that was ahead it was not."""
        return self._ttl_ago(), self._clock() + moves.CLOCK_SLACK_S

    def _ttl_ago(self) -> float:
        return self._clock() - self._ttl
