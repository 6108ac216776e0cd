"""The values in Exsited's JSON: decimals arrive as strings ("40.000000"), and what is not set as ""."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_NOT_SET = (None, "", "NULL")  # the last one ends a list of pages


def _number(value: object) -> Decimal | None:
    if value in _NOT_SET:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("not an exact number")
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("not a decimal")
    return Decimal(value)


def _word(value: object) -> str | None:
    """Read a string; an id may come as an integer, and a currency as an object with a name."""
    if isinstance(value, dict):
        value = value.get("name")
    if value in _NOT_SET:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not text")
    return str(value)


def _moment(value: object) -> datetime | None:
    """Read `2025-07-20T00:00:00Z` or `2025-07-20`. Without a zone it is UTC."""
    if value in _NOT_SET:
        return None
    if not isinstance(value, str):
        raise ValueError("not a date")
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: object) -> date | None:
    moment = _moment(value)
    return None if moment is None else moment.date()


def _count(value: object) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value() or number < 0:
        raise ValueError("not a count")
    return int(number)


def rows(value: object) -> object:
    """Read no rows where a list is not set."""
    return () if value in _NOT_SET else value


Number = Annotated[Decimal | None, BeforeValidator(_number)]
Positive = Annotated[Decimal | None, Field(gt=0), BeforeValidator(_number)]
Count = Annotated[int | None, BeforeValidator(_count)]
Word = Annotated[str | None, BeforeValidator(_word)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Day = Annotated[date | None, BeforeValidator(_day)]
Id = Annotated[str, BeforeValidator(_word)]
"""A word that must be there."""
