"""Faults and kills between our server and a real Tryton, each a scenario of which the history is returned.

The steps after a doubt and the oracle are those of tests/sweep; only the ERP behind them is a real one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx2

from po_mcp.sandbox.faults import FAULTS, Exchange, PlannedFault, Relay
from po_mcp.sandbox.faults.messages import Answer, Request
from tests.faults.matrix import VALUES
from tests.sweep.crashes import (
    AT_THE_WIRE,
    USER,
    Crash,
    Crashed,
    ask_until_struck,
    server_process,
    start_again,
)
from tests.sweep.erp import TAG, Lost, Moment, do_nothing
from tests.sweep.oracle import Ran
from tests.sweep.runner import Clock, Play, WatchedNetwork, play_after_a_restart, record_the_end
from tests.sweep.scenarios import HANGING, Bounds, Flow
from tests.tryton.book import PURCHASE, TrytonUsers
from tests.tryton.harness import find_write_method
from tests.tryton.server import Server

FLOWS: tuple[Flow, ...] = (
    ("tryton", "create"),
    ("tryton", "create unnumbered"),
    ("tryton", "delete"),
    ("tryton", "cancel"),
)
STRIKES_UNREAD = frozenset(kind for kind, fault in FAULTS.items() if fault.reaches in ("nobody", "socket"))
"""Faults before the request is read, so that nobody knows whether it is a write."""
OF_WRITES = tuple(kind for kind in FAULTS if kind not in STRIKES_UNREAD | {"endless", "slow-drip", "stale"})
THEN = ("", "500", "lost-answer", "hang")
"""What strikes the readings right after the write."""
READINGS = 3
HOWS = tuple(how for how in AT_THE_WIRE if not how.startswith("stopped") and not how.endswith("no answer"))
"""What happens to the process: the moments of the sweep but those at which it is stopped, or gets no answer."""
TIMEOUT_S, SHORT_TIMEOUT_S = 30.0, 8.0
"""Seconds of a call: Tryton is asked a dozen times before a create, on a machine that is busy with others."""
PATIENCE_S = 240.0
"""Seconds without an answer or a request after which a call is taken to hang."""


@dataclass(frozen=True)
class Struck:
    """A flow, the fault of its write, and the fault of the readings right after it."""

    flow: Flow
    kind: str = ""
    then: str = ""
    bounds: Bounds = "unset"

    def __str__(self) -> str:
        return f"{self.flow[1]}: {self.kind or 'no fault'}{f', then {self.then}' if self.then else ''}, {self.bounds}"


def every_crash() -> Iterator[Crash]:
    """Every way in which our own process ends at the write of every flow."""
    for flow, how in product(FLOWS, HOWS):
        yield Crash(flow, how)


def every_scenario() -> Iterator[Struck]:
    """Every fault at the write of every flow; and for some doubts, a fault of the readings after it."""
    bounds: tuple[Bounds, ...] = ("unset", "kept")
    for flow, kind, known in product(FLOWS, OF_WRITES, bounds):
        yield Struck(flow, kind, bounds=known)
    for flow, kind, then in product(FLOWS, ("lost-answer", "500-applied", "reset-after-read"), THEN[1:]):
        yield Struck(flow, kind, then)


def contents(users: TrytonUsers) -> Mapping[int, str]:
    """Return which orders stand in Tryton, and in which state, read past the connector."""
    return {row["id"]: row["state"] for row in users.buyer.search_read(PURCHASE, ["state"])}


class RpcRelay(Relay):
    """A relay to Tryton that knows a write by its body, and sees in Tryton what a write changed."""

    def __init__(self, erp: int, users: TrytonUsers, plan: Iterable[PlannedFault] = (), then: str = "") -> None:
        super().__init__(erp, plan)
        self._users = users
        self._then = then
        self.arrives: Moment = do_nothing
        self.applied: Moment = do_nothing
        self.carried_out: list[str] = []
        self.arrived = 0

    def _find_planned_write(self, request: Request, planned: PlannedFault) -> PlannedFault:
        if find_write_method(request.body) is None:
            return planned
        found = super()._find_planned_write(request, planned)
        if self._then and not self.arrived:
            fault = FAULTS[self._then]
            after = range(self.count + 1, self.count + 1 + READINGS)
            self._plan += [PlannedFault(fault, n, VALUES.get(self._then, fault.value)) for n in after]
        self.arrived += 1
        return found

    async def _ask(self, request: Request, exchange: Exchange) -> Answer:
        if find_write_method(request.body) is None:
            return await super()._ask(request, exchange)
        tag = dict(request.headers).get(TAG.encode(), b"process %d" % self.arrived).decode()
        try:
            await self.arrives(tag)
        except Lost:
            raise ConnectionResetError from None
        before = contents(self._users)
        answer = await super()._ask(request, exchange)
        if contents(self._users) != before:
            self.carried_out.append(tag)
        await self.applied(tag)
        return answer


class RpcNetwork(WatchedNetwork):
    """The way to Tryton, where every call is a POST."""

    def is_write(self, request: httpx2.Request) -> bool:
        return find_write_method(request.content) is not None


class RpcPlay(Play):
    """A scenario under way, with time enough for Tryton."""

    @property
    def timeout(self) -> float:
        scenario = self.scenario
        hangs = isinstance(scenario, Struck) and not HANGING.isdisjoint((scenario.kind, scenario.then))
        return SHORT_TIMEOUT_S if hangs else TIMEOUT_S


async def strike(at: Struck, server: Server, users: TrytonUsers) -> Ran:
    """Make the call with the fault, start again, and ask, until no doubt is left."""
    ran, clock = Ran(at), Clock()
    clock.now = time.time()  # an order of before our write is not ours, and Tryton keeps the real time
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        network = RpcNetwork(ran, journal)
        async with RpcRelay(server.port, users, _plan(at), at.then) as relay:
            play = RpcPlay(at, ran, clock, journal, f"{relay.url}/{server.database.name}", network, relay)
            record_what_is_carried_out(play, relay)
            async with play.server() as desk:
                await play.ask(desk)
            await play_after_a_restart(play)
            await relay.wait_for_late_requests()
            record_the_end(ran, journal, clock)
        await network.close()
    return ran


def _plan(at: Struck) -> Iterator[PlannedFault]:
    if at.kind:
        yield PlannedFault(FAULTS[at.kind], 1, VALUES.get(at.kind, FAULTS[at.kind].value), is_for_writes=True)


def record_what_is_carried_out(play: Play, relay: RpcRelay) -> None:
    """Note, of each write that changes what Tryton holds, the step in which it does."""
    done: dict[str, int] = {}
    play.ran.carried_out = done

    async def note_applied(tag: str) -> None:
        if tag in relay.carried_out:
            done[tag] = play.network.step

    relay.applied = note_applied


async def kill(at: Crash, server: Server, users: TrytonUsers) -> Crashed:
    """Let a server's process end at a moment of its write, start another on its journal, and ask again."""
    ran = Crashed(at)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        async with RpcRelay(server.port, users) as relay:
            url = f"{relay.url}/{server.database.name}"
            async with server_process(at.flow, url, journal, seconds=TIMEOUT_S) as peer:
                peer.count_requests, peer.patience_s = lambda: relay.count, PATIENCE_S
                await ask_until_struck(ran, relay, peer, journal)
            network = RpcNetwork(ran, journal)
            await start_again(ran, relay, RpcPlay(at, ran, Clock(), journal, url, network, user=USER))
    return ran
