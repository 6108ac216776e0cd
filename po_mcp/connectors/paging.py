"""Lists that come in pages: walked to their end, whatever the ERP says of where that is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from po_mcp.errors import BadAnswer, ERPError
from po_mcp.orders import OrderQuery, OrderScan, Progress, PurchaseOrder

T = TypeVar("T")
_log = logging.getLogger(__name__)

MOST_PAGES = 200
"""Pages of one list that are read before it counts as endless."""
AT_ONCE = 4
"""Pages of one list that are asked for at the same time."""
MOST_SECONDS = 120.0
"""Seconds that a scan of a list may take."""


@dataclass(frozen=True)
class Part(Generic[T]):
    """One page: its rows, where the next one starts (None at the end), and how many rows there are in all.

    `unread`: rows of it that cannot be read. `sure`: the ERP says whether it is the last page; where it does not,
    the list ends with a page that is empty or came before.
    """

    rows: Sequence[T]
    following: int | None
    total: int | None
    unread: int = 0
    sure: bool = True

    @property
    def length(self) -> int:
        return len(self.rows) + self.unread


@dataclass(frozen=True)
class Whole(Generic[T]):
    """A list read to its end, each row once.

    `moved`: its length changed while it was read. `complete` is False there too, where rows came twice or
    others than were counted, and where some were `unread`: then some may be missing.
    """

    rows: tuple[T, ...]
    moved: bool
    complete: bool
    unread: int = 0


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
        if part.following is None or walked.ended:
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
    if whole.unread:
        _log.warning("%s: %s rows of a list cannot be read and are left out", erp, whole.unread)
    return whole.rows


async def scan(
    erp: str,
    part_at: Callable[[int], Awaitable[Part[PurchaseOrder]]],
    place_of: Callable[[int, int], int],
    progress: Progress | None,
    most: int | None,
) -> OrderScan:
    """Read all pages of the orders, several at a time, as far as `MOST_PAGES` and `MOST_SECONDS` allow.

    `place_of` gives the place of the page of an index, for a number of rows on a page. Where the ERP
    does not count its orders, one page is read after the other. `most`: no page is read after so many orders.

    Raises:
        BadAnswer: a page came again.
    """
    reading = _Scan(erp, part_at, place_of, progress, most)
    with anyio.move_on_after(MOST_SECONDS):
        await reading.run()
    if reading.failed is not None:
        raise reading.failed
    whole, cut = reading.walked.whole(), not reading.is_whole
    return OrderScan(
        orders=whole.rows,
        read=len(whole.rows),
        of=reading.of,
        complete=whole.complete and not cut,
        cut=cut,
        unread=whole.unread,
    )


class _Scan:
    """The pages of the orders as they arrive, taken in by their index."""

    def __init__(
        self,
        erp: str,
        part_at: Callable[[int], Awaitable[Part[PurchaseOrder]]],
        place_of: Callable[[int, int], int],
        progress: Progress | None,
        most: int | None,
    ) -> None:
        self.walked: _Walked[PurchaseOrder] = _Walked(erp, lambda order: order.number)
        self.of: int | None = None
        self.is_whole = False
        self.failed: ERPError | None = None
        self._part_at = part_at
        self._place_of = place_of
        self._progress = progress
        self._most = most
        self._waiting: dict[int, Part[PurchaseOrder]] = {}
        self._taken = 0
        self._following: int | None = None
        self._read_rows = 0

    async def run(self) -> None:
        """Read the first page; then those that it tells of, side by side; then whatever was added meanwhile."""
        await self._read(0, self._place_of(0, 1))
        if self.of is not None and self._following is not None:
            size = max(self._read_rows, 1)
            pages = min(-(-min(self.of, self._most or self.of) // size), MOST_PAGES)
            await self._read_side_by_side((index, self._place_of(index, size)) for index in range(1, pages))
        while self.failed is None and self._following is not None and not self._has_enough():
            await self._read(self._taken, self._following)
        self.is_whole = self._following is None

    def _has_enough(self) -> bool:
        return self._taken >= MOST_PAGES or (self._most is not None and self._read_rows >= self._most)

    async def _read_side_by_side(self, todo: Iterator[tuple[int, int]]) -> None:
        async def one_after_another(scope: anyio.CancelScope) -> None:
            for index, place in todo:
                try:
                    await self._read(index, place)
                except ERPError as exc:
                    self.failed = self.failed or exc
                    scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(one_after_another, tasks.cancel_scope)

    async def _read(self, index: int, place: int) -> None:
        part = self._waiting[index] = await self._part_at(place)
        self.of = part.total if part.total is not None else self.of
        self._read_rows += part.length
        while self._taken in self._waiting:  # a page that came before is noticed at once, not after all of them
            part = self._waiting.pop(self._taken)
            self._taken += 1
            self.walked.add(part)
            self._following = None if self.walked.ended else part.following
        if self._progress is not None:
            await self._progress(self._read_rows, self.of)


def picked(scanned: OrderScan, query: OrderQuery) -> OrderScan:
    """Pick the orders that the query asks for; an order without a date is in no range of dates."""
    found = tuple(order for order in scanned.orders if _asked_for(order, query))
    return scanned.model_copy(update={"orders": found})


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
        self._unread = 0
        self.ended = False

    def add(self, part: Part[T]) -> None:
        """Take in a page. One that was there before, or brings nothing new, ends a list that may be at its end.

        Raises:
            BadAnswer: such a page came where the list cannot be at its end.
        """
        new = [row for row in part.rows if self._is_new(row)]
        if (part.rows and not new) or self._was_there(part.rows):
            if part.sure and not self._has_all():
                raise BadAnswer(f"{self._erp} gave the same page of a list again.")
            self.ended = True
            return
        self._rows += new
        self._pages.append(part.rows)
        self._arrived += part.length
        self._unread += part.unread
        if part.total is not None:
            self._totals.add(part.total)

    def _has_all(self) -> bool:
        """Tell whether as many rows arrived as the ERP counts."""
        return bool(self._totals) and self._arrived >= max(self._totals)

    def whole(self) -> Whole[T]:
        moved = len(self._totals) > 1
        once = len(self._rows) + self._unread == self._arrived
        counted = not self._totals or self._totals == {self._arrived}
        complete = once and counted and not moved and not self._unread
        return Whole(tuple(self._rows), moved, complete, self._unread)

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


def _asked_for(order: PurchaseOrder, query: OrderQuery) -> bool:
    if query.status not in (None, order.status):
        return False
    if query.ordered_from is None and query.ordered_to is None:
        return True
    if order.ordered_at is None:
        return False
    day = order.ordered_at.date()  # a connector's moments are those of the company's clock
    return (query.ordered_from is None or query.ordered_from <= day) and (
        query.ordered_to is None or day <= query.ordered_to
    )
