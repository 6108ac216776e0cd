"""The next page is asked for before the last one is read, and never more are under way than are allowed."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest

from po_mcp import concurrency
from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.connectors.http import client, exact_json, exchange
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.inventory_pro import InventoryPro
from tests.connectors.calls import at_once, inventory_pro, no_wait
from tests.connectors.raw_peer import Reply, raw_peer, reply

PAGES, ROWS = 20, 100
"""Pages of the list, and rows of a page: enough for the body to be a large one."""
TOKEN = {"access_token": "t", "expires_in": 3600}
Remove = Callable[[pytest.MonkeyPatch], None]


def make_page(page: int) -> dict[str, Any]:
    rows = [{"shortID": f"P-{page}-{row}", "description": "Part, zinc plated", "partNo": row} for row in range(ROWS)]
    head = {"totalCount": PAGES * ROWS, "page": page, "pageSize": ROWS, "pageCount": PAGES, "hasMore": page < PAGES}
    return {"value": rows, **head}


def page_of(target: bytes) -> int:
    found = re.search(rb"[?&]page=(\d+)", target)
    return int(found[1]) if found else 0


def nothing() -> None:
    """Take the place of a control."""


async def nothing_awaited() -> None:
    """Take the place of a control that is awaited."""


def keep_places(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange, "give_place_back", nothing)


def read_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange, "let_requests_go", nothing_awaited)


async def count_late(patch: pytest.MonkeyPatch) -> int:
    """Return how many pages of a list were read over real sockets while the place that they freed lay idle."""
    written, read, late = 0, 0, 0
    all_connected = anyio.Event()
    send, loads = socket.socket.send, exact_json.loads

    def send_and_count(self: socket.socket, data: bytes, *flags: int) -> int:
        nonlocal written
        written += bytes(data).startswith(b"GET ")
        return send(self, data, *flags)

    def loads_and_count(body: bytearray) -> Any:
        nonlocal read, late
        found = loads(body)
        if "value" in found and found["page"] > 1:
            read += 1
            # The first page, those that were under way when this one came, and one for each that was read since.
            late += written < min(PAGES, 1 + MAX_CONCURRENT_REQUESTS + read)
        return found

    async def answer(request: bytes) -> Reply:
        page = page_of(request.split(b"\r\n", 1)[0])
        if page == 1 + MAX_CONCURRENT_REQUESTS:
            all_connected.set()
        elif page > 1:
            await all_connected.wait()
        return reply(200, make_page(page) if page else TOKEN)

    patch.setattr(socket.socket, "send", send_and_count, raising=False)
    patch.setattr(exact_json, "loads", loads_and_count)
    async with raw_peer() as peer:
        peer.respond = answer
        erp = inventory_pro(peer.url)
        items = await erp.items()
        await erp.aclose()

    assert (len(items), written, read) == (PAGES * ROWS, PAGES, PAGES - 1)
    return late


async def test_the_next_page_is_asked_for_before_the_last_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await count_late(monkeypatch) == 0


@pytest.mark.parametrize("remove", [keep_places, read_at_once])
async def test_without_either_control_the_next_page_waits(remove: Remove, monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch)

    assert await count_late(monkeypatch) > 0


class Erp(httpx2.AsyncBaseTransport):
    """A list in memory, which answers after some turns of the event loop; of a page of `first` so at first."""

    def __init__(self, first: dict[int, httpx2.Response]) -> None:
        self.first = first
        self.under_way = self.most = 0
        self.asked: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        page = page_of(request.url.raw_path)
        if not page:
            return answer(TOKEN)
        self.asked.append(page)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        self.under_way -= 1
        return self.first.pop(page, None) or answer(make_page(page))


class Bytes(httpx2.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def answer(body: object, status: int = 200, cut: int = 0, headers: dict[str, str] | None = None) -> httpx2.Response:
    """Return an answer; `cut` bytes of it are missing, as a gateway may cut it."""
    content = exact_json.dumps(body)
    return httpx2.Response(status, headers=headers, stream=Bytes(content[: len(content) - cut]))


async def read_items(erp: Erp, sleep: Callable[[float], Any] = no_wait) -> int:
    """Read the items of an ERP; return how many requests were under way at most."""
    retrier = Retrier(sleep=sleep, fraction=at_once)
    connector = InventoryPro("http://erp.invalid", "c", "s", transport=erp, retrier=retrier)
    assert len(await connector.items()) == PAGES * ROWS
    await connector.aclose()
    return erp.most


def no_place_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client, "need_place", nothing_awaited)


def make_cut() -> dict[int, httpx2.Response]:
    return {page: answer(make_page(page), cut=10) for page in (3, 4, 7)}


async def test_a_page_that_is_asked_for_again_waits_for_a_place() -> None:
    erp = Erp(make_cut())

    assert await read_items(erp) == MAX_CONCURRENT_REQUESTS
    assert sorted(erp.asked) == sorted([*range(1, PAGES + 1), 3, 4, 7])


async def test_a_page_that_does_not_wait_would_be_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    no_place_again(monkeypatch)

    assert await read_items(Erp(make_cut())) > MAX_CONCURRENT_REQUESTS


async def most_while_it_waits() -> int:
    """Return how many requests were under way at most while a page waited for the time that the ERP had named."""
    long = {"error": "busy", "message": "x" * 8000}
    erp = Erp({2: answer(long, 503, headers={"Retry-After": "1"})})
    most = 0

    async def wait(seconds: float) -> None:
        nonlocal most
        assert seconds >= 1
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
            most = max(most, erp.under_way)

    await read_items(erp, wait)
    assert erp.asked.count(2) == 2
    return most


async def test_a_page_that_the_erp_puts_off_keeps_its_place() -> None:
    assert await most_while_it_waits() == MAX_CONCURRENT_REQUESTS - 1


async def test_were_its_place_given_away_the_others_would_ask_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def parse_in_turn(self: exchange.Received) -> Any:
        concurrency.give_place_back()
        return self.parse()

    monkeypatch.setattr(exchange.Received, "parse_in_turn", parse_in_turn)

    assert await most_while_it_waits() == MAX_CONCURRENT_REQUESTS
