"""One order, read over stdio and over HTTP by many callers, beside a bare tool that makes the same request.

The servers are asked in turn, and ratios are taken turn by turn, because machines are noisy.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator

import httpx2

from benchmarks.erp import make_order
from benchmarks.processes import (
    BARE,
    BARE_HTTP,
    CALLS_A_TURN,
    META,
    PO_MCP,
    erp,
    find_free_port,
    listening,
    median_ms,
    python,
    resident_mb,
    settings_for,
    stdio_server,
)
from benchmarks.report import Row

NUMBER = str(make_order(1)["poNo"])
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "get_purchase_order", "arguments": {"number": NUMBER}, "_meta": META},
}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "MCP-Method": "tools/call",
    "MCP-Name": "get_purchase_order",
}
TURN_S = 1.0
_MORE_CALLS = 10_000


def measure(rounds: int) -> Iterator[Row]:
    """Yield reads over stdio, with the memory that they leave, and over HTTP."""
    with erp() as port, settings_for(port) as settings:
        yield from _over_stdio(port, settings, rounds)
    for callers in (16, 64):
        with erp() as port, settings_for(port) as settings:
            yield _over_http(port, settings, callers, rounds)


def _over_stdio(port: int, settings: dict[str, str], rounds: int) -> Iterator[Row]:
    with stdio_server(PO_MCP, settings) as ours, stdio_server(python(BARE), {}) as bare:

        def read() -> object:
            return ours.call("get_purchase_order", number=NUMBER)

        turns: list[tuple[float, float]] = []
        for _ in range(rounds + 1):  # the first warms up
            echo = median_ms(lambda: bare.call("get_purchase_order", number=NUMBER))
            turns.append((median_ms(read), echo + asyncio.run(median_of_requests(port))))
        own, sums = zip(*turns[1:], strict=True)
        ratio = statistics.median(one / its for one, its in turns[1:])
        against = "the request by httpx2 and a bare echo"
        yield Row("get over stdio, p50", statistics.median(own), "ms", statistics.median(sums), against, ratio, 1.15)
        yield from _memory(ours.process.pid, bare.process.pid, read)


def _memory(ours: int, bare: int, read: Callable[[], object]) -> Iterator[Row]:
    for _ in range(1_000):
        read()
    after, its = resident_mb(ours), resident_mb(bare)
    yield Row("resident memory after 1,000 calls", after, "MB", its, "bare server", after / its, 1.15)
    for _ in range(_MORE_CALLS):
        read()
    grown = resident_mb(ours) - after
    yield Row(f"growth over {_MORE_CALLS:,} calls more", grown, "MB", None, "", grown, 1.0)


async def median_of_requests(port: int) -> float:
    """Return the median milliseconds of the request to the ERP, by the client that po-mcp has."""
    times = []
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as http:
        for _ in range(CALLS_A_TURN):
            begun = time.perf_counter()
            await http.get(f"/PurchaseOrder/{NUMBER}", headers={"Authorization": "Bearer t"})
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def _over_http(port: int, settings: dict[str, str], callers: int, rounds: int) -> Row:
    own_port, bare_port = find_free_port(), find_free_port()
    ours = [*PO_MCP, "serve", "--port", str(own_port)]
    bare = python(BARE_HTTP, str(bare_port), str(port))
    with listening(ours, own_port, settings), listening(bare, bare_port):
        turns = [tuple(_turn(one, callers) for one in (own_port, bare_port)) for _ in range(rounds + 1)][1:]
    own, its = (statistics.median(turn[place] for turn in turns) for place in (0, 1))
    ratio = statistics.median(turn[0] / turn[1] for turn in turns)
    return Row(
        f"get over HTTP, {callers} callers", own, "calls/s", its, "bare tool, same request", ratio, 0.9, at_least=True
    )


def _turn(port: int, callers: int) -> float:
    calls, seconds = asyncio.run(count_calls(f"http://127.0.0.1:{port}/mcp", callers))
    return calls / seconds


async def count_calls(url: str, callers: int) -> tuple[int, float]:
    """Return how many calls of so many callers were answered within one turn, and its seconds."""
    done = 0
    limits = httpx2.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx2.AsyncClient(limits=limits, timeout=30) as http:
        end = time.perf_counter() + TURN_S

        async def call_until_the_end() -> None:
            nonlocal done
            while time.perf_counter() < end:
                answer = await http.post(url, json=CALL, headers=HEADERS)
                assert NUMBER in answer.text, answer.text
                done += 1

        begun = time.perf_counter()
        await asyncio.gather(*(call_until_the_end() for _ in range(callers)))
        return done, time.perf_counter() - begun
