from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.connectors.http.exact_json import NotExact, dumps, loads

decimals = st.decimals(min_value=Decimal(-(10**18)), max_value=Decimal(10**18), allow_nan=False, places=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | decimals,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(decimals)
def test_a_decimal_survives_a_round_trip(number: Decimal) -> None:
    assert str(loads(dumps([number]))[0]) == f"{number:f}"


@given(values)
def test_a_document_survives_a_round_trip(value: object) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("text", ["0.1", "4250.00", "0.30000000000000004", "1e3", "12740.50", "1E-7"])
def test_a_fraction_is_read_as_the_number_that_was_written(text: str) -> None:
    assert loads(text.encode()) == Decimal(text)


@pytest.mark.parametrize(("number", "text"), [("1E+3", b"1000"), ("0.0000001", b"0.0000001"), ("4250.00", b"4250.00")])
def test_a_number_is_written_without_an_exponent(number: str, text: bytes) -> None:
    assert dumps(Decimal(number)) == text


@pytest.mark.parametrize(
    "body",
    [
        b'{"units": 1, "units": 1000}',
        b'{"a": {"b": 1, "b": 1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"9" * 5000,
        b"0." + b"1" * 5000,
        b"1e999",
        b"1e-999",
        b"1e99999999999999999999",
        b"[" * 100_000,
        b"[" + b"[]," * 300_000 + b"[]]",
        b"\xef\xbb\xbf{}",
        b'{"a": 1} {"a": 2}',
        b"{} garbage",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        '{"a": 1}'.encode("utf-16"),
        b"",
        b"{",
        b"<html>",
        b"{'a': 1}",
        b"01",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_irregular_json_is_refused_without_being_repeated(body: bytes) -> None:
    with pytest.raises(NotExact) as refused:
        loads(body)

    assert "garbage" not in str(refused.value)


@pytest.mark.parametrize("value", [0.1, {"price": 1.0}, [[float("nan")]]])
def test_a_float_is_never_written(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "sNaN"])
def test_nan_and_infinity_are_never_written(value: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        dumps(Decimal(value))


def test_written_json_is_readable_by_the_standard_library() -> None:
    assert json.loads(dumps({"price": Decimal("0.45"), "on": True, "text": "ü\ud800"})) == {
        "price": 0.45,
        "on": True,
        "text": "ü\ud800",
    }
