"""Lists that come in pages: walked to their end, whatever the ERP says of where that is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from po_mcp.errors import BadAnswer
from po_mcp.orders import OrderPage, OrderQuery, PurchaseOrder

T = TypeVar("T")

MOST_PAGES = 200
"""Pages of one list that are read before it counts as endless."""


@dataclass(frozen=True)
class Part(Generic[T]):
    """One page: its rows, where the next one starts (None at the end), and how many rows there are in all."""

    rows: Sequence[T]
    following: int | None
    total: int | None


@dataclass(frozen=True)
class Whole(Generic[T]):
    """A list read to its end, each row once.

    `moved`: its length changed while it was read. `complete` is False there too, and where rows came
    twice or others than were counted: then some may be missing.
    """

    rows: tuple[T, ...]
    moved: bool
    complete: bool


async def walk(
    erp: str,
    part_at: Callable[[int], Awaitable[Part[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
) -> Whole[T]:
    """Read all pages of a list, from the one at `start`.

    `key` tells rows apart; a row whose key is None is never taken for another one.

    Raises:
        BadAnswer: a page came again, or there are more than `MOST_PAGES`.
    """
    walked: _Walked[T] = _Walked(erp, key)
    place = start
    for _ in range(MOST_PAGES):
        part = await part_at(place)
        walked.add(part)
        if part.following is None:
            return walked.whole()
        place = part.following
    raise BadAnswer(f"{erp}'s list is longer than is read.", next_step="Ask for less, or tell the user.")


async def walk_still(
    erp: str,
    part_at: Callable[[int], Awaitable[Part[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
) -> tuple[T, ...]:
    """Read all pages of a list that nobody may have changed meanwhile; else `BadAnswer`."""
    whole = await walk(erp, part_at, key, start)
    if whole.moved:
        raise BadAnswer(f"{erp}'s list changed while it was read.", next_step="Try again.")
    return whole.rows


class _Walked(Generic[T]):
    """What was read of a list so far."""

    def __init__(self, erp: str, key: Callable[[T], Hashable | None]) -> None:
        self._erp = erp
        self._key = key
        self._rows: list[T] = []
        self._known: set[Hashable] = set()
        self._pages: list[Sequence[T]] = []
        self._totals: set[int] = set()
        self._arrived = 0

    def add(self, part: Part[T]) -> None:
        """Take in a page; one that was there before, or brings nothing new, is `BadAnswer`."""
        new = [row for row in part.rows if self._is_new(row)]
        if (part.rows and not new) or self._was_there(part.rows):
            raise BadAnswer(f"{self._erp} gave the same page of a list again.")
        self._rows += new
        self._pages.append(part.rows)
        self._arrived += len(part.rows)
        if part.total is not None:
            self._totals.add(part.total)

    def whole(self) -> Whole[T]:
        moved = len(self._totals) > 1
        once = len(self._rows) == self._arrived
        counted = not self._totals or self._totals == {self._arrived}
        return Whole(tuple(self._rows), moved, complete=once and counted and not moved)

    def _is_new(self, row: T) -> bool:
        key = self._key(row)
        if key is None:
            return True
        if key in self._known:
            return False
        self._known.add(key)
        return True

    def _was_there(self, rows: Sequence[T]) -> bool:
        """Tell whether the page starts as an earlier one did, or, without keys, is one."""
        if not rows:
            return False
        first = self._key(rows[0])
        if first is None:
            return any(page == rows for page in self._pages)
        return any(page and self._key(page[0]) == first for page in self._pages)


def each_once(orders: Iterable[PurchaseOrder]) -> tuple[PurchaseOrder, ...]:
    """Return the orders, the first of each number."""
    found: dict[str, PurchaseOrder] = {}
    for order in orders:
        found.setdefault(order.number, order)
    return tuple(found.values())


def page_of(orders: Iterable[PurchaseOrder], query: OrderQuery, *, complete: bool) -> OrderPage:
    """Pick the orders that the query asks for out of the whole list, and its page out of these.

    An order without a date is in no range of dates.
    """
    found = [order for order in orders if _asked_for(order, query)]
    end = query.offset + query.limit
    return OrderPage(
        orders=tuple(found[query.offset : end]),
        total_count=len(found),
        has_more=end < len(found),
        complete=complete,
    )


def _asked_for(order: PurchaseOrder, query: OrderQuery) -> bool:
    if query.status not in (None, order.status):
        return False
    if query.ordered_from is None and query.ordered_to is None:
        return True
    if order.ordered_at is None:
        return False
    day = order.ordered_at.date()
    return (query.ordered_from is None or query.ordered_from <= day) and (
        query.ordered_to is None or day <= query.ordered_to
    )
