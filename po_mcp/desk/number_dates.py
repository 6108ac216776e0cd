"""The years and days in the numbers of orders: whether a next number would carry one that is over. Pure.

A company that writes its year into its numbers begins again with the year, and nothing tells how: what would go on with
a year, a month or a day that is over, or may be over, is asked for. A figure is taken for a date where it is that of
its order, in nearly all orders: 25 in PO-25-0999 where these are of 2025. Where orders of the present carry it all the
same, it is none, but a project, or a series that goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from po_mcp.desk.number_parts import DATE_FORMS, MIN_SHARE, ParsedNumber, is_part_of_its_date, order_day, write_figure

_WHOLE = (*DATE_FORMS, "%y", "%y%m", "%m%y")
_BEGINNINGS = ("%Y", "%Y%m", "%Y%m%d", "%y", "%y%m", "%y%m%d")
"""Dates with which a figure may begin whose end runs, as 2511 in 2511007."""
_BESIDE_A_YEAR = ("%m", "%d", "%U", "%V")
"""A month, a day or a week, which a figure of one or two digits may be by chance: only beside a year."""
_DIGITS = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%j": 3, "%U": 2, "%V": 2}
_MIN_RUNNING_DIGITS = 2
"""Digits that run behind a date at least; three behind a year of two digits, which 26 in 2699 may not be."""
_MIN_COUNTER_ORDERS = 3
"""Orders of the present from which on a figure that would be over is no date."""
_YEAR = timedelta(days=365)
_CLOCKS_APART = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
"""Years that a figure of four digits may be."""
_DAYS_APART = 31
"""By how many days the day in a number and that of its order may differ where six digits are a day."""
_financial = re.compile(r"(?:FY|FINANCIAL|FISCAL|FISC|YEAR|YR|Y)[^0-9A-Z]*$", re.IGNORECASE)
_period = re.compile(r"(?<![A-Z])(?:Q|QTR|QUARTER|H)[-_ ]?$", re.IGNORECASE)
"""What stands before the figure of a quarter, or of a half year."""
_letters = re.compile(r"[^\W\d_]+")
_MAX_MONTH_LETTERS = 10
_MONTHS = (
    ("JAN", "ENE", "GEN"),
    ("FEB", "FEV", "FÉV"),
    ("MAR", "MRZ", "MÄR"),
    ("APR", "ABR", "AVR"),
    ("MAY", "MAI", "MAG"),
    ("JUN", "JUIN", "GIU"),
    ("JUL", "JUIL", "LUG"),
    ("AUG", "AGO", "AOU", "AOÛ"),
    ("SEP", "SET"),
    ("OCT", "OKT", "OTT", "OUT"),
    ("NOV",),
    ("DEC", "DEZ", "DÉC", "DIC"),
)
"""How the names of the months begin in English, German, French, Spanish, Italian and Portuguese."""


class _Reading(NamedTuple):
    """A way to read a date in a figure: its place, the digits of it that are read, and the form of the date."""

    place: int
    digits: slice
    form: str

    def read(self, figures: Sequence[str]) -> str:
        """Return the digits."""
        return figures[self.place][self.digits]

    def is_of(self, figures: Sequence[str], day: date) -> bool:
        """Tell whether the figure is of a day."""
        digits = self.read(figures)
        # A month or a day may be written without its zero.
        return digits.isdecimal() and int(digits) == write_figure(day, self.form)


def is_over(alike: Sequence[ParsedNumber], next_figures: Sequence[str], running: int, today: date) -> bool:
    """Tell whether a next number carries a year or a day that is over, or may be.

    Args:
        alike: the numbers that it follows, the newest first.
        next_figures: the figures of the next one.
        running: the place of the one that runs.
        today: the day on which it is made.
    """
    # An order of days to come tells nothing of now: its date is a slip, or its ERP's clock is ahead.
    alike = [one for one in alike if (order_day(one.order) or today) <= today + _CLOCKS_APART] or alike
    readings = [one for one in _read_dates(alike, running) if not _is_refuted(one, alike, next_figures, today)]
    if any(not one.is_of(next_figures, today) for one in readings) or _may_be_past_period(alike, today):
        return True
    return any(
        _may_be_past_financial_year(alike, place, today) for place in range(len(next_figures)) if place != running
    )


def _may_be_past_period(alike: Sequence[ParsedNumber], today: date) -> bool:
    """Tell whether the numbers, the newest first, carry a month by its name, or a quarter, that may be over.

    A quarter or a half of a financial year begins with any month: with a new month it may be over.
    """
    days = [day for one in alike if (day := order_day(one.order)) is not None]
    if not days or (days[0].year, days[0].month) == (today.year, today.month):
        return False
    newest = alike[0]
    in_pairs = zip(newest.literals, newest.figures, strict=False)  # behind the last figure stands one text more
    if any(_period.search(before) and int(figure) in range(1, 5) for before, figure in in_pairs):
        return True
    months = {month for literal in newest.literals for month in _months_of(literal)}
    return any(sum(day.month == month for day in days) >= MIN_SHARE * len(days) for month in months)


def _months_of(literal: str) -> Iterator[int]:
    """Return the months whose names, or the beginnings of them, are words of a text."""
    for word in _letters.findall(literal.upper()):
        yield from (
            month
            for month, names in enumerate(_MONTHS, 1)
            if len(word) <= _MAX_MONTH_LETTERS and word.startswith(names)
        )


def are_days(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether all figures of a place are days: 20261101 by itself, 261101 near the day of its order."""
    digits = {len(one.figures[place]) for one in alike}
    if digits == {8}:
        return any(
            all(_parse_day(one.figures[place], form) for one in alike) for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y")
        )
    if digits != {6}:
        return False
    forms = ("%y%m%d", "%d%m%y", "%m%d%y", "%Y%m", "%m%Y")
    return any(all(_is_near(one, place, form) for one in alike) for form in forms)


def are_of_a_day(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether a figure is the month of its order, a year beside it, or the day, both beside it."""
    beside = [other for other in range(len(alike[0].figures)) if other != place]

    def is_beside(*forms: str) -> bool:
        return any(all(is_part_of_its_date(one, other, forms) for one in alike) for other in beside)

    if not is_beside("%Y", "%y"):
        return False
    forms = ("%m", "%d") if is_beside("%m") else ("%m",)
    return any(all(is_part_of_its_date(one, place, (form,)) for one in alike) for form in forms)


def count_financial_years(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether all figures of a place, the newest first, are financial years in their sequence."""
    years = [_year_of(one, place) for one in alike]
    known = [year for year in years if year is not None]
    return _is_named_as_year(alike, place) and known == years == sorted(known, reverse=True)


def _is_near(one: ParsedNumber, place: int, form: str) -> bool:
    day, ordered = _parse_day(one.figures[place], form), order_day(one.order)
    return day is not None and ordered is not None and abs((day - ordered).days) <= _DAYS_APART


def _parse_day(figure: str, form: str) -> date | None:
    """Return the day that a figure is, of the years in which orders are placed; None where it is none."""
    try:
        day = datetime.strptime(figure, form).replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _read_dates(alike: Sequence[ParsedNumber], running: int) -> list[_Reading]:
    """Return each way to read a date that is that of its order in nearly all numbers."""
    found = [one for one in _list_readings(alike, running, _WHOLE) if _holds(one, alike)]
    if any("y" in one.form.lower() for one in found):
        found += [one for one in _list_readings(alike, running, _BESIDE_A_YEAR) if _holds(one, alike)]
    return found


def _list_readings(alike: Sequence[ParsedNumber], running: int, forms: Sequence[str]) -> Iterator[_Reading]:
    for place in range(len(alike[0].figures)):
        lengths = {len(one.figures[place]) for one in alike}
        if place == running:
            if forms is _WHOLE:
                yield from (
                    _Reading(place, slice(0, size), form)
                    for form in _BEGINNINGS
                    if min(lengths) >= (size := _count_digits(form)) + _MIN_RUNNING_DIGITS + (form == "%y")
                )
            continue
        yield from (_Reading(place, slice(None), form) for form in forms if max(lengths) <= _count_digits(form))
        if forms is _WHOLE:
            yield from (
                _Reading(place, slice(0, size), form)
                for form in _BEGINNINGS
                if min(lengths) >= (size := _count_digits(form)) + _MIN_RUNNING_DIGITS
            )


def _count_digits(form: str) -> int:
    return sum(_DIGITS[f"%{letter}"] for letter in form.split("%")[1:])


def _holds(reading: _Reading, alike: Sequence[ParsedNumber]) -> bool:
    dated = [(one, day) for one in alike if (day := order_day(one.order)) is not None]
    of_their_day = sum(_is_near_day(reading, one.figures, day) for one, day in dated)
    return bool(dated) and of_their_day >= MIN_SHARE * len(dated)


def _is_near_day(reading: _Reading, figures: Sequence[str], day: date) -> bool:
    # A number may be given on the evening before the order is entered.
    return any(reading.is_of(figures, day + timedelta(days=by)) for by in (0, -1, 1))


def _is_refuted(reading: _Reading, alike: Sequence[ParsedNumber], next_figures: Sequence[str], today: date) -> bool:
    """Tell whether orders of the present carry what would be over, so that it is no date."""
    now = [one for one in alike if _is_present(reading, order_day(one.order), today)]
    if any(reading.is_of(one.figures, today) for one in now):
        return False
    return sum(reading.read(one.figures) == reading.read(next_figures) for one in now) >= _MIN_COUNTER_ORDERS


def _is_present(reading: _Reading, day: date | None, today: date) -> bool:
    form = f"%Y{reading.form}"
    return day is not None and day.strftime(form) == today.strftime(form)


def _may_be_past_financial_year(alike: Sequence[ParsedNumber], place: int, today: date) -> bool:
    """Tell whether a figure may be a financial year, named by its begin or its end, that is or may be over."""
    year, before = _year_of(alike[0], place), _year_of_last(alike, place)
    if year is None:
        return False
    days = sorted(day for one in alike if _year_of(one, place) == year and (day := order_day(one.order)))
    if not days:
        return year < today.year
    years, is_named = {day.year for day in days}, _is_named_as_year(alike, place)
    if not is_named and years not in ({year - 1}, {year - 1, year}, {year, year + 1}):
        return False
    if sum(day > days[0] + _YEAR for day in days) >= _MIN_COUNTER_ORDERS:
        return False  # no year lasts that long
    if today > days[0] + _YEAR:
        return True
    if before is not None:
        return today > before + _YEAR
    # Nobody saw it begin: it may end with any month.
    return (today.year, today.month) != (days[-1].year, days[-1].month)


def _year_of(one: ParsedNumber, place: int) -> int | None:
    """Return the year that a figure may be: 2026 anywhere, 26 only behind FY or the like; None for any other."""
    figure = one.figures[place]
    if len(figure) == 4 and _FIRST_YEAR <= int(figure) <= _LAST_YEAR:
        return int(figure)
    if len(figure) == 4 and int(figure[2:]) == int(figure[:2]) + 1 and _is_of_its_years(one, figure):
        return 2000 + int(figure[:2])  # 2526 of an order of 2025 or 2026
    return 2000 + int(figure) if len(figure) == 2 and _financial.search(one.literals[place]) else None


def _is_of_its_years(one: ParsedNumber, figure: str) -> bool:
    day = order_day(one.order)
    return day is not None and day.year % 100 in (int(figure[:2]), int(figure[2:]))


def _is_named_as_year(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether FY or the like stands before a year, or the next year behind it, as in 2025-26 and 2526."""
    if _financial.search(alike[0].literals[place]):
        return True
    figures, year = alike[0].figures, _year_of(alike[0], place)
    if year is None:
        return False
    following = f"{(year + 1) % 100:02}"
    return figures[place + 1 : place + 2] == (following,) or figures[place] == f"{year % 100:02}{following}"


def _year_of_last(alike: Sequence[ParsedNumber], place: int) -> date | None:
    """Return the day of the last order of the year before."""
    year = _year_of(alike[0], place)
    days = [day for one in alike if year and _year_of(one, place) == year - 1 and (day := order_day(one.order))]
    return max(days, default=None)
