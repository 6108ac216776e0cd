"""A slice of `python -m tests.tryton.faults`: every write is struck on its way, in our process and in Tryton's."""

from __future__ import annotations

import pytest

from tests.sweep.crashes import Crash
from tests.tryton.book import TrytonUsers
from tests.tryton.deaths import ON_ARRIVAL, WHEN_APPLIED, Death
from tests.tryton.faults import At, judge
from tests.tryton.server import Server
from tests.tryton.striking import FLOWS, Struck

pytestmark = pytest.mark.tryton

SCENARIOS = (
    *(Struck(flow, kind) for flow, kind in zip(FLOWS, ("lost-answer", "500", "500-applied", "half-body"), strict=True)),
    Crash(FLOWS[0], "cancelled when applied"),
    Crash(FLOWS[2], "closed stdin when applied"),
    Death(FLOWS[0], WHEN_APPLIED, "later"),
    Death(FLOWS[1], ON_ARRIVAL, "at once"),
    Death(FLOWS[2], 0.01, "at once"),
    Death(FLOWS[3], WHEN_APPLIED, "at once", "unset"),
)


@pytest.mark.parametrize("at", SCENARIOS, ids=str)
async def test_the_answer_to_a_disturbed_write_agrees_with_tryton(
    at: At, tryton_server: tuple[Server, TrytonUsers]
) -> None:
    ran, wrong = await judge(at, *tryton_server)

    assert wrong == []
    assert ran.answers
