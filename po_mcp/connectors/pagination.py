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

MAX_PAGES = 200
"""Pages of one list that are read before it counts as endless."""
CONCURRENT_PAGES = 4
"""Pages of one list that are asked for at the same time."""
SCAN_TIMEOUT_S = 120.0
"""Seconds that a scan of a list may take."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: its rows, where the next one starts (None at the end), and how many rows there are in all.

    `unreadable`: rows of it that cannot be read. `tells_end`: the ERP says whether it is the last page; where it does not,
    the list ends with a page that is empty or came before.
    """

    rows: Sequence[T]
    next_start: int | None
    total: int | None
    unreadable: int = 0
    tells_end: bool = True

    @property
    def length(self) -> int:
        return len(self.rows) + self.unreadable


@dataclass(frozen=True)
class FullList(Generic[T]):
    """A list read to its end, each row once.

    `moved`: its length changed while it was read. `complete` is False there too, where rows came twice or
    others than were counted, and where some were `unreadable`: then some may be missing.
    """

    rows: tuple[T, ...]
    moved: bool
    complete: bool
    unreadable: int = 0


async def read_all(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
) -> FullList[T]:
    """Read all pages of a list, from the one at `start`.

    `key` tells rows apart; a row whose key is None is never taken for another one.

    Raises:
        BadAnswer: a page came again, or there are more than `MAX_PAGES`.
    """
    collector: _RowCollector[T] = _RowCollector(erp, key)
    place = start
    for _ in range(MAX_PAGES):
        page = await read_page(place)
        collector.add(page)
        if page.next_start is None or collector.ended:
            return collector.result()
        place = page.next_start
    raise BadAnswer(f"{erp}'s list is longer than is read.", next_step="Ask for less, or tell the user.")


async def read_all_stable(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
) -> tuple[T, ...]:
    """Read all pages of a list that nobody may have changed meanwhile; else `BadAnswer`."""
    full = await read_all(erp, read_page, key, start)
    if full.moved:
        raise BadAnswer(f"{erp}'s list changed while it was read.", next_step="Try again.")
    if full.unreadable:
        _log.warning("%s: %s rows of a list cannot be read and are left out", erp, full.unreadable)
    return full.rows


async def scan_pages(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[PurchaseOrder]]],
    start_of_page: Callable[[int, int], int],
    progress: Progress | None,
    max_orders: int | None,
) -> OrderScan:
    """Read all pages of the orders, several at a time, as far as `MAX_PAGES` and `SCAN_TIMEOUT_S` allow.

    `start_of_page` gives the place of the page of an index, for a number of rows on a page. Where the ERP
    does not count its orders, one page is read after the other. `max_orders`: no page is read after so many orders.

    Raises:
        BadAnswer: a page came again.
    """
    scanner = _OrderScanner(erp, read_page, start_of_page, progress, max_orders)
    with anyio.move_on_after(SCAN_TIMEOUT_S):
        await scanner.run()
    if scanner.error is not None:
        raise scanner.error
    full, is_cut = scanner.collector.result(), not scanner.is_at_end
    return OrderScan(
        orders=full.rows,
        read=len(full.rows),
        total=scanner.total,
        complete=full.complete and not is_cut,
        is_cut=is_cut,
        unreadable=full.unreadable,
    )


class _OrderScanner:
    """The pages of the orders as they arrive, taken in by their index."""

    def __init__(
        self,
        erp: str,
        read_page: Callable[[int], Awaitable[Page[PurchaseOrder]]],
        start_of_page: Callable[[int, int], int],
        progress: Progress | None,
        max_orders: int | None,
    ) -> None:
        self.collector: _RowCollector[PurchaseOrder] = _RowCollector(erp, lambda order: order.number)
        self.total: int | None = None
        self.is_at_end = False
        self.error: ERPError | None = None
        self._read_page = read_page
        self._start_of_page = start_of_page
        self._progress = progress
        self._max_orders = max_orders
        self._early_pages: dict[int, Page[PurchaseOrder]] = {}
        self._next_index = 0
        self._next_start: int | None = None
        self._read_rows = 0

    async def run(self) -> None:
        """Read the first page; then those that it tells of, side by side; then whatever was added meanwhile."""
        await self._read(0, self._start_of_page(0, 1))
        if self.total is not None and self._next_start is not None:
            size = max(self._read_rows, 1)
            pages = min(-(-min(self.total, self._max_orders or self.total) // size), MAX_PAGES)
            await self._read_concurrently((index, self._start_of_page(index, size)) for index in range(1, pages))
        while self.error is None and self._next_start is not None and not self._has_enough():
            await self._read(self._next_index, self._next_start)
        self.is_at_end = self._next_start is None

    def _has_enough(self) -> bool:
        return self._next_index >= MAX_PAGES or (self._max_orders is not None and self._read_rows >= self._max_orders)

    async def _read_concurrently(self, todo: Iterator[tuple[int, int]]) -> None:
        async def read_in_turn(scope: anyio.CancelScope) -> None:
            for index, place in todo:
                try:
                    await self._read(index, place)
                except ERPError as exc:
                    self.error = self.error or exc
                    scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(CONCURRENT_PAGES):
                tasks.start_soon(read_in_turn, tasks.cancel_scope)

    async def _read(self, index: int, place: int) -> None:
        page = self._early_pages[index] = await self._read_page(place)
        self.total = page.total if page.total is not None else self.total
        self._read_rows += page.length
        while (
            self._next_index in self._early_pages
        ):  # a page that came before is noticed at once, not after all of them
            page = self._early_pages.pop(self._next_index)
            self._next_index += 1
            self.collector.add(page)
            self._next_start = None if self.collector.ended else page.next_start
        if self._progress is not None:
            await self._progress(self._read_rows, self.total)


def select_orders(scanned: OrderScan, query: OrderQuery) -> OrderScan:
    """Pick the orders that the query asks for; an order without a date is in no range of dates."""
    found = tuple(order for order in scanned.orders if _matches(order, query))
    return scanned.model_copy(update={"orders": found})


class _RowCollector(Generic[T]):
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

    def add(self, page: Page[T]) -> None:
        """Take in a page. One that was there before, or brings nothing new, ends a list that may be at its end.

        Raises:
            BadAnswer: such a page came where the list cannot be at its end.
        """
        new = [row for row in page.rows if self._is_new(row)]
        if (page.rows and not new) or self._is_repeated(page.rows):
            if page.tells_end and not self._has_all():
                raise BadAnswer(f"{self._erp} gave the same page of a list again.")
            self.ended = True
            return
        self._rows += new
        self._pages.append(page.rows)
        self._arrived += page.length
        self._unread += page.unreadable
        if page.total is not None:
            self._totals.add(page.total)

    def _has_all(self) -> bool:
        """Tell whether as many rows arrived as the ERP counts."""
        return bool(self._totals) and self._arrived >= max(self._totals)

    def result(self) -> FullList[T]:
        moved = len(self._totals) > 1
        once = len(self._rows) + self._unread == self._arrived
        counted = not self._totals or self._totals == {self._arrived}
        complete = once and counted and not moved and not self._unread
        return FullList(tuple(self._rows), moved, complete, self._unread)

    def _is_new(self, row: T) -> bool:
        key = self._key(row)
        if key is None:
            return True
        if key in self._known:
            return False
        self._known.add(key)
        return True

    def _is_repeated(self, rows: Sequence[T]) -> bool:
        """Tell whether the page starts as an earlier one did, or, without keys, is one."""
        if not rows:
            return False
        first = self._key(rows[0])
        if first is None:
            return any(page == rows for page in self._pages)
        return any(page and self._key(page[0]) == first for page in self._pages)


def _matches(order: PurchaseOrder, query: OrderQuery) -> bool:
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
