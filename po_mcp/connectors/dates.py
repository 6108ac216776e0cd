"""Dates as ERPs write them that do not keep to ISO 8601: read where there is one reading, and never guessed. Pure.

Systems and their reports write `2026/05/13`, `13.05.2026`, `5/13/2026 10:30:00 AM` (.NET), `/Date(1778630400000)/` (its
older JSON) and seconds or milliseconds since 1970. Of `05/04/2026` nobody can say whether it is in April or in May.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

_YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?P<sign>[-/.])(?P<one>[0-9]{1,2})(?P=sign)(?P<other>[0-9]{1,2})(?P<rest>.*)"
)
_YEAR_LAST = re.compile(
    r"(?P<one>[0-9]{1,2})(?P<sign>[-/.])(?P<other>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4})(?P<rest>.*)"
)
_TIME = re.compile(
    r"[T ] ?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.[0-9]{1,9})?)?"
    r"( ?(?P<half>[AaPp])[Mm])?( ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?"
)
_DOTNET = re.compile(r"/Date\((?P<milliseconds>-?[0-9]{1,15})([+-][0-9]{4})?\)/")
_SECONDS = re.compile(r"-?[0-9]{9,11}(\.[0-9]{1,9})?")
_MILLISECONDS = re.compile(r"-?[0-9]{12,14}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Between these a number of seconds and one of milliseconds cannot be taken for each other, nor for another figure."""
_NO_DATE_SECONDS = frozenset({0, -62135596800})
"""Where programs write "no date": the beginning of Unix's time, and the minimum of .NET."""


def parse_date(value: str | int | Decimal) -> datetime | None:
    """Read a moment, in UTC where it has no zone, or a day as its midnight; None for a number that means "none".

    Raises:
        ValueError: it is none, or may be several.
    """
    if not isinstance(value, str):
        return _parse_number(f"{value:f}" if isinstance(value, Decimal) else str(value))
    if (marked := _DOTNET.fullmatch(value)) is not None:
        return _from_seconds(Decimal(marked["milliseconds"]) / 1000)
    if value.lstrip("-").replace(".", "", 1).isdecimal():
        return _parse_number(value)
    written = _YEAR_FIRST.fullmatch(value) or _YEAR_LAST.fullmatch(value)
    if written is None:
        raise ValueError("not a date")
    is_year_first = written.re is _YEAR_FIRST
    day = _find_day(int(written["year"]), int(written["one"]), int(written["other"]), is_year_first=is_year_first)
    return _at_time(day, written["rest"])


def _parse_number(text: str) -> datetime | None:
    if re.fullmatch("[0-9]{8}", text):  # 20260513, and no seconds of 1970
        return datetime.combine(date.fromisoformat(text), time.min, UTC)
    if _MILLISECONDS.fullmatch(text):
        return _from_seconds(Decimal(text) / 1000)
    if _SECONDS.fullmatch(text) or text == "0":
        return _from_seconds(Decimal(text))
    raise ValueError("not a date")


def _from_seconds(seconds: Decimal) -> datetime | None:
    if seconds in _NO_DATE_SECONDS:
        return None
    whole = int(seconds)
    moment = _EPOCH + timedelta(seconds=whole, microseconds=int((seconds - whole) * 1_000_000))
    if not _FIRST <= moment < _LAST:
        raise ValueError("not a date of our time")
    return moment


def _find_day(year: int, one: int, other: int, *, is_year_first: bool) -> date:
    """Return the one day that this may be; behind the year stands the month, before it either."""
    if is_year_first:
        return date(year, one, other)
    days = {date(year, month, day) for month, day in ((one, other), (other, one)) if _is_day(year, month, day)}
    if len(days) != 1:
        raise ValueError("no date, or one of two")
    return days.pop()


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _at_time(day: date, text: str) -> datetime:
    if not text.strip():
        return datetime.combine(day, time.min, UTC)
    if (written := _TIME.fullmatch(text)) is None:
        raise ValueError("not a time")
    hour = int(written["hour"])
    if written["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("not an hour of twelve")
        hour = hour % 12 + (12 if written["half"] in "Pp" else 0)
    at = time(hour, int(written["minute"]), int(written["second"] or 0), tzinfo=_zone_of(written["zone"]))
    return datetime.combine(day, at)


def _zone_of(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    minutes = 60 * int(text[1:3]) + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
