"""Bytes behind an answer are never the answer to the next request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.http import exchange, surplus
from po_mcp.connectors.http.surplus import is_on_kept_connection, may_have_surplus
from po_mcp.errors import BadAnswer, OrderNotFound, OutcomeUnknown, SignInFailed
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
    async with raw_peer(Reply(ORDERS.raw + behind.raw), ORDERS, reply(500)) as peer:
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


ABSENT = reply(404, {"errors": [{"code": 404}]})
OTHERS = reply(200, {"purchase_order": {"id": "PO-9", "status": "INACTIVE"}})
LATE: dict[str, Reply] = {
    "no content": reply(204),
    "not found": ABSENT,
    "another order": OTHERS,
    "a refusal": reply(400, {"errors": [{"code": 400}]}),
    "a page of HTML": reply(200, raw=b"<html>"),
    "what is no HTTP": Reply(b"<p>No Content</p>"),
    "a body": Reply(b"null"),
}


async def read_late(late: Reply, read: str, *, is_true_one_late: bool = False) -> tuple[Any, list[str]]:
    """Read on a kept connection, on which `late` comes first; return what was read, and what was asked."""
    asked: list[str] = []

    async def respond(request: bytes) -> Reply:
        path = request.split(b" ")[1].decode()
        if path.endswith("/token"):
            return reply(200, {"access_token": "t", "expires_in": 3600})
        asked.append(path)
        if "receipts" in path:
            return ABSENT
        order = {"id": NUMBER, "status": "ACTIVE", "lines": []}
        true = ORDERS if "purchase-orders?" in path else reply(200, {"purchase_order": order})
        if len(asked) != 2:
            return true
        return late if is_true_one_late else Reply(late.raw + true.raw)

    async with raw_peer() as peer:
        peer.respond = respond
        async with aclosing(exsited(peer.url)) as erp:
            await erp.probe()
            if read == "get":
                return (await erp.get_order(NUMBER)).status, asked
            return [order.number for order in (await erp.scan_orders(OrderQuery())).orders], asked


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize(("read", "found"), [("get", "open"), ("list", [NUMBER])])
async def test_a_read_that_meets_a_late_answer_is_sent_again_over_a_new_connection(
    late: Reply, read: str, found: object
) -> None:
    seen, asked = await read_late(late, read)

    assert (seen, asked[1]) == (found, asked[2])


@pytest.mark.parametrize(("read", "found"), [("get", "open"), ("list", [NUMBER])])
async def test_nothing_is_asked_about_again_also_where_the_true_answer_is_not_there_yet(
    read: str, found: object
) -> None:
    seen, _ = await read_late(LATE["no content"], read, is_true_one_late=True)

    assert seen == found


async def test_a_read_is_sent_again_once() -> None:
    """An ERP that answers every read with nothing."""
    async with raw_peer(ORDERS, reply(204)) as peer, aclosing(exsited(peer.url)) as erp:
        await erp.probe()
        with pytest.raises(BadAnswer, match="HTTP 204"):
            await erp.get_order(NUMBER)

    assert len(peer.requests) == 3


@pytest.mark.parametrize("answer", [WHOLE, reply(404, {"statusCode": 404, "error": "not_found"})])
async def test_a_usual_answer_is_not_asked_about_again(answer: Reply) -> None:
    async with raw_peer(WHOLE, answer) as peer, aclosing(inventory_pro(peer.url)) as erp:
        await erp.get_order(NUMBER)
        with suppress(OrderNotFound):
            await erp.get_order(NUMBER)

    assert (len(peer.requests), peer.connections) == (2, 1)


async def test_a_sign_in_is_not_sent_again() -> None:
    """Some ERPs count those that they refuse, and lock the user out."""
    signed_in: list[bytes] = []

    async def respond(request: bytes) -> Reply:
        if b"/token" in request.split(b"\r\n")[0]:
            signed_in.append(request)
            return reply(200, {"access_token": "t"}) if len(signed_in) == 1 else reply(400)
        return ORDERS if len(signed_in) == 1 and b"offset=0" in request else reply(401)

    async with raw_peer() as peer:
        peer.respond = respond
        async with aclosing(exsited(peer.url)) as erp:
            await erp.probe()
            with pytest.raises(SignInFailed):
                await erp.get_order(NUMBER)

    assert len(signed_in) == 2


async def test_a_late_answer_would_be_taken_for_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "is_on_kept_connection", lambda response: False)

    assert (await read_late(LATE["no content"], "list"))[0] == []  # what the control prevents


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
    assert is_on_kept_connection(unknown)


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
