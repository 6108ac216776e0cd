"""Bytes behind an answer are never the answer to the next request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.http import surplus
from po_mcp.connectors.http.surplus import may_have_surplus
from po_mcp.errors import OutcomeUnknown
from po_mcp.orders import OrderQuery
from tests.certificates import own_certificate
from tests.connectors.calls import NUMBER, exsited, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply

ORDERS = reply(200, {"purchase_orders": [{"id": NUMBER, "status": "ACTIVE"}], "pagination": {"records": 1}})
WHOLE = reply(200, {"poNo": NUMBER, "status": "Open"})
STALE = reply(200, {"poNo": NUMBER, "status": "Closed"})


async def test_connections_of_whole_answers_are_used_again() -> None:
    async with raw_peer(WHOLE) as peer:
        erp = inventory_pro(peer.url)
        for _ in range(4):
            await erp.get_order(NUMBER)
        await erp.aclose()

    assert peer.connections == 1


async def test_a_second_answer_is_not_that_to_the_next_request() -> None:
    async with raw_peer(Reply(WHOLE.raw + STALE.raw), WHOLE) as peer:
        erp = inventory_pro(peer.url)
        seen = [(await erp.get_order(NUMBER)).status for _ in range(3)]
        await erp.aclose()

    assert seen == ["open", "open", "open"]


@pytest.mark.parametrize("behind", [reply(204), reply(404, {"errors": [{"code": 404}]}), Reply(b"<p>No Content</p>")])
async def test_a_write_takes_no_answer_that_was_there_before_it(behind: Reply) -> None:
    async with raw_peer(Reply(ORDERS.raw + behind.raw), reply(500)) as peer:
        erp = exsited(peer.url)
        await erp.scan_orders(OrderQuery())
        with pytest.raises(OutcomeUnknown, match="HTTP 500"):
            await erp.delete_order(NUMBER)
        await erp.aclose()

    assert [line.split(" ")[0] for line in peer.lines].count("DELETE") == 1


async def test_a_body_behind_a_204_does_not_break_the_next_write() -> None:
    no_content = Reply(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nnull")
    async with raw_peer(no_content, reply(204)) as peer:
        erp = exsited(peer.url)
        await erp.delete_order(NUMBER)
        await erp.delete_order(NUMBER)
        await erp.aclose()


async def test_each_write_has_a_connection_of_its_own() -> None:
    """Whatever comes late behind an answer is on a connection that no write uses, and no read after a write."""
    async with raw_peer(ORDERS, reply(204), ORDERS, reply(204), ORDERS) as peer, aclosing(exsited(peer.url)) as erp:
        connections = []
        for _ in range(2):
            await erp.scan_orders(OrderQuery())
            connections.append(peer.connections)
            await erp.delete_order(NUMBER)
            connections.append(peer.connections)
        await erp.scan_orders(OrderQuery())
        connections.append(peer.connections)

    assert connections == [1, 2, 2, 3, 3]


@asynccontextmanager
async def tls_server(folder: Path, raw: bytes) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Answer each request with the same bytes, each answer in a record of TLS of its own."""
    path = folder / "certificate.pem"
    path.write_bytes(own_certificate().pem + own_certificate().key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    served: list[asyncio.Event] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(ended := asyncio.Event())
        while head := await reader.read(65536):
            assert head.endswith(b"\r\n\r\n")
            for part in raw.split(b"|"):
                writer.write(part)
            await writer.drain()
        writer.transport.abort()
        ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    trusted = httpx2.create_ssl_context()
    trusted.load_verify_locations(path)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", trusted
    finally:
        server.close()
        for ended in served:
            await ended.wait()


@pytest.mark.parametrize(("behind", "found"), [(b"", False), (b"HTTP/1.1 204 No Content\r\n\r\n", True)])
@pytest.mark.parametrize("records", [b"", b"|"])
async def test_bytes_that_tls_holds_back_are_seen(tmp_path: Path, behind: bytes, found: bool, records: bytes) -> None:
    raw = reply(200, {}).raw + (records + behind if behind else b"")
    async with tls_server(tmp_path, raw) as (url, trusted):
        transport = httpx2.AsyncHTTPTransport(verify=trusted, retries=0)
        request = httpx2.Request("GET", url)
        response = await transport.handle_async_request(request)
        async for _ in response.aiter_raw():
            pass
        # What is still on its way is the pool's to see: it closes an idle connection that can be read.
        stream = response.extensions["network_stream"]
        assert (may_have_surplus(response) or stream.get_extra_info("is_readable")) is found
        await response.aclose()
        await transport.aclose()


def test_a_connection_that_cannot_be_looked_into_is_not_used_again() -> None:
    unknown: Any = SimpleNamespace(extensions={"network_stream": object()}, stream=object())

    assert may_have_surplus(unknown)


def test_ciphertext_that_was_not_read_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        _stream = SimpleNamespace(_read_bio=SimpleNamespace(pending=5))

        def get_extra_info(self, name: str) -> Any:
            return SimpleNamespace(pending=lambda: 0) if name == "ssl_object" else None

    parser = SimpleNamespace(trailing_data=(b"", False))
    connection = SimpleNamespace(_connection=SimpleNamespace(_h11_state=parser))
    stream = SimpleNamespace(_httpcore_stream=SimpleNamespace(_stream=connection))
    response: Any = SimpleNamespace(extensions={"network_stream": Network()}, stream=stream)

    assert may_have_surplus(response)
    monkeypatch.setattr(surplus, "_holds_ciphertext", lambda network: False)
    assert not may_have_surplus(response)
