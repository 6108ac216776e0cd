"""Sums over many orders, and catalogs: how near to what the pages and the cap on requests allow.

The best that they allow is measured: the same pages, so many at a time, read by httpx2 and not looked at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx2

from benchmarks.processes import PO_MCP, StdioServer, erp, resident_mb, settings_for, stdio_server
from benchmarks.report import Row
from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS

_ORDERS_A_PAGE, _ITEMS_A_PAGE = 50, 250
_HEAD = {"Authorization": "Bearer t"}


def measure(rounds: int) -> Iterator[Row]:
    """Yield the sum over 5,000 orders, 100,000 of them, and the first create in words beside 20,000 items."""
    del rounds  # each takes seconds, and its reference is taken right before
    with erp(20, orders=5_000) as port, settings_for(port) as settings, stdio_server(PO_MCP, settings) as server:
        server.call("get_purchase_order", number="PO-2026-000001")
        best = _best_seconds(port, "/PurchaseOrder", 5_000 // _ORDERS_A_PAGE, _ORDERS_A_PAGE)
        own = _seconds_of_sum(server, 5_000)
        yield Row("sum over 5,000 orders, 20 ms a page", own, "s", best, "its pages alone", best / own, 0.85, True)
    yield from _many()
    yield from _first_create()


def _many() -> Iterator[Row]:
    """Read books of two sizes below the cap of 200 pages, and one far beyond it, of which the cap is read."""
    times, memory = {}, {}
    for count in (2_500, 10_000, 100_000):
        with erp(1, orders=count) as port, settings_for(port) as settings, stdio_server(PO_MCP, settings) as server:
            server.call("get_purchase_order", number="PO-2026-000001")
            idle = resident_mb(server.process.pid)
            times[count] = _seconds_of_sum(server, None)
            memory[count] = resident_mb(server.process.pid) - idle
    ratio = times[10_000] / times[2_500] / 4
    yield Row("sum over 10,000 orders", times[10_000], "s", 4 * times[2_500], "four times 2,500", ratio, 1.2)
    more = memory[100_000]
    yield Row("memory for 100,000 orders, over idle", more, "MB", None, "", more, 40)


def _first_create() -> Iterator[Row]:
    with erp(50, items=20_000) as port, settings_for(port) as settings:
        best = _best_seconds(port, "/Item/All", 20_000 // _ITEMS_A_PAGE, _ITEMS_A_PAGE)
        with stdio_server(PO_MCP, settings) as server:
            server.call("get_purchase_order", number="PO-2026-000001")  # the start is measured by itself
            own = _seconds_of_search(server)
        yield Row("first search, 20,000 items, 50 ms a page", own, "s", best, "its pages alone", best / own, 0.85, True)
        _counts(port)
        with stdio_server(PO_MCP, settings) as server:
            _seconds_of_search(server)
        asked = float(sum(_counts(port).values()))
        yield Row("requests of a search after a restart", asked, "", None, "", asked, 0)


def _seconds_of_sum(server: StdioServer, expected: int | None) -> float:
    begun = time.perf_counter()
    result = server.call("list_purchase_orders", limit=1)["structuredContent"]
    seconds = time.perf_counter() - begun
    assert expected in (None, result["total_count"]), result
    return seconds


def _seconds_of_search(server: StdioServer) -> float:
    begun = time.perf_counter()
    server.call("search_catalog", kind="item", text="Part 777, zinc plated")
    return time.perf_counter() - begun


def _best_seconds(port: int, path: str, pages: int, size: int) -> float:
    return asyncio.run(_read_pages(f"http://127.0.0.1:{port}/api/v1{path}", pages, size))


async def _read_pages(url: str, pages: int, size: int) -> float:
    async with httpx2.AsyncClient() as http:
        todo = iter(range(1, pages + 1))

        async def read() -> None:
            for page in todo:
                await http.get(url, params={"page": page, "pageSize": size}, headers=_HEAD)

        begun = time.perf_counter()
        await asyncio.gather(*(read() for _ in range(MAX_CONCURRENT_REQUESTS)))
        return time.perf_counter() - begun


def _counts(port: int) -> dict[str, int]:
    counts: dict[str, int] = httpx2.get(f"http://127.0.0.1:{port}/requests").json()
    return counts
