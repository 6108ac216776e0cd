"""Pydantic types for the values in an ERP's JSON: lenient about spelling, never guessing a value.

A number may be a JSON number or text, a word text or an integer, and an unset field null or an empty text.
Anything else is a validation error.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

_DECIMAL = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20})(?P<power>[eE][+-]?[0-9]{1,2})?", re.ASCII)
_MOST_DIGITS = 20
"""Before the point, and after it, in a number that is written with a power of ten."""
_NO_DATE_YEARS = frozenset({1, 1753, 1899, 1900})
"""Years in which programs write "no date": the minimum of .NET and of SQL Server, and day zero of spreadsheets."""
_EPOCH = date(1970, 1, 1)


def is_set(value: object) -> bool:
    """Tell whether a field holds a value."""
    # Some ERPs write an empty text where nothing is set.
    return value is not None and not (isinstance(value, str) and not value.strip())


def parse_number(value: object) -> Decimal | None:
    """Read an exact number; None where none is set. Raises `ValueError`."""
    if isinstance(value, Decimal):
        return value
    if not is_set(value):
        return None
    # bool is an int in Python; a float has lost its digits already.
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not an exact number")
    return Decimal(value) if isinstance(value, int) else _parse_decimal(value.strip())


def _parse_decimal(text: str) -> Decimal:
    """Read a decimal, also one such as `0E-7` or `1.5E+3`, as Java has it, or `.5`, as Oracle has it."""
    if (written := _DECIMAL.fullmatch(text)) is None:
        raise ValueError("not a decimal")
    number = Decimal(text)
    if written["power"] is None:
        return number
    if number.adjusted() >= _MOST_DIGITS or len(f"{number:f}".partition(".")[2]) > _MOST_DIGITS:
        raise ValueError("too many digits")
    return Decimal(f"{number:f}")


def _parse_word(value: object) -> str | None:
    """Read a text; an id may be an integer, and a currency an object with a name."""
    if isinstance(value, dict):
        value = value.get("name")
    if isinstance(value, str):
        return value if value.strip() else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not text")
    return str(value)


def _parse_prose(value: object) -> str | None:
    """Read a name or a description, with HTML entities such as `&amp;` decoded."""
    word = _parse_word(value)
    return None if word is None else html.unescape(word)


def _parse_name(value: object) -> str | None:
    """Read a vendor's name, with HTML entities decoded and white space collapsed."""
    prose = _parse_prose(value)
    return None if prose is None else " ".join(prose.split()) or None


def _parse_moment(value: object) -> datetime | None:
    """Read `2025-07-20T00:00:00Z` or `2025-07-20`, in UTC without a zone; None for a date that means "none".

    A date that is written otherwise is read as `dates.parse_date` does.
    """
    if not is_set(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a date")
    # MySQL's zero date, which `fromisoformat` cannot parse.
    if isinstance(value, str) and not re.search("[1-9]", value) and "0" in value:  # 0000-00-00
        return None
    moment = _read_moment(value.strip() if isinstance(value, str) else value)
    if moment is None or moment.year in _NO_DATE_YEARS:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # An unset Unix timestamp of 0, possibly shifted by a zone.
    return None if _EPOCH in (moment.date(), moment.astimezone(UTC).date()) else moment


def _read_moment(value: str | int | Decimal) -> datetime | None:
    # A figure of 13 digits is milliseconds, though `fromisoformat` would find a day and a time of day in some.
    if isinstance(value, str) and not value.isdecimal():
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    from po_mcp.connectors.dates import parse_date  # late: few ERPs write their dates so

    return parse_date(value)


def _parse_instant(value: object) -> datetime | None:
    """Read a moment with a time of day and a zone; None for a date, also one written as midnight."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Taken for a time, the midnight of a plain date would make today's order seem older than our request.
    has_time = (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0)
    return _parse_moment(value) if moment.tzinfo and has_time else None


def _parse_count(value: object) -> int | None:
    number = parse_number(value)
    if number is None:
        return None
    if number != number.to_integral_value() or number < 0:
        raise ValueError("not a count")
    return int(number)


def _parse_flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if not is_set(value):
        return None
    text = str(value).strip().casefold() if isinstance(value, int | str) else ""
    if text in ("true", "false", "1", "0"):  # MySQL has 1 and 0 for them
        return text in ("true", "1")
    raise ValueError("not true or false")


def empty_if_unset(value: object) -> object:
    """Return the list, or an empty one where it is not set."""
    return value if is_set(value) else ()


def object_or_none(value: object) -> object:
    """Return the value if it is an object, else None."""
    return value if isinstance(value, dict) else None


def _parse_place(value: object) -> int | None:
    """Read the number of a line, which nothing depends on: one that cannot be read is none."""
    try:
        return _parse_count(value)
    except ValueError:
        return None


Number = Annotated[Decimal | None, BeforeValidator(parse_number)]
Count = Annotated[int | None, BeforeValidator(_parse_count)]
Place = Annotated[int | None, BeforeValidator(_parse_place)]
Flag = Annotated[bool | None, BeforeValidator(_parse_flag)]
Word = Annotated[str | None, BeforeValidator(_parse_word)]
Prose = Annotated[str | None, BeforeValidator(_parse_prose)]
Name = Annotated[str | None, BeforeValidator(_parse_name)]
Moment = Annotated[datetime | None, BeforeValidator(_parse_moment)]
Instant = Annotated[datetime | None, BeforeValidator(_parse_instant)]
Id = Annotated[str, BeforeValidator(_parse_word)]
"""A word that must be set."""
