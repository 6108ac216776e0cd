"""Which day a moment is, and where a day begins and ends: where the company is. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)


def to_local(moment: datetime | None, zone: tzinfo | None) -> datetime | None:
    """Return the moment as the clock of `zone` (None: of this machine) shows it, so that its date is the company's.

    A moment at midnight, in the zone in which it is written, is a date that was written as a moment: it stays.
    """
    if moment is None or moment.time() == time.min:
        return moment
    try:
        return moment.astimezone(zone)
    except OverflowError:  # the last day of the year 9999
        return moment


def local_date(moment: datetime | None, zone: tzinfo | None) -> date | None:
    """Return the company's day of a moment."""
    found = to_local(moment, zone)
    return None if found is None else found.date()


def start_of_day(day: date, zone: tzinfo | None) -> datetime:
    """Return the first moment, in UTC, of a day: of `zone`, or of a date that is written as a moment in UTC."""
    return min(_midnight(day, zone), datetime.combine(day, time.min, tzinfo=UTC))


def end_of_day(day: date, zone: tzinfo | None) -> datetime:
    """Return the end of a day, in UTC, as far as the clock of SQL Server counts: it would round .999 up."""
    end = max(_midnight(day + _DAY, zone), datetime.combine(day + _DAY, time.min, tzinfo=UTC))
    return end - timedelta(milliseconds=3)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    midnight = datetime.combine(day, time.min)
    return (midnight.astimezone() if zone is None else midnight.replace(tzinfo=zone)).astimezone(UTC)
