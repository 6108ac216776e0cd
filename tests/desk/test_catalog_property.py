"""A slice of the property of generated catalogs; `python -m tests.desk.catalog_property` runs the whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from po_mcp.desk import exactness, figures, matching
from tests.desk.catalog_property import check, run


@pytest.mark.parametrize("pairs", [400, pytest.param(2_000, marks=pytest.mark.process)])
def test_only_exact_text_is_taken_and_the_first_candidate_differs_in_nothing_that_must_not(pairs: int) -> None:
    counted, wrong = run(pairs, seed=7)

    assert wrong == []
    assert counted.total() >= pairs
    assert min(counted.values()) >= pairs / 67


@pytest.mark.parametrize("pairs", [150, pytest.param(700, marks=pytest.mark.process)])
def test_the_same_holds_in_a_larger_catalog(pairs: int) -> None:
    _, wrong = run(pairs, seed=8, size=26)

    assert wrong == []


def in_any_case(said: str, written: str) -> bool:
    return said.casefold() == written.casefold()


def without_blanks(said: str, written: str) -> bool:
    return said.replace(" ", "") == written.replace(" ", "")


def no_difference(said: figures.Parsed, text: figures.Parsed) -> figures.Difference:
    return figures.NO_DIFFERENCE


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (matching, "is_same", in_any_case),
        (matching, "is_same", without_blanks),
        (matching, "compare", no_difference),
        (figures, "_compare_turning_words", lambda said, text: 0),
        (figures, "_join_figures", lambda text: text),
        (figures, "_readings", lambda number: [(number, 0)]),
        (figures, "name_unit", lambda unit: unit),
        (exactness, "_case_is_free", lambda runs, place: True),
    ],
    ids=["case", "blanks", "figures", "turning", "figures apart", "signs apart", "names of units", "case of units"],
)
def test_the_property_fails_where_what_it_holds_of_is_broken(
    module: Any, name: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, broken)

    chance = random.Random(7)
    assert any(fault for _ in range(30) for _, fault in check(chance))
