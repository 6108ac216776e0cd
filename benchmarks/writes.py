"""What a write costs beside the ERP's calls, how many calls a create takes, and journals that are years long."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
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
from tests.writes.making import CONNECTION, draft, fill_with_checked, fill_with_done, guarded_operation, outcome
from tests.writes.making import create as make_create

LINE = {"item": "PART-00001", "quantity": "5", "warehouse": "1"}
FEW, MANY, WRITES = 1_000, 1_000_000, 200
SHORT, LONG = 10_000, 300_000
"""Operations of the journals that are verified: each event is hashed, so that a million take minutes to make."""
KEY = "0123456789abcdef" * 4
TIMED = """
import os, time
from po_mcp.cli import main
from po_mcp.writes.journal import Journal
times, run = open(os.environ["JOURNAL_TIMES"], "a", buffering=1), Journal._run
async def timed(*given):
    begun = time.perf_counter()
    try:
        return await run(*given)
    finally:
        print(1000 * (time.perf_counter() - begun), file=times)
Journal._run = timed
main()
"""
"""po-mcp, which notes how many milliseconds each call of the journal takes, the way to its thread and back included."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield all of them."""
    del rounds
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield from _own_cost("", 2.0, {"PO_MCP_JOURNAL": str(Path(folder) / "journal.db")})
    if Path("/usr/lib/postgresql").is_dir():
        with running_cluster() as cluster:
            shared = {"PO_MCP_JOURNAL": cluster.address, "PO_MCP_KEYS": KEY}
            yield from _own_cost(" on PostgreSQL", 4.0, shared)
    yield _lists_of_a_create()
    yield from _large_journal()
    yield _memory_of_verify()


def _own_cost(where: str, limit: float, journal: Mapping[str, str]) -> Iterator[Row]:
    """Finalize orders, each asked about and answered; tell what the journal takes of it, and po-mcp in all."""
    with ExitStack() as stack:
        port = stack.enter_context(erp())
        times = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "times"
        times.touch()
        settings = {**stack.enter_context(settings_for(port)), **journal, "JOURNAL_TIMES": str(times)}
        server = stack.enter_context(stdio_server(python(TIMED), settings))
        bare = stack.enter_context(stdio_server(python(BARE), {}))
        server.call("get_purchase_order", number=str(make_order(1)["poNo"]))
        httpx2.get(f"http://127.0.0.1:{port}/requests")
        whole, in_journal = [], []
        for place in range(1, HELD + 1):
            times.write_text("")
            begun = time.perf_counter()
            _finalize(server, str(make_order(place)["poNo"]))
            whole.append(1000 * (time.perf_counter() - begun))
            in_journal.append(sum(map(float, times.read_text().split())))
        requests = sum(httpx2.get(f"http://127.0.0.1:{port}/requests").json().values()) / HELD
        one = asyncio.run(median_of_requests(port))
        echo = median_ms(lambda: bare.call("get_purchase_order", number="x"))
    others = requests * one + 2 * echo
    own, share = statistics.median(whole) - others, statistics.median(in_journal)
    yield Row(f"the journal's share of a finalize{where}, p50", share, "ms", own, "all of its own cost", share, limit)
    against = f"{requests:.0f} requests to the ERP and two bare echoes"
    yield Row(f"a finalize's own cost{where}, p50", own, "ms", others, against, own, None)


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
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            stores = [_fill(Path(folder), count, make(0)) for count in (FEW, MANY)]
            for store in stores:
                stack.callback(store.close)
            few, many = _median_ms_of_writes(stores, make)
        yield Row(f"next {what}, {MANY:,} operations", many, "ms", few, f"{FEW:,} operations", many / few, 1.2)


def _fill(folder: Path, count: int, done: Operation) -> JournalStore:
    store = JournalStore(folder / f"{count}.db")
    store.join(CONNECTION)
    fill_with_done(store, done, count)
    return store


def _median_ms_of_writes(stores: list[JournalStore], make: Callable[[int], Operation]) -> list[float]:
    """Return what the journal's calls of one write take in each journal, which are asked in turn.

    In turn, since a disk has seconds in which a commit takes three times as long as in others.
    """
    times: list[list[float]] = [[] for _ in stores]
    for place in range(1, WRITES + 1):
        for store, its in zip(stores, times, strict=True):
            operation = make(place)
            begun = time.perf_counter()
            _write(store, operation)
            its.append(1000 * (time.perf_counter() - begun))
    return [statistics.median(its) for its in times]


def _write(store: JournalStore, operation: Operation) -> None:
    """Call the journal as a write does that a person is asked about."""
    call, read_at = replace(operation, connection=""), store.now()
    store.begin_call(CONNECTION, call, None)
    store.find_recent_and_pin(operation)
    store.propose(operation, operation.requester.detail(), connection=CONNECTION, read_at=read_at)
    store.begin_call(CONNECTION, call, operation.id)
    store.approve(operation.id, operation.payload, {})
    assert store.claim(operation.id, CONNECTION) is not None
    store.finish(operation.id, "SENT", "DONE", outcome(), {})
    store.may_have_news(CONNECTION)


def _memory_of_verify() -> Row:
    """Compare the most memory that `po-mcp journal verify` takes for a short journal and for a long one."""
    peaks = []
    for count in (SHORT, LONG):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "journal.db"
            store = JournalStore(file)
            fill_with_checked(store, finalize(0), count)
            store.close()
            settings = {"HOME": folder, "XDG_DATA_HOME": folder, "PO_MCP_JOURNAL": str(file)}
            peaks.append(_peak_mb([*PO_MCP, "journal", "verify"], settings))
    few, many = peaks
    return Row(f"memory of journal verify, {LONG:,} operations", many, "MB", few, f"{SHORT:,}", many / few, 1.05)


def _peak_mb(command: list[str], settings: Mapping[str, str]) -> float:
    """Return the most resident memory that a command had, which must succeed (Linux)."""
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_maxrss / 1024


def finalize(place: int) -> Operation:
    """Return a finalize of an order of its own, by a session of its own."""
    return guarded_operation(
        "finalize", number=f"PO-NEXT-{place}", requester=Requester("buyer", session=f"session {place}")
    )


def create(place: int) -> Operation:
    """Return a create of an order of its own, from a vendor of its own."""
    asked = draft(f"PO-NEXT-{place}", vendor=Vendor(id=str(place), name=f"Vendor {place}"))
    return make_create(asked=asked, question=True, requester=Requester("buyer", session=f"session {place}"))
