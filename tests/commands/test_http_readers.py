"""uvicorn's two readers of HTTP, each as the server uses it: what clients offer beside HTTP/1.1 changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from po_mcp.transports.httptools_protocol import HttpToolsConnection
from po_mcp.transports.uvicorn_server import create_server, fastest_protocol, listen

readers = pytest.mark.parametrize("reader", [HttpToolsConnection, H11Protocol], ids=["httptools", "h11"])
BODY = b'{"jsonrpc":"2.0"}'
# java.net.http.HttpClient sends these with every request without TLS: https://docs.oracle.com/en/java/javase/17/.
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"


def request(offer: bytes = OFFER, method: bytes = b"POST") -> bytes:
    head = b"%b /mcp?a=b HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\nX-Mark: kept\r\n\r\n"
    return head % (method, offer, len(BODY)) + BODY


async def echo(scope: dict[str, object], receive: object, send: object) -> None:
    request = Request(scope, receive)  # type: ignore[arg-type]
    body = await request.body()
    said = f"{request.method} {request.url.query} {request.headers.get('x-mark')} ".encode() + body
    await Response(said)(scope, receive, send)  # type: ignore[arg-type]


@asynccontextmanager
async def connect(reader: type[asyncio.Protocol]) -> AsyncIterator[SocketStream]:
    with listen("127.0.0.1", 0) as sock:
        server = create_server(echo, keep_alive_s=60, protocol=reader)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            async with await anyio.connect_tcp("127.0.0.1", sock.getsockname()[1]) as stream:
                yield stream
            server.stop()


async def read_until(stream: SocketStream, end: bytes, times: int = 1) -> bytes:
    read = b""
    with anyio.fail_after(20):
        while read.count(end) < times:
            read += await stream.receive()
    return read


@readers
@pytest.mark.parametrize("cut", [None, 20, -len(BODY) - 1, -len(BODY), -3])
async def test_a_request_that_offers_another_protocol_is_read_with_its_body(
    reader: type[asyncio.Protocol], cut: int | None
) -> None:
    async with connect(reader) as stream:
        for sent in range(2):  # the connection goes on
            for piece in [request()[:cut], request()[cut:]] if cut else [request()]:
                await stream.send(piece)
                await anyio.wait_all_tasks_blocked()
            answer = await read_until(stream, BODY)
            assert answer.startswith(b"HTTP/1.1 200 "), sent
            assert b"POST a=b kept " + BODY in answer


async def test_requests_in_one_packet_are_all_answered() -> None:
    async with connect(HttpToolsConnection) as stream:
        await stream.send(request() + request(b"") + request())
        answers = await read_until(stream, BODY, times=3)

    assert answers.count(b"POST a=b kept " + BODY) == 3


async def test_a_connect_is_a_method_like_others() -> None:
    async with connect(HttpToolsConnection) as stream:
        await stream.send(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        answer = await read_until(stream, b"\r\n")

    assert answer.startswith(b"HTTP/1.1 ")


def test_the_reader_in_c_is_taken_where_it_is_installed() -> None:
    assert fastest_protocol() is HttpToolsConnection
