"""The parts of the numbers of orders: which figure may run, and which is a year, a project or a follow-up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from po_mcp.orders import PurchaseOrder, Vendor

DATE_FORMS = ("%Y", "%Y%m", "%m%Y", "%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y", "%Y%j")
"""How a year or a day is written as one figure."""
# Not all of them: single orders have numbers that somebody typed.
MIN_SHARE = 0.8
_YEARS_BACK = 10
_MIN_NAME_LETTERS = 3
"""Letters from which a word of a number may be a vendor's name."""
_PERIODS = ("%Y", "%y", "%m", "%Y%m", "%y%m")
_figure_ends = re.compile(r"(?<=[0-9])(?=[^0-9])", re.ASCII)
_words = re.compile(r"[^\W\d_]+")
_follow_up_mark = re.compile(r"[-_./ (]*(?:[^\W\d_]|BO|B/O|REV|RET|VER)[-_./ )]*", re.IGNORECASE)
_site = re.compile(r"[^\W\d_]")


class ParsedNumber(NamedTuple):
    """An order's number as figures and the `literals` around them."""

    order: PurchaseOrder
    literals: tuple[str, ...]
    figures: tuple[str, ...]

    def without(self, place: int) -> tuple[str, ...]:
        """Return the figures but this one."""
        return self.figures[:place] + self.figures[place + 1 :]


def cut_behind_figures(number: str) -> list[int]:
    """Return where a number may be cut to that of the order it follows: PO-40 in PO-40-1, PO-40B and PO-40.1."""
    return [found.start() for found in _figure_ends.finditer(number)]


def order_day(order: PurchaseOrder) -> date | None:
    """Return the day of an order; None where it has none."""
    at = order.ordered_at
    # The days beside it are looked at, too: in the first year and the last one they may not exist.
    return None if at is None or at.year in (date.min.year, date.max.year) else at.date()


@lru_cache(maxsize=4096)
def write_figure(day: date, form: str) -> int:
    """Return the figure that a form of `strftime` makes of a day."""
    # Kept: each figure of each order is compared with many forms of three days, and orders share their days.
    return int(day.strftime(form))


def is_part_of_its_date(one: ParsedNumber, place: int, parts: Sequence[str]) -> bool:
    """Tell whether a figure is one of the parts of the order's day, or of the day before or after."""
    ordered_on = order_day(one.order)
    if ordered_on is None:
        return False
    # A number may be given on the evening before the order is entered.
    near = [ordered_on + timedelta(days=days) for days in (-1, 0, 1)]
    return int(one.figures[place]) in [write_figure(day, part) for part in parts for day in near]


def are_years(alike: Sequence[ParsedNumber], place: int, today: date) -> bool:
    """Tell whether all figures of a place may be years of late: 2026 anywhere, 26 only beside a word, as in FY26-PO."""
    before, after = alike[0].literals[place : place + 2]
    digits = {len(one.figures[place]) for one in alike}
    last = today.year + 1
    if digits == {2} and (re.search(r"(?:Y|YR|YEAR)$", before, re.IGNORECASE) or _words.search(after)):
        last %= 100
    elif digits != {4}:
        return False
    return all(last - _YEARS_BACK - 1 <= int(one.figures[place]) <= last for one in alike)


def runs_in_doubt(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether a running figure may be that of a follow-up, as in PO-0040.1, or a project's, as in 7781-003.

    A follow-up's letter behind it, as in PO-0040B, leaves a doubt as well.
    """
    if _follow_up_mark.fullmatch(alike[0].literals[-1]) and place == len(alike[0].figures) - 1:
        return True
    if place and _counts_follow_ups(alike, place):
        return True
    return any(not _may_stay_behind(alike, other) for other in range(place + 1, len(alike[0].figures)))


def are_another_vendors(alike: Sequence[ParsedNumber], vendor: Vendor) -> bool:
    """Tell whether the numbers hold the name or code of their own vendor, and not that of this one."""
    words = [
        word.casefold() for text in alike[0].literals for word in _words.findall(text) if len(word) >= _MIN_NAME_LETTERS
    ]
    held = sum(_names_vendor(words, one.order.vendor, one.order.vendor_id) for one in alike)
    return held >= MIN_SHARE * len(alike) and not _names_vendor(words, vendor.name, vendor.id)


def _names_vendor(words: Sequence[str], name: str | None, vendor_id: str | None) -> bool:
    of_vendor = [word.casefold() for text in (name, vendor_id) for word in _words.findall(text or "")]
    return any(one.startswith(word) for word in words for one in of_vendor)


def _counts_follow_ups(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether figures of one or two digits stand behind another figure, which is no year, month or site."""
    if any(len(one.figures[place]) > 2 for one in alike):
        return False
    is_site = _site.fullmatch(alike[0].literals[0]) and place == 1 and all(len(one.figures[0]) == 1 for one in alike)
    return not is_site and not _are_of_their_dates(alike, place - 1)


def _may_stay_behind(alike: Sequence[ParsedNumber], place: int) -> bool:
    """Tell whether a figure behind the running one is a year, a month or a short code with a letter, as K7."""
    is_code = alike[0].literals[place][-1:].isalpha() and all(
        len(one.figures[place]) <= 2 and not one.figures[place].startswith("0") for one in alike
    )
    return is_code or _are_of_their_dates(alike, place)


def _are_of_their_dates(alike: Sequence[ParsedNumber], place: int) -> bool:
    return sum(is_part_of_its_date(one, place, _PERIODS) for one in alike) >= MIN_SHARE * len(alike)
