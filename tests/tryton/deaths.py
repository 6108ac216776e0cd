"""Tryton's own process is killed at a write, and started again on the same database: at once, or while nobody waits."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from po_mcp.sandbox.faults import Exchange, Relay
from po_mcp.sandbox.faults.messages import Answer, Request
from tests.sweep.erp import TAG
from tests.sweep.oracle import Ran
from tests.sweep.runner import Clock, play_after_a_restart, record_the_end
from tests.sweep.scenarios import Bounds, Flow
from tests.tryton.book import TrytonUsers
from tests.tryton.harness import find_write_method
from tests.tryton.server import Server
from tests.tryton.striking import (
    FLOWS,
    RpcNetwork,
    RpcPlay,
    RpcRelay,
    contents,
    record_what_is_carried_out,
)

Back = Literal["at once", "later"]
ON_ARRIVAL, WHEN_APPLIED = 0.0, float("inf")
MOMENTS = (ON_ARRIVAL, 0.003, 0.01, 0.02, 0.04, 0.08, WHEN_APPLIED)
"""Seconds after Tryton got the write, of which a create takes 25 to 40 ms; its database then shows what was done."""


@dataclass(frozen=True)
class Death:
    """A flow, the seconds after which Tryton dies at its write, and when it is back."""

    flow: Flow
    seconds: float
    back: Back
    bounds: Bounds = "kept"

    def __str__(self) -> str:
        when = {ON_ARRIVAL: "on arrival", WHEN_APPLIED: "when applied"}.get(self.seconds, f"after {self.seconds} s")
        return f"{self.flow[1]}: Tryton dies {when}, and is back {self.back}, {self.bounds}"


def every_death() -> Iterator[Death]:
    backs: tuple[Back, ...] = ("at once", "later")
    for flow, seconds, back in product(FLOWS, MOMENTS, backs):
        yield Death(flow, seconds, back)
    for flow, seconds in product(FLOWS, (0.02, WHEN_APPLIED)):
        yield Death(flow, seconds, "at once", "unset")


class DyingRelay(RpcRelay):
    """A relay that kills Tryton at the first write, and starts it again."""

    def __init__(self, server: Server, users: TrytonUsers, at: Death) -> None:
        super().__init__(server.port, users)
        self._tryton, self._at = server, at
        self._before: tuple[str, object] | None = None
        self.has_died = False

    async def _ask(self, request: Request, exchange: Exchange) -> Answer:
        if self.has_died or find_write_method(request.body) is None:
            return await super()._ask(request, exchange)
        self.has_died = True
        self._before = dict(request.headers).get(TAG.encode(), b"").decode(), contents(self._users)
        await self.arrives(self._before[0])
        asked = asyncio.create_task(Relay._ask(self, request, exchange))
        seconds = None if self._at.seconds == WHEN_APPLIED else self._at.seconds
        await asyncio.wait({asked}, timeout=seconds)
        self._tryton.kill()
        await asyncio.wait({asked})
        asked.exception()  # it broke, which is what was wanted
        if self._at.back == "at once":
            await self.revive()
        raise ConnectionResetError

    async def revive(self) -> None:
        """Start Tryton again, if it is dead, and see what it kept of the write."""
        if self._before is None:
            return
        (tag, before), self._before = self._before, None
        self._tryton.start()
        if contents(self._users) != before:
            self.carried_out.append(tag)
        await self.applied(tag)


async def die(at: Death, server: Server, users: TrytonUsers) -> Ran:
    """Make the call while Tryton dies, start Tryton and our server again, and ask until no doubt is left."""
    ran, clock = Ran(at), Clock()
    clock.now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        network = RpcNetwork(ran, journal)
        async with DyingRelay(server, users, at) as relay:
            play = RpcPlay(at, ran, clock, journal, f"{relay.url}/{server.database.name}", network, relay)
            record_what_is_carried_out(play, relay)
            try:
                async with play.server() as desk:
                    await play.ask(desk)
            finally:
                await relay.revive()
            await play_after_a_restart(play)
            record_the_end(ran, journal, clock)
            if not relay.has_died:
                ran.crashes.append("Tryton was asked for no write")
        await network.close()
    return ran
