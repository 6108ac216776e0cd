"""A slice of `python -m tests.tryton.faults`: every write is struck once on its way, and once in its process."""

from __future__ import annotations

import pytest

from tests.sweep.crashes import Crash
from tests.tryton.book import TrytonUsers
from tests.tryton.faults import FLOWS, Struck, judge
from tests.tryton.server import Server

pytestmark = pytest.mark.tryton

SCENARIOS = (
    *(Struck(flow, kind) for flow, kind in zip(FLOWS, ("lost-answer", "500", "500-applied", "half-body"), strict=True)),
    Crash(FLOWS[0], "cancelled when applied"),
    Crash(FLOWS[2], "closed stdin when applied"),
)


@pytest.mark.parametrize("at", SCENARIOS, ids=str)
async def test_what_is_said_of_a_write_that_is_struck_is_what_tryton_shows(
    at: Struck | Crash, tryton_server: tuple[Server, TrytonUsers]
) -> None:
    ran, wrong = await judge(at, *tryton_server)

    assert wrong == []
    assert ran.answers
