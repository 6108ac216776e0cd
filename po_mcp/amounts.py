"""Amounts: money and quantities as exact decimals, their arithmetic and how they are written. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

DECIMAL_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
# Without the pattern's ^ and $, for `fullmatch`: Python's $ takes a line end behind the figure, too.
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_ANY_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_MAX_FLOAT_DIGITS = 15  # a binary float of at most 15 significant digits has one shortest text, which is what was meant

# Sums of products of figures of 40 digits fit, and longer ones are not read from an ERP.
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that raises where it would round. Python's own context rounds to 28 digits and says nothing."""


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Add up exactly."""
    return reduce(EXACT.add, amounts, Decimal(0))


def compute_outstanding(ordered: Decimal | None, received: Decimal | None) -> Decimal | None:
    """Return the ordered less the received quantity, at least 0.

    None where either is not known, and for a return, which has a negative quantity: nothing tells what came of it.
    """
    if ordered is None or received is None or ordered < 0:
        return None
    return max(EXACT.subtract(ordered, received), Decimal(0))


def plain(number: Decimal) -> str:
    """Write a decimal in full, without an exponent and as precisely as it is held: `4250.00`."""
    return f"{number:f}"


def parse_decimal(value: object) -> Decimal:
    """Parse a quantity or a price from a model.

    Text must match `DECIMAL_PATTERN` in ASCII digits. An integer, or a JSON number of at most 15
    significant digits, is read by its shortest text.

    Raises:
        ValueError: the value is anything else; the message says how to write it.
    """
    text = _decimal_text(value)
    if text is not None and _ANY_DECIMAL.fullmatch(text) and not _DECIMAL.fullmatch(text):
        raise ValueError("at most 12 digits before the point and 6 after it; nothing is rounded here")
    if text is None or not _DECIMAL.fullmatch(text):
        raise ValueError(_explain_decimal(value))
    return Decimal(text)


def _explain_decimal(value: object) -> str:
    """Say what is wrong with a figure, and how to write it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "is below zero" if value < 0 else "at most 12 digits before the point and 6 after it; give it as text"
    written = value if isinstance(value, str) else repr(value)
    if re.fullmatch(r"-\d+(\.\d+)?", written, re.ASCII):
        return "is below zero"
    if re.fullmatch(r"[\d.]*\d,\d[\d.,]*", written, re.ASCII):
        return 'has a comma, which may stand for a point or for thousands; write "1000" or "1.5"'
    if isinstance(value, float) and re.fullmatch(r"\d+\.\d+", written):
        return "has more digits than a JSON number holds exactly; give it as text"
    return 'must be digits with a decimal point, such as "1000" or "0.45"'


def _decimal_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    # Before the integers, of which true and false are two to Python.
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        # Compared first: of more than 4,300 digits Python writes none.
        return str(value) if abs(value) < 10**12 else None
    if isinstance(value, float):
        text = repr(value)
        return text if len(text.replace(".", "").strip("0")) <= _MAX_FLOAT_DIGITS else None
    return None


def _check_positive(number: Decimal) -> Decimal:
    if number <= 0:
        raise ValueError("must be more than zero")
    return number


Money = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal"}),
]
"""An amount or a quantity from an ERP; a string in JSON."""

_DecimalText = Annotated[Decimal, BeforeValidator(parse_decimal)]
# Published as text alone: pydantic's own schema of a Decimal takes a JSON number, too, which arrives as a float.
Quantity = Annotated[
    _DecimalText, AfterValidator(_check_positive), WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN})
]
"""A quantity from a model: more than zero."""

Price = Annotated[_DecimalText, WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN})]
"""A unit price from a model: zero or more."""
