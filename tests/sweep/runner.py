"""Plays one scenario: the call, a restart, the same call again; notes what was sent, carried out and answered."""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx2

from po_mcp.approvals.page_server import NoPage
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.tryton import Tryton
from po_mcp.desk.context import Desk
from po_mcp.desk.create_order import create_order
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.desk.operations import get_operations
from po_mcp.erp import ERP
from po_mcp.errors import JournalUnavailable, PurchaseOrderError, TooLate
from po_mcp.orders import OrderRequest, Snapshot
from po_mcp.sandbox import Book
from po_mcp.sandbox.faults import PlannedFault, Relay
from po_mcp.sandbox.records import LineDraft, OrderDraft
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.kinds.snapshots import digest_of_snapshot
from po_mcp.writes.operation import Recorded, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from tests.faults.matrix import SECRET, VALUES, Call

from .erp import TAG, ERPAtPort, Lost, do_nothing, erp_at_port
from .oracle import Answer, Played, Ran, Sending
from .people import Person
from .refusals import ALL
from .scenarios import CALLS, FLOWS, HANGING, LEAPS, Baseline, Flow, Moment, Scenario

TIMEOUT_S, SHORT_TIMEOUT_S = 5.0, 1.0
"""Seconds of one call: enough for a busy machine; the short one is for what would wait for it to end."""
LATE_APPLY_S, READ_LAG_S = 10.0, 0.05
"""Seconds of the journal's clock, which stands still until the sweep moves it; a second look really waits so long."""
TTL_S = 600.0
OTHER_NUMBER = "PO-2026-0002"
USER = "sweep"
_ALL_THAT_FOLLOW = 40
"""How many requests a fault strikes that strikes all that follow: more than any scenario makes."""
_LAGGING = ("late-read", "late-lines")
_HABIT_LAG_S = 3.0
"""Seconds by which these two habits are late by default."""


class Clock:
    """The time of the journal and of the ERP, in seconds since 1970; it passes when the sweep says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Died(BaseException):
    """The process is gone in the middle of a write; nothing of ours may catch this."""


class WatchedNetwork(httpx2.AsyncBaseTransport):
    """A transport that reads the journal's file before a write leaves, and lets a process die there."""

    def __init__(self, ran: Ran, journal: Path) -> None:
        # No certificates: reading them takes longer than a scenario.
        self._network = httpx2.AsyncHTTPTransport(retries=0, verify=False)
        self._ran = ran
        self._journal = journal
        self._tags = itertools.count(1)
        self.step = 0
        self.asked_by = ""
        self.moment: Moment = ""
        self.before_a_write: Callable[[], Awaitable[None]] | None = None
        """Runs once, right before a write leaves."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.is_write(request):
            return await self._network.handle_async_request(request)
        if self.moment == "dies before it is sent":
            raise Died
        tag = str(next(self._tags))
        sent = replace(read_sending(tag, self.step, self._journal), asked_by=self.asked_by)
        request.headers[TAG] = tag
        if (act := self.before_a_write) is not None:
            self.before_a_write = None
            await act()
        self._ran.sent.append(sent)
        try:
            answer = await self._network.handle_async_request(request)
        except TooLate:
            self._ran.sent.remove(sent)  # not a byte left
            raise
        if self.moment == "dies when it is applied":
            await answer.aclose()
            raise Died
        return answer

    def is_write(self, request: httpx2.Request) -> bool:
        """Tell a write from a read and a sign-in."""
        return request.method != "GET" and "oken" not in request.url.path

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


def read_sending(tag: str, step: int, journal: Path) -> Sending:
    """Return a write that is about to leave, with what the journal's file says by now of the operation that is SENT."""
    if not journal.exists():
        return Sending(tag, step, None, False, False)
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        row = db.execute(
            "SELECT * FROM write_operations WHERE state = 'SENT' ORDER BY sent_at DESC, rowid DESC"
        ).fetchone()
        if row is None:
            return Sending(tag, step, None, False, False)
        events = db.execute("SELECT event, detail FROM audit_log WHERE operation_id = ? ORDER BY place", (row["id"],))
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
    payload = json.loads(row["payload"])
    if "snapshot" not in payload:
        return bool(row["order_digest"] == row["content_digest"])
    shown = Snapshot.model_validate(payload["snapshot"])
    # The person is shown the vendor's name where the order has an id alone, which is what is compared.
    by_id = shown.order.model_copy(update={"vendor": shown.order.vendor_id or shown.order.vendor})
    as_read = (shown, shown.model_copy(update={"order": by_id}))
    return row["order_digest"] in map(digest_of_snapshot, as_read)


# Playing


async def run(scenario: Scenario) -> Ran:
    """Play the scenario to its end."""
    clock = Clock()
    ran = Ran(scenario)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        network = WatchedNetwork(ran, journal)
        async with (
            erp_at_port(habits=scenario.habits, clock=clock) as erp,
            _Relay(erp.port, _plan_faults(scenario)) as relay,
        ):
            play = Play(scenario, ran, clock, journal, relay.url, network, relay, erp)
            _record_what_is_carried_out(play)
            _prepare(play)
            await _make_first_call(play)
            await play_after_a_restart(play)
            await relay.wait_for_late_requests()
            record_the_end(ran, journal, clock)
            ran.requests = [(seen.method + " " + seen.target, seen.n) for seen in relay.exchanges]
        await network.close()
    return ran


@dataclass
class Play:
    """A scenario that is played: its parts, and the acts of the client in it."""

    scenario: Played
    ran: Ran
    clock: Clock
    journal: Path
    url: str
    network: WatchedNetwork
    relay: Relay | None = None
    erp: ERPAtPort | None = None
    lags_until: float = 0.0
    user: str = USER
    """The user who asks, unless a moment says otherwise."""

    @property
    def call(self) -> Call:
        return CALLS[self.scenario.flow]

    @property
    def moment(self) -> Moment:
        return self.scenario.moment if isinstance(self.scenario, Scenario) else ""

    @property
    def timeout(self) -> float:
        """Seconds that one call may take."""
        scenario = self.scenario
        if not isinstance(scenario, Scenario):
            return SHORT_TIMEOUT_S
        is_long = scenario.moment.startswith("dies") or any(kind in HANGING for kind, _ in scenario.faults)
        return SHORT_TIMEOUT_S if is_long else TIMEOUT_S

    @property
    def policy(self) -> SettlementPolicy:
        """The bounds of this scenario; waits are short, since the journal's clock stands still in them."""
        late, lag = (None, None) if self.scenario.bounds == "unset" else (LATE_APPLY_S, READ_LAG_S)
        return SettlementPolicy(self.timeout, late, lag, second_look=0.01, watch=0.05, foreign_gap=0.02)

    @property
    def past_all(self) -> float:
        """Seconds after which nothing of a write can come any more."""
        policy = self.policy
        return policy.abandoned_after + LATE_APPLY_S + max(READ_LAG_S, _HABIT_LAG_S) + 1

    @asynccontextmanager
    async def server(self, company: str | None = None) -> AsyncIterator[Desk]:
        """Run a server on the journal's file, built as the real one is."""
        journal = Journal(JournalStore(self.journal, TTL_S, self.clock))
        erp = connect(self.scenario.flow[0], self.url, self.network, company, self.timeout, journal)
        try:
            yield Desk(erp, journal, build_executor(erp, journal, self.policy), NoPage())
        finally:
            await erp.aclose()
            journal.close()

    async def ask(self, desk: Desk, *, number: str | None = None, user: str = "", company: str = "") -> None:
        """Make the flow's call once more, and note what is answered."""
        self.network.step += 1
        await self.ask_in_this_step(desk, number=number, user=user, company=company)

    async def ask_in_this_step(
        self, desk: Desk, *, number: str | None = None, user: str = "", company: str = ""
    ) -> None:
        """Make the flow's call at the same time as others."""
        call = self.call if number is None else replace(self.call, number=number)
        user = user or self.user
        self.network.asked_by = f"{user} {company}".strip()
        await self._note(desk, lambda: _call(desk, call, Person(call.number, user)))

    async def look(self, desk: Desk) -> None:
        """Ask get_operation for every operation that there is."""
        for recorded in _read_operations(desk):
            self.network.step += 1
            await self._note(desk, partial(_look, desk, recorded.operation.id), looked_up=True)

    async def ask_something_else(self, desk: Desk) -> None:
        """Read, as any tool may; the answer says what turned out to be done."""
        self.network.step += 1
        self.ran.answers.append(Answer(self.network.step, "read", "", late=await _find_late_news(desk)))

    async def wait_for_late_requests(self) -> None:
        """Wait until the requests that the relay holds back have reached the ERP."""
        if self.relay is not None:
            await self.relay.wait_for_late_requests()

    async def _note(self, desk: Desk, act: Callable[[], Awaitable[WriteOutcome]], looked_up: bool = False) -> None:
        step, asked_by = self.network.step, self.network.asked_by
        first = self.relay.count if self.relay else 0
        try:
            answer = _read_outcome(step, await act())
        except Died:
            return
        except PurchaseOrderError as exc:
            answer = Answer(step, "error", str(exc), error=type(exc).__name__)
        except Exception as exc:  # as a server answers it: an error, and nothing of the cause
            self.ran.crashes.append(f"{type(exc).__name__}: {exc}"[:200])
            answer = Answer(step, "error", "it crashed", error="crash")
        late = await _find_late_news(desk)
        struck = self.relay is not None and any(seen.fault for seen in self.relay.exchanges if seen.n > first)
        lags = self.clock.now <= self.lags_until
        self.ran.answers.append(
            replace(answer, looked_up=looked_up, misled=struck or lags, asked_by=asked_by, late=late)
        )


def _read_outcome(step: int, outcome: WriteOutcome) -> Answer:
    return Answer(
        step,
        outcome.status,
        outcome.message,
        outcome.operation_id,
        outcome.do_not_repeat,
        is_checked=outcome.status == "refused" and outcome.not_before is not None,
    )


async def _find_late_news(desk: Desk) -> frozenset[str]:
    """Look for late effects after a call, as the server does; return the operations that the answer then reports."""
    if not desk.journal.exists():
        return frozenset()
    try:
        return frozenset([one.operation.id for one in await desk.reconciler.find_late_news()])
    except PurchaseOrderError:
        return frozenset()


async def _make_first_call(play: Play) -> None:
    """Make the first call, or the first two."""
    play.network.moment = play.moment
    async with play.server() as desk:
        if play.moment == "twice at once":
            play.network.step += 1
            async with anyio.create_task_group() as calls:
                calls.start_soon(play.ask_in_this_step, desk)
                calls.start_soon(play.ask_in_this_step, desk)
        elif play.moment == "two numbers at once":
            await _ask_for_two_numbers_at_once(play, desk)
        elif play.moment == "the journal is removed":
            await _remove_the_journal(play, desk)
        elif play.moment == "another company looks":
            await _let_another_company_look(play)
        else:
            await play.ask(desk)
    play.network.moment = ""


async def play_after_a_restart(play: Play) -> None:
    """Ask again as a client that lost the answer would, look, and let the time of every doubt pass."""
    async with play.server(_company(play)) as desk:
        match play.moment:
            case "asked again under another number":
                await play.ask(desk, number=OTHER_NUMBER)
            case "another user asks for the same":
                await play.ask(desk, user="somebody else")
            case _:
                await play.ask(desk, company=_company(play) or "")
        await play.look(desk)
    if play.scenario.bounds != "broken":
        await play.wait_for_late_requests()
    play.clock.now += play.past_all
    async with play.server(_company(play)) as desk:
        await _recover(desk)
        await play.ask_something_else(desk)
        await play.look(desk)
        if play.scenario.bounds == "broken":  # it comes now: too late for what was answered, and before the next call
            await play.wait_for_late_requests()
        await play.ask(desk, company=_company(play) or "")
    play.clock.now += TTL_S + play.past_all
    async with play.server(_company(play)) as desk:
        await _recover(desk)
        await play.look(desk)


async def _recover(desk: Desk) -> None:
    """Look at what was left behind, as a server does from time to time; a journal that fails does not end it."""
    with suppress(PurchaseOrderError):
        if desk.journal.exists():
            await desk.reconciler.recover()


def _read_operations(desk: Desk) -> list[Recorded]:
    with suppress(JournalUnavailable):
        if desk.journal.exists():
            return desk.journal.store.all()
    return []


# Moments


def _prepare(play: Play) -> None:
    """Arrange what happens beside the faults, each at its moment."""
    erp, moment, scenario = play.erp, play.moment, play.scenario
    assert erp is not None
    assert isinstance(scenario, Scenario)
    if any(habit in scenario.habits for habit in _LAGGING):
        play.lags_until = play.clock.now
    if moment == "the number is taken before":
        _enter_colleagues_order(erp.book, play.call.number, "like ours")
    if moment in LEAPS and moment.endswith("before it is sent"):
        play.network.before_a_write = partial(_set_clock, play, LEAPS[moment])
    if moment == "another server does it meanwhile":
        play.network.before_a_write = partial(_let_another_server_do_it, play)
    _let_a_colleague_take_the_number(play, erp, moment)


def _record_what_is_carried_out(play: Play) -> None:
    """Note, of each write that changes the book, the step in which it does."""
    erp = play.erp
    assert erp is not None
    done: dict[str, int] = {}
    play.ran.carried_out = done

    async def note_applied(tag: str) -> None:
        if tag in erp.gate.carried_out:
            done[tag] = play.network.step
        if play.moment in LEAPS and play.moment.endswith("when it is applied") and play.network.step == 1:
            play.clock.now += LEAPS[play.moment]

    erp.gate.applied = note_applied


def _let_a_colleague_take_the_number(play: Play, erp: ERPAtPort, moment: Moment) -> None:
    """Enter a colleague's order under our number right before our first write arrives, if that is the moment."""
    whose = {
        "another vendor's order takes the number": "another vendor's",
        "an order with a common item takes the number": "with a common item",
    }.get(moment)
    if whose is None:
        return
    has_come: list[str] = []

    async def arrives(tag: str) -> None:
        if not has_come:
            has_come.append(tag)
            number = play.call.number or _number_under_way(play)
            _enter_colleagues_order(erp.book, number, whose)

    erp.gate.arrives = arrives


def _number_under_way(play: Play) -> str:
    with closing(sqlite3.connect(f"file:{play.journal}?mode=ro", uri=True)) as db:
        [number] = db.execute("SELECT number FROM write_operations WHERE state = 'SENT'").fetchone()
        return str(number)


_COLLEAGUES_LINES: Mapping[str, tuple[int, tuple[tuple[str, str, str], ...]]] = {
    "like ours": (12, (("BOLT-M8-30", "1000", "0.333"), ("NUT-M8", "12.5", "0.12"))),
    "with a common item": (12, (("BOLT-M8-30", "70", "0.45"), ("TAPE-PKG-48", "70", "0.03"))),
    "another vendor's": (7, (("TAPE-PKG-48", "500", "0.03"),)),
}
"""The vendorID of a colleague's order, and its lines: item, quantity, price."""


def _enter_colleagues_order(book: Book, number: str, whose: str) -> None:
    vendor, lines = _COLLEAGUES_LINES[whose]
    drafted = tuple(LineDraft(("short_id", item), Decimal(units), Decimal(price)) for item, units, price in lines)
    book.create(OrderDraft(("id", vendor), drafted, number))


async def _set_clock(play: Play, seconds: float) -> None:
    play.clock.now += seconds


async def _let_another_server_do_it(play: Play) -> None:
    """Sleep, as a laptop does, until another server has settled the operation and was asked again."""
    play.clock.now += play.past_all
    async with play.server() as other:
        await _recover(other)
        await play.ask_in_this_step(other)


async def _ask_for_two_numbers_at_once(play: Play, desk: Desk) -> None:
    """Make the call under two numbers at the same time, each at a server of its own."""
    play.network.step += 1
    async with play.server() as other, anyio.create_task_group() as calls:
        calls.start_soon(partial(play.ask_in_this_step, desk))
        calls.start_soon(partial(play.ask_in_this_step, other, number=OTHER_NUMBER))


async def _remove_the_journal(play: Play, desk: Desk) -> None:
    """Use a server, remove its journal, let a second server do what is asked, and ask the first one again."""
    await desk.journal.join(desk.erp.connection)
    for file in play.journal.parent.glob("journal.*"):
        file.unlink()
    async with play.server() as other:
        await play.ask(other)
    await play.ask(desk)


async def _let_another_company_look(play: Play) -> None:
    """Leave a write in doubt, and let a server of another company look, whose books show the same effect."""
    erp = play.erp
    assert erp is not None
    mine, app = erp.book, erp.gate.app
    assert play.relay is not None
    lost = _lose_the_next_write(play)
    async with play.server("one") as desk:
        await play.ask(desk, company="one")
    lost()
    other = _book_that_shows_the_effect(play)
    erp.become(other)
    async with play.server("another") as desk:
        await play.look(desk)
    erp.gate.app, erp.gate.book = app, mine
    other.close()


def _lose_the_next_write(play: Play) -> Callable[[], None]:
    """Let no write reach the ERP, until the function that is returned is called."""
    assert play.erp is not None
    gate = play.erp.gate

    async def arrives(tag: str) -> None:
        raise Lost

    gate.arrives = arrives

    def stop() -> None:
        gate.arrives = do_nothing

    return stop


def _book_that_shows_the_effect(play: Play) -> Book:
    """Make another company's book, in which such an order stands, is closed, cancelled or gone already."""
    book = Book.open(":memory:", made_on=datetime.fromtimestamp(play.clock(), UTC).date())
    match play.scenario.flow[1]:
        case "finalize":
            book.finalize(play.call.number, create_backorder=True)
        case "delete":
            book.delete(play.call.number)
        case "cancel":
            book.cancel(play.call.number)
        case _:
            _enter_colleagues_order(book, play.call.number or _number_in_doubt(play), "like ours")
    return book


def _number_in_doubt(play: Play) -> str:
    with closing(JournalStore(play.journal, TTL_S, play.clock)) as store:
        return store.all()[0].operation.number


def _company(play: Play) -> str | None:
    return "one" if play.moment == "another company looks" else None


# The tools' functions


async def _call(desk: Desk, call: Call, person: Person) -> WriteOutcome:
    if call.tool == "create_purchase_order":
        return await create_order(desk, OrderRequest(number=call.number or None, **call.arguments), person)
    return await guarded_write(desk, call.tool.partition("_")[0], call.number, call.arguments, person)


async def _look(desk: Desk, operation_id: str) -> WriteOutcome:
    return (await get_operations(desk, operation_id, Person("", USER))).operations[0]


def connect(
    erp: str, url: str, transport: httpx2.AsyncBaseTransport, company: str | None, timeout: float, journal: Journal
) -> ERP:
    """Connect as the real server does; Exsited's token is shared through the journal."""
    named = {"timeout": timeout, "transport": transport, "company": company}
    retrier = Retrier(sleep=_no_wait, fraction=lambda: 0.0)
    if erp == "exsited":
        tokens = journal.shared_token(f"exsited {url}")
        return Exsited(url, SECRET, SECRET, url, retrier=retrier, token_store=tokens, **named)  # type: ignore[arg-type]
    if erp == "tryton":
        return Tryton(url, *credentials_for(erp), retrier=retrier, **named)  # type: ignore[arg-type]
    return InventoryPro(url, SECRET, SECRET, retrier=retrier, **named)  # type: ignore[arg-type]


def credentials_for(erp: str) -> tuple[str, str]:
    """Return what a server signs in with: client id and secret."""
    return ("buyer", "buyer-secret-1") if erp == "tryton" else (SECRET, SECRET)


async def _no_wait(seconds: float) -> None:
    """Take the place of a wait before another try."""


def _plan_faults(scenario: Scenario) -> Iterator[PlannedFault]:
    """Return the faults of a scenario, each with the number of the request that it strikes."""
    for place, (kind, n) in enumerate(scenario.faults, 1):
        fault = ALL[kind]
        is_last = place == len(scenario.faults)
        for nth in range(n, n + (_ALL_THAT_FOLLOW if scenario.from_then_on and is_last else 1)):
            yield PlannedFault(fault, nth, 0.2 if kind == "refused" else VALUES.get(kind, fault.value))


def record_the_end(ran: Ran, journal: Path, clock: Clock) -> None:
    """Note the states of all operations at the end, and the faults of the journal."""
    with closing(JournalStore(journal, TTL_S, clock)) as store:
        try:
            if store.exists():
                ran.states = [known.state for known in store.all()]
                ran.faults_of_journal = store.upkeep.verify()
        except JournalUnavailable as exc:
            ran.faults_of_journal = [exc.message]


async def rehearse(flow: Flow) -> Baseline:
    """Play a flow without a fault, and learn its requests."""
    ran = await run(Scenario(flow))
    assert ran.answers[0].status == "done", ran.answers
    assert not ran.wrong, ran.wrong
    [write] = [n for target, n in ran.requests if not target.startswith("GET") and "oken" not in target]
    return Baseline(write, len(ran.requests))


async def rehearse_all() -> Mapping[Flow, Baseline]:
    """Play every flow without a fault, and learn its requests."""
    return {flow: await rehearse(flow) for flow in FLOWS}
