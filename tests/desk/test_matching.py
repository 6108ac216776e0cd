"""Which entry a few words mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.desk.catalog import words_of
from po_mcp.desk.matching import Fit, find
from po_mcp.orders import Vendor

VENDORS = (
    Vendor(id="12", code="ACME", name="Acme Fasteners"),
    Vendor(id="7", code="CENTRAL", name="Central Supply Co."),
    Vendor(id="120", code="MUELLER", name="Müller & Söhne"),
    Vendor(id="21", code="GREATLAKES", name="Great Lakes Steel & Bar"),
    Vendor(id="33", code="GLTOOL", name="Great Lakes Tool"),
    Vendor(id="40", code="M8", name="Line 100 Bolts"),
)


def found(text: str) -> list[tuple[str | None, Fit]]:
    return [(match.entry.id, match.fit) for match in find(text, VENDORS, words_of)]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("12", ("12", Fit.ID)),
        (" 12 ", ("12", Fit.ID)),
        ("acme", ("12", Fit.WHOLE)),
        ("ACME FASTENERS", ("12", Fit.WHOLE)),
        ("fasteners, acme", ("12", Fit.WHOLE)),
        ("Muller und Sohne", ("120", Fit.SIMILAR)),
        ("muller sohne", ("120", Fit.WHOLE)),
        ("Central", ("7", Fit.WHOLE)),
        ("supply", ("7", Fit.PART)),
        ("suppl", ("7", Fit.PART)),
        ("Acmee Fastners", ("12", Fit.SIMILAR)),
        ("Centrall", ("7", Fit.SIMILAR)),
        ("great lakes tool", ("33", Fit.WHOLE)),
        ("line 100 bolt", ("40", Fit.PART)),
        ("100 line", ("40", Fit.PART)),
    ],
)
def test_words_find_the_entry_that_they_mean(text: str, best: tuple[str, Fit]) -> None:
    assert found(text)[0] == best


def test_words_that_fit_several_find_them_all() -> None:
    assert sorted(found("lakes")) == [("21", Fit.PART), ("33", Fit.PART)]


@pytest.mark.parametrize("text", ["", "  ", "&", "1", "10", "zzzz", "Аcme"])
def test_words_that_mean_nothing_find_nothing_for_sure(text: str) -> None:
    """A figure is the whole figure, and a letter of another alphabet is another letter."""
    assert all(fit is Fit.SIMILAR for _, fit in found(text))


@given(st.text(max_size=30))
def test_any_text_is_taken(text: str) -> None:
    matches = found(text)

    assert matches == sorted(matches, key=lambda match: match[1])
    assert len({entry for entry, _ in matches}) == len(matches)


@given(st.sampled_from(VENDORS), st.randoms(use_true_random=False))
def test_a_name_in_any_case_and_any_order_finds_its_vendor(vendor: Vendor, random: object) -> None:
    words = vendor.name.upper().split()
    random.shuffle(words)  # type: ignore[attr-defined]

    assert (vendor.id, Fit.WHOLE) in found(" ".join(words))
