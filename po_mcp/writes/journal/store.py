"""The one record of every operation: each method is one transaction, of a file or of a PostgreSQL database.

All of it is synchronous; `Journal` is the same for the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from po_mcp.erp import Connection
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.consent import Agreement, Consented
from po_mcp.writes.journal import (
    adoption,
    agreements,
    approver_pin,
    audit_log,
    connections,
    due,
    late_news,
    moves,
    proposals,
    queries,
    restores,
)
from po_mcp.writes.journal.approver_pin import ApproverPin, PinChange, PinPlace
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.credential_rows import CredentialRows
from po_mcp.writes.journal.database import MEMORY, Slots, Transaction, open_database
from po_mcp.writes.journal.proposals import MAX_OPEN_QUESTIONS, Similar
from po_mcp.writes.journal.rows import UnreadableRow, read_row
from po_mcp.writes.journal.token_store import SharedToken
from po_mcp.writes.operation import WAITING, Operation, Recorded, Requester, State, WriteOutcome
from po_mcp.writes.payloads import Payload

if TYPE_CHECKING:
    from po_mcp.writes.journal.pruning import Pruned

NOT_APPROVED = "not approved"
"""The event of an answer that was no yes."""
MAX_NOTED_ANSWERS = 50
"""How many of them are noted of one operation."""


@dataclass(frozen=True)
class Claim:
    """The right to send one operation, once. Only `JournalStore.claim` gives it.

    `sent_at` is the journal's time of the send, in seconds since 1970; `claimed` the monotonic second of it.
    """

    operation: Operation
    sent_at: float
    claimed: float = field(default_factory=time.monotonic)


class JournalStore:
    """The one record of every operation, which all processes of one user, or all replicas, share.

    Args:
        path: the file, or `:memory:`, which ends with this process, or a `postgresql://` address.
        ttl: seconds that a proposed operation can be approved, and that a done one answers the same call.
        clock: seconds since 1970; where None, the clock of the machine, or of the PostgreSQL database.
        max_open: proposals of one client that may wait for a person at a time.

    Every method raises `JournalUnavailable` where that cannot be used.
    """

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

    # About the file

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

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def shared_token(self, name: str) -> SharedToken:
        """Return the place where all processes of this user keep the token of the connection `name`."""
        return SharedToken(self._file, name, self._clock)

    def credential_rows(self, connection: str) -> CredentialRows:
        """Return the place where the ERP credentials of single people are kept, sealed, for a connection's key."""
        return CredentialRows(self._file, self._moving, self._clock, connection)

    # Connections

    def join(self, connection: Connection) -> str:
        """Return the name under which this connection's operations are recorded.

        Raises:
            ConnectionNotAdopted: its credentials are new at a known address; nothing may be written.
        """
        with self._file.looking() as db:
            known = connections.find(db, connection)
        if known is not None:
            return known
        with self._moving() as db:
            return connections.join(db, connection, self._clock())

    def begin_call(
        self, connection: Connection, call: Operation, answered: str | None
    ) -> tuple[Operation, Recorded | None] | None:
        """Return a call under this connection's name, with the operation that it is about; None before `join`.

        That is the one with the id `answered`, or what the same call asked for before: see `find_in_progress` and
        `find_same_create`.
        """
        with self._file.looking() as db:
            name = connections.find(db, connection)
        if name is None:
            return None
        call = replace(call, connection=name)
        if answered is not None:
            return call, self.find(answered)
        return call, self.find_same_create(call) if call.kind == "create" else self.find_in_progress(call)

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

    def adopt(self, connection: Connection, answer: Literal["same", "other"]) -> str | None:
        """Record whose these credentials are; return the connection's name, None where another name must be set.

        `same`: the operations that were sent, watched or unknown are this connection's from now on; what waited
        or was approved ends. `other`: they stay what they are, and nothing of them is used here.
        """
        with self._moving() as db:
            return adoption.adopt(db, connection, answer, self._clock())

    def adopt_file(self) -> str:
        """Take the file, or the database, as it is for the journal from now on; say what was done, "" for nothing."""
        if (done := self._file.adopt()) != "":
            return done
        with self._file.writing() as db:
            if not restores.adopt(db, self._file.origin(), self._clock()):
                return ""
        return f"The journal goes on from {self.path}; its latest events may be missing."

    def may_lack_events(self) -> bool:
        """Tell whether the journal was restored, so that the latest events may be missing, and nobody adopted it."""
        with self._file.reading() as db:
            return restores.may_lack_events(db, self._file.origin())

    # Proposing

    def propose(
        self,
        operation: Operation,
        detail: Mapping[str, Any],
        *,
        approved: bool = False,
        known: frozenset[str] | None = frozenset(),
        connection: Connection | None = None,
        gone: frozenset[str] = frozenset(),
        read_at: float | None = None,
    ) -> Recorded | Similar:
        """Record an operation, PROPOSED (or APPROVED where nobody is asked), or return what stands in its way.

        Args:
            operation: what is asked for.
            detail: who asks, for the audit log.
            approved: nobody need be asked.
            known: ids of similar orders that the question names: the person decides knowing of them. None: it names
                as many as it can, and no further one is looked for.
            connection: whose operations of an older version may block the order.
            gone: ids of creates whose order is no longer there, so that they are no reason.
            read_at: when the order that the question shows was begun to be read.

        Returns the operation that is live for the same call, where there is one; for a create also the one that the
        very same call made a few minutes ago. A proposal for something else of the same order gives way.

        Raises:
            OperationUnderWay: the order has another operation that was approved or sent, or is unknown; or one that
                was done since `read_at`, so that the question would show the order as it was before.
            TooManyQuestions: a person has enough to answer already, or too much was asked in a short time.
        """
        with self._moving() as db:
            now = self._clock()
            names = [operation.connection, *(connections.former_names(db, connection) if connection else ())]
            # First of all: a client that lost its answer repeats the call, and must not get a second order.
            if operation.kind == "create" and (same := self._same_create(db, operation, gone)) is not None:
                return proposals.renew(db, same, now, self._ttl)
            live = proposals.find_live(db, names, operation.number)
            is_mine = live is not None and operation.requester.may_handle(live.operation)
            if live is not None and is_mine and live.operation.is_same(operation):
                return proposals.renew(db, live, now, self._ttl)
            # What was approved or sent is somebody else's decision; only an unanswered question gives way.
            if live is not None and live.state != "PROPOSED":
                raise proposals.under_way_error(live, operation.requester)
            if read_at is not None and (done := self._find_overtaking(db, names, operation, read_at)) is not None:
                raise proposals.under_way_error(done, operation.requester)
            if known is not None:
                similar = proposals.find_similar(db, operation, names, known | gone, self._ttl_ago())
                if similar is not None:
                    return similar
            if live is not None:
                moves.move(db, live.operation.id, "PROPOSED", "STALE", {"because": "replaced by a newer request"}, now)
            if approved:
                self._refuse_to_go_unasked(db)
            # Last, so that a repeated call is answered even where no new question is let in.
            proposals.refuse_flood(db, operation, now, is_question=not approved, max_open=self._max_open)
            return proposals.insert(db, operation, "APPROVED" if approved else "PROPOSED", detail, now, self._ttl)

    def _refuse_to_go_unasked(self, db: Transaction) -> None:
        # The person who asked for it did not know: the very same order may have been sent, and be missing here.
        if restores.may_lack_events(db, self._file.origin()):
            raise JournalUnavailable(
                "The journal was just restored from a backup or another copy. Nothing was sent.",
                next_step="Call the tool again: a person is asked then.",
            )

    def find_same_create(self, operation: Operation) -> Recorded | None:
        """Return the create that the very same call of the same user made, live or a few minutes ago."""
        with self._file.looking() as db:
            found = queries.same_create(db, operation, *self._within_ttl())
        return None if found is None else self._as_of_now(found)

    # Moving

    def approve(self, operation_id: str, payload: Payload, detail: Mapping[str, Any]) -> bool:
        """Record a person's yes, and what exactly is to be sent; False where it must be known whose yes it is."""
        with self._moving() as db:
            if agreements.is_of_team(db, operation_id):
                return False
            sent = payload.model_dump_json()
            return moves.move(db, operation_id, "PROPOSED", "APPROVED", detail, self._clock(), payload=sent)

    def agree(
        self, operation_id: str, payload: Payload, agreement: Agreement, needed: int, detail: Mapping[str, Any]
    ) -> Consented:
        """Record the yes of one person, of whom each counts once; approved where it is the last that is needed."""
        with self._moving() as db:
            now = self._clock()
            return agreements.agree(db, operation_id, payload, agreement, needed, detail, now, self._ttl)

    def decline(self, operation_id: str, detail: Mapping[str, Any], outcome: WriteOutcome | None = None) -> bool:
        """Record a person's no, which ends the operation."""
        return self._end_by_no(operation_id, "PROPOSED", detail, outcome)

    def take_back(self, operation_id: str, detail: Mapping[str, Any], outcome: WriteOutcome | None = None) -> bool:
        """Take a yes back. False where the operation was sent already, or is at its end."""
        return self._end_by_no(operation_id, "APPROVED", detail, outcome)

    def _end_by_no(
        self, operation_id: str, before: State, detail: Mapping[str, Any], outcome: WriteOutcome | None
    ) -> bool:
        with self._moving() as db:
            now = self._clock()
            said = {} if outcome is None else {"outcome": outcome.model_dump_json(exclude_none=True)}
            return moves.move(db, operation_id, before, "DECLINED", detail, now, settled_at=now, **said)

    def claim(self, operation_id: str, connection: Connection) -> Claim | None:
        """Take the one edge to the wire: for one caller only, in time, and durable when this returns.

        Raises:
            ConnectionNotAdopted: nobody said whose credentials these are.
        """
        with self._moving() as db:
            name = connections.join(db, connection, self._clock())
            sent_at = self._clock()
            claimed = queries.first(db, "id = ?", operation_id)
            # An approval for the books of one company is never carried out in those of another.
            if claimed is None or claimed.operation.connection != name:
                return None
            # Nor one that lacks a yes, however it came to be approved.
            if claimed.operation.payload.consent.needed > 1 and claimed.operation.payload.consent.missing:
                return None
            if not moves.move(db, operation_id, "APPROVED", "SENT", {}, sent_at, sent_at=sent_at, counts_from=sent_at):
                return None
            return Claim(claimed.operation, sent_at)

    def finish(
        self,
        operation_id: str,
        before: State,
        after: State,
        outcome: WriteOutcome,
        detail: Mapping[str, Any],
        *,
        watched_until: float | None = None,
        is_late: bool = False,
    ) -> bool:
        """Record how a send ended, so far. False where the operation is no longer in the state `before`.

        `watched_until` is for WATCHED; `is_late`: the next answer on this connection must say it.
        """
        with self._moving() as db:
            now = self._clock()
            values: dict[str, object] = {"settled_at": now, "outcome": outcome.model_dump_json(exclude_none=True)}
            if watched_until is not None:
                values |= {"watched_until": watched_until, "counts_from": now}
            if is_late:
                values["is_untold"] = 1
            return moves.move(db, operation_id, before, after, detail, now, **values)

    def note(self, operation_id: str, event: str, detail: Mapping[str, Any]) -> None:
        """Add to the audit log what moves nothing."""
        with self._moving() as db:
            audit_log.append(db, Event(operation_id, self._clock(), event, detail))

    def note_unanswered(self, operation_id: str, detail: Mapping[str, Any], *, is_decline: bool) -> None:
        """Note that a form brought no yes. After an explicit no the question is none of the client's open ones."""
        with self._moving() as db:
            if audit_log.count(db, operation_id, NOT_APPROVED) >= MAX_NOTED_ANSWERS:
                return
            if is_decline:
                db.execute("UPDATE write_operations SET declined_at = ? WHERE id = ?", (self._clock(), operation_id))
            audit_log.append(db, Event(operation_id, self._clock(), NOT_APPROVED, detail))

    def note_foreign(self, operation_id: str, since: float | None) -> None:
        """Note when another's order, or a gap, was first seen in the place of ours; None: no longer."""
        with self._moving() as db:
            moves.note_foreign(db, operation_id, since, self._clock())

    def find_fault(self) -> str:
        """Say why nothing can be recorded, without making the file; "" where it can, as far as is seen."""
        return self._file.find_fault()

    def approver_pin(self) -> ApproverPin:
        """Return what is known of the approver's PIN, without making the file."""
        if not self.exists():
            return ApproverPin()
        with self._file.reading() as db:
            return approver_pin.read(db, self._clock())

    def set_approver_pin(
        self, new: str, former: str | None, event: PinChange, detail: Mapping[str, Any] = MappingProxyType({})
    ) -> bool:
        """Set the PIN's hash in the place of the former one; False where that is not the former one any more."""
        with self._moving() as db:
            return approver_pin.replace(db, new, former, event, self._clock(), dict(detail))

    def note_pin_try(self, operation_id: str, place: PinPlace) -> float:
        """Record a try of a PIN and return 0; or return in how many seconds the next one may be made."""
        with self._moving() as db:
            return approver_pin.note_try(db, operation_id, place, self._clock())

    def note_pin_fit(self, operation_id: str, place: PinPlace) -> None:
        """Record that the PIN fitted."""
        with self._moving() as db:
            approver_pin.note_fit(db, operation_id, place, self._clock())

    def seconds_to_pin_try(self, place: PinPlace) -> float:
        """Return in how many seconds a PIN may be tried in this place; 0 for now."""
        with self._file.reading() as db:
            return approver_pin.seconds_to_wait(db, place, self._clock())

    def may_have_news(self, connection: Connection) -> bool:
        """Tell whether a refusal of this connection is watched, or late news is untold, as far as one look shows."""
        with self._file.looking() as db:
            return late_news.may_exist(db, connection)

    def has_late_news(self, connection: str) -> bool:
        """Tell whether there is any, without waiting for a writer."""
        with self._file.looking() as db:
            return late_news.exist(db, connection)

    def take_late_news(self, connection: str, reader: Requester | None = None) -> list[Recorded]:
        """Return what turned out to be done after it was called refused, once; of the reader's, or (None) of all."""
        with self._moving() as db:
            return late_news.take(db, connection, reader)

    # Reading

    def find(self, operation_id: str) -> Recorded | None:
        """Return an operation as it stands now, or None."""
        with self._file.looking() as db:
            found = queries.first(db, "id = ?", operation_id)
        return None if found is None else self._as_of_now(found)

    def find_beginning(self, beginning: str) -> list[Recorded]:
        """Return the operations whose id begins so."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM write_operations WHERE substr(id, 1, ?) = ?", (len(beginning), beginning))
            return [self._as_of_now(one) for one in queries.readable(rows)]

    def live(self, connection: str | None) -> list[Recorded]:
        """Return the operations of a connection (None: of all) that are not at their end, oldest first."""
        with self._file.looking() as db:
            found = [self._as_of_now(one) for one in queries.live(db, connection)]
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

    def find_in_progress(self, operation: Operation) -> Recorded | None:
        """Return what the same call asked for before, if that was approved or sent and is not at its end."""
        with self._file.looking() as db:
            row = queries.live_row(db, [operation.connection], operation.number)
        live = proposals.read_or_block(row, operation.number)
        if live is None or not live.operation.is_same_call(operation):
            return None
        if not operation.requester.may_handle(live.operation):
            return None
        live = self._as_of_now(live)
        return live if live.state not in ("PROPOSED", "EXPIRED") else None

    def find_last_no(self, operation: Operation) -> Event | None:
        """Return the no that the same request was answered with last, within a day; None where none, or a yes after."""
        if not self.exists():
            return None
        with self._file.looking() as db:
            return queries.last_no(db, operation, self._clock() - proposals.NO_IS_SHOWN_S)

    def find_recent(self, operation: Operation) -> Recorded | None:
        """Return what the same call of the same user did within the ttl, whatever the state of the order was."""
        with self._file.looking() as db:
            return queries.done_by_same_call(db, operation, *self._within_ttl())

    def find_recent_and_pin(self, operation: Operation) -> tuple[Recorded | None, ApproverPin]:
        """Return what `find_recent` and `approver_pin` do."""
        return self.find_recent(operation), self.approver_pin()

    def numbers_of_creates(self, connection: str) -> set[str]:
        """Return the numbers that orders have or may get: of creates that are not at their end, or done."""
        with self._file.looking() as db:
            return queries.numbers_of_creates(db, connection)

    def events(self, operation_id: str) -> list[Event]:
        """Return what happened to one operation, in order."""
        with self._file.looking() as db:
            return audit_log.events(db, operation_id)

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

    def verify(self) -> list[str]:
        """Return what in the journal was edited, removed or added behind its back; empty where nothing was."""
        with self._file.reading() as db:
            faults = self._file.find_schema_faults(db)
            faults += audit_log.find_faults(db)
            faults += approver_pin.find_faults(db)
            for row in db.execute("SELECT * FROM write_operations"):
                try:
                    read_row(row)
                except UnreadableRow as exc:
                    faults.append(str(exc))
            return faults

    def export(self) -> list[str]:
        """Return the whole journal as the lines of a file that is checked without it."""
        from po_mcp.writes.journal import export  # late, for a quick start

        with self._file.reading() as db:
            return [*export.write_lines(db, self._file.id)]

    def prune(self, before: float, write: Callable[[list[str]], None]) -> Pruned:
        """Let what ended before a time go: it is given to `write` first, and an exception of that keeps all of it."""
        from po_mcp.writes.journal import export, pruning  # late, for a quick start

        with self._moving() as db:
            end, start = pruning.find_end(db, before), audit_log.start_of(db).place
            if end == start:
                return pruning.Pruned(0, 0)
            # Within the transaction: nothing can come between what is written there and what goes here.
            write([*export.write_lines(db, self._file.id, end)])
            return pruning.prune(db, end, self._clock(), self._file.unguarded(db))

    # Within a transaction

    @contextmanager
    def _moving(self) -> Iterator[Transaction]:
        """Run a writing transaction that first sees to the clock, and to what has its time over."""
        with self._file.writing() as db:
            now = self._clock()
            due.see_to(db, self._file.origin(), now)
            yield db

    def _same_create(self, db: Transaction, operation: Operation, gone: frozenset[str]) -> Recorded | None:
        found = queries.same_create(db, operation, *self._within_ttl())
        return None if found is None or found.operation.id in gone else found

    def _find_overtaking(
        self, db: Transaction, names: list[str], operation: Operation, read_at: float
    ) -> Recorded | None:
        # What a clock that was ahead has recorded is of no later time, and must block nothing until that time comes.
        return queries.find_done(db, names, operation.number, read_at, self._clock() + moves.CLOCK_SLACK_S)

    def _as_of_now(self, recorded: Recorded) -> Recorded:
        """Return it as the next move will find it: one whose time is over is EXPIRED."""
        # Computed and not written: reading must wait for no lock.
        is_over = recorded.state in WAITING and recorded.expires_at <= self._clock()
        return replace(recorded, state="EXPIRED") if is_over else recorded

    def _within_ttl(self) -> tuple[float, float]:
        """Return from when until when something was done within the ttl: by a clock that was ahead it was not."""
        return self._ttl_ago(), self._clock() + moves.CLOCK_SLACK_S

    def _ttl_ago(self) -> float:
        return self._clock() - self._ttl
