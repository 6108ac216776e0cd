"""What must hold of every scenario, however it went."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from .matrix import CALLS, SECRET, TIMEOUT, Scenario, Seen, rehearse, run, whole_text

TRIES = 3
SLACK = 5.0
"""Seconds that a busy machine may be slow; what has no end takes longer."""
_MAY_BE_TOLD = {True: {"done", "unknown"}, False: {"error", "refused", "declined", "stale", "expired", "unknown"}}
"""By whether the book shows the effect in the end."""
_FOREIGN = ("://", "127.0.0.1", "localhost", "Traceback", "relay answers", "scripted", "sign in to continue", "<h1>")
_NEXT_STEP = re.compile(
    r"\b(ask|check|correct|do not|give|look|must|read|say|tell|try again|wait)\b", re.IGNORECASE | re.ASCII
)
_HONESTLY_OTHER = {"unknown-status", "nulls", "wrong-order"}
"""Answers that are well-formed and say something else: a list of them is what the ERP said."""
AT_ONCE = 3


@dataclass(frozen=True)
class Judged:
    """A scenario, what was seen of it, and what is wrong with that, in words."""

    scenario: Scenario
    seen: Seen
    wrong: Sequence[str]


async def play(scenarios: Sequence[Scenario]) -> list[Judged]:
    """Play and judge the scenarios, a handful at a time, and return them in their order."""
    baseline = {(at.erp, at.call): await rehearse(at.erp, at.call) for at in scenarios}
    judged: dict[Scenario, Judged] = {}
    places = anyio.CapacityLimiter(AT_ONCE)

    async def one(at: Scenario) -> None:
        async with places:
            seen = await run(at)
        judged[at] = Judged(at, seen, violations(at, seen, baseline[at.erp, at.call]))

    async with anyio.create_task_group() as tasks:
        for scenario in scenarios:
            tasks.start_soon(one, scenario)
    return [judged[scenario] for scenario in scenarios]


def violations(scenario: Scenario, seen: Seen, baseline: Seen) -> list[str]:
    """Return what is wrong with a scenario, in words; `baseline` is the same call without a fault."""
    writes = CALLS[scenario.erp, scenario.call].writes
    return [*_find_claims(seen), *(_of_a_write(seen, baseline) if writes else _of_a_read(scenario, seen, baseline))]


def _find_claims(seen: Seen) -> Iterator[str]:
    given = whole_text(seen)
    leaks = [text for text in (SECRET, *seen.tokens) if text in given]
    if leaks or any(text in seen.said for text in _FOREIGN):
        yield "it tells what is private or the ERP's own text"
    if seen.reported not in ("done", "answered") and not _NEXT_STEP.search(seen.said.partition(".")[2]):
        yield f"it does not say what to do next: {seen.said}"


def _of_a_write(seen: Seen, baseline: Seen) -> Iterator[str]:
    if seen.writes_sent > 1:
        yield f"{seen.writes_sent} writes were sent"
    if seen.reported not in _MAY_BE_TOLD[seen.applied]:
        yield f"a lie: reported {seen.reported}, and it is {'' if seen.applied else 'not '}applied"
    if seen.more_orders != (baseline.more_orders if seen.applied else 0):
        yield f"the book has {seen.more_orders:+d} orders"
    if (seen.reported == "unknown") != bool(seen.shown.get("do_not_repeat")):
        yield "do_not_repeat does not go with the status"
    if seen.reported == "unknown" and not seen.writes_sent:
        yield "unknown, and nothing was sent"
    yield from _false_words(seen)
    if seen.reported == "done":
        yield from _false_order(seen.shown, baseline.shown)


def _false_words(seen: Seen) -> Iterator[str]:
    if "Nothing was sent" in seen.said and seen.writes_arrived:
        yield "it says that nothing was sent"
    if "Nothing was changed" in seen.said and seen.applied:
        yield "it says that nothing was changed"


def _false_order(shown: Mapping[str, Any], baseline: Mapping[str, Any]) -> Iterator[str]:
    """Compare what a success shows of its order; what is left out or not known is no lie."""
    shown_order, baseline_order = shown.get("order") or {}, baseline.get("order") or {}
    for name in ("number", "vendor_id", "status", "total"):
        if shown_order.get(name, "unknown") not in ("unknown", baseline_order.get(name)):
            yield f"the order's {name} is shown as {shown_order[name]}"
    if shown.get("backorder_number") not in (None, baseline.get("backorder_number")):
        yield "another backorder is named"


def _of_a_read(scenario: Scenario, seen: Seen, baseline: Seen) -> Iterator[str]:
    if seen.writes_sent or seen.more_orders:
        yield "a read has written"
    limit = TIMEOUT * baseline.tries.total() + SLACK
    if seen.seconds > limit:
        yield f"it took {seen.seconds} s, more than {limit} s"
    for address, tries in seen.tries.items():
        if tries > TRIES * baseline.tries.get(address, 1):
            yield f"{address} was read {tries} times"
    if seen.reported == "answered" and seen.shown != baseline.shown and scenario.fault not in _HONESTLY_OTHER:
        yield "the answer is another than without the fault"
