"""Reading of paged lists to their end, with checks that no row is lost or counted twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import anyio

from po_mcp.connectors.page_reader import OnRows, PagedList, PageReader
from po_mcp.connectors.pages import FullList
from po_mcp.erp import Progress
from po_mcp.errors import BadAnswer
from po_mcp.orders import Entries, OrderQuery, OrderScan, PurchaseOrder

T = TypeVar("T")
R = TypeVar("R")
_log = logging.getLogger(__name__)

MAX_CATALOG_PAGES = 1000
"""Pages of a catalog that are read at most, which is read seldom: 20,000 rows of 20 on a page."""
SCAN_TIMEOUT_S = 120.0
"""Seconds that `scan_pages` may take."""


async def read_all(pages: PagedList[T], on_rows: OnRows[T] | None = None) -> FullList[T]:
    """Read all pages of a list; `on_rows` is called with new rows while others are on their way.

    Raises:
        BadAnswer: a page was repeated before the end, or there are more than `max_pages`.
    """
    reader = PageReader(pages, on_rows=on_rows)
    await reader.run()
    if reader.error is not None:
        raise reader.error
    if not reader.is_at_end:
        raise BadAnswer(f"{pages.erp}'s list is too long to read.", next_step="Narrow it down.")
    return reader.collector.result()


async def read_all_stable(pages: PagedList[T], on_rows: OnRows[T] | None = None) -> Entries[T]:
    """Read all pages of a list, as `read_all` does, and return its rows, with how many of it are left out.

    Raises:
        BadAnswer: as in `read_all`, or the list changed during the read, or ended before the ERP said so.
    """
    full = await read_all(pages, on_rows)
    # A row that slipped between two pages could leave another one as the only match of a word.
    if full.moved:
        raise BadAnswer(f"{pages.erp}'s list changed while it was being read.", next_step="Try again.")
    # How many are missing is not known: nobody could be told.
    if full.is_short and not full.missing:
        raise BadAnswer(f"{pages.erp} returned an incomplete list.", next_step="Try again.")
    if full.unreadable:
        _log.warning("%s: %s rows of a list cannot be read and are left out", pages.erp, full.unreadable)
    return Entries(full.rows, full.unreadable + full.missing)


async def scan_pages(
    pages: PagedList[PurchaseOrder], progress: Progress | None = None, max_orders: int | None = None
) -> OrderScan:
    """Read all pages of the orders, several at a time, as far as `max_pages` and `SCAN_TIMEOUT_S` allow.

    Where the ERP does not count its orders, one page is read after the other.

    Args:
        pages: the list of orders.
        progress: is awaited after each page with the numbers of rows read and in all.
        max_orders: no further page is read once so many orders were read.

    Raises:
        BadAnswer: the first page cannot be read.
    """
    reader = PageReader(pages, progress=progress, max_rows=max_orders)
    # A cut list is still useful, and is marked; an error would lose everything that was read.
    with anyio.move_on_after(SCAN_TIMEOUT_S):
        await reader.run()
    full = reader.collector.result()
    if reader.error is not None and not (full.rows and reader.leaves_rows()):
        raise reader.error
    # What follows after as many rows as the ERP counts is no part of the list.
    if full.complete and len(full.rows) == reader.total:
        reader.error, reader.is_at_end = None, True
    if full.unreadable > 1 and not full.rows:
        raise BadAnswer(f"No order of {pages.erp}'s list is in the documented format.")
    return _describe_scan(reader, full)


def _describe_scan(reader: PageReader[PurchaseOrder], full: FullList[PurchaseOrder]) -> OrderScan:
    """Return the orders that were read, and what is known of those that were not."""
    is_cut = reader.error is not None or not reader.is_at_end
    return OrderScan(
        orders=full.rows,
        read=len(full.rows),
        total=reader.total,
        complete=full.complete and not is_cut,
        is_cut=is_cut,
        moved=full.moved,
        cut_by="" if reader.error is None else reader.error.reason,
        unreadable=full.unreadable,
        unreadable_numbers=full.unreadable_names,
    )


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
    of_any_day = query.model_copy(update={"ordered_from": None, "ordered_to": None})
    undated = tuple(order for order in scanned.orders if order.ordered_at is None and _matches(order, of_any_day))
    undated = () if of_any_day == query else undated
    return scanned.model_copy(update={"orders": found, "unknown": unknown, "undated": undated})


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
