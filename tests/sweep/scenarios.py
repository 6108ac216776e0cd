"""What the sweep plays: flows, faults, the vendor's refusals, habits, and moments of a write. Pure data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

from po_mcp.sandbox.faults import FAULTS
from po_mcp.sandbox.habits import HABITS, Habits
from tests.faults.matrix import CALLS as MATRIX_CALLS
from tests.faults.matrix import Call

from .refusals import REFUSALS

Flow = tuple[str, str]
FLOWS: Sequence[Flow] = (
    ("inventory-pro", "create"),
    ("inventory-pro", "create unnumbered"),
    ("inventory-pro", "finalize"),
    ("exsited", "create"),
    ("exsited", "create unnumbered"),
    ("exsited", "delete"),
    ("exsited", "cancel"),
)
CREATES = tuple(flow for flow in FLOWS if flow[1].startswith("create"))
NUMBERED = tuple(flow for flow in CREATES if flow[1] == "create")


def _create(numbered: Call, *lines: Mapping[str, Any]) -> Call:
    """Ask for figures that ERPs round, and for two items."""
    return replace(numbered, arguments={"vendor": "Acme Fasteners", "lines": list(lines)})


_IPRO = _create(
    MATRIX_CALLS["inventory-pro", "create"],
    {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.333", "warehouse": "1"},
    {"item": "NUT-M8", "quantity": "12.5", "unit_price": "0.12", "warehouse": "1"},
)
_EXSITED = _create(
    MATRIX_CALLS["exsited", "create"],
    {"item": "ITEM-0055", "quantity": "1000", "unit_price": "0.333"},
    {"item": "ITEM-0056", "quantity": "12.5", "unit_price": "0.12"},
)
_TRYTON = _create(
    Call("create_purchase_order", "PM-2026-0042"),
    {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.333", "warehouse": "Main"},
    {"item": "OIL-1", "quantity": "12.5", "unit_price": "0.12", "warehouse": "Main"},
)
CALLS: Mapping[Flow, Call] = {
    **MATRIX_CALLS,
    ("inventory-pro", "create"): _IPRO,
    ("inventory-pro", "create unnumbered"): replace(_IPRO, number=""),
    ("exsited", "create"): _EXSITED,
    ("exsited", "create unnumbered"): replace(_EXSITED, number=""),
    # Of a real server, which tests/tryton/ has; the sweep's own flows are over the sandbox.
    ("tryton", "create"): _TRYTON,
    ("tryton", "create unnumbered"): replace(_TRYTON, number=""),
    ("tryton", "delete"): Call("delete_purchase_order", "PM-2026-0001"),
    ("tryton", "cancel"): Call("cancel_purchase_order", "PM-2026-0001"),
}

Bounds = Literal["unset", "kept", "broken"]
"""LATE_APPLY and READ_LAG: not set; set, and the ERP keeps to them; set, or the watch, and the ERP is later."""

Moment = Literal[
    "",
    "dies before it is sent",
    "dies when it is applied",
    "twice at once",
    "clock leaps before it is sent",
    "clock goes back before it is sent",
    "clock leaps when it is applied",
    "clock goes back when it is applied",
    "another vendor's order takes the number",
    "an order with a common item takes the number",
    "the number is taken before",
    "asked again under another number",
    "two numbers at once",
    "another user asks for the same",
    "another company looks",
    "the journal is removed",
    "another server does it meanwhile",
]
"""What happens beside the faults.

The process of the first call dies, its machine's clock is set, or the call is made twice at once; a colleague enters
an order under the same number, right before ours arrives or before it is asked for; the second call is made under
another number, at the same time, by another user, or with the credentials of another company at the same address;
the journal's files are removed while two servers use them; a server sleeps right before it sends, while another
one settles the operation and does it.
"""
ALL_MOMENTS: Sequence[Moment] = tuple(moment for moment in get_args(Moment) if moment)
OF_ANY_FLOW: Sequence[Moment] = (*ALL_MOMENTS[:7], "the journal is removed", "another server does it meanwhile")
ASKED_AGAIN: Sequence[Moment] = ("asked again under another number", "another user asks for the same")
LEAPS: Mapping[Moment, float] = {
    "clock leaps before it is sent": 86_400.0,
    "clock goes back before it is sent": -86_400.0,
    "clock leaps when it is applied": 86_400.0,
    "clock goes back when it is applied": -86_400.0,
}
"""Seconds by which the machine's clock is set."""

LATE = ("late-apply", "late-apply-hang")
HANGING = frozenset({"hang", "late-apply-hang", "lost-answer-hang", "slow-drip", "endless"})
"""Faults that end with the time-out of the call."""
IN_DOUBT = (
    "lost-answer",
    "half-body",
    "500-applied",
    "500",
    "404-applied",
    "409-applied",
    "garbled-2xx",
    "reset-after-read",
    "late-apply",
)
"""Faults of a write after which the program must look at what came of it."""
BAD_LOOKS = (
    "500",
    "404",
    "403",
    "429",
    "reset-before-read",
    "lost-answer",
    "hang",
    "html-2xx",
    "empty-2xx",
    "truncated-json-2xx",
    "nulls",
    "wrong-order",
    "unknown-status",
    "stale",
)
"""Faults of the reading after such a write."""
UNDER_HABITS = ("lost-answer", "500-applied", "garbled-2xx", "reset-after-read")
"""Faults of a write that are played under every habit; the vendor's refusals are, too."""
REFUSED_UNDER_HABITS = ("400", "404", "409", "423", "400-applied", "404-applied", "409-applied", "200-error")


@dataclass(frozen=True)
class Baseline:
    """The numbers, in a flow without a fault, of its write and of its last request, the repeated call's included."""

    write: int
    last: int


@dataclass(frozen=True)
class Scenario:
    """A flow, and the faults that strike it, written KIND@N; `from_then_on`: the last one strikes all that follow.

    `habits` are those of the ERP.
    """

    flow: Flow
    faults: tuple[tuple[str, int], ...] = ()
    bounds: Bounds = "unset"
    from_then_on: bool = False
    moment: Moment = ""
    habits: tuple[str, ...] = ()

    def __str__(self) -> str:
        struck = " + ".join(f"{kind}@{n}" for kind, n in self.faults) or "no fault"
        beside = ", ".join(filter(None, (*self.habits, self.moment)))
        return f"{' '.join(self.flow)}: {struck}{' on' * self.from_then_on}, bounds {self.bounds} {beside}".strip()


def every_scenario(baselines: Mapping[Flow, Baseline], seed: int) -> Iterator[Scenario]:
    """Every moment, every fault at every request of every flow, the pairs of faults, and the habits."""
    yield from moments()
    yield from singles(baselines)
    yield from refusals(baselines)
    yield from pairs(baselines)
    yield from doubts_under_habits(baselines)
    yield from pairs_of_habits(baselines, seed)


def moments() -> Iterator[Scenario]:
    """Every moment in each flow in which it can come."""
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, moment, known in product(FLOWS, OF_ANY_FLOW, bounds):
        yield Scenario(flow, bounds=known, moment=moment)
    for flow, again in product(CREATES, ASKED_AGAIN):
        yield Scenario(flow, moment=again)
    for flow in FLOWS:
        yield Scenario(flow, moment="another company looks")
    for flow in NUMBERED:
        yield Scenario(flow, moment="two numbers at once")
    yield from races()


def races() -> Iterator[Scenario]:
    """A colleague takes the number, in an ERP that refuses a taken one, or answers with what is there as a success."""
    taking: Sequence[Moment] = (
        "another vendor's order takes the number",
        "an order with a common item takes the number",
        "the number is taken before",
    )
    for flow, moment, habit in product(CREATES, taking, ("", "upserts", "conflict-as-400", "empty-2xx")):
        if flow in NUMBERED or moment != "the number is taken before":
            yield Scenario(flow, moment=moment, habits=(habit,) if habit else ())


def singles(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    for flow, kind in product(FLOWS, FAULTS):
        for n in range(1, baselines[flow].last + 1):
            yield Scenario(flow, ((kind, n),))
        yield from (Scenario(flow, ((kind, baselines[flow].write),), bounds) for bounds in _bounds_of(kind))


def refusals(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """Every refusal in the vendor's envelope, at the write; the order was changed before, or not."""
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, kind, known in product(FLOWS, REFUSALS, bounds):
        write = baselines[flow].write
        yield Scenario(flow, ((kind, write),), known)
        if kind.endswith("-applied"):
            yield Scenario(flow, ((kind, write), ("stale", write + 1)), known)


def pairs(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """The write is in doubt, and the reading that follows fails or lies, once or for good."""
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, first, second, known, on in product(FLOWS, IN_DOUBT, BAD_LOOKS, bounds, (False, True)):
        write = baselines[flow].write
        # A reading that is old for good outlasts the READ_LAG, and the watch of a refusal.
        is_later = second == "stale" and on and (known == "kept" or first in ("404-applied", "409-applied"))
        yield Scenario(flow, ((first, write), (second, write + 1)), "broken" if is_later else known, on)


def cells(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """What the vendor itself answers to the write, under every habit: a success, and its refusals."""
    for flow, habit in product(FLOWS, (None, *HABITS)):
        habits = () if habit is None else (habit,)
        yield Scenario(flow, habits=habits)
        for kind in REFUSED_UNDER_HABITS if habits else REFUSALS:
            yield Scenario(flow, ((kind, baselines[flow].write),), habits=habits)


def doubts_under_habits(baselines: Mapping[Flow, Baseline]) -> Iterator[Scenario]:
    """The write is in doubt, under every habit."""
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, habit, kind, known in product(FLOWS, HABITS, UNDER_HABITS, bounds):
        yield Scenario(flow, ((kind, baselines[flow].write),), known, habits=(habit,))


def pairs_of_habits(baselines: Mapping[Flow, Baseline], seed: int, count: int = 400) -> Iterator[Scenario]:
    """Some pairs of habits that go together, with an answer of any kind."""
    chosen = random.Random(seed)
    kinds = (None, *UNDER_HABITS, *REFUSED_UNDER_HABITS)
    while count:
        flow, kind, habits = chosen.choice(FLOWS), chosen.choice(kinds), chosen.sample(list(HABITS), 2)
        try:
            Habits(habits)
        except ValueError:
            continue
        count -= 1
        faults = () if kind is None else ((kind, baselines[flow].write),)
        yield Scenario(flow, faults, chosen.choice(("unset", "kept")), habits=tuple(habits))


def sample(scenarios: Sequence[Scenario], count: int, seed: int) -> list[Scenario]:
    """Choose some, the same ones for the same seed."""
    return random.Random(seed).sample(scenarios, min(count, len(scenarios)))


def _bounds_of(kind: str) -> tuple[Bounds, ...]:
    return ("kept", "broken") if kind in LATE else ("kept",)
