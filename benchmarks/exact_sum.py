"""How long an exact sum over many orders takes, and whether it is exact to the last digit.

    python -m benchmarks.exact_sum [ORDERS]

A sandbox of its own is made in a temporary folder; the list tool reads every page of it through the
connector. The sum is held against the book's own, added up as whole numbers of millionths.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import anyio
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.sandbox import Book
from po_mcp.sandbox.query import Query
from tests.homes import nobodys_home


async def summed(book: Path) -> tuple[dict[str, object], float]:
    """Return what the tool tells, and the seconds that the call took."""
    settings = Settings(sandbox=str(book), journal=str(book.with_name("journal.db")))
    async with Client(build_server(settings, with_page=False)) as client:
        begun = time.perf_counter()
        result = await client.call_tool("list_purchase_orders", {"limit": 1})
        return dict(result.structured_content or {}), time.perf_counter() - begun


def in_the_book(path: Path) -> tuple[int, Decimal]:
    """Return how many open and partial orders the book holds, and what they are worth, without a decimal's help."""
    with closing(Book.open(path)) as book:
        totals = [order.total for order in book.orders(Query(limit=1_000_000)).records if order.status.value in LIVE]
    return len(totals), Decimal(sum(int(total.scaleb(6)) for total in totals)).scaleb(-6)


LIVE = ("open", "partial")

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with nobodys_home(), tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "book.db"
        Book.open(place, orders=count).close()
        held, worth = in_the_book(place)
        said, seconds = anyio.run(summed, place)
    exact = said["total_count"] == held and Decimal(str(said["total_value"])) == worth and said["complete"]
    verdict = "exact" if exact else "WRONG"
    print(f"{said['total_count']} orders worth {said['total_value']} in {seconds:.2f} s: {verdict}")
    sys.exit(not exact)
