"""The one record of every operation: each method is one transaction, of a file or of a PostgreSQL database.

All of it is synchronous; `Journal` is the same for the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from po_mcp.erp import Connection
from po_mcp.writes.consent import Agreement, Consented
from po_mcp.writes.journal import (
    agreements,
    approver_pin,
    audit_log,
    connections,
    due,
    late_news,
    moves,
    proposing,
    queries,
)
from po_mcp.writes.journal.approver_pin import PinPlace
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.credential_rows import CredentialRows
from po_mcp.writes.journal.database import Ask, Row, Step, Transaction
from po_mcp.writes.journal.proposals import Similar
from po_mcp.writes.journal.proposing import Limits, Proposal
from po_mcp.writes.journal.readings import JournalReadings
from po_mcp.writes.journal.upkeep import Upkeep
from po_mcp.writes.operation import Operation, Recorded, Requester, State, WriteOutcome
from po_mcp.writes.payloads import Payload

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


def _claimable(rows: Sequence[Row], name: str) -> Operation | None:
    """Return the operation of a row as it may be sent on the connection of this name; None where it may not be."""
    claimed = next(queries.readable(rows), None)
    # An approval for the books of one company is never carried out in those of another.
    if claimed is None or claimed.operation.connection != name:
        return None
    # Nor one that lacks a yes, however it came to be approved.
    consent = claimed.operation.payload.consent
    return None if consent.needed > 1 and consent.missing else claimed.operation


def _sent(at: float) -> Step:
    return Step("APPROVED", "SENT", {}, {"sent_at": at, "counts_from": at})


class JournalStore(JournalReadings):
    """The one record of every operation, which all processes of one user, or all replicas, share.

    Args:
        path: the file, or `:memory:`, which ends with this process, or a `postgresql://` address.
        ttl: seconds that a proposed operation can be approved, and that a done one answers the same call.
        clock: seconds since 1970; where None, the clock of the machine, or of the PostgreSQL database.
        max_open: proposals of one client that may wait for a person at a time.

    Every method raises `JournalUnavailable` where that cannot be used.
    """

    @property
    def upkeep(self) -> Upkeep:
        """What an administrator does with it."""
        return Upkeep(self._file, self._moving, self._clock)

    def credential_rows(self, connection: str) -> CredentialRows:
        """Return the place where the ERP credentials of single people are kept, sealed, for a connection's key."""
        return CredentialRows(self._file, self._moving, self._clock, connection)

    # Connections

    def join(self, connection: Connection) -> str:
        """Return the name under which this connection's operations are recorded.

        Raises:
            ConnectionNotAdopted: its credentials are new at a known address; nothing may be written.
        """
        # Nearly always it is known, and a look waits for no writer.
        [names] = self._file.ask(connections.ask_name(connection))
        if (known := connections.name_in(names)) is not None:
            return known
        with self._moving() as db:
            return connections.join(db, connection, self._clock())

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
        proposal = Proposal(operation, detail, approved, known, connection, gone, read_at)
        limits, asked_at = Limits(self._ttl, self._max_open), self._clock()
        with self._moving(*proposing.asks(proposal, asked_at)) as db:
            return proposing.record(db, proposal, limits, self._file.origin(), asked_at, self._clock())

    # Moving

    def approve(self, operation_id: str, payload: Payload, detail: Mapping[str, Any]) -> bool:
        """Record a person's yes, and what exactly is to be sent; False where it must be known whose yes it is."""
        approved = Step("PROPOSED", "APPROVED", detail, {"payload": payload.model_dump_json()})
        return self._move(operation_id, lambda row, now: None if agreements.is_of_team([row]) else approved)

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
        said = {} if outcome is None else {"outcome": outcome.model_dump_json(exclude_none=True)}
        return self._move(operation_id, lambda _, now: Step(before, "DECLINED", detail, {"settled_at": now, **said}))

    def claim(self, operation_id: str, connection: Connection) -> Claim | None:
        """Take the one edge to the wire: for one caller only, in time, and durable when this returns.

        Raises:
            ConnectionNotAdopted: nobody said whose credentials these are.
        """
        if (claim := self._claim_at_once(operation_id, connection)) is not None:
            return claim
        asks = connections.ask_name(connection), queries.ask_operation(operation_id)
        with self._moving(*asks) as db:
            names, rows = db.answers
            sent_at = self._clock()
            name = connections.name_in(names) or connections.join(db, connection, sent_at)
            claimed = _claimable(rows, name)
            # Durable before the first byte goes out: who dies while sending leaves SENT, which nobody sends again.
            if claimed is None or not moves.make(db, operation_id, _sent(sent_at), sent_at, rows[0]):
                return None
            return Claim(claimed, sent_at)

    def _claim_at_once(self, operation_id: str, connection: Connection) -> Claim | None:
        row = self._file.recall(operation_id)
        claimed = None if row is None else _claimable([row], row["connection"])
        if row is None or claimed is None:
            return None
        need, sent_at = connections.ask_known_as(connection, claimed.connection), self._clock()
        return Claim(claimed, sent_at) if self._file.move_at_once(row, _sent(sent_at), sent_at, need) else None

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
        said: dict[str, Any] = {"outcome": outcome.model_dump_json(exclude_none=True)}
        if is_late:
            said["is_untold"] = 1

        def end(row: Row, now: float) -> Step:
            # What is left of the watch is counted from here, should the clock be set back meanwhile.
            watch = {} if watched_until is None else {"watched_until": watched_until, "counts_from": now}
            return Step(before, after, detail, {"settled_at": now, **said, **watch})

        return self._move(operation_id, end)

    def note(self, operation_id: str, event: str, detail: Mapping[str, Any]) -> None:
        """Add to the audit log what moves nothing."""
        with self._moving() as db:
            audit_log.append(db, Event(operation_id, self._clock(), event, detail))

    def note_unanswered(self, operation_id: str, detail: Mapping[str, Any], *, is_decline: bool) -> None:
        """Note that a form brought no yes. After an explicit no the question is none of the client's open ones."""
        with self._moving() as db:
            # A client that asks without end must not fill the log.
            if audit_log.count(db, operation_id, NOT_APPROVED) >= MAX_NOTED_ANSWERS:
                return
            if is_decline:
                db.execute("UPDATE write_operations SET declined_at = ? WHERE id = ?", (self._clock(), operation_id))
            audit_log.append(db, Event(operation_id, self._clock(), NOT_APPROVED, detail))

    def note_foreign(self, operation_id: str, since: float | None) -> None:
        """Note when another's order, or a gap, was first seen in the place of ours; None: no longer."""
        with self._moving() as db:
            moves.note_foreign(db, operation_id, since, self._clock())

    def note_pin_try(self, operation_id: str, place: PinPlace) -> float:
        """Record a try of a PIN and return 0; or return in how many seconds the next one may be made."""
        with self._moving() as db:
            return approver_pin.note_try(db, operation_id, place, self._clock())

    def note_pin_fit(self, operation_id: str, place: PinPlace) -> None:
        """Record that the PIN fitted."""
        with self._moving() as db:
            approver_pin.note_fit(db, operation_id, place, self._clock())

    def take_late_news(self, connection: str, reader: Requester | None = None) -> list[Recorded]:
        """Return what turned out to be done after it was called refused, once; of the reader's, or (None) of all."""
        with self._moving() as db:
            return late_news.take(db, connection, reader)

    def _move(self, operation_id: str, find_step: Callable[[Row, float], Step | None]) -> bool:
        """Make the move that an operation's row and the time call for; False where there is none to be made."""
        if (known := self._file.recall(operation_id)) is not None:
            now = self._clock()
            step = find_step(known, now)
            if step is not None and self._file.move_at_once(known, step, now):
                return True
        with self._moving(queries.ask_operation(operation_id)) as db:
            now, [rows] = self._clock(), db.answers
            step = find_step(rows[0], now) if rows else None
            return step is not None and moves.make(db, operation_id, step, now, rows[0])

    @contextmanager
    def _moving(self, *asks: Ask) -> Iterator[Transaction]:
        """Run a writing transaction that first sees to the clock, and to what has its time over.

        The answers that it begins with are of after that.
        """
        with self._file.writing(*asks) as db:
            if due.see_to(db, self._file.origin(), self._clock()):
                db.answers = db.ask(*asks)
            yield db
