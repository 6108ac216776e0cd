"""All orders of an ERP: pages side by side, every order once, and an end in any case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio
import pytest

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.connectors import pagination
from po_mcp.connectors.page_reader import MAX_PAGES, PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import scan_pages
from po_mcp.errors import BadAnswer, IgnoredFilter, Unreachable
from po_mcp.orders import OrderScan, PurchaseOrder


class Orders:
    """A list of orders, a few on a page, which may change while it is read."""

    def __init__(self, count: int, size: int = 10, *, is_counted: bool = True) -> None:
        self.numbers = [f"PO-{place}" for place in range(count)]
        self.size = size
        self.places: list[int] = []
        self.at_once = self.most_at_once = 0
        self._is_counted = is_counted

    async def __call__(self, place: int) -> Page[PurchaseOrder]:
        self.places.append(place)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.sleep(0.001)
        self.at_once -= 1
        rows = tuple(order(number) for number in self.numbers[place * self.size : (place + 1) * self.size])
        more = (place + 1) * self.size < len(self.numbers)
        return Page(rows, place + 1 if more else None, len(self.numbers) if self._is_counted else None)


def order(number: str) -> PurchaseOrder:
    return PurchaseOrder(number=number, vendor="Acme", status="open", status_text="Open")


async def run_scan(
    orders: Orders,
    max_orders: int | None = None,
    reported: list[tuple[int, int | None]] | None = None,
    max_pages: int = MAX_PAGES,
) -> OrderScan:
    async def tell(read: int, of: int | None) -> None:
        if reported is not None:
            reported.append((read, of))

    return await scan_pages(list_pages(orders, max_pages), tell, max_orders)


def list_pages(
    read_page: Callable[[int], Awaitable[Page[PurchaseOrder]]], max_pages: int = MAX_PAGES
) -> PagedList[PurchaseOrder]:
    return PagedList(
        "An ERP", read_page, lambda one: one.number, start_of_page=lambda index, size: index, max_pages=max_pages
    )


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95, 100])
@pytest.mark.parametrize("is_counted", [True, False])
async def test_every_order_is_read_once(count: int, is_counted: bool) -> None:
    orders = Orders(count, is_counted=is_counted)

    found = await run_scan(orders)

    assert [one.number for one in found.orders] == orders.numbers
    assert (found.complete, found.is_cut, found.read) == (True, False, count)
    assert len(orders.places) == len(set(orders.places)) == max(1, -(-count // 10))


async def test_a_few_pages_are_asked_for_at_a_time_and_no_more() -> None:
    counted, uncounted = Orders(200), Orders(200, is_counted=False)

    await run_scan(counted)
    await run_scan(uncounted)

    assert counted.most_at_once == MAX_CONCURRENT_REQUESTS
    assert uncounted.most_at_once == 1


async def test_progress_is_reported_after_each_page() -> None:
    reported: list[tuple[int, int | None]] = []

    await run_scan(Orders(45), reported=reported)

    assert [read for read, _ in reported] == sorted(read for read, _ in reported)
    assert reported[-1] == (45, 45)
    assert len(reported) == 5


async def test_a_list_beyond_the_limit_is_cut_and_marked() -> None:
    for is_counted in (True, False):
        orders = Orders(100, is_counted=is_counted)

        found = await run_scan(orders, max_pages=7)

        assert (found.read, found.is_cut, found.complete) == (70, True, False)
        assert found.total == (100 if is_counted else None)
        assert len(orders.places) == 7


async def test_a_scan_that_takes_too_long_is_cut_and_keeps_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Orders):
        async def __call__(self, place: int) -> Page[PurchaseOrder]:
            if place > 2:
                await anyio.sleep_forever()
            return await super().__call__(place)

    monkeypatch.setattr(pagination, "SCAN_TIMEOUT_S", 1.0)

    found = await run_scan(Slow(100))

    assert (found.read, found.total, found.is_cut, found.complete) == (30, 100, True, False)


async def test_a_part_of_the_list_is_read_where_no_more_is_asked_for() -> None:
    orders = Orders(100)

    found = await run_scan(orders, max_orders=25)

    assert (found.read, found.is_cut, len(orders.places)) == (30, True, 3)


@pytest.mark.parametrize("by", [-15, +15])
async def test_a_list_that_changes_during_the_scan_is_incomplete(by: int) -> None:
    class Moving(Orders):
        async def __call__(self, place: int) -> Page[PurchaseOrder]:
            part = await super().__call__(place)
            if place == 2:
                self.numbers = self.numbers[:by] if by < 0 else [*self.numbers, *(f"new-{one}" for one in range(by))]
            return part

    found = await run_scan(Moving(60))

    assert not found.complete
    assert not found.is_cut
    assert len({one.number for one in found.orders}) == len(found.orders)


async def test_a_page_that_cannot_be_read_fails_the_list() -> None:
    class Failing(Orders):
        async def __call__(self, place: int) -> Page[PurchaseOrder]:
            if place == 5:
                raise Unreachable("The ERP gave no answer.")
            return await super().__call__(place)

    with pytest.raises(Unreachable):
        await run_scan(Failing(100))


@pytest.mark.parametrize("is_counted", [True, False])
async def test_a_repeated_page_ends_the_scan_early(is_counted: bool) -> None:
    class Stuck(Orders):
        async def __call__(self, place: int) -> Page[PurchaseOrder]:
            await super().__call__(place)
            rows: Sequence[PurchaseOrder] = tuple(order(number) for number in self.numbers[:10])
            return Page(rows, place + 1, 100_000 if is_counted else None)

    orders = Stuck(100)
    found = await run_scan(orders)

    assert len(orders.places) < 12
    assert [one.number for one in found.orders] == orders.numbers[:10]
    assert (found.complete, found.is_cut, found.cut_by) == (False, True, "An ERP returned the same page twice.")


@pytest.mark.parametrize("error", [BadAnswer("It is no JSON."), IgnoredFilter("It ignored the filter.")])
@pytest.mark.parametrize("place", [0, 3])
async def test_orders_read_before_an_unreadable_page_are_kept(error: BadAnswer, place: int) -> None:
    """Where the filter is ignored, it is of no use."""

    class Broken(Orders):
        async def __call__(self, at: int) -> Page[PurchaseOrder]:
            if at == place:
                raise error
            return await super().__call__(at)

    if place == 0 or isinstance(error, IgnoredFilter):
        with pytest.raises(BadAnswer, match=error.what):
            await run_scan(Broken(100))
        return
    found = await run_scan(Broken(100))

    assert (found.read, found.total, found.complete, found.cut_by) == (30, 100, False, "It is no JSON.")


@pytest.mark.parametrize(("rows", "asked", "is_whole"), [(20, 50, True), (50, 50, False), (80, 50, False)])
async def test_a_full_page_that_comes_again_is_no_end(rows: int, asked: int, is_whole: bool) -> None:
    """An ERP without paging information may repeat its last page, or know no other."""
    page = Page(tuple(order(f"PO-{place}") for place in range(rows)), 1, None, tells_end=False, is_full=rows >= asked)

    async def read(place: int) -> Page[PurchaseOrder]:
        return page

    found = await scan_pages(list_pages(read))

    assert (found.read, found.complete, found.is_cut) == (rows, is_whole, not is_whole)


@pytest.mark.parametrize(("total", "is_whole"), [(30, True), (None, False)])
async def test_pages_that_are_counted_otherwise_are_whole_if_all_rows_came(total: int | None, is_whole: bool) -> None:
    async def read(place: int) -> Page[PurchaseOrder]:
        rows = tuple(order(f"PO-{place}-{one}") for one in range(10))
        return Page(rows, place + 1 if place < 2 else None, total, is_other=True)

    found = await scan_pages(list_pages(read))

    assert (found.read, found.complete) == (30, is_whole)


@pytest.mark.parametrize(("unreadable", "is_refused"), [(1, False), (2, True)])
async def test_a_list_of_which_no_order_can_be_read_is_no_empty_list(unreadable: int, is_refused: bool) -> None:
    async def read(place: int) -> Page[PurchaseOrder]:
        return Page((), None, unreadable, unreadable=unreadable)

    scan = scan_pages(list_pages(read))
    if is_refused:
        with pytest.raises(BadAnswer, match="No order of An ERP's list is in the documented format"):
            await scan
        return
    found = await scan

    assert (found.orders, found.complete) == ((), False)
