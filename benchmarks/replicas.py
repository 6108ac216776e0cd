"""What one, two and four replicas behind nginx on one PostgreSQL do: calls a second, how long each takes, their size.

Callers, replicas, database, balancer and ERP share the machine's cores, so that more replicas are no faster on two.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from benchmarks.erp import HELD, make_order
from benchmarks.processes import META, erp, resident_mb
from benchmarks.report import Row
from tests.balancer.fleet import Fleet, balancing, make_certificate
from tests.chaos.team import spread
from tests.commands.test_serve import MODERN, call
from tests.ports import free_port
from tests.postgres import running_cluster
from tests.sign_in.issuer import issuing

REPLICAS = (1, 2, 4)
CALLERS = 16
_READS_S = 8.0
KEY = "0123456789abcdef" * 4
_WITH_FORM = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
_SIZE = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
Call = Callable[[httpx2.AsyncClient], Awaitable[bool]]


def measure(rounds: int) -> Iterator[Row]:
    """Yield, for each number of replicas, what reads and guarded writes take; of two, their size and the journal's."""
    del rounds
    first: dict[str, float] = {}
    for replicas in REPLICAS:
        for name, unit, value in asyncio.run(_measure(replicas)):
            alone = first.setdefault(name, value)
            yield Row(f"{name}, replicas: {replicas}", value, unit, alone, "1 replica", value / alone, None)


async def _measure(replicas: int) -> list[tuple[str, str, float]]:
    """Return the names, units and values of what so many replicas do."""
    async with _team(replicas) as (server, address):
        reads = await _run(server, _read, _READS_S)
        before = _size_of_journal(address)
        writes = await _run(server, partial(_finalize, count(1)), None)
        grown = (_size_of_journal(address) - before) / len(writes[1]) / 1000
        sizes = [resident_mb(process.pid) for process in server.processes.values()]
    return [
        *_figures("reads", *reads),
        *_figures("guarded writes", *writes),
        ("memory of a replica, most", "MB", max(sizes)),
        ("journal, a write", "kB", grown),
    ]


def _figures(what: str, took: float, times: list[float]) -> list[tuple[str, str, float]]:
    cuts = statistics.quantiles(times, n=100)
    return [
        (what, "/s", len(times) / took),
        (f"{what}, p50", "ms", 1000 * cuts[49]),
        (f"{what}, p99", "ms", 1000 * cuts[98]),
    ]


@asynccontextmanager
async def _team(replicas: int) -> AsyncIterator[tuple[Fleet, str]]:
    """Run so many replicas behind nginx; give them, and where their journal is."""
    async with issuing() as issuer:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            cluster, erp_port = stack.enter_context(running_cluster()), stack.enter_context(erp())
            ports = {f"r{place}": free_port() for place in range(1, replicas + 1)}
            server = Fleet("nginx", folder, free_port(), issuer, ports, make_certificate(folder))
            server.settings = {
                "HOME": str(folder),
                "PO_MCP_ERP": "inventory-pro",
                "PO_MCP_BASE_URL": f"http://127.0.0.1:{erp_port}",
                "PO_MCP_CLIENT_ID": "c",
                "PO_MCP_CLIENT_SECRET": "s",
                "PO_MCP_JOURNAL": cluster.address,
                "PO_MCP_KEYS": KEY,
                "PO_MCP_SELF_APPROVAL": "true",
            }
            stack.callback(server.kill)
            for name in ports:
                await asyncio.to_thread(server.run, name)
            change = partial(spread, ports=ports)
            stack.enter_context(balancing("nginx", folder, server.port, ports, change))
            yield server, cluster.address


async def _run(server: Fleet, call_once: Call, longest: float | None) -> tuple[float, list[float]]:
    """Let callers call until the time is over, or nothing is left to do; return seconds, and those of each call."""
    times: list[float] = []
    begun = time.perf_counter()

    async def work(http: httpx2.AsyncClient) -> None:
        while longest is None or time.perf_counter() - begun < longest:
            since = time.perf_counter()
            if not await call_once(http):
                return
            times.append(time.perf_counter() - since)

    async with server.http(server.token(lifetime_s=3600)) as http, asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(work(http))
    return time.perf_counter() - begun, times


async def _read(http: httpx2.AsyncClient) -> bool:
    await _ask(http, "get_purchase_order", {"number": str(make_order(1)["poNo"])})
    return True


async def _finalize(places: Iterator[int], http: httpx2.AsyncClient) -> bool:
    """Ask for a finalize and answer its form; False where every order was finalized."""
    place = next(places)
    if place > HELD:
        return False
    arguments = {"number": str(make_order(place)["poNo"]), "create_backorder": False}
    asked = await _ask(http, "finalize_purchase_order", arguments)
    answer = {"approval": {"action": "accept", "content": {"decision": "close"}}}
    given = {"inputResponses": answer, "requestState": asked["requestState"]}
    done = await _ask(http, "finalize_purchase_order", arguments, **given)
    assert done["structuredContent"]["status"] == "done", done
    return True


async def _ask(http: httpx2.AsyncClient, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the result of a tool, which must be no error."""
    asked = call("tools/call", {"name": tool, "arguments": arguments, "_meta": _WITH_FORM, **more})
    answer = await http.post("/mcp", json=asked, headers={**MODERN, "mcp-method": "tools/call", "mcp-name": tool})
    events = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
    result: dict[str, Any] = json.loads(events[-1] if events else answer.text)["result"]
    assert not result.get("isError"), result
    return result


def _size_of_journal(address: str) -> int:
    with psycopg.connect(address) as db:
        found = db.execute(_SIZE).fetchone()
    assert found is not None
    return int(found[0])
