"""The journal: every operation, durable before its first byte goes out, and the audit log of what became of it.

`Journal` is the face of the store for the event loop: a call runs in a thread of its own, so that a file which
another process holds locked delays nothing but what waits for it. A few rows of a file are looked up at once, where
nothing has to be waited for. A call that is cancelled waits for its transaction, since only the commit tells whether
it happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio import CapacityLimiter

from po_mcp import telemetry
from po_mcp.erp import Connection
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.consent import Agreement, Consented
from po_mcp.writes.journal.agreements import FIRST_YES
from po_mcp.writes.journal.approver_pin import ApproverPin, PinPlace
from po_mcp.writes.journal.audit_log import Event, Proof
from po_mcp.writes.journal.database import MEMORY
from po_mcp.writes.journal.proposals import MAX_OPEN_QUESTIONS, Proposed, Similar
from po_mcp.writes.journal.store import Claim, JournalStore
from po_mcp.writes.journal.token_store import SharedToken
from po_mcp.writes.operation import Operation, Recorded, Requester, State, WriteOutcome
from po_mcp.writes.payloads import Payload

__all__ = [
    "FIRST_YES",
    "MAX_OPEN_QUESTIONS",
    "MEMORY",
    "ApproverPin",
    "Claim",
    "Event",
    "Journal",
    "JournalStore",
    "PinPlace",
    "Proof",
    "Proposed",
    "Similar",
]

T = TypeVar("T")
_POLL_S = 0.05
"""Seconds between looks at an operation that another call or process is sending."""
_LOOK_S = 1.0
"""The same where changes are announced, and might be missed."""


class Journal:
    """The one record of every operation; see `JournalStore`, whose methods these are.

    Every method raises `JournalUnavailable` where the store cannot be used.
    """

    def __init__(self, store: JournalStore) -> None:
        self.store = store
        self._limiters: dict[str, CapacityLimiter] = {}
        self._changed = anyio.Event()
        self._hears = False

    # Without waiting for anybody

    def exists(self) -> bool:
        """Tell whether there is a journal yet; it is made by the first write that is asked for."""
        return self.store.exists()

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes see it, such as the one in which a person approves in a terminal."""
        return self.store.is_shared

    def now(self) -> float:
        """Return the journal's time, in seconds since 1970."""
        return self.store.now()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def shared_token(self, name: str) -> SharedToken:
        """Return the place where all processes of this user keep the token of the connection `name`."""
        return self.store.shared_token(name)

    # Connections

    async def join(self, connection: Connection) -> str:
        """Return the name under which this connection's operations are recorded."""
        return await self._write(self.store.join, connection)

    async def begin_call(
        self, connection: Connection, call: Operation, answered: str | None
    ) -> tuple[Operation, Recorded | None]:
        """Join, and return a call under the connection's name, with the operation that it is about, if there is one.

        That is the one with the id `answered`, or what the same call asked for before.
        """
        while (begun := await self._look(self.store.begin_call, connection, call, answered)) is None:
            await self.join(connection)
        return begun

    async def name_of(self, connection: Connection) -> str:
        """Return that name for reading."""
        return await self._read(self.store.name_of, connection)

    # Proposing and moving

    async def propose(
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
        """Record an operation, or return what stands in its way."""
        propose = partial(
            self.store.propose, approved=approved, known=known, connection=connection, gone=gone, read_at=read_at
        )
        return await self._write(propose, operation, detail)

    async def approve(self, operation_id: str, payload: Payload, detail: Mapping[str, Any]) -> bool:
        """Record a person's yes, and what exactly is to be sent."""
        return await self._write(self.store.approve, operation_id, payload, detail)

    async def agree(
        self, operation_id: str, payload: Payload, agreement: Agreement, needed: int, detail: Mapping[str, Any]
    ) -> Consented:
        """Record the yes of one person, where it must be known whose it is."""
        return await self._write(self.store.agree, operation_id, payload, agreement, needed, detail)

    async def decline(self, operation_id: str, detail: Mapping[str, Any], outcome: WriteOutcome | None = None) -> bool:
        """Record a person's no, which ends the operation."""
        return await self._write(self.store.decline, operation_id, detail, outcome)

    async def take_back(
        self, operation_id: str, detail: Mapping[str, Any], outcome: WriteOutcome | None = None
    ) -> bool:
        """Take a yes back, unless it was sent already."""
        return await self._write(self.store.take_back, operation_id, detail, outcome)

    async def claim(self, operation_id: str, connection: Connection) -> Claim | None:
        """Take the one edge to the wire."""
        return await self._write(self.store.claim, operation_id, connection)

    async def finish(
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
        """Record how a send ended, so far."""
        finish = partial(self.store.finish, watched_until=watched_until, is_late=is_late)
        return await self._write(finish, operation_id, before, after, outcome, detail)

    async def note(self, operation_id: str, event: str, detail: Mapping[str, Any]) -> None:
        """Add to the audit log what moves nothing."""
        await self._write(self.store.note, operation_id, event, detail)

    async def note_unanswered(self, operation_id: str, detail: Mapping[str, Any], *, is_decline: bool) -> None:
        """Note that a form brought no yes."""
        await self._write(partial(self.store.note_unanswered, is_decline=is_decline), operation_id, detail)

    async def note_foreign(self, operation_id: str, since: float | None) -> None:
        """Note when something that takes two readings was first seen; None: no longer."""
        await self._write(self.store.note_foreign, operation_id, since)

    async def find_fault(self) -> str:
        """Say why nothing can be recorded, without making the file; "" where it can, as far as is seen."""
        return await self._read(self.store.find_fault)

    async def approver_pin(self) -> ApproverPin:
        """Return what is known of the approver's PIN."""
        return await self._read(self.store.approver_pin)

    async def note_pin_try(self, operation_id: str, place: PinPlace) -> float:
        """Record a try of a PIN and return 0; or return in how many seconds the next one may be made."""
        return await self._write(self.store.note_pin_try, operation_id, place)

    async def note_pin_fit(self, operation_id: str, place: PinPlace) -> None:
        """Record that the PIN fitted."""
        await self._write(self.store.note_pin_fit, operation_id, place)

    async def seconds_to_pin_try(self, place: PinPlace) -> float:
        """Return in how many seconds a PIN may be tried in this place; 0 for now."""
        return await self._read(self.store.seconds_to_pin_try, place)

    async def may_have_news(self, connection: Connection) -> bool:
        """Tell whether a refusal of this connection is watched, or late news is untold, as far as one look shows."""
        return await self._look(self.store.may_have_news, connection)

    async def take_late_news(self, connection: str, reader: Requester | None = None) -> list[Recorded]:
        """Return what turned out to be done after it was called refused, once; of the reader's, or (None) of all."""
        # Nearly always there is none, and to take it would wait for a writer.
        if not await self._read(self.store.has_late_news, connection):
            return []
        return await self._write(self.store.take_late_news, connection, reader)

    # Reading

    async def find(self, operation_id: str) -> Recorded | None:
        """Return an operation as it stands now, or None."""
        return await self._look(self.store.find, operation_id)

    async def live(self, connection: str | None) -> list[Recorded]:
        """Return the operations of a connection (None: of all) that are not at their end, oldest first."""
        return await self._read(self.store.live, connection)

    async def latest(
        self,
        connection: str,
        limit: int,
        *,
        kind: str | None = None,
        user: str | None = None,
        asked_only: bool = False,
    ) -> list[Recorded]:
        """Return the operations of a connection that are at their end, the latest first: of a kind, of a user."""
        latest = partial(self.store.latest, kind=kind, user=user, asked_only=asked_only)
        return await self._read(latest, connection, limit)

    async def done_since(
        self, connection: str, kinds: Sequence[str], since: float, user: str | None, limit: int
    ) -> list[Recorded]:
        """Return what was done since then, the latest first: what this user asked for, or (None) anybody."""
        return await self._read(self.store.done_since, connection, kinds, since, user, limit)

    async def find_last_no(self, operation: Operation) -> Event | None:
        """Return the no that the same request was answered with last, within a day."""
        return await self._read(self.store.find_last_no, operation)

    async def find_recent_and_pin(self, operation: Operation) -> tuple[Recorded | None, ApproverPin]:
        """Return what the same call of the same user did a few minutes ago, and what is known of the PIN."""
        return await self._look(self.store.find_recent_and_pin, operation)

    async def numbers_of_creates(self, connection: str) -> set[str]:
        """Return the numbers that orders have or may get."""
        return await self._read(self.store.numbers_of_creates, connection)

    async def may_lack_events(self) -> bool:
        """Tell whether the journal was restored, so that the latest events may be missing, and nobody adopted it."""
        return await self._read(self.store.may_lack_events)

    async def events(self, operation_id: str) -> list[Event]:
        """Return what happened to one operation, in order."""
        return await self._read(self.store.events, operation_id)

    async def answered_number(self, operation_id: str) -> str | None:
        """Return the order that the ERP named in its success, where that is not the one that was asked for."""
        return (await self.find_proof(operation_id)).answered_number

    async def find_proof(self, operation_id: str) -> Proof:
        """Return on what an operation counts as done, as its events tell it."""
        return Proof.of(await self.events(operation_id))

    # Hearing of changes

    async def listen(self, heard: Callable[[str, str], None]) -> None:
        """Call `heard` with the id and the event of every operation, of whichever process, until cancelled.

        Both are "" where some may have been missed. It ends at once where nobody tells of events.
        """

        def note(operation_id: str, event: str) -> None:
            # By what is heard alone: a file announces nothing, and a listener may not be connected yet.
            self._hears = True
            changed, self._changed = self._changed, anyio.Event()
            changed.set()
            heard(operation_id, event)

        await self.store.listen(note)

    def next_change(self) -> Callable[[], Awaitable[None]]:
        """Return what waits until something was recorded after now, by whichever process, or for a moment."""
        # Taken here, before the caller looks: a change between its look and its wait ends the wait.
        changed, longest = self._changed, _LOOK_S if self._hears else _POLL_S

        async def wait() -> None:
            with anyio.move_on_after(longest):
                await changed.wait()

        return wait

    # Threads

    async def _write(self, call: Callable[..., T], *arguments: Any) -> T:
        return await self._run("write", call, *arguments)

    async def _read(self, call: Callable[..., T], *arguments: Any) -> T:
        return await self._run("read", call, *arguments)

    async def _look(self, call: Callable[..., T], *arguments: Any) -> T:
        return await self._run("look", call, *arguments)

    async def _run(self, what: Literal["look", "read", "write"], call: Callable[..., T], *arguments: Any) -> T:
        """Run a call in a thread; reads wait for no write, and one write runs at a time.

        A look asks for a few rows. Where it is answered at once, the way to a thread and back would take longer.
        """
        if what == "look":
            await anyio.lowlevel.checkpoint()  # as the way to a thread has one
            with suppress(JournalUnavailable):  # it would have to wait: in a thread it may
                return self.store.call_at_once(call, *arguments)
            what = "read"
        most = self.store.readers if what == "read" else 1
        limiter = self._limiters.setdefault(what, CapacityLimiter(most))
        try:
            # Not left behind where the call is cancelled: a claim that nobody knows of would block its order.
            return await anyio.to_thread.run_sync(partial(call, *arguments), limiter=limiter)
        except JournalUnavailable:
            telemetry.count("po_mcp.journal.failures", what=what)
            raise
