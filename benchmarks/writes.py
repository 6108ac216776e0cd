"""What a write costs beside the ERP's calls, how many calls a create takes, and a journal of a million operations."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx2

from benchmarks.erp import HELD, make_order
from benchmarks.processes import BARE, META, PO_MCP, StdioServer, erp, median_ms, python, settings_for, stdio_server
from benchmarks.reads import median_of_requests
from benchmarks.report import Row
from po_mcp.orders import Vendor
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.operation import Operation, Requester
from tests.postgres import running_cluster
from tests.writes.making import CONNECTION, draft, fill_with_done, guarded_operation, take_to
from tests.writes.making import create as make_create

LINE = {"item": "PART-00001", "quantity": "5", "warehouse": "1"}
MANY = 1_000_000
KEY = "0123456789abcdef" * 4


def measure(rounds: int) -> Iterator[Row]:
    """Yield the three of them."""
    del rounds
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield _own_cost("a finalize's own cost, p50", 2.0, {"PO_MCP_JOURNAL": str(Path(folder) / "journal.db")})
    if Path("/usr/lib/postgresql").is_dir():
        with running_cluster() as cluster:
            shared = {"PO_MCP_JOURNAL": cluster.address, "PO_MCP_KEYS": KEY}
            yield _own_cost("the same on PostgreSQL, p50", 4.0, shared)
    yield _lists_of_a_create()
    yield from _large_journal()


def _own_cost(what: str, limit: float, journal: Mapping[str, str]) -> Row:
    """Finalize orders, each asked about and answered, and take off what the ERP's own calls take."""
    with ExitStack() as stack:
        port = stack.enter_context(erp())
        settings = {**stack.enter_context(settings_for(port)), **journal}
        server = stack.enter_context(stdio_server(PO_MCP, settings))
        bare = stack.enter_context(stdio_server(python(BARE), {}))
        server.call("get_purchase_order", number=str(make_order(1)["poNo"]))
        httpx2.get(f"http://127.0.0.1:{port}/requests")
        times = []
        for place in range(1, HELD + 1):
            begun = time.perf_counter()
            _finalize(server, str(make_order(place)["poNo"]))
            times.append(1000 * (time.perf_counter() - begun))
        requests = sum(httpx2.get(f"http://127.0.0.1:{port}/requests").json().values()) / HELD
        one = asyncio.run(median_of_requests(port))
        echo = median_ms(lambda: bare.call("get_purchase_order", number="x"))
    others = requests * one + 2 * echo
    own = statistics.median(times) - others
    against = f"{requests:.0f} requests to the ERP and two bare echoes"
    return Row(what, own, "ms", others, against, own, limit)


def _finalize(server: StdioServer, number: str) -> None:
    call = {"name": "finalize_purchase_order", "arguments": {"number": number, "create_backorder": False}}
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    asked = server.ask("tools/call", **call, meta=meta)
    answer = {"approval": {"action": "accept", "content": {"decision": "close"}}}
    done = server.ask("tools/call", **call, inputResponses=answer, requestState=asked["requestState"], meta=meta)
    assert done["structuredContent"]["status"] == "done", done


def _lists_of_a_create() -> Row:
    """Count how often the list of orders is read for a create without number and price."""
    with erp(orders=40) as port, settings_for(port) as settings, stdio_server(PO_MCP, settings) as server:
        httpx2.get(f"http://127.0.0.1:{port}/requests")
        server.ask("tools/call", name="create_purchase_order", arguments={"vendor": "12", "lines": [LINE]})
        counts = httpx2.get(f"http://127.0.0.1:{port}/requests").json()
    read = float(counts.get("GET /PurchaseOrder", 0))
    return Row("lists of a create without number and price", read, "", None, "", read, 1)


def _large_journal() -> Iterator[Row]:
    for what, make in (("finalize", finalize), ("create", create)):
        with tempfile.TemporaryDirectory() as folder:
            few, many = (_write_ms(Path(folder) / f"{count}.db", count, make) for count in (1_000, MANY))
        yield Row(f"next {what}, {MANY:,} operations", many, "ms", few, "1,000 operations", many / few, 1.2)


def _write_ms(file: Path, count: int, make: Callable[[int], Operation]) -> float:
    """Fill a journal with operations that are done, and return how long a proposal, a yes and a claim take then."""
    store = JournalStore(file)
    store.join(CONNECTION)
    fill_with_done(store, make(0), count)
    places = iter(range(1, 1_000_000))
    median = median_ms(lambda: take_to(store, make(next(places)), "SENT"), times=60)
    store.close()
    return median


def finalize(place: int) -> Operation:
    """Return a finalize of an order of its own, by a session of its own."""
    return guarded_operation(
        "finalize", number=f"PO-NEXT-{place}", requester=Requester("buyer", session=f"session {place}")
    )


def create(place: int) -> Operation:
    """Return a create of an order of its own, from a vendor of its own."""
    asked = draft(f"PO-NEXT-{place}", vendor=Vendor(id=str(place), name=f"Vendor {place}"))
    return make_create(asked=asked, question=True, requester=Requester("buyer", session=f"session {place}"))
