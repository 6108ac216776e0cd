"""How much the resident memory of a server grows over a hundred thousand calls.

It takes some minutes, and is measured by its name alone; `reads` has the growth over the first ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.processes import PO_MCP, StdioServer, erp, resident_mb, settings_for, stdio_server
from benchmarks.reads import NUMBER
from benchmarks.report import Row

CALLS = 100_000
_WARM_UP = 1_000
_AT_ONCE = 8


def measure(rounds: int) -> Iterator[Row]:
    """Yield the growth, of a server over stdio that is asked for one order again and again."""
    del rounds
    with erp(delay_ms=0) as port, settings_for(port) as settings, stdio_server(PO_MCP, settings) as server:
        _read_orders(server, _WARM_UP)
        before = resident_mb(server.process.pid)
        _read_orders(server, CALLS)
        grown = resident_mb(server.process.pid) - before
        yield Row(f"growth over {CALLS:,} calls", grown, "MB", None, "", grown, 1.0)


def _read_orders(server: StdioServer, count: int) -> None:
    """Read an order so many times; a few calls are under way at a time, so that nobody waits for the other's turn."""
    for place in range(count + _AT_ONCE):
        if place < count:
            server.send("tools/call", name="get_purchase_order", arguments={"number": NUMBER})
        if place >= _AT_ONCE:
            assert not server.receive().get("isError")
