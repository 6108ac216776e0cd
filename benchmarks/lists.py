"""Sums over many orders, and catalogs: how near to what the pages and the cap on requests allow.

The best that they allow is measured: the same pages, so many at a time, read by httpx2 and not looked at.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from benchmarks.processes import PO_MCP, StdioServer, erp, resident_mb, settings_for, stdio_server
from benchmarks.report import Row
from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS

_ORDERS_A_PAGE, _ITEMS_A_PAGE = 50, 250
_TURNS = 3
_NO_CATALOG = ("/Token", "/PurchaseOrder", "/PurchaseOrder/*")
_HEAD = {"Authorization": "Bearer t"}


def measure(rounds: int) -> Iterator[Row]:
    """Yield the sum over 5,000 orders, 100,000 of them, and the first create in words beside 20,000 items."""
    del rounds  # each takes seconds
    with erp(20, orders=5_000) as port, settings_for(port) as settings, stdio_server(PO_MCP, settings) as server:
        server.call("get_purchase_order", number="PO-2026-000001")

        def best() -> float:
            return _best_seconds(port, "/PurchaseOrder", 5_000 // _ORDERS_A_PAGE, _ORDERS_A_PAGE)

        yield _beside_the_best("sum over 5,000 orders, 20 ms a page", lambda: _seconds_of_sum(server, 5_000), best)
    yield from _many()
    yield from _first_search()


def _beside_the_best(what: str, ours: Callable[[], float], best: Callable[[], float]) -> Row:
    """Measure both in turn; the score is the median of how much of the time the pages alone take."""
    turns = [(ours(), best()) for _ in range(_TURNS)]
    own, its = (statistics.median(times) for times in zip(*turns, strict=True))
    score = statistics.median(alone / one for one, alone in turns)
    return Row(what, own, "s", its, "its pages alone", score, 0.85, at_least=True)


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


def _first_search() -> Iterator[Row]:
    with erp(50, items=20_000) as port:

        def best() -> float:
            return _best_seconds(port, "/Item/All", 20_000 // _ITEMS_A_PAGE, _ITEMS_A_PAGE)

        def search() -> float:
            with settings_for(port) as settings:  # a folder in which no catalog is kept yet
                return _seconds_of_search(settings)

        yield _beside_the_best("first search, 20,000 items, 50 ms a page", search, best)
        yield from _after_a_restart(port)


def _after_a_restart(port: int) -> Iterator[Row]:
    """Count what is asked of the ERP once its catalog is kept on disk: fresh, and an hour old."""
    with settings_for(port) as settings:
        with stdio_server(PO_MCP, settings) as server:
            _look_up(server)
        _counts(port)
        with stdio_server(PO_MCP, settings) as server:
            _look_up(server)
        asked = float(sum(_counts(port).values()))
        yield Row("requests of search and completion after a restart", asked, "", None, "", asked, 0)
        _make_an_hour_older(Path(settings["XDG_DATA_HOME"]))
        with stdio_server(PO_MCP, settings) as server:
            lines = [{"item": "PART-00001", "quantity": "5", "unit_price": "1.5", "warehouse": "Main"}]
            server.call("create_purchase_order", vendor="ACME", lines=lines, number="PO-2027-000001")
        asked = float(sum(count for path, count in _counts(port).items() if not path.endswith(_NO_CATALOG)))
        named = "one vendor and one item"
        yield Row("catalog requests of a create, lists an hour old", asked, "", 2.0, named, asked, 2)


def _look_up(server: StdioServer) -> None:
    """Search all lists, and complete the words of a prompt."""
    for kind, text in (("item", "Part 777, zinc plated"), ("vendor", "acme fast"), ("warehouse", "Main")):
        server.call("search_catalog", kind=kind, text=text)
    for name in ("vendor", "item"):
        argument = {"name": name, "value": "a"}
        server.ask("completion/complete", ref={"type": "ref/prompt", "name": "new_order_from_quote"}, argument=argument)


def _make_an_hour_older(folder: Path) -> None:
    files = list(folder.rglob("catalog-*.json"))
    assert len(files) == 3, files
    for file in files:
        kept = json.loads(file.read_bytes())
        file.write_text(json.dumps({**kept, "read_at": kept["read_at"] - 3600}), encoding="utf-8")


def _seconds_of_sum(server: StdioServer, expected: int | None) -> float:
    begun = time.perf_counter()
    result = server.call("list_purchase_orders", limit=1)["structuredContent"]
    seconds = time.perf_counter() - begun
    assert expected in (None, result["total_count"]), result
    return seconds


def _seconds_of_search(settings: dict[str, str]) -> float:
    """Return how long a search takes a server that has started and signed in, which is measured by itself."""
    with stdio_server(PO_MCP, settings) as server:
        server.call("get_purchase_order", number="PO-2026-000001")
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
