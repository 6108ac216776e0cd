"""A seeded sample of the sweep; `python -m tests.sweep` plays all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from .__main__ import SEED, play_all
from .cells import MAY_BE_UNKNOWN, tabulate
from .refusals import REFUSALS
from .scenarios import (
    CREATES,
    FLOWS,
    IN_DOUBT,
    LATE,
    LEAPS,
    Calm,
    Flow,
    Scenario,
    cells,
    doubts_under_habits,
    pairs,
    pairs_of_habits,
    races,
    sample,
    singles,
)

pytestmark = pytest.mark.system

SAMPLE = 24


def wrong(scenarios: Sequence[Scenario]) -> list[str]:
    return [f"{ran.scenario}: {fault}" for ran in play_all(scenarios) if not ran.is_residual for fault in ran.wrong]


def test_no_single_fault_makes_a_double_write_or_a_lie(calm: Mapping[Flow, Calm]) -> None:
    assert wrong(sample(list(singles(calm)), SAMPLE, SEED)) == []


def test_no_doubtful_write_that_cannot_be_looked_after_makes_a_double_write_or_a_lie(
    calm: Mapping[Flow, Calm],
) -> None:
    assert wrong(sample(list(pairs(calm)), SAMPLE, SEED)) == []


def test_a_flow_stands_every_doubt_of_its_write(calm: Mapping[Flow, Calm]) -> None:
    doubts = [Scenario(flow, ((kind, calm[flow].write),)) for flow in FLOWS for kind in IN_DOUBT]

    assert wrong(sample(doubts, 2 * SAMPLE, SEED)) == []


def test_an_erp_that_answers_404_to_everything_proves_no_absence(calm: Mapping[Flow, Calm]) -> None:
    """The list that is read between two readings of the order says 404 as well."""
    gone = [
        Scenario(flow, (("500-applied", calm[flow].write), ("404", calm[flow].write + 1)), "kept", True)
        for flow in FLOWS
    ]

    assert wrong(gone) == []


def test_a_reading_without_vendor_and_items_makes_no_order_another_s(calm: Mapping[Flow, Calm]) -> None:
    empty = [
        Scenario(flow, (("lost-answer", calm[flow].write), ("nulls", calm[flow].write + 1)), "kept", True)
        for flow in CREATES
    ]

    assert wrong(empty) == []


def test_a_refusal_said_after_the_write_was_applied_is_checked_though_the_reading_is_old(
    calm: Mapping[Flow, Calm],
) -> None:
    sent_twice = [
        Scenario(flow, ((kind, calm[flow].write), ("stale", calm[flow].write + 1)), bounds)
        for flow in FLOWS
        for kind in ("400-applied", "404-applied", "409-applied")
        for bounds in ("unset", "kept")
    ]

    assert wrong(sample(sent_twice, SAMPLE, SEED)) == []


def test_no_habit_makes_a_double_write_or_a_lie_or_leaves_a_refusal_unknown(calm: Mapping[Flow, Calm]) -> None:
    ran = play_all(sample(list(cells(calm)), 2 * SAMPLE, SEED))

    assert [f"{one.scenario}: {fault}" for one in ran for fault in one.wrong] == []
    assert tabulate(ran).wrong == []


def test_no_doubt_under_a_habit_or_two_makes_a_double_write_or_a_lie(calm: Mapping[Flow, Calm]) -> None:
    assert wrong(sample(list(doubts_under_habits(calm)), SAMPLE, SEED)) == []
    assert wrong(list(pairs_of_habits(calm, SEED, SAMPLE // 2))) == []


def test_another_order_under_a_raced_number_is_never_called_ours() -> None:
    assert wrong(list(races())) == []


def test_a_write_after_the_sign_in_ended_is_refused_and_not_in_doubt(calm: Mapping[Flow, Calm]) -> None:
    ended = [
        Scenario(flow, (("signed-out", calm[flow].write), ("signed-out", calm[flow].write + 1)))
        for flow in FLOWS
        if flow[0] == "exsited"
    ]

    for ran in play_all(ended):
        assert not ran.wrong, ran.scenario
        assert ran.answers[0].is_checked


def test_a_cell_that_may_be_unknown_names_an_answer_and_a_habit_that_there_are(calm: Mapping[Flow, Calm]) -> None:
    known = {(one.faults[0][0] if one.faults else "success", "".join(one.habits)) for one in cells(calm)}

    assert MAY_BE_UNKNOWN.keys() <= known
    assert all(kind.removesuffix("-applied") in REFUSALS or kind == "success" for kind, _ in MAY_BE_UNKNOWN)


def test_a_call_that_is_made_twice_at_once_or_whose_process_dies_at_the_write_is_carried_out_once() -> None:
    twice: list[Scenario] = [Scenario(flow, moment="twice at once") for flow in FLOWS]
    dying = [Scenario(flow, bounds="kept", moment="dies when it is applied") for flow in FLOWS]

    assert wrong([*twice, *dying]) == []


def test_a_clock_that_is_set_while_a_write_is_under_way_makes_no_double_write_and_no_lie() -> None:
    assert wrong([Scenario(flow, bounds="kept", moment=moment) for flow in FLOWS for moment in LEAPS]) == []


def test_an_absence_never_settles_where_nobody_knows_how_late_a_request_may_come(calm: Mapping[Flow, Calm]) -> None:
    for ran in play_all([Scenario(flow, (("reset-after-read", calm[flow].write),)) for flow in FLOWS]):
        assert {answer.status for answer in ran.answers if answer.status != "read"} == {"unknown"}, ran.scenario
        assert ran.states == ["UNKNOWN"]


def test_an_absence_settles_as_not_applied_once_nothing_can_come_any_more(calm: Mapping[Flow, Calm]) -> None:
    for ran in play_all([Scenario(flow, (("reset-after-read", calm[flow].write),), "kept") for flow in FLOWS]):
        # An ERP that has kept no number of ours yet may hold the order under a number of its own.
        is_create = ran.scenario.flow[1].startswith("create")
        assert ran.states == (["UNKNOWN"] if is_create else ["NOT_APPLIED", "DONE"]), ran.scenario
        assert not ran.wrong


def test_a_request_that_comes_later_than_the_bound_is_found_by_the_sweep(calm: Mapping[Flow, Calm]) -> None:
    """One after the other: on a machine that is busy with all of them the late request is no longer late."""
    late = [Scenario(flow, ((kind, calm[flow].write),), "broken") for flow in FLOWS for kind in LATE]

    assert any(ran.is_residual for scenario in late for ran in play_all([scenario]))
