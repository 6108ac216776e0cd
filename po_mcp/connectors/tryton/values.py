"""The values in Tryton's JSON, which marks those that JSON lacks by `__class__`. Pure.

A price or an amount is `{"__class__": "Decimal", "decimal": "0.45"}`, a date and a moment have their parts as keys,
and a quantity is a plain number, since it is a binary float in the server
(https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_MAX_EXPONENT = 30
MAX_FLOAT_DIGITS = 15
"""Significant digits that a binary float keeps, whatever they are."""
_float = Context(prec=MAX_FLOAT_DIGITS)


def encode_decimal(amount: Decimal) -> dict[str, str]:
    """Write a price or an amount. Tryton refuses one that is a plain number."""
    return {"__class__": "Decimal", "decimal": f"{amount:f}"}


def encode_date(moment: date) -> dict[str, Any]:
    """Write a date."""
    return {"__class__": "date", "year": moment.year, "month": moment.month, "day": moment.day}


def _parse_decimal(value: object) -> Decimal | None:
    """Read a number, plain or marked; Tryton writes 1000 as "1E+3" where it computed it so."""
    if value is None:
        return None
    if isinstance(value, dict) and value.get("__class__") == "Decimal":
        value = value.get("decimal")
    # bool is an int in Python, and a float has lost its digits already.
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("not an exact number")
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("not a decimal")
    number = Decimal(value)
    # Written in full, "1e99999999" would fill the memory.
    if number and not -_MAX_EXPONENT <= number.adjusted() <= _MAX_EXPONENT:
        raise ValueError("a number is too large")
    # Without its exponent: 1E+3 and 1000 are one number, and are shown as one.
    return Decimal(f"{number:f}")


def _parse_quantity(value: object) -> Decimal | None:
    """Read a quantity: 100.0 is 100, and what stands after a float's sure digits is no figure of anybody's."""
    number = _parse_decimal(value)
    if number is None:
        return None
    text = f"{_float.plus(number):f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _parse_word(value: object) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _parse_parts(value: object, kind: str) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("__class__") != kind:
        raise ValueError(f"not a {kind}")
    return {key: part for key, part in value.items() if key != "__class__" and isinstance(part, int)}


def _parse_date(value: object) -> date | None:
    parts = _parse_parts(value, "date")
    return None if parts is None else date(**_select_parts(parts, "year", "month", "day"))


def _parse_moment(value: object) -> datetime | None:
    """Read a moment; Tryton's servers keep UTC and tell no zone."""
    parts = _parse_parts(value, "datetime")
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return None if parts is None else datetime(**_select_parts(parts, *names), tzinfo=UTC)


def _select_parts(parts: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the parts of these names; a year, month or day that is missing is a `ValueError`."""
    found = {name: parts[name] for name in names if name in parts}
    if not {"year", "month", "day"} <= set(found):
        raise ValueError("not a date")
    return found


def _parse_flag(value: object) -> bool:
    """Read yes or no: SQLite's are 1 and 0."""
    if value not in (True, False, None):
        raise ValueError("not yes or no")
    return bool(value)


def _empty_if_null(value: object) -> object:
    return () if value is None else value


Amount = Annotated[Decimal | None, BeforeValidator(_parse_decimal)]
"""A price or an amount."""
Quantity = Annotated[Decimal | None, BeforeValidator(_parse_quantity)]
Word = Annotated[str | None, BeforeValidator(_parse_word)]
Day = Annotated[date | None, BeforeValidator(_parse_date)]
Moment = Annotated[datetime | None, BeforeValidator(_parse_moment)]
Flag = Annotated[bool, BeforeValidator(_parse_flag)]
Many = BeforeValidator(_empty_if_null)
"""A list, empty where it is null."""
