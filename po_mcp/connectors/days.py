"""Conversion between moments and calendar days in the company's time zone. No I/O."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)


def to_local(moment: datetime | None, zone: tzinfo | None) -> datetime | None:
    """Return the moment in `zone` (None: the zone of this machine), so that its date is the company's.

    A moment at midnight of the zone in which it is written is returned unchanged.
    """
    # ERPs write a plain date as a moment at midnight; converting one would move it to the day before.
    if moment is None or moment.time() == time.min:
        return moment
    try:
        return moment.astimezone(zone)
    except OverflowError:  # the last day of the year 9999
        return moment


def local_date(moment: datetime | None, zone: tzinfo | None) -> date | None:
    """Return the company's calendar day of a moment, None for None."""
    found = to_local(moment, zone)
    return None if found is None else found.date()


def start_of_day(day: date, zone: tzinfo | None) -> datetime:
    """Return the earlier of the day's beginnings in `zone` and in UTC, as a moment in UTC."""
    return min(_midnight(day, zone), datetime.combine(day, time.min, tzinfo=UTC))


def end_of_day(day: date, zone: tzinfo | None) -> datetime:
    """Return the later of the day's ends in `zone` and in UTC, as a moment in UTC."""
    # SQL Server counts in steps of 1/300 s and rounds .999 up, into the next day; .997 stays.
    end = max(_midnight(day + _DAY, zone), datetime.combine(day + _DAY, time.min, tzinfo=UTC))
    return end - timedelta(milliseconds=3)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    midnight = datetime.combine(day, time.min)
    return (midnight.astimezone() if zone is None else midnight.replace(tzinfo=zone)).astimezone(UTC)
