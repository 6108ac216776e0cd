"""Plays one scenario: the call, a restart, the same call again; every answer is held against the book."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import httpx2
from po_mcp.connectors.http.retry import Retrier
from po_mcp.desk.deciding import cancel_order, delete_order, finalize_order
from po_mcp.desk.following import get_operations
from po_mcp.desk.ordering import create_order
from po_mcp.writes.approval import Answer, Page, Question
from po_mcp.writes.execution import Executor

from po_mcp.approvals.page_server import NoPage
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.desk.context import Desk
from po_mcp.erp import ERP
from po_mcp.errors import PurchaseOrderError
from po_mcp.orders import OrderRequest, Snapshot
from po_mcp.sandbox.faults import FAULTS, Relay, PlannedFault
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import WriteOutcome, digest_of_snapshot
from tests.faults.matrix import CALLS, SECRET, VALUES, Call

from .erp import TAG, ERPAtPort, erp_at_port
from .scenarios import LEAPS, Bounds, Calm, Flow, Moment, Scenario

TIMEOUT = 1.0
GRACE = 5.0
LATE_APPLY, READ_LAG = 10.0, 5.0
"""Seconds of the journal's clock, which stands still until the sweep moves it."""
PAST_ALL = 2 * TIMEOUT + GRACE + LATE_APPLY + READ_LAG + 1
LIFE = 600.0
_LONG = 40
_FAILED = {"error", "refused", "declined", "stale", "expired"}


class Clock:
    """The journal's time."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Told:
    """What a client was told at a step: a write's status, or "error"."""

    step: int
    status: str
    text: str
    operation_id: str | None = None
    do_not_repeat: bool = False
    error: str = ""
    looked_up: bool = False
    misled: bool = False
    """A request of this very step was struck: an error of such a step is no verdict on what came before."""


@dataclass(frozen=True)
class Sending:
    """A write at the moment it leaves, and what the journal's file holds of it by then."""

    tag: str
    step: int
    operation_id: str | None
    was_approved: bool
    is_as_approved: bool


class Died(BaseException):
    """The process is gone in the middle of a write; nothing of ours may catch this."""


class Played(Protocol):
    """What was played, as far as the judge must know."""

    @property
    def flow(self) -> Flow: ...
    @property
    def bounds(self) -> Bounds: ...


@dataclass
class Ran:
    """A scenario's history."""

    scenario: Played
    told: list[Told] = field(default_factory=list)
    sent: list[Sending] = field(default_factory=list)
    carried_out: Sequence[str] = ()
    states: Sequence[str] = ()
    faults_of_journal: Sequence[str] = ()
    applied: bool = False
    requests: Sequence[tuple[str, int]] = ()
    crashes: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return [*self.doubles, *self.lies, *_unsafe(self), *_stuck(self), *self.crashes]

    @property
    def doubles(self) -> list[str]:
        return list(_doubles(self))

    @property
    def lies(self) -> list[str]:
        return [f"step {told.step}: {lie} ({told.status}: {told.text[:200]})" for told, lie in _lies(self)]

    @property
    def is_residual(self) -> bool:
        return self.scenario.bounds == "broken" and bool(self.wrong)


class Yes:
    """A person who says yes to whatever is asked, within the call."""

    carried = None
    who: Mapping[str, str] = {"client": "sweep"}
    channel = "form"

    def __init__(self, number: str) -> None:
        self._number = number

    async def ask(self, operation_id: str, question: Question, page: Page) -> Answer:
        fields = {shown.name: True if shown.kind == "boolean" else self._number for shown in question.fields}
        return Answer("accepted", fields)

    async def choose(self, question: Question) -> Answer:
        return Answer("not_asked")


class Watched(httpx2.AsyncBaseTransport):
    """The way to the network: looks into the journal's file before a write leaves, on a connection of its own."""

    def __init__(self, ran: Ran, journal: Path) -> None:
        # No certificates: reading them takes longer than a scenario.
        self._network = httpx2.AsyncHTTPTransport(retries=0, verify=False)
        self._ran = ran
        self._journal = journal
        self.step = 0
        self.moment: Moment = ""
        self.clock = Clock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        is_write = request.method != "GET" and "oken" not in request.url.path
        if is_write and self.moment == "dies before it is sent":
            raise Died
        if is_write:
            tag = str(len(self._ran.sent) + 1)
            self._ran.sent.append(sending(tag, self.step, self._journal))
            request.headers[TAG] = tag
            self.clock.now += LEAPS.get(self.moment, 0)
        answer = await self._network.handle_async_request(request)
        if is_write and self.moment == "dies when it is applied":
            await answer.aclose()
            raise Died
        return answer

    async def aclose(self) -> None:
        """Stay open: the sweep closes it when it ends."""

    async def close(self) -> None:
        await self._network.aclose()


class _Relay(Relay):
    async def __aexit__(self, *error: object) -> None:
        """Leave once more where a connection was gone before it could be reset."""
        try:
            await super().__aexit__(*error)
        except OSError:
            await anyio.lowlevel.checkpoint()
            await super().__aexit__(*error)


def sending(tag: str, step: int, journal: Path) -> Sending:
    """Read the operation that is SENT by now, if one is, and its trail."""
    if not journal.exists():
        return Sending(tag, step, None, False, False)
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        row = db.execute("SELECT * FROM operations WHERE state = 'SENT'").fetchone()
        if row is None:
            return Sending(tag, step, None, False, False)
        events = db.execute("SELECT event, detail FROM trail WHERE operation_id = ? ORDER BY place", (row["id"],))
        history = [(event["event"], json.loads(event["detail"])) for event in events]
    return Sending(tag, step, row["id"], _was_approved(row, history), _is_as_approved(row))


def _was_approved(row: sqlite3.Row, history: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
    """Tell whether a person's yes to the question that was shown came before the send; a create needs none."""
    names = [name for name, _ in history]
    if row["kind"] == "create" and row["question"] is None:
        return names[-2:] == ["APPROVED", "SENT"]
    asked = json.loads(row["question"])["text"]
    shown = [detail.get("shown") for name, detail in history if name == "PROPOSED"]
    return shown == [asked] and names[-2:] == ["APPROVED", "SENT"]


def _is_as_approved(row: sqlite3.Row) -> bool:
    """Tell whether the digest at the send is that of the order that the person was shown."""
    intent = json.loads(row["intent"])
    if "snapshot" not in intent:
        return bool(row["digest"] == row["fingerprint"])
    return bool(digest_of_snapshot(Snapshot.model_validate(intent["snapshot"])) == row["digest"])


# Playing


async def run(scenario: Scenario) -> Ran:
    """Play the scenario to its end."""
    ran, clock = Ran(scenario), Clock()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        watched = Watched(ran, journal)
        watched.clock = clock
        async with erp_at_port() as erp, _Relay(erp.port, _plan(scenario)) as relay:
            play = Play(scenario, ran, clock, journal, relay.url, watched, relay)
            await _first(play, scenario)
            await and_after_a_restart(play)
            await relay.wait_for_late_requests()
            note_the_end(ran, erp, journal)
            ran.requests = [(seen.method + " " + seen.target, seen.n) for seen in relay.exchanges]
        await watched.close()
    return ran


@dataclass(frozen=True)
class Play:
    """A scenario under way."""

    scenario: Played
    ran: Ran
    clock: Clock
    journal: Path
    url: str
    watched: Watched
    relay: Relay | None = None

    @property
    def call(self) -> Call:
        return CALLS[self.scenario.flow]

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Desk]:
        """Start a server on the journal's file, composed as the real one is."""
        journal = Journal(self.journal, LIFE, self.clock)
        late, lag = (None, None) if self.scenario.bounds == "unset" else (LATE_APPLY, READ_LAG)
        erp = connected(self.scenario.flow[0], self.url, self.watched)
        try:
            yield Desk(erp, journal, Executor(erp, journal, TIMEOUT, late, lag), NoPage())
        finally:
            await erp.aclose()
            journal.close()

    async def ask(self, desk: Desk, *, together: int = 1) -> None:
        """Make the flow's call, so many times at once, and note what is told."""
        self.watched.step += 1
        async with anyio.create_task_group() as calls:
            for _ in range(together):
                calls.start_soon(self._ask, desk)

    async def _ask(self, desk: Desk) -> None:
        await self._told(lambda: _called(desk, self.call, Yes(self.call.number)))

    async def look(self, desk: Desk) -> None:
        """Ask get_operation for every operation that there is."""
        for recorded in desk.journal.all():
            self.watched.step += 1
            await self._told(partial(_looked, desk, recorded.operation.id), looked_up=True)

    async def wait_for_late_requests(self) -> None:
        """Wait for what the ERP is given late."""
        if self.relay is not None:
            await self.relay.wait_for_late_requests()

    async def _told(self, act: Callable[[], Awaitable[WriteOutcome]], looked_up: bool = False) -> None:
        step = self.watched.step
        first = self.relay.count if self.relay else 0
        try:
            outcome = await act()
            said = Told(step, outcome.status, outcome.message, outcome.operation_id, outcome.do_not_repeat)
        except Died:
            return
        except PurchaseOrderError as exc:
            said = Told(step, "error", str(exc), error=type(exc).__name__)
        except Exception as exc:  # as a server tells it: an error, and nothing of the cause
            self.ran.crashes.append(f"{type(exc).__name__}: {exc}"[:200])
            said = Told(step, "error", "it crashed", error="crash")
        misled = self.relay is not None and any(seen.fault for seen in self.relay.exchanges if seen.n > first)
        self.ran.told.append(replace(said, looked_up=looked_up, misled=misled))


async def _first(play: Play, scenario: Scenario) -> None:
    """Make the first call, or the first two."""
    play.watched.moment = scenario.moment
    async with play.server() as desk:
        await play.ask(desk, together=2 if scenario.moment == "twice at once" else 1)
    play.watched.moment = ""


async def and_after_a_restart(play: Play) -> None:
    """Ask again as a client that lost the answer would, look, and let the time of every doubt pass."""
    async with play.server() as desk:
        await play.ask(desk)
        await play.look(desk)
    if play.scenario.bounds != "broken":
        await play.wait_for_late_requests()
    play.clock.now += PAST_ALL
    async with play.server() as desk:
        await _recovered(desk)
        await play.look(desk)
        if play.scenario.bounds == "broken":  # it comes now: too late for what was told, and before the next call
            await play.wait_for_late_requests()
        await play.ask(desk)
    play.clock.now += LIFE + PAST_ALL
    async with play.server() as desk:
        await _recovered(desk)
        await play.look(desk)


async def _recovered(desk: Desk) -> None:
    if desk.journal.is_there():
        await desk.executor.recover()


async def _called(desk: Desk, call: Call, person: Yes) -> WriteOutcome:
    match call.tool:
        case "create_purchase_order":
            return await create_order(desk, OrderRequest(number=call.number, **call.arguments), person)
        case "finalize_purchase_order":
            return await finalize_order(desk, call.number, call.arguments["create_backorder"], person)
        case "cancel_purchase_order":
            return await cancel_order(desk, call.number, person)
    return await delete_order(desk, call.number, person)


async def _looked(desk: Desk, operation_id: str) -> WriteOutcome:
    return (await get_operations(desk, operation_id)).operations[0]


def connected(erp: str, url: str, transport: httpx2.AsyncBaseTransport) -> ERP:
    retrier = Retrier(sleep=_no_wait, fraction=lambda: 0.0)
    if erp == "exsited":
        return Exsited(url, SECRET, SECRET, url, timeout=TIMEOUT, transport=transport, retrier=retrier)
    return InventoryPro(url, SECRET, SECRET, timeout=TIMEOUT, transport=transport, retrier=retrier)


async def _no_wait(seconds: float) -> None:
    """Take the place of a wait before another try."""


def _plan(scenario: Scenario) -> Iterator[PlannedFault]:
    for place, (kind, n) in enumerate(scenario.faults, 1):
        fault = FAULTS[kind]
        is_last = place == len(scenario.faults)
        for nth in range(n, n + (_LONG if scenario.from_then_on and is_last else 1)):
            yield PlannedFault(fault, nth, 0.2 if kind == "refused" else VALUES.get(kind, fault.value))


def note_the_end(ran: Ran, erp: ERPAtPort, journal: Path) -> None:
    with closing(Journal(journal)) as record:
        if record.is_there():
            ran.states = [known.state for known in record.all()]
            ran.faults_of_journal = record.verify()
    ran.carried_out = erp.gate.carried_out
    ran.applied = CALLS[ran.scenario.flow].effect(erp.book)


async def rehearsed(flow: Flow) -> Calm:
    """Play a flow without a fault, and learn its requests."""
    ran = await run(Scenario(flow, ()))
    assert ran.told[0].status == "done", ran.told
    assert not ran.wrong, ran.wrong
    [write] = [n for target, n in ran.requests if not target.startswith("GET") and "oken" not in target]
    return Calm(write, len(ran.requests))


# Judging


def _doubles(ran: Ran) -> Iterator[str]:
    """A write that was sent though one before it was carried out, or two of one operation."""
    for place, sending in enumerate(ran.sent):
        before = ran.sent[:place]
        if any(earlier.tag in ran.carried_out for earlier in before):
            yield f"a second write was sent in step {sending.step} though an earlier one was carried out"
        elif sending.operation_id in {earlier.operation_id for earlier in before} - {None}:
            yield f"operation {sending.operation_id} was sent twice"


def _lies(ran: Ran) -> Iterator[tuple[Told, str]]:
    for told in ran.told:
        meant = [sent for sent in ran.sent if not told.looked_up or sent.operation_id in (told.operation_id, None)]
        own = [sent.tag in ran.carried_out for sent in meant if sent.step == told.step]
        until = [sent.tag in ran.carried_out for sent in meant if sent.step <= told.step]
        if told.status == "done" and not any(until):
            yield told, "done, and nothing was carried out"
        if told.status in _FAILED and (any(own) or (any(until) and _is_verdict(told))):
            yield told, "failed, and it was carried out"
        if told.status == "unknown" and not told.do_not_repeat:
            yield told, "unknown without do_not_repeat"
        if told.status == "approval_required" and any(until):
            yield told, "it waits for an approval, and it was carried out"


def _is_verdict(told: Told) -> bool:
    """Tell whether a failure speaks of the operation; where the ERP cannot be read, a call says only that."""
    return told.looked_up or not (told.misled or told.error in _NO_VERDICT)


def _unsafe(ran: Ran) -> Iterator[str]:
    guarded = ran.scenario.flow[1] != "create"
    for sent in ran.sent:
        if sent.operation_id is None:
            yield f"write {sent.tag} left without a durable row"
        elif not sent.was_approved:
            yield f"write {sent.tag} left without {'an approval' if guarded else 'its claim'} in the trail"
        elif not sent.is_as_approved:
            yield f"write {sent.tag} is of another order than was approved"


def _stuck(ran: Ran) -> Iterator[str]:
    yield from (f"an operation is {state} for ever" for state in ran.states if state in _WAITING)
    yield from (f"the journal: {fault}" for fault in ran.faults_of_journal)


_WAITING = {"PROPOSED", "APPROVED", "SENT"}
_NO_VERDICT = {"BadAnswer", "NotPermitted", "OperationUnderWay", "SignInFailed", "TooManyRequests", "Unreachable"}
