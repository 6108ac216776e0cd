"""Attacks on a connector. Each returns a description of the damage, or "" where a control prevented the damage."""

from __future__ import annotations

import contextlib
import gzip
import logging
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import httpx2

from po_mcp.connectors import page_reader, pages, pagination
from po_mcp.connectors.http import exact_json, retry
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import Answer, ErrorMapping
from po_mcp.erp import ERP
from po_mcp.errors import OutcomeUnknown, PurchaseOrderError, Refused, TooManyRequests
from po_mcp.orders import OrderQuery, PurchaseOrder
from tests.connectors.calls import LIST, NUMBER, SECRET, Crowd, draft, exsited, html, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply
from tests.connectors.test_limits import MAY_GROW, MEGABYTE, dripping

HEADER = {"poNo": NUMBER, "status": "Open"}


@asynccontextmanager
async def connect_to_peer(connect: Callable[..., ERP], *replies: Reply, within: float = 60) -> AsyncIterator[Any]:
    async with raw_peer(*replies) as peer:
        erp = connect(peer.url, timeout=within)
        try:
            yield erp, peer
        finally:
            await erp.aclose()


async def reach_another_resource() -> str:
    async with connect_to_peer(exsited, reply(204)) as (erp, peer):
        with contextlib.suppress(PurchaseOrderError):
            await erp.delete_order("../accounts/LHROM9")
    return next((line for line in peer.lines if "/accounts/" in line), "")


async def send_secret_elsewhere() -> str:
    async with raw_peer(html(200)) as other:
        other.gives_tokens = False
        async with connect_to_peer(inventory_pro, reply(307, None, f"Location: {other.url}/stolen")) as (erp, peer):
            peer.gives_tokens = False
            with contextlib.suppress(PurchaseOrderError):
                await erp.scan_orders(OrderQuery())
        return f"another host read {other.requests[0][-60:]!r}" if SECRET.encode() in b"".join(other.requests) else ""


async def send_twice(answer: Reply) -> str:
    async with connect_to_peer(inventory_pro, answer, reply(201, HEADER)) as (erp, peer):
        with contextlib.suppress(PurchaseOrderError):
            await erp.create_order(draft("1"))
    orders = [line for line in peer.lines if line.startswith("POST")]
    return f"{len(orders)} orders were sent" if len(orders) > 1 else ""


async def take_gateway_page_for_refusal() -> str:
    async with connect_to_peer(inventory_pro, html(409)) as (erp, _):
        try:
            await erp.create_order(draft("1"))
        except OutcomeUnknown:
            return ""
        except PurchaseOrderError as exc:
            return f"a write that may have been carried out is reported as refused: {exc}"
    return ""


async def send_after_stop() -> str:
    leaves = iter([None])

    def stop_at_the_socket() -> None:
        if next(leaves, "too late") is not None:
            raise Refused("It is too old.", effect="nothing_sent")

    async with connect_to_peer(inventory_pro, reply(201, HEADER)) as (erp, peer):
        with contextlib.suppress(PurchaseOrderError):
            await erp.create_order(draft("1"), stop_at_the_socket)
    return f"{len(peer.requests)} order was sent though its time was over" if peer.requests else ""


async def believe_401_of_gateway() -> str:
    async with connect_to_peer(inventory_pro, html(401), reply(200, LIST)) as (erp, _):
        try:
            await erp.create_order(draft("1"))
        except PurchaseOrderError as exc:
            return "" if exc.effect == "unknown" else f"a write with a good token is reported as not accepted: {exc}"
    return ""


async def read_another_order() -> str:
    other = {"poNo": "PO-1", "status": "Open", "lines": []}
    async with connect_to_peer(inventory_pro, reply(200, other)) as (erp, _):
        with contextlib.suppress(PurchaseOrderError):
            found = await erp.snapshot("PO/7", "finalize")
            return f"a finalize of PO/7 is decided on {found.order.number}"
    return ""


async def create_unreadable_number() -> str:
    asked = draft("1").model_copy(update={"number": "PO/7"})
    async with connect_to_peer(inventory_pro, reply(201, {"poNo": "PO/7"})) as (erp, peer):
        with contextlib.suppress(PurchaseOrderError):
            await erp.create_order(asked)
    return "an order was created that may not be read back" if peer.requests else ""


async def overlook_document() -> str:
    order = reply(200, {"purchase_order": {"id": NUMBER, "lines": []}})
    invoices = reply(200, {"purchase_invoices": [{"id": ["PI-1"]}], "pagination": {"records": 1}})
    receipts = reply(200, {"item_receipts": [], "pagination": {"records": 0}})
    async with connect_to_peer(exsited, order, invoices, receipts) as (erp, _):
        with contextlib.suppress(PurchaseOrderError):
            found = await erp.snapshot(NUMBER, "delete")
            return f"an order with an invoice is free to be deleted: {found.blockers}"
    return ""


async def overlook_missing_receipt() -> str:
    line = {"uuid": "u", "item_id": "ITEM-0055", "item_quantity": "40"}
    order = reply(200, {"purchase_order": {"id": NUMBER, "lines": [line]}})
    # Five are counted; the first page has two, and the others, which are asked for by the size of the first, one each.
    pages = [
        [{"id": f"IR-{page}-{row}", "receipts": [{"line_uuid": "u", "receipt_quantity": "8"}]} for row in range(rows)]
        for page, rows in enumerate((2, 1, 1))
    ]
    receipts = [reply(200, {"item_receipts": rows, "pagination": {"records": 5}}) for rows in pages]
    async with connect_to_peer(exsited, order, *receipts) as (erp, _):
        found = await erp.get_order(NUMBER)
    received = found.lines[0].received
    return "" if received is None else f"of 40 that were received {received} are reported"


async def take_success_of_another() -> str:
    closed = {"poNo": "PO-1", "status": "Closed", "backorderCreated": False}
    async with connect_to_peer(inventory_pro, reply(200, closed)) as (erp, _):
        with contextlib.suppress(OutcomeUnknown):
            done = await erp.finalize_order(NUMBER, create_backorder=False)
            return f"an order is called {done.status_text} on the word of another"
    return ""


class Hostile(httpx2.AsyncBaseTransport):
    """Answers with one chunk again and again; a peer on a socket would keep copies of its own in this process."""

    def __init__(self, chunk: bytes, times: int, headers: dict[str, str]) -> None:
        self._chunk = chunk
        self._times = times
        self._headers = headers

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, content=self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        for _ in range(self._times):
            yield self._chunk


async def exhaust_memory(chunk: bytes, times: int, headers: dict[str, str]) -> str:
    wire = ErpHttpClient("http://erp.invalid", MAPPING, transport=Hostile(chunk, times, headers))
    tracemalloc.start()
    with contextlib.suppress(PurchaseOrderError):
        await wire.read("/")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await wire.aclose()
    return f"{peak // MEGABYTE} MB were taken" if peak > MAY_GROW else ""


BOMB = gzip.compress(b" " * (64 * MEGABYTE))


MAPPING = ErrorMapping("An ERP", lambda body: "", "", "")


async def exceed_deadline() -> str:
    async with dripping(most=20) as peer:
        erp = inventory_pro(peer.url)
        with contextlib.suppress(PurchaseOrderError):
            await erp.scan_orders(OrderQuery())
        await erp.aclose()
    return f"{peer.drops} bytes were read, most of them after the deadline" if peer.drops >= 20 else ""


async def read_order(raw: bytes) -> PurchaseOrder | None:
    whole = b'{"poNo": "%s", "status": "Open", "lines": [], %s}' % (NUMBER.encode(), raw)
    async with connect_to_peer(inventory_pro, reply(200, None, raw=whole)) as (erp, _):
        with contextlib.suppress(PurchaseOrderError):
            found: PurchaseOrder = await erp.get_order(NUMBER)
            return found
    return None


async def read_two_totals() -> str:
    found = await read_order(b'"totalValue": 4250.00, "totalValue": 0.01')
    return f"an order of two totals is shown with {found.total}" if found else ""


async def read_huge_number(written: bytes) -> str:
    found = await read_order(b'"totalValue": ' + written)
    return f"{len(written)} bytes become a total of {len(f'{found.total:f}')} digits" if found else ""


async def read_nan() -> str:
    try:
        value = exact_json.loads(b"[NaN]")[0]
    except exact_json.NotExact:
        return ""
    return f"{value} is read as a number, and is not even equal to itself" if value != value else ""


async def read_deep_nesting() -> str:
    try:
        await read_order(b'"x": ' + b"[" * 100_000)
    except RecursionError as exc:
        return f"a crash: {type(exc).__name__}"
    return ""


async def lose_digits_in_reading() -> str:
    found = await read_order(b'"totalValue": 123456789012.123456')
    total = str(found and found.total)
    return "" if total == "123456789012.123456" else f"123456789012.123456 is read as {total}"


async def lose_digits_in_writing() -> str:
    line = draft("1").lines[0].model_copy(update={"quantity": Decimal("123456789012.123456")})
    async with connect_to_peer(inventory_pro, reply(201, HEADER)) as (erp, peer):
        await erp.create_order(draft("1").model_copy(update={"lines": (line,)}))
    sent = peer.requests[0].split(b"\r\n\r\n", 1)[1]
    return "" if b'"units":123456789012.123456,' in sent else f"sent was {sent!r}"


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def log_secret() -> str:
    heard, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        async with connect_to_peer(inventory_pro, reply(200, LIST, f"Set-Cookie: session={SECRET}")) as (erp, _):
            await erp.scan_orders(OrderQuery())
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
    return next((line for line in heard.lines if SECRET in line or "HTTP Request" in line), "")


async def make_storm() -> str:
    # A 500 leaves the breaker closed, so that the budget alone limits the repeats.
    sent = await _ask_thirty_times(500)
    return f"30 calls sent {sent} requests to an ERP that fails" if sent > 40 else ""


async def ask_the_dead() -> str:
    sent = await _ask_thirty_times(503)
    return f"30 calls sent {sent} requests to an ERP that is down" if sent > 20 else ""


async def _ask_thirty_times(status: int) -> int:
    """Return how many requests thirty calls send to an ERP that answers with this status alone."""
    async with connect_to_peer(inventory_pro, html(status), within=60) as (erp, peer):
        for _ in range(30):
            with contextlib.suppress(PurchaseOrderError):
                await erp.scan_orders(OrderQuery())
    return len(peer.requests)


async def crowd_the_erp() -> str:
    async with connect_to_peer(inventory_pro) as (erp, peer):
        crowd = Crowd(erp._http.limit, 30)
        await erp._http.tokens.current()
        peer.respond = crowd
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(erp.scan_orders, OrderQuery())
    return f"{crowd.most} requests are under way at a time" if crowd.most > 10 else ""


async def let_a_write_wait_in_doubt() -> str:
    """A write that waits for its place until its time is over, and is reported as in doubt though nothing was sent."""
    async with connect_to_peer(exsited) as (erp, peer):
        await erp._http.tokens.current()
        erp._http.limit, erp._http._timeout = CallLimit(1), 0.2
        async with erp._http.limit.take(60):
            try:
                await erp.delete_order(NUMBER)
            except OutcomeUnknown:
                return f"a write is in doubt after {len(peer.requests)} requests"
            except TooManyRequests:
                return ""
    return "a write was sent without a place"


async def wait_long() -> str:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def attempt() -> Answer:
        return Answer(429, None, 3600)

    await retry.Retrier(sleep=sleep)(attempt)
    return f"a call waits for {sum(waited):.0f} s" if sum(waited) > 60 else ""


async def repeat_page_for_ever() -> str:
    asked = 0

    async def read_page(place: int) -> pages.Page[str]:
        nonlocal asked
        asked += 1
        return pages.Page(["ITEM-1"], place + 1, None)

    with contextlib.suppress(PurchaseOrderError):
        await pagination.read_all(page_reader.PagedList("An ERP", read_page, lambda row: row))
    return f"one page was asked for {asked} times" if asked > 2 else ""


async def answer_a_read_beforehand() -> str:
    """Send another answer behind that to a read."""
    whole, stale = reply(200, HEADER), reply(200, {**HEADER, "status": "Closed"})
    async with connect_to_peer(inventory_pro, Reply(whole.raw + stale.raw), whole) as (erp, _):
        seen = [(await erp.get_order(NUMBER)).status for _ in range(2)]
    return "" if seen == ["open", "open"] else "an answer that nobody asked for is that to a read"


async def answer_a_write_late() -> str:
    """Send the answer to a delete behind that to the read before it, once it is there; it fails itself."""
    list_of_one = reply(200, {"purchase_orders": [{"id": NUMBER, "status": "ACTIVE"}], "pagination": {"records": 1}})
    async with connect_to_peer(exsited, list_of_one) as (erp, peer):
        await erp.scan_orders(OrderQuery())
        before = peer.connections

        async def respond(request: bytes) -> Reply:
            return Reply(reply(204).raw + reply(500).raw) if peer.connections == before else reply(500)

        peer.respond = respond
        try:
            await erp.delete_order(NUMBER)
        except OutcomeUnknown:
            return ""
    return "a delete that failed is said to be done"


async def share_poisoned_connection() -> str:
    async with connect_to_peer(inventory_pro, html(400), reply(200, LIST)) as (erp, peer):
        for _ in range(2):
            with contextlib.suppress(PurchaseOrderError):
                await erp.scan_orders(OrderQuery())
    return "" if peer.connections > 1 else "a read shares the connection of an answer 400"
