"""A seeded sample of the sweep; `python -m tests.sweep` plays all of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .__main__ import SEED, played
from .scenarios import FLOWS, IN_DOUBT, LATE, LEAPS, Calm, Flow, Scenario, pairs, sample, singles

pytestmark = pytest.mark.system

SAMPLE = 120


def wrong(scenarios: list[Scenario]) -> list[str]:
    return [f"{ran.scenario}: {fault}" for ran in played(scenarios) if not ran.is_residual for fault in ran.wrong]


def test_no_single_fault_makes_a_double_write_or_a_lie(calm: Mapping[Flow, Calm]) -> None:
    assert wrong(sample(list(singles(calm)), SAMPLE, SEED)) == []


def test_no_doubtful_write_that_cannot_be_looked_after_makes_a_double_write_or_a_lie(
    calm: Mapping[Flow, Calm],
) -> None:
    assert wrong(sample(list(pairs(calm)), SAMPLE, SEED)) == []


def test_every_flow_stands_every_doubt_of_its_write(calm: Mapping[Flow, Calm]) -> None:
    assert wrong([Scenario(flow, ((kind, calm[flow].write),)) for flow in FLOWS for kind in IN_DOUBT]) == []


def test_a_refusal_said_after_the_write_was_applied_is_not_believed_though_the_reading_is_old(
    calm: Mapping[Flow, Calm],
) -> None:
    twice_sent = [
        Scenario(flow, ((kind, calm[flow].write), ("stale", calm[flow].write + 1)), from_then_on=on)
        for flow in FLOWS
        for kind in ("404-applied", "409-applied")
        for on in (False, True)
    ]

    assert wrong(twice_sent) == []


def test_a_call_that_is_made_twice_at_once_or_whose_process_dies_at_the_write_is_carried_out_once() -> None:
    told: list[Scenario] = [Scenario(flow, (), moment="twice at once") for flow in FLOWS]
    dying = [Scenario(flow, (), "kept", moment="dies when it is applied") for flow in FLOWS]

    assert wrong([*told, *dying]) == []


def test_a_clock_that_is_set_while_a_write_is_under_way_makes_no_double_write_and_no_lie() -> None:
    assert wrong([Scenario(flow, (), "kept", moment=moment) for flow in FLOWS for moment in LEAPS]) == []


def test_an_absence_never_settles_where_nobody_knows_how_late_a_request_may_come(calm: Mapping[Flow, Calm]) -> None:
    for ran in played([Scenario(flow, (("reset-after-read", calm[flow].write),)) for flow in FLOWS]):
        assert {told.status for told in ran.told} == {"unknown"}, ran.scenario
        assert ran.states == ["UNKNOWN"]


def test_an_absence_settles_as_not_applied_once_nothing_can_come_any_more(calm: Mapping[Flow, Calm]) -> None:
    for ran in played([Scenario(flow, (("reset-after-read", calm[flow].write),), "kept") for flow in FLOWS]):
        assert ran.states == ["NOT_APPLIED", "DONE"], ran.scenario
        assert not ran.wrong


def test_a_request_that_comes_later_than_the_bound_is_found_by_the_sweep(calm: Mapping[Flow, Calm]) -> None:
    """One after the other: on a machine that is busy with all of them the late request is no longer late."""
    late = [Scenario(flow, ((kind, calm[flow].write),), "broken") for flow in FLOWS for kind in LATE]

    assert any(ran.is_residual for scenario in late for ran in played([scenario]))
