"""The vocabulary: exact numbers, and what a model may write for one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from po_mcp.amounts import parse_decimal, plain
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, OrderRequestLine, PurchaseOrder, Vendor

money_text = st.from_regex(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z")


@given(money_text)
def test_text_of_digits_is_taken_exactly(text: str) -> None:
    assert plain(parse_decimal(text)) == plain(Decimal(text))


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_an_integer_is_taken_exactly(number: int) -> None:
    assert parse_decimal(number) == number


@given(st.integers(min_value=0, max_value=10**15 - 1), st.integers(min_value=0, max_value=6))
def test_a_json_number_of_at_most_fifteen_digits_is_the_number_that_was_written(digits: int, places: int) -> None:
    written = Decimal(digits).scaleb(-places)
    number = float(written)  # what a JSON parser makes of it
    if written >= 10**12 or "e" in repr(number):
        return

    assert parse_decimal(number) == written


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 5 ",
        "5\n",
        "1e3",
        "-1",
        "+1",
        "$5",
        "5 EUR",
        "1,000",
        "1.",
        ".5",
        "٣",  # an Arabic-Indic three
        "５",  # a full-width five
        "NaN",
        "Infinity",
        True,
        False,
        None,
        [],
        {},
        -1,
        10**12,
        10**5000,
        0.30000000000000004,
        float("nan"),
        float("inf"),
        1e22,
        1e-7,
    ],
    ids=lambda value: repr(value) if not isinstance(value, int) or value < 10**20 else "10**5000",
)
def test_a_figure_that_is_not_plain_is_refused_with_how_to_write_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"digits|is below zero|has a comma"):
        parse_decimal(value)


@pytest.mark.parametrize("value", ["0.1234567", "1.0000000", "1234567890123", "12345678901234567", "0" * 13 + ".5"])
def test_a_number_of_too_many_digits_is_refused_with_the_limits(value: str) -> None:
    with pytest.raises(ValueError, match="at most 12 digits before the point and 6 after it"):
        parse_decimal(value)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.decimals()))
def test_arguments_of_a_model_neither_crash_the_server_nor_lose_a_digit(value: object) -> None:
    try:
        number = parse_decimal(value)
    except ValueError:
        return
    assert number.is_finite()
    assert 0 <= number < 10**12


@pytest.mark.parametrize("quantity", ["0", "0.000000", 0, 0.0])
def test_a_quantity_is_more_than_zero(quantity: object) -> None:
    with pytest.raises(ValidationError, match="more than zero"):
        OrderRequestLine.model_validate({"item": "BOLT", "quantity": quantity, "unit_price": "1"})


def test_a_price_may_be_zero() -> None:
    line = OrderRequestLine.model_validate({"item": "BOLT", "quantity": "1", "unit_price": "0"})

    assert line.unit_price == 0


def test_an_unknown_key_of_a_line_is_refused() -> None:
    with pytest.raises(ValidationError, match="discount"):
        OrderRequestLine.model_validate({"item": "BOLT", "quantity": "1", "unit_price": "1", "discount": "5"})


def test_values_that_the_erp_does_not_give_are_absent() -> None:
    order = PurchaseOrder(number="PO-1", vendor="Acme", status="open", status_text="Open", total=Decimal("4250.00"))

    assert order.to_json() == {
        "number": "PO-1",
        "vendor": "Acme",
        "status": "open",
        "status_text": "Open",
        "total": "4250.00",
    }


def test_text_of_the_erp_is_made_visible_when_an_order_is_made_of_it() -> None:
    line = OrderLine(item="BOLT\n", quantity=Decimal(1), description="a\u202eb")

    assert (line.item, line.description) == ("BOLT\\u{000A}", "a\\u{202E}b")


def test_sums_and_products_never_round() -> None:
    most = Decimal("999999999999.999999")
    line = DraftLine(item="BOLT", quantity=most, unit_price=most)
    draft = OrderDraft(number="PO-1", vendor=Vendor(id="1", name="A"), lines=(line, line, line))

    assert plain(draft.total) == "2999999999999999994000000.000000000003"


def test_the_lines_add_up_only_where_each_has_a_total() -> None:
    known = OrderLine(item="A", quantity=Decimal(1), line_total=Decimal("0.10"))
    unknown = OrderLine(item="B", quantity=Decimal(1))

    def order(*lines: OrderLine) -> PurchaseOrder:
        return PurchaseOrder(number="PO-1", vendor="Acme", status="open", status_text="Open", lines=lines)

    assert order(known, known, known).sum_of_lines == Decimal("0.30")
    assert order(known, unknown).sum_of_lines is None
    assert order().sum_of_lines is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1,000", "has a comma, which may stand for a point or for thousands"),
        ("1,5", "has a comma, which may stand for a point or for thousands"),
        ("1.234,50", "has a comma, which may stand for a point or for thousands"),
        ("-1", "is below zero"),
        (-1, "is below zero"),
        (-1.5, "is below zero"),
        (1.2345678901234567, "more digits than a JSON number holds exactly"),
        (10**12, "at most 12 digits before the point"),
        ("five", "must be digits with a decimal point"),
        (True, "must be digits with a decimal point"),
    ],
)
def test_a_wrong_figure_is_refused_with_its_reason(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_decimal(value)
