"""Reads the pages of a list, several at a time where the ERP counts its rows, and puts them together in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from po_mcp.concurrency import MAX_ANSWERS, Places, let_requests_go
from po_mcp.connectors.http.pace import Pace
from po_mcp.connectors.pages import Page, RowCollector
from po_mcp.erp import Progress
from po_mcp.errors import BadAnswer, ERPError, IgnoredFilter

T = TypeVar("T")
OnRows = Callable[[Sequence[T]], None]
"""Is called with the new rows of each page, in the order of the list."""
StartOfPage = Callable[[int, int], int]
"""Returns the start of a page from its index and the number of rows on a page."""

MAX_PAGES = 200
"""Pages of one list that are read at most."""


@dataclass(frozen=True)
class PagedList(Generic[T]):
    """A list of an ERP, and how its pages are read.

    Args:
        erp: the ERP's title.
        read_page: reads the page at a start.
        key: identifies a row; rows whose key is None are never equal to another.
        start: where the first page starts.
        start_of_page: where the page of an index starts; without it, one page is read after the other.
        pace: how many pages are read at the same time, where the ERP counts the rows.
        max_pages: pages that are read at most.
    """

    erp: str
    read_page: Callable[[int], Awaitable[Page[T]]]
    key: Callable[[T], Hashable | None]
    start: int = 0
    start_of_page: StartOfPage | None = None
    pace: Pace = field(default_factory=Pace)
    max_pages: int = MAX_PAGES


class PageReader(Generic[T]):
    """Reads the pages of a list and adds them to the collector in the order of their index.

    Args:
        pages: the list.
        progress: is awaited after each page with the numbers of rows read and in all.
        max_rows: no further page is read once so many rows were read.
        on_rows: is called with new rows while others are on their way.
    """

    def __init__(
        self,
        pages: PagedList[T],
        *,
        progress: Progress | None = None,
        max_rows: int | None = None,
        on_rows: OnRows[T] | None = None,
    ) -> None:
        self._waiting = _WaitingRows(on_rows)
        self.collector: RowCollector[T] = RowCollector(pages.erp, pages.key, self._waiting.add)
        self.total: int | None = None
        self.is_at_end = False
        self.error: ERPError | None = None
        self._pages = pages
        self._progress = progress
        self._max_rows = max_rows
        self._early_pages: dict[int, Page[T]] = {}
        self._next_index = 0
        self._next_start: int | None = pages.start
        self._read_rows = 0

    async def run(self) -> None:
        """Read the first page, then the counted rest concurrently, then the pages that were added in the meantime."""
        # Alone, since it tells how many rows there are and how many of them are a page.
        await self._read_next()
        if self._pages.start_of_page is not None and self.total is not None and self._next_start is not None:
            await self._read_concurrently(self._list_counted(self._pages.start_of_page, self.total))
        while self.error is None and self._next_start is not None and not self._has_enough():
            await self._read_next()
        self._waiting.hand_on()
        self.is_at_end = self._next_start is None

    def leaves_rows(self) -> bool:
        """Tell whether what was read before the error is of use: an ERP that answers so does it every time."""
        return isinstance(self.error, BadAnswer) and not isinstance(self.error, IgnoredFilter)

    def _list_counted(self, start_of_page: StartOfPage, total: int) -> deque[tuple[int, int]]:
        """Return the index and the start of each page that follows the first, by what that one tells."""
        # The size of the first page is that of all pages: an ERP may cap the size that was requested.
        size = max(self._read_rows, 1)
        count = min(-(-min(total, self._max_rows or total) // size), self._pages.max_pages)
        return deque((index, start_of_page(index, size)) for index in range(1, count))

    def _has_enough(self) -> bool:
        is_full = self._max_rows is not None and self._read_rows >= self._max_rows
        return is_full or self._next_index >= self._pages.max_pages

    async def _read_concurrently(self, todo: deque[tuple[int, int]]) -> None:
        """Read these pages; at any time as many requests are under way as the pace allows."""
        places = Places(self._pages.pace.count_allowed)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._waiting.hand_on_as_they_come)
            async with anyio.create_task_group() as readers:
                for _ in range(MAX_ANSWERS):
                    readers.start_soon(self._read_in_turn, todo, places, readers.cancel_scope)
            tasks.cancel_scope.cancel()

    async def _read_in_turn(self, todo: deque[tuple[int, int]], places: Places, scope: anyio.CancelScope) -> None:
        """Read one page after the other, each once there is a place; end all where the rest is of no use."""
        while todo:
            async with places.take():
                if todo:  # another may have taken the last
                    await self._read_or_end(todo, scope)

    async def _read_or_end(self, todo: deque[tuple[int, int]], scope: anyio.CancelScope) -> None:
        try:
            await self._read(*todo.popleft())
        except ERPError as exc:
            # Kept and not raised, since a task group would wrap it in a group of errors.
            self.error = self.error or exc
            todo.clear()
        # The pages before one that cannot be read are of use, and on their way.
        if self.collector.ended or (self.error is not None and not self.leaves_rows()):
            todo.clear()
            scope.cancel()

    async def _read_next(self) -> None:
        assert self._next_start is not None
        try:
            await self._read(self._next_index, self._next_start)
        except ERPError as exc:
            self.error = exc

    async def _read(self, index: int, start: int) -> None:
        page = self._early_pages[index] = await self._pages.read_page(start)
        self.total = page.total if page.total is not None else self.total
        self._read_rows += page.length
        while self._next_index in self._early_pages:  # in order: a repeated page ends the list at once
            page = self._early_pages.pop(self._next_index)
            self._next_index += 1
            self.collector.add(page)
            self._next_start = None if self.collector.ended else page.next_start
        if self._progress is not None:
            await self._progress(self._read_rows, self.total)


class _WaitingRows(Generic[T]):
    """New rows, which are handed on once the places that their pages have freed are taken by the next requests."""

    def __init__(self, on_rows: OnRows[T] | None) -> None:
        self._on_rows = on_rows
        self._rows: deque[Sequence[T]] = deque()
        self._has_come = anyio.Event()

    def add(self, rows: Sequence[T]) -> None:
        """Take in the new rows of a page."""
        if self._on_rows is not None:
            self._rows.append(rows)
            self._has_come.set()

    def hand_on(self) -> None:
        """Hand on the rows of one page after the other."""
        while self._rows:
            self._hand_on_next()

    async def hand_on_as_they_come(self) -> None:
        """Hand on the rows of a page whenever requests are under way, until this is cancelled."""
        while True:
            await self._has_come.wait()
            self._has_come = anyio.Event()
            while self._rows:
                await let_requests_go()
                self._hand_on_next()

    def _hand_on_next(self) -> None:
        assert self._on_rows is not None
        self._on_rows(self._rows.popleft())
