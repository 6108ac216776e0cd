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
    Baseline,
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


def find_wrong(scenarios: Sequence[Scenario]) -> list[str]:
    """Play scenarios; return what is wrong with each, those left out in which the ERP was later than it promises."""
    return [f"{ran.scenario}: {fault}" for ran in play_all(scenarios) if not ran.is_residual for fault in ran.wrong]


def test_no_single_fault_makes_a_double_write_or_a_lie(baselines: Mapping[Flow, Baseline]) -> None:
    assert find_wrong(sample(list(singles(baselines)), SAMPLE, SEED)) == []


def test_no_write_in_doubt_whose_reading_fails_makes_a_double_write_or_a_lie(
    baselines: Mapping[Flow, Baseline],
) -> None:
    assert find_wrong(sample(list(pairs(baselines)), SAMPLE, SEED)) == []


def test_no_doubt_of_a_write_makes_a_double_write_or_a_lie(baselines: Mapping[Flow, Baseline]) -> None:
    doubts = [Scenario(flow, ((kind, baselines[flow].write),)) for flow in FLOWS for kind in IN_DOUBT]

    assert find_wrong(sample(doubts, 2 * SAMPLE, SEED)) == []


def test_an_erp_that_answers_404_to_everything_proves_no_absence(baselines: Mapping[Flow, Baseline]) -> None:
    """The list that is read between two readings of the order says 404 as well."""
    gone = [
        Scenario(flow, (("500-applied", baselines[flow].write), ("404", baselines[flow].write + 1)), "kept", True)
        for flow in FLOWS
    ]

    assert find_wrong(gone) == []


def test_an_order_read_without_vendor_and_items_is_not_taken_for_another_one(
    baselines: Mapping[Flow, Baseline],
) -> None:
    empty = [
        Scenario(flow, (("lost-answer", baselines[flow].write), ("nulls", baselines[flow].write + 1)), "kept", True)
        for flow in CREATES
    ]

    assert find_wrong(empty) == []


def test_a_refusal_of_an_applied_write_is_checked_even_where_the_reading_is_old(
    baselines: Mapping[Flow, Baseline],
) -> None:
    sent_twice = [
        Scenario(flow, ((kind, baselines[flow].write), ("stale", baselines[flow].write + 1)), bounds)
        for flow in FLOWS
        for kind in ("400-applied", "404-applied", "409-applied")
        for bounds in ("unset", "kept")
    ]

    assert find_wrong(sample(sent_twice, SAMPLE, SEED)) == []


def test_no_habit_makes_a_double_write_or_a_lie_or_leaves_a_refusal_unknown(baselines: Mapping[Flow, Baseline]) -> None:
    ran = play_all(sample(list(cells(baselines)), 2 * SAMPLE, SEED))

    assert [f"{one.scenario}: {fault}" for one in ran for fault in one.wrong] == []
    assert tabulate(ran).wrong == []


def test_no_doubt_under_a_habit_or_two_makes_a_double_write_or_a_lie(baselines: Mapping[Flow, Baseline]) -> None:
    assert find_wrong(sample(list(doubts_under_habits(baselines)), SAMPLE, SEED)) == []
    assert find_wrong(list(pairs_of_habits(baselines, SEED, SAMPLE // 2))) == []


def test_another_order_under_a_raced_number_is_never_called_ours() -> None:
    assert find_wrong(list(races())) == []


def test_a_write_after_the_sign_in_ended_is_refused_and_not_in_doubt(baselines: Mapping[Flow, Baseline]) -> None:
    ended = [
        Scenario(flow, (("signed-out", baselines[flow].write), ("signed-out", baselines[flow].write + 1)))
        for flow in FLOWS
        if flow[0] == "exsited"
    ]

    for ran in play_all(ended):
        assert not ran.wrong, ran.scenario
        assert ran.answers[0].is_checked


def test_each_cell_that_may_be_unknown_has_an_answer_and_a_habit_that_exist(baselines: Mapping[Flow, Baseline]) -> None:
    known = {(one.faults[0][0] if one.faults else "success", "".join(one.habits)) for one in cells(baselines)}

    assert MAY_BE_UNKNOWN.keys() <= known
    assert all(kind.removesuffix("-applied") in REFUSALS or kind == "success" for kind, _ in MAY_BE_UNKNOWN)


def test_a_call_that_is_made_twice_at_once_or_whose_process_dies_at_the_write_is_carried_out_once() -> None:
    twice: list[Scenario] = [Scenario(flow, moment="twice at once") for flow in FLOWS]
    dying = [Scenario(flow, bounds="kept", moment="dies when it is applied") for flow in FLOWS]

    assert find_wrong([*twice, *dying]) == []


def test_a_clock_that_is_set_while_a_write_is_under_way_makes_no_double_write_and_no_lie() -> None:
    assert find_wrong([Scenario(flow, bounds="kept", moment=moment) for flow in FLOWS for moment in LEAPS]) == []


def test_an_absence_settles_nothing_without_bounds(baselines: Mapping[Flow, Baseline]) -> None:
    for ran in play_all([Scenario(flow, (("reset-after-read", baselines[flow].write),)) for flow in FLOWS]):
        assert {answer.status for answer in ran.answers if answer.status != "read"} == {"unknown"}, ran.scenario
        assert ran.states == ["UNKNOWN"]


def test_an_absence_settles_a_write_as_not_applied_past_its_bounds(baselines: Mapping[Flow, Baseline]) -> None:
    for ran in play_all([Scenario(flow, (("reset-after-read", baselines[flow].write),), "kept") for flow in FLOWS]):
        # An ERP that has kept no number of ours yet may hold the order under a number of its own.
        is_create = ran.scenario.flow[1].startswith("create")
        assert ran.states == (["UNKNOWN"] if is_create else ["NOT_APPLIED", "DONE"]), ran.scenario
        assert not ran.wrong


def test_a_request_that_comes_later_than_the_bound_is_found_by_the_sweep(baselines: Mapping[Flow, Baseline]) -> None:
    """One after the other: on a machine that is busy with all of them the late request is no longer late."""
    late = [Scenario(flow, ((kind, baselines[flow].write),), "broken") for flow in FLOWS for kind in LATE]

    assert any(ran.is_residual for scenario in late for ran in play_all([scenario]))
