"""An ERP to measure against: Inventory Pro's calls, answered from memory after a set time, in a process of its own.

    python -m benchmarks.erp PORT [DELAY_MS [ORDERS [ITEMS]]]

It does next to nothing of its own, so that what is measured is po-mcp and not its ERP. It keeps what is written: a
created order can be read, a finalized one is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

HELD = 64
"""Orders that can be read one by one; the others only stand in the list."""
_VENDOR = {"vendorID": 12, "shortID": "ACME", "name": "Acme Fasteners", "active": True}
_SPOT = {"spot": "A-01", "warehouseID": 1, "warehouseName": "Main", "description": "", "hold": False, "active": True}
_TOKEN = {"access_token": "t", "token_type": "bearer", "expires_in": 86400}


def make_order(place: int) -> dict[str, object]:
    """Return an order with its lines."""
    lines = [
        {
            "lineNo": line,
            "shortID": f"PART-{line:05}",
            "description": f"Part {line}, zinc plated",
            "units": 100 * line,
            "unitsReceived": 0,
            "unitPrice": 0.45,
            "warehouse": 1,
            "warehouseName": "Main",
        }
        for line in range(1, 4)
    ]
    return {**make_header(place), "totalLines": 3, "totalValue": 270.00, "lines": lines}


def make_header(place: int) -> dict[str, object]:
    """Return an order as the list shows it."""
    return {
        "poNo": f"PO-2026-{place:06}",
        "vendor": "Acme Fasteners",
        "orderDate": "2026-05-15T00:00:00Z",
        "expectedDate": "2026-06-01T00:00:00Z",
        "status": "Open",
        "totalLines": 3,
        "totalValue": 270.00,
    }


def make_item(place: int) -> dict[str, object]:
    """Return an item."""
    return {
        "partNo": place,
        "shortID": f"PART-{place:05}",
        "description": f"Part {place}, zinc plated",
        "uOM": "EA",
        "putUp": "",
        "units": 1,
        "discontinued": False,
    }


class Erp:
    """The books and their pages, written as JSON once. `requests` counts what was asked, by its path."""

    def __init__(self, delay: float, orders: int, items: int) -> None:
        self.delay, self.requests = delay, Counter[str]()
        self.held = {str(order["poNo"]): order for order in map(make_order, range(1, HELD + 1))}
        self._pages: dict[tuple[str, int, int], bytes] = {}
        self._rows = {
            "/PurchaseOrder": [make_header(place) for place in range(1, orders + 1)],
            "/Item/All": [make_item(place) for place in range(1, items + 1)],
            "/Vendor/All": [_VENDOR],
            "/Location": [_SPOT],
        }

    async def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request after the delay; the counts of requests at once."""
        url = urlsplit(target)
        path = unquote(url.path).removeprefix("/api/v1")
        if path == "/requests":
            counts, self.requests = self.requests, Counter()
            return 200, json.dumps(counts).encode()
        self.requests[
            f"{method} {path if path in self._rows or method == 'POST' else path.rpartition('/')[0] + '/*'}"
        ] += 1
        await asyncio.sleep(self.delay)
        if path == "/Token":
            return 200, json.dumps(_TOKEN).encode()
        if method == "POST":
            return self._write(path, json.loads(body))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if "key" in query:
            return self._find_item(query["key"])
        if path in self._rows:
            return 200, self._page(path, int(query.get("page", "1")), int(query.get("pageSize", "50")))
        return self._read(path)

    def _read(self, path: str) -> tuple[int, bytes]:
        if path.startswith("/Vendor/"):
            return 200, json.dumps(_VENDOR).encode()
        order = self.held.get(path.removeprefix("/PurchaseOrder/"))
        if order is not None:
            return 200, json.dumps(order).encode()
        return 404, b'{"statusCode":404,"error":"not_found","message":"There is no such order.","details":null}'

    def _find_item(self, key: str) -> tuple[int, bytes]:
        found = [row for row in self._rows["/Item/All"] if row["shortID"] == key]
        page = {"value": found, "totalCount": len(found), "page": 1, "pageSize": 250, "pageCount": 1, "hasMore": False}
        return 200, json.dumps(page).encode()

    def _write(self, path: str, sent: dict[str, Any]) -> tuple[int, bytes]:
        number = str(sent["poNumber"])
        if path.endswith("/Finalize"):
            self.held[number] = {**self.held[number], "status": "Closed"}
            return 200, json.dumps({"poNo": number, "status": "Closed"}).encode()
        lines = [
            {**line, "lineNo": place, "unitsReceived": 0, "description": "", "warehouseName": "Main"}
            for place, line in enumerate(sent["lines"], 1)
        ]
        total = sum(line["units"] * line["unitPrice"] for line in lines)
        order = {**make_header(0), "poNo": number, "totalLines": len(lines), "totalValue": total, "lines": lines}
        self.held[number] = order
        return 201, json.dumps(order).encode()

    def _page(self, path: str, page: int, size: int) -> bytes:
        key = path, page, size
        if key not in self._pages:
            rows = self._rows[path]
            count = -(-len(rows) // size)
            value = rows[(page - 1) * size : page * size]
            self._pages[key] = json.dumps(
                {
                    "value": value,
                    "totalCount": len(rows),
                    "page": page,
                    "pageSize": size,
                    "pageCount": count,
                    "hasMore": page < count,
                }
            ).encode()
        return self._pages[key]


async def serve(erp: Erp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            length = [line.partition(":")[2] for line in head if line.lower().startswith("content-length:")]
            body = await reader.readexactly(int(length[0]) if length else 0)
            status, content = await erp.answer(method, target, body)
            start = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            writer.write(start.encode() + content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int, delay_ms: float, orders: int, items: int) -> None:
    """Serve until the process is ended."""
    erp = Erp(delay_ms / 1000, orders, items)
    server = await asyncio.start_server(lambda reader, writer: serve(erp, reader, writer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    given = [float(one) for one in sys.argv[1:]] + [1.0, 28, 30][len(sys.argv) - 2 :]
    asyncio.run(main(int(given[0]), given[1], int(given[2]), int(given[3])))
