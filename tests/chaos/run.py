"""Runs buyers against a team's server in trouble, and judges what is in the ERP's book by what was reported to them."""

from __future__ import annotations

import logging
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

import anyio

from po_mcp.writes.journal import JournalStore
from tests.chaos.buyers import ALREADY, CANCEL, CREATE, DELETE, ENDED, Buyers, Write
from tests.chaos.team import Erp, Team, team

logger = logging.getLogger(__name__)

TROUBLES: dict[str, Callable[[Team], Awaitable[None]]] = {
    "kills": Team.kill_one,
    "rolls": Team.replace_all,
    "pauses": Team.pause_one,
    "restarts": Team.restart_database,
    "read-only": Team.make_read_only,
    "old-backups": Team.restore_backup,
    "promotions": Team.promote_standby,
}
_PROGRESS_EVERY_S = 30
_REQUESTS = {CREATE: "POST {}", DELETE: "DELETE {}", CANCEL: "DELETE {}/cancel"}
"""What each tool sends to the ERP, as it is counted there; {} is the order's number."""


@dataclass
class Report:
    """The figures of a run, and every write that was doubled, misreported (`lies`) or lost, in words.

    `unknown` are those that are said to be not known at the end, as where a like order stands beside: a person settles
    them, so they are no fault. What is `lost` is reported neither as ended nor so, or happened without a yes.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    doubles: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    journal_faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was doubled, lost, or reported otherwise than it is."""
        return not (self.doubles or self.lies or self.lost or self.journal_faults)


async def run(
    *,
    writes: int,
    buyers: int,
    replicas: int,
    minutes: float,
    troubles: tuple[str, ...],
    erp_seconds: float,
    seed: int,
    clocks_apart: float = 0,
) -> Report:
    """Let buyers make so many writes, or as many as they can in so many minutes, while there is trouble.

    Args:
        writes: how many are asked for; 0: as many as the minutes allow.
        buyers: how many ask at once.
        replicas: how many servers there are.
        minutes: after which no further write is begun; 0: whenever `writes` are done.
        troubles: names of TROUBLES, one of which is made every few seconds.
        erp_seconds: the longest that the ERP takes for an answer.
        seed: for all that is random here.
        clocks_apart: seconds by which the clock of each replica is ahead of that of the one before.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with team(Path(folder), replicas, erp_seconds, seed, clocks_apart) as running:
            everybody = Buyers(running)
            began = anyio.current_time()
            numbers, is_over = count(1), anyio.Event()

            def is_in_time() -> bool:
                return not minutes or anyio.current_time() - began < minutes * 60

            def may_go_on(number: int) -> bool:
                return is_in_time() and (not writes or number <= writes)

            async def buy(buyer: int) -> None:
                http, browser = everybody.make_clients(buyer)
                async with http, browser:
                    while may_go_on(number := next(numbers)):
                        tool = (DELETE, CANCEL, CREATE)[number % 3]
                        await everybody.work(http, browser, Write(tool, f"C-{number}"), number)

            async def make_trouble() -> None:
                # An unknown write is settled once all is quiet: each old copy of the data makes it unknown again.
                while troubles and is_in_time() and not is_over.is_set():
                    with anyio.move_on_after(1 + 4 * chance.random()):
                        await is_over.wait()
                    if is_in_time() and not is_over.is_set():
                        await TROUBLES[chance.choice(troubles)](running)

            async with anyio.create_task_group() as rest:
                rest.start_soon(make_trouble)
                rest.start_soon(_show_progress, everybody, is_over)
                async with anyio.create_task_group() as all_buyers:
                    for buyer in range(buyers):
                        all_buyers.start_soon(buy, buyer)
                is_over.set()
            return _judge(everybody, running, anyio.current_time() - began)


async def _show_progress(buyers: Buyers, is_over: anyio.Event) -> None:
    """Log how far the buyers are, again and again until the run is over."""
    began = anyio.current_time()
    while not is_over.is_set():
        with anyio.move_on_after(_PROGRESS_EVERY_S):
            await is_over.wait()
        reported, trouble = Counter(write.reported for write in buyers.writes), buyers.team.trouble
        logger.info("%.0f s: %s; %s", anyio.current_time() - began, dict(reported), dict(trouble))


def _judge(buyers: Buyers, running: Team, took_s: float) -> Report:
    """Return the faults of all writes and of the journal, and the figures of a run of so many seconds."""
    report = Report()
    for write in buyers.writes:
        judge_write(report, write, running.erp)
    with closing(JournalStore(running.address)) as store:
        report.journal_faults = [str(fault) for fault in store.upkeep.verify()]
    done = [write for write in buyers.writes if write.reported == "done"]
    report.facts = {
        "writes": len(buyers.writes),
        "reported": dict(Counter(write.reported for write in buyers.writes)),
        "legs at several replicas": buyers.crossed,
        "seconds": round(took_s, 1),
        "writes a second": round(len(done) / took_s, 2),
        "trouble": dict(running.trouble),
        "retries": dict(buyers.retries.most_common(12)),
        **{f"{leg} p50, p99 (ms)": _percentiles(done, leg) for leg in ("ask", "approve", "hear")},
    }
    return report


def judge_write(report: Report, write: Write, erp: Erp) -> None:
    """Compare what was reported of a write with the ERP's book and what was sent to it; add each fault to a report."""
    name = _REQUESTS[write.tool].format(write.number)
    has_effect = erp.shows(write.tool == CREATE, write.number)
    said = f"reported {write.reported}, effect {has_effect}: {write.message}"
    about = f"{write.tool} {write.number} ({write.operation_id}): {said}"
    if erp.carried_out[name] > 1 or erp.sent[name] > 1:
        report.doubles.append(f"{about} sent {erp.sent[name]} times")
    if write.reported in ENDED and (write.reported in ("done", ALREADY)) is not has_effect:
        report.lies.append(about)
    if has_effect and not write.is_approved and write.reported != "done":
        report.lost.append(about)
    elif write.reported == "unknown":
        report.unknown.append(about)
    elif write.reported not in ENDED:
        report.lost.append(about)


def _percentiles(writes: list[Write], leg: str) -> list[int]:
    """Return the median and the 99th percentile of a leg's duration in ms; nothing of fewer than two."""
    found = sorted(write.seconds[leg] for write in writes if leg in write.seconds)
    if len(found) < 2:
        return []
    cuts = quantiles(found, n=100)
    return [round(1000 * cuts[49]), round(1000 * cuts[98])]
