"""The number of a new order without one: the next free number in the series of the latest orders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from po_mcp.desk.context import Desk
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.number_dates import are_days, are_of_a_day, count_financial_years, is_over
from po_mcp.desk.number_parts import (
    DATE_FORMS,
    MIN_SHARE,
    ParsedNumber,
    are_another_vendors,
    are_years,
    cut_behind_figures,
    is_part_of_its_date,
    runs_in_doubt,
)
from po_mcp.desk.similar_numbers import find_confusing_numbers, find_extended_number, strip_follow_up
from po_mcp.errors import BadAnswer, InvalidInput, OrderNotFound
from po_mcp.orders import PurchaseOrder, Vendor
from po_mcp.writes.order_text import number as write_number

_MAX_ORDERS = 50
_MIN_ORDERS = 2
_MAX_NUMBERS = 20
_MAX_READS = 40
"""Reads of single orders that search the first free number: the ERP's list may hide orders, such as closed ones."""
_OFFSETS_BEYOND = (1, 2, 5, 10, 25)
"""Offsets from a free number at which numbers must be free, too: the series may go on behind a gap."""
_FAR_AHEAD = 10
"""How many times the figures of all others the figure of an order is that somebody typed in error."""
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_VENDOR_MARK = "\0"
_figures = re.compile(r"([0-9]{1,18})", re.ASCII)
_not_in_a_new_number = re.compile(r"[/\\%?#;\s]")


@dataclass(frozen=True)
class Series:
    """Numbers that differ in one figure: the texts around it, its width in digits, and its highest value in use.

    `is_over`: the next number would carry a year or a day that is over, or may be, as `latest` does.
    """

    before: str
    after: str
    width: int
    highest: int
    latest: str = ""
    is_over: bool = False

    def number(self, figure: int) -> str:
        """Return the number with this figure, padded with zeros."""
        return f"{self.before}{figure:0{self.width}d}{self.after}"


async def find_free_numbers(desk: Desk, vendor: Vendor, latest: LatestOrders | None = None) -> AsyncIterator[str]:
    """Yield the next numbers of the series that no order of the ERP and no operation in progress has.

    Each number is looked up in the ERP when its turn comes.

    Args:
        desk: the ERP and the journal.
        vendor: the vendor of the new order, whose id the numbers may contain.
        latest: orders that were read already, to be used again.

    Raises:
        InvalidInput: the orders show no plain series, or no free number is found in a few reads.
        ERPError: the orders cannot be read.
    """
    series, known = await _read_series(desk, vendor, latest or LatestOrders(desk))
    # A number that goes on from that of an order reads as a part of it.
    if await _extends_an_order(desk, series.number(series.highest + 1), 0, len(series.before)):
        raise _ask_for_a_number()

    async def is_free(figure: int) -> bool:
        number = series.number(figure)
        if find_confusing_numbers(number, known) or not await _is_free(desk, number):
            return False
        return not await _extends_an_order(desk, number, len(series.before), len(number))

    first = series.highest + 1
    figure = first if await is_free(first) else await _find_first_free(first, is_free)
    yield series.number(figure)
    # Another client may take the number before the create is sent; the caller then asks for the next one.
    for later in range(figure + 1, figure + _MAX_NUMBERS):
        if await is_free(later):
            yield series.number(later)


def find_series(orders: Sequence[PurchaseOrder], taken: Iterable[str], vendor: Vendor, today: date) -> Series | None:
    """Return the series of most of the latest orders; None if there is no plain one.

    Several orders must be of it, and one figure must run in them: a year, a project and the figure of a backorder or
    a revision are none. A figure beside it that changes must be the year or month of the order; of `today` it need not
    be, but then the series `is_over`.
    Where numbers hold the vendor's id, they are made with that of this vendor.
    """
    known = {order.number for order in orders} | set(taken)
    alike = _find_common_pattern(_sort_newest_first(orders)[:_MAX_ORDERS], known)
    # The numbers contain the vendor's id, and this vendor has none.
    if not alike or (_VENDOR_MARK in "".join(alike[0].literals) and not vendor.id):
        return None
    if are_another_vendors(alike, vendor):
        return None
    place = _find_running_figure(alike, today)
    if place is None or runs_in_doubt(alike, place) or (figures := _figures_of_newest(alike, place)) is None:
        return None
    before, after = _split_around(alike[0].literals, figures, place, vendor)
    width = _find_width([one.figures[place] for one in alike])
    ahead = _find_ahead([one.figures[place] for one in alike if _is_of_width(one.figures[place], width)])
    series = _make_series(Series(before, after, width, 0, alike[0].order.number), known, ahead)
    if series is None:
        return None
    next_figures = (*figures[:place], f"{series.highest + 1:0{width}d}", *figures[place + 1 :])
    return replace(series, is_over=is_over(alike, next_figures, place, today))


def _find_common_pattern(newest_first: Iterable[PurchaseOrder], known: Set[str]) -> list[ParsedNumber]:
    """Return the numbers of the pattern that most orders have, the newest first; none where too few have it."""
    parsed = _drop_repeats(_take_apart(order, known) for order in newest_first)
    # The pattern of most orders counts: single orders have numbers that somebody typed.
    counted = Counter(one.literals for one in parsed if one.figures)
    if not counted or counted.most_common(1)[0][1] < _MIN_ORDERS:
        return []
    literals = counted.most_common(1)[0][0]
    return [one for one in parsed if one.literals == literals]


async def _read_series(desk: Desk, vendor: Vendor, latest: LatestOrders) -> tuple[Series, Set[str]]:
    """Read older and older orders until they show a series; return it with the numbers that are known."""
    # Creates in progress, which the ERP may not list yet, hold their numbers as well.
    taken = await desk.journal.numbers_of_creates(await desk.journal.name_of(desk.erp.connection))
    series: Series | None = None
    numbers: list[str] = []
    async for orders in latest.scan_back():
        numbered = [_by_buyer_number(order) for order in orders]
        usable = [order for order in numbered if _can_be_made(desk, order.number)]
        known = taken | {order.number for order in orders}
        series = find_series(usable, known, vendor, desk.today())
        # Older orders may show that what is taken for a year of the past is none.
        if series is not None and not series.is_over and _can_be_made(desk, series.number(series.highest + 1)):
            return series, known
        numbers = [order.number for order in _sort_newest_first(numbered)]
    if series is not None and series.is_over:
        raise _ask_for_a_number(_say_over(series))
    raise _ask_for_a_number(_say_not_written(numbers))


def _sort_newest_first(orders: Iterable[PurchaseOrder]) -> list[PurchaseOrder]:
    return sorted(orders, key=lambda order: order.ordered_at or _EARLIEST, reverse=True)


def _say_over(series: Series) -> str:
    """Say that the next number would carry a year that may be over."""
    return f"The earlier orders are numbered as {write_number(series.latest)} is, by a year or a day that may be over."


def _say_not_written(numbers: Sequence[str]) -> str:
    """Say which sign of most of the latest numbers no new number has; "" where they have none."""
    latest = numbers[:_MAX_ORDERS]
    signs = {number: found[0] for number in latest if (found := _not_in_a_new_number.search(number))}
    if 2 * len(signs) <= len(latest):
        return ""
    [(number, sign), *_] = signs.items()
    what = "a blank" if sign.isspace() else sign
    return f"Orders here have numbers such as {write_number(number)}, and a new number may not have {what} in it."


def _ask_for_a_number(why: str = "") -> InvalidInput:
    if why:
        return InvalidInput(why, effect="nothing_sent", next_step="Ask the user for a number, and give that.")
    return InvalidInput(
        "The earlier orders do not show how numbers are made here.",
        effect="nothing_sent",
        next_step="Give a number.",
    )


def _by_buyer_number(order: PurchaseOrder) -> PurchaseOrder:
    """Return an order under the number that people gave it: an ERP that gives numbers by itself may give the next."""
    return order if order.buyer_number is None else order.model_copy(update={"number": order.buyer_number})


def _can_be_made(desk: Desk, number: str) -> bool:
    """Return whether a new order could have such a number; orders with other numbers are ignored."""
    # Signs that are special in URLs or shells: such a number exists, but a new one should not.
    if _not_in_a_new_number.search(number):
        return False
    try:
        return desk.erp.check_number(number) == number
    except InvalidInput:
        return False


async def _is_free(desk: Desk, number: str) -> bool:
    """Return whether the ERP has no order of this number in any case; an unreadable order counts as one."""
    try:
        await desk.erp.get_order(desk.erp.check_number(number), in_any_case=True)
    except OrderNotFound:
        return True
    except BadAnswer:
        return False
    return False


async def _extends_an_order(desk: Desk, number: str, start: int, stop: int) -> bool:
    """Tell whether a number, cut between two places, is that of an order: the ERP's list may hide it."""
    for end in cut_behind_figures(number):
        if start < end <= stop and _can_be_made(desk, number[:end]) and not await _is_free(desk, number[:end]):
            return True
    return False


async def _find_first_free(taken: int, is_free: Callable[[int], Awaitable[bool]]) -> int:
    """Return the first free figure after the last one in use, by doubling steps and then by bisection."""
    reads = 0

    async def is_open(figure: int) -> bool:
        nonlocal reads
        reads += 1
        if reads > _MAX_READS:
            raise InvalidInput(
                f"{reads} order numbers were looked up, and none is surely the next free one.",
                effect="nothing_sent",
                next_step="Give a number.",
            )
        return await is_free(figure)

    while True:
        # An ERP that hides closed orders may hide thousands of numbers: steps double, so that few reads pass them.
        step = 1
        while not await is_open(taken + step):
            taken, step = taken + step, 2 * step
        free = taken + step
        while free - taken > 1:
            middle = (taken + free) // 2
            taken, free = (taken, middle) if await is_open(middle) else (middle, free)
        # A free number may be a gap, of a deleted order for instance, with used numbers behind it.
        for beyond in _OFFSETS_BEYOND:
            if not await is_open(free + beyond):
                taken = free + beyond
                break
        else:
            return free


def _take_apart(order: PurchaseOrder, known: Set[str]) -> ParsedNumber:
    number = strip_follow_up(order.number, known)
    if order.vendor_id:
        number = _mark_vendor_id(number, order.vendor_id)
    parts = _figures.split(number)
    return ParsedNumber(order, tuple(parts[::2]), tuple(parts[1::2]))


def _mark_vendor_id(number: str, vendor_id: str) -> str:
    """Return a number with a mark in the place of the vendor's id; a numeric id only if it stands alone."""
    alone = rf"(?<![^\W_]){re.escape(vendor_id)}(?![^\W_])"
    marked = re.sub(alone, _VENDOR_MARK, number) if vendor_id.isdecimal() else number.replace(vendor_id, _VENDOR_MARK)
    return marked if _figures.search(marked) else number


def _drop_repeats(numbered: Iterable[ParsedNumber]) -> list[ParsedNumber]:
    """Return an order and its follow-ups once."""
    return list({(one.literals, one.figures, one.order.vendor_id): one for one in reversed(list(numbered))}.values())[
        ::-1
    ]


def _find_running_figure(alike: Sequence[ParsedNumber], today: date) -> int | None:
    """Return the place of the running figure: orders with equal other figures differ most often in it."""
    sizes: list[tuple[int, int]] = []
    for place in range(len(alike[0].figures)):
        # A year or a day changes from order to order, too, but does not count them.
        if any(all(is_part_of_its_date(one, place, (form,)) for one in alike) for form in DATE_FORMS):
            continue
        if are_years(alike, place, today) or are_days(alike, place) or are_of_a_day(alike, place):
            continue
        groups: dict[tuple[str, ...], set[int]] = {}
        for one in alike:
            groups.setdefault(one.without(place), set()).add(int(one.figures[place]))
        sizes.append((max(map(len, groups.values())), place))
    sizes.sort(reverse=True)
    # Of two figures that run alike nobody knows which one counts the orders.
    if not sizes or sizes[0][0] < _MIN_ORDERS or (len(sizes) > 1 and sizes[0][0] == sizes[1][0]):
        return None
    return sizes[0][1]


def _figures_of_newest(alike: Sequence[ParsedNumber], place: int) -> tuple[str, ...] | None:
    """Return the newest order's figures, which a new order has but for the running one; None if they are not plain."""
    newest = alike[0].figures
    same = sum(one.without(place) == alike[0].without(place) for one in alike)
    if same >= MIN_SHARE * len(alike):
        return newest
    for other in range(len(newest)):
        if other == place or len({one.figures[other] for one in alike}) == 1:
            continue
        parts = [part for part in ("%Y", "%y", "%m") if all(is_part_of_its_date(one, other, (part,)) for one in alike)]
        if not (parts or count_financial_years(alike, other)):
            return None
    return newest


def _split_around(literals: Sequence[str], figures: Sequence[str], place: int, vendor: Vendor) -> tuple[str, str]:
    """Return the texts before and after the running figure in a number for this vendor."""
    parts = [part for pair in zip(literals, (*figures, ""), strict=True) for part in pair]
    middle = 2 * place + 1
    before, after = "".join(parts[:middle]), "".join(parts[middle + 1 :])
    return before.replace(_VENDOR_MARK, vendor.id or ""), after.replace(_VENDOR_MARK, vendor.id or "")


def _find_width(figures: Sequence[str]) -> int:
    """Return to how many digits most figures are padded with zeros; 1 where they are not."""
    widths = [1, *sorted({len(figure) for figure in figures if figure.startswith("0")})]
    return max(widths, key=lambda width: sum(_is_of_width(figure, width) for figure in figures))


def _is_of_width(figure: str, width: int) -> bool:
    """Tell whether a series of this width comes to a figure: 00431 is none of 0042's, 10431 is."""
    return len(figure) == width or (len(figure) > width and not figure.startswith("0"))


def _find_ahead(newest_first: Sequence[str]) -> int | None:
    """Return the figure of an order that is far ahead of all others, and not the newest: somebody typed it."""
    figures = [int(figure) for figure in newest_first]
    highest = max(figures, default=0)
    others = [figure for figure in figures if figure != highest]
    is_ahead = len(others) >= _MIN_ORDERS and figures[0] != highest and highest >= _FAR_AHEAD * max(others)
    return highest if is_ahead else None


def _make_series(begun: Series, known: Set[str], ahead: int | None) -> Series | None:
    """Return the series with its highest figure in use; None if its next number would extend another order's.

    Args:
        begun: the series, whose highest figure is not known yet.
        known: the numbers that are used.
        ahead: a figure that does not lead.
    """
    pattern = re.compile(rf"{re.escape(begun.before)}([0-9]{{1,18}}){re.escape(begun.after)}", re.ASCII)
    numbers = known | {strip_follow_up(number, known) for number in known}
    used = [found[1] for number in numbers if (found := pattern.fullmatch(number)) is not None]
    leading = [int(figure) for figure in used if _is_of_width(figure, begun.width) and int(figure) != ahead]
    series = replace(begun, highest=max(leading, default=0))
    return series if find_extended_number(series.number(series.highest + 1), known) is None else None
