"""Reading of paged lists to their end, with checks that no row is lost or counted twice."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import anyio

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.connectors.http.pace import Pace
from po_mcp.connectors.pages import FullList, Page, RowCollector
from po_mcp.errors import BadAnswer, ERPError, IgnoredFilter
from po_mcp.orders import Entries, OrderQuery, OrderScan, Progress, PurchaseOrder

T = TypeVar("T")
R = TypeVar("R")
OnRows = Callable[[Sequence[T]], None]
"""Is called with the new rows of each page, in the order of the list."""
StartOfPage = Callable[[int, int], int]
"""Returns the start of a page from its index and the number of rows on a page."""
_log = logging.getLogger(__name__)

MAX_PAGES = 200
"""Pages of one list that are read at most."""
MAX_CATALOG_PAGES = 1000
"""The same of a catalog, which is read seldom: 20,000 rows of 20 on a page."""
SCAN_TIMEOUT_S = 120.0
"""Seconds that `scan_pages` may take."""


async def read_all(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
    *,
    start_of_page: StartOfPage | None = None,
    pace: Pace | None = None,
    max_pages: int = MAX_PAGES,
    on_rows: OnRows[T] | None = None,
) -> FullList[T]:
    """Read all pages of a list.

    Args:
        erp: the ERP's title.
        read_page: reads the page at a start.
        key: identifies a row; rows whose key is None are never equal to another.
        start: where the first page starts.
        start_of_page: as in `scan_pages`; without it, one page is read after the other.
        pace: how many pages are read at the same time, where the ERP counts the rows.
        max_pages: pages that are read at most.
        on_rows: is called with new rows while others are on their way.

    Raises:
        BadAnswer: a page was repeated before the end, or there are more than `max_pages`.
    """
    reader = _PageReader(erp, read_page, key, start, start_of_page, pace, max_pages, on_rows=on_rows)
    await reader.run()
    if reader.error is not None:
        raise reader.error
    if not reader.is_at_end:
        raise BadAnswer(f"{erp}'s list is too long to read.", next_step="Narrow it down.")
    return reader.collector.result()


async def read_all_stable(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[T]]],
    key: Callable[[T], Hashable | None],
    start: int = 0,
    *,
    start_of_page: StartOfPage | None = None,
    pace: Pace | None = None,
    max_pages: int = MAX_PAGES,
    on_rows: OnRows[T] | None = None,
) -> Entries[T]:
    """Read all pages of a list, as `read_all` does, and return its rows, with how many of it are left out.

    Raises:
        BadAnswer: as in `read_all`, or the list changed during the read, or ended before the ERP said so.
    """
    full = await read_all(
        erp, read_page, key, start, start_of_page=start_of_page, pace=pace, max_pages=max_pages, on_rows=on_rows
    )
    # A row that slipped between two pages could leave another one as the only match of a word.
    if full.moved:
        raise BadAnswer(f"{erp}'s list changed while it was being read.", next_step="Try again.")
    # How many are missing is not known: nobody could be told.
    if full.is_short and not full.missing:
        raise BadAnswer(f"{erp} returned an incomplete list.", next_step="Try again.")
    if full.unreadable:
        _log.warning("%s: %s rows of a list cannot be read and are left out", erp, full.unreadable)
    return Entries(full.rows, full.unreadable + full.missing)


async def scan_pages(
    erp: str,
    read_page: Callable[[int], Awaitable[Page[PurchaseOrder]]],
    start_of_page: StartOfPage,
    progress: Progress | None,
    max_orders: int | None,
    *,
    pace: Pace | None = None,
) -> OrderScan:
    """Read all pages of the orders, several at a time, as far as `MAX_PAGES` and `SCAN_TIMEOUT_S` allow.

    Where the ERP does not count its orders, one page is read after the other.

    Args:
        erp: the ERP's title.
        read_page: reads the page at a start.
        start_of_page: returns the start of a page from its index and the number of rows on a page.
        progress: is awaited after each page with the numbers of rows read and in all.
        max_orders: no further page is read once so many orders were read.
        pace: how many pages are read at the same time.

    Raises:
        BadAnswer: the first page cannot be read.
    """
    scanner = _PageReader(
        erp,
        read_page,
        lambda order: order.number,
        start_of_page(0, 1),
        start_of_page,
        pace,
        MAX_PAGES,
        progress,
        max_orders,
    )
    # A cut list is still useful, and is marked; an error would lose everything that was read.
    with anyio.move_on_after(SCAN_TIMEOUT_S):
        await scanner.run()
    full = scanner.collector.result()
    if scanner.error is not None and not (full.rows and _leaves_rows(scanner.error)):
        raise scanner.error
    # What follows after as many rows as the ERP counts is no part of the list.
    if full.complete and len(full.rows) == scanner.total:
        scanner.error, scanner.is_at_end = None, True
    if full.unreadable > 1 and not full.rows:
        raise BadAnswer(f"No order of {erp}'s list is in the documented format.")
    return _describe_scan(scanner, full)


def _describe_scan(scanner: _PageReader[PurchaseOrder], full: FullList[PurchaseOrder]) -> OrderScan:
    """Return the orders that were read, and what is known of those that were not."""
    is_cut = scanner.error is not None or not scanner.is_at_end
    return OrderScan(
        orders=full.rows,
        read=len(full.rows),
        total=scanner.total,
        complete=full.complete and not is_cut,
        is_cut=is_cut,
        moved=full.moved,
        cut_by="" if scanner.error is None else scanner.error.what,
        unreadable=full.unreadable,
        unreadable_numbers=full.unreadable_names,
    )


def _leaves_rows(error: ERPError) -> bool:
    """Tell whether what was read before an error is of use: an ERP that answers so does it every time."""
    return isinstance(error, BadAnswer) and not isinstance(error, IgnoredFilter)


class _PageReader(Generic[T]):
    """Reads the pages of a list and adds them to the collector in the order of their index."""

    def __init__(
        self,
        erp: str,
        read_page: Callable[[int], Awaitable[Page[T]]],
        key: Callable[[T], Hashable | None],
        start: int,
        start_of_page: StartOfPage | None,
        pace: Pace | None,
        max_pages: int,
        progress: Progress | None = None,
        max_rows: int | None = None,
        on_rows: OnRows[T] | None = None,
    ) -> None:
        self.collector: RowCollector[T] = RowCollector(erp, key, on_rows)
        self.total: int | None = None
        self.is_at_end = False
        self.error: ERPError | None = None
        self._read_page = read_page
        self._start_of_page = start_of_page
        self._pace = pace or Pace()
        self._max_pages = max_pages
        self._progress = progress
        self._max_rows = max_rows
        self._early_pages: dict[int, Page[T]] = {}
        self._next_index = 0
        self._next_start: int | None = start
        self._read_rows = 0

    async def run(self) -> None:
        """Read the first page, then the counted rest concurrently, then the pages that were added in the meantime."""
        # Alone, since it tells how many rows there are and how many of them are a page.
        await self._read_next()
        if self._start_of_page is not None and self.total is not None and self._next_start is not None:
            size = max(self._read_rows, 1)
            # The size of the first page is that of all pages: an ERP may cap the size that was requested.
            pages = min(-(-min(self.total, self._max_rows or self.total) // size), self._max_pages)
            await self._read_concurrently(deque((index, self._start_of_page(index, size)) for index in range(1, pages)))
        while self.error is None and self._next_start is not None and not self._has_enough():
            await self._read_next()
        self.is_at_end = self._next_start is None

    def _has_enough(self) -> bool:
        return self._next_index >= self._max_pages or (self._max_rows is not None and self._read_rows >= self._max_rows)

    async def _read_concurrently(self, todo: deque[tuple[int, int]]) -> None:
        """Read these pages, at any time as many as the pace allows."""

        async def read_in_turn(place: int, scope: anyio.CancelScope) -> None:
            while todo and self._pace.allows(place):
                try:
                    await self._read(*todo.popleft())
                except ERPError as exc:
                    # Kept and not raised, since a task group would wrap it in a group of errors.
                    self.error = self.error or exc
                    todo.clear()
                # The pages before one that cannot be read are of use, and on their way.
                if self.collector.ended or (self.error is not None and not _leaves_rows(self.error)):
                    scope.cancel()

        async with anyio.create_task_group() as tasks:
            for place in range(MAX_CONCURRENT_REQUESTS):
                tasks.start_soon(read_in_turn, place, tasks.cancel_scope)

    async def _read_next(self) -> None:
        assert self._next_start is not None
        try:
            await self._read(self._next_index, self._next_start)
        except ERPError as exc:
            self.error = exc

    async def _read(self, index: int, start: int) -> None:
        page = self._early_pages[index] = await self._read_page(start)
        self.total = page.total if page.total is not None else self.total
        self._read_rows += page.length
        while self._next_index in self._early_pages:  # in order: a repeated page ends the list at once
            page = self._early_pages.pop(self._next_index)
            self._next_index += 1
            self.collector.add(page)
            self._next_start = None if self.collector.ended else page.next_start
        if self._progress is not None:
            await self._progress(self._read_rows, self.total)


class ConvertedRows(Generic[T, R]):
    """Rows of a list as they were converted, page by page: a page is converted while others are on their way."""

    def __init__(
        self, convert: Callable[[Sequence[T]], Sequence[R]], on_converted: Callable[[Sequence[R]], None] | None
    ) -> None:
        self.found: list[R] = []
        self._convert = convert
        self._on_converted = on_converted

    def add(self, rows: Sequence[T]) -> None:
        """Convert the rows of a page."""
        converted = self._convert(rows)
        self.found += converted
        if self._on_converted is not None:
            self._on_converted(converted)


def select_orders(scanned: OrderScan, query: OrderQuery) -> OrderScan:
    """Return the scan with the orders that match the query; an order without a date is in no range of dates."""
    found = tuple(order for order in scanned.orders if _matches(order, query))
    of_any_status = query.model_copy(update={"status": None})
    # One of an unknown status may be among those asked for, so it is said to be left out.
    unknown = tuple(
        order
        for order in scanned.orders
        if order.status == "unknown" != query.status and query.status is not None and _matches(order, of_any_status)
    )
    return scanned.model_copy(update={"orders": found, "unknown": unknown})


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
