"""How a fault is written: KIND@N:VALUE."""

from __future__ import annotations

import pytest

from po_mcp.sandbox.faults import parse_fault


@pytest.mark.parametrize(
    ("text", "kind", "nth", "value"),
    [
        ("500@2", "500", 2, 0),
        ("hang", "hang", None, 0),
        ("late-apply@3:5", "late-apply", 3, 5),
        ("late-apply:0.25", "late-apply", None, 0.25),
        ("late-apply@1", "late-apply", 1, 5),
    ],
)
def test_a_fault_is_written_as_its_kind_its_number_and_its_value(
    text: str, kind: str, nth: int | None, value: float
) -> None:
    strike = parse_fault(text)

    assert (strike.kind, strike.nth, strike.value) == (kind, nth, value)


@pytest.mark.parametrize(
    ("text", "nth", "value"), [("hang@write", None, 0), ("500@write1", 1, 0), ("late-apply@write12:0.5", 12, 0.5)]
)
def test_a_fault_may_count_writes_alone(text: str, nth: int | None, value: float) -> None:
    planned = parse_fault(text)

    assert (planned.is_for_writes, planned.nth, planned.value) == (True, nth, value)
    assert str(planned) == text.partition(":")[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lost-anser@1", "lost-answer, lost-answer-fin, lost-answer-hang"),
        ("zzz", "refused, reset-before-read"),
        ("500@0", "Write KIND, KIND@N or KIND@N:VALUE"),
        ("500@", "Write KIND"),
        ("500@2:5", "takes no value"),
        ("500@write0", "Write KIND"),
        ("500@read1", "Write KIND"),
        ("refused@write1", "hits before the request is read"),
        ("reset-before-read@write", "hits before the request is read"),
        ("hang@1\n", "Write KIND"),
        ("", "Write KIND"),
    ],
)
def test_an_unknown_fault_is_refused_with_similar_names(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_fault(text)
