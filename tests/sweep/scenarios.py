"""What the sweep plays: every flow, every request of it, every fault; and pairs of faults. Pure data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from po_mcp.sandbox.faults import FAULTS

Flow = tuple[str, str]
FLOWS: Sequence[Flow] = (
    ("inventory-pro", "create"),
    ("inventory-pro", "finalize"),
    ("exsited", "create"),
    ("exsited", "delete"),
    ("exsited", "cancel"),
)

Bounds = Literal["unset", "kept", "broken"]
"""LATE_APPLY and READ_LAG: not set; set, and the ERP keeps to them; set, and a late request comes after them."""

Moment = Literal[
    "",
    "dies before it is sent",
    "dies when it is applied",
    "twice at once",
    "clock leaps when it is sent",
    "clock goes back when it is sent",
]
"""What happens in the first call beside the faults: its process dies at the write, the clock is set, or it is made
twice at once."""
MOMENTS: Sequence[Moment] = tuple(moment for moment in get_args(Moment) if moment)
LEAPS: Mapping[Moment, float] = {"clock leaps when it is sent": 86_400.0, "clock goes back when it is sent": -86_400.0}
"""Seconds by which the machine's clock is set."""

LATE = ("late-apply", "late-apply-hang")
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


@dataclass(frozen=True)
class Calm:
    """A flow without a fault: the numbers of its write, and of its last request, the repeated call's included."""

    write: int
    last: int


@dataclass(frozen=True)
class Scenario:
    """A flow, and the faults that strike it, written KIND@N; `from_then_on`: the last one strikes all that follow."""

    flow: Flow
    faults: tuple[tuple[str, int], ...]
    bounds: Bounds = "unset"
    from_then_on: bool = False
    moment: Moment = ""

    def __str__(self) -> str:
        struck = " + ".join(f"{kind}@{n}" for kind, n in self.faults) or "no fault"
        return f"{' '.join(self.flow)}: {struck}{' on' * self.from_then_on}, bounds {self.bounds} {self.moment}".strip()


def every_scenario(calm: Mapping[Flow, Calm]) -> Iterator[Scenario]:
    """Every fault at every request of every flow, then the pairs."""
    yield from moments()
    yield from singles(calm)
    yield from pairs(calm)


def moments() -> Iterator[Scenario]:
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, moment, known in product(FLOWS, MOMENTS, bounds):
        yield Scenario(flow, (), known, moment=moment)


def singles(calm: Mapping[Flow, Calm]) -> Iterator[Scenario]:
    for flow, kind in product(FLOWS, FAULTS):
        for n in range(1, calm[flow].last + 1):
            yield Scenario(flow, ((kind, n),))
        yield from (Scenario(flow, ((kind, calm[flow].write),), bounds) for bounds in _bounds_of(kind))


def pairs(calm: Mapping[Flow, Calm]) -> Iterator[Scenario]:
    """The write is in doubt, and the reading that follows fails or lies, once or for good."""
    bounds: Sequence[Bounds] = ("unset", "kept")
    for flow, first, second, known, on in product(FLOWS, IN_DOUBT, BAD_LOOKS, bounds, (False, True)):
        write = calm[flow].write
        kept = "broken" if second == "stale" and on and known == "kept" else known  # it outlasts the READ_LAG
        yield Scenario(flow, ((first, write), (second, write + 1)), kept, on)


def sample(scenarios: Sequence[Scenario], count: int, seed: int) -> list[Scenario]:
    """Choose some, the same ones for the same seed."""
    return random.Random(seed).sample(scenarios, min(count, len(scenarios)))


def _bounds_of(kind: str) -> tuple[Bounds, ...]:
    return ("kept", "broken") if kind in LATE else ("kept",)
