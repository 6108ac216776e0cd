"""Connections of the HTTP server: who sends no whole request is closed in time, and only then."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from po_mcp.transports import connection_limits, uvicorn_server
from po_mcp.transports.http import hand_over
from po_mcp.transports.http_app import Address, HttpApp
from po_mcp.transports.uvicorn_server import HttpServer, create_server, listen

LOOPS = ("asyncio", "uvloop")
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
MCP = b"POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer once the body is there; /slow a moment later."""
    try:
        await Request(scope, receive).body()
    except ClientDisconnect:
        return
    if scope["path"] == "/slow":
        await anyio.sleep(0.6)
    await PlainTextResponse("ok")(scope, receive, send)


@asynccontextmanager
async def serving(most: int = 4, keep_alive: int = 5) -> AsyncIterator[int]:
    with closing(listen("127.0.0.1", 0)) as sock:
        server = create_server(answer, most, keep_alive)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            yield sock.getsockname()[1]
            server.stop()


async def ends(connection: anyio.abc.SocketStream) -> bool:
    """Tell whether the server closes a connection within two seconds."""
    with anyio.move_on_after(2):
        try:
            while True:
                await connection.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
    return False


@pytest.mark.parametrize(
    "sent", [b"", GET[:10], b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{", GET + GET[:10]], ids=repr
)
async def test_a_request_that_does_not_arrive_ends_its_connection(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "REQUEST_TIMEOUT_S", 0.3)
    async with serving(keep_alive=1) as port, await anyio.connect_tcp("127.0.0.1", port) as connection:
        if sent:
            await connection.send(sent)

        assert await ends(connection)


async def test_an_answer_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "REQUEST_TIMEOUT_S", 0.3)
    async with (
        serving() as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http,
    ):
        answers = [await http.post("/slow", content=b"{}") for _ in range(2)]
        await anyio.sleep(0.6)  # the connection is kept alive meanwhile
        answers.append(await http.get("/"))

    assert [one.text for one in answers] == ["ok"] * 3


async def test_the_one_that_is_silent_for_longest_makes_room_and_one_that_is_answered_does_not() -> None:
    async with serving(most=4) as port, anyio.create_task_group() as tasks:
        answered = await anyio.connect_tcp("127.0.0.1", port)
        await answered.send(GET.replace(b"/ ", b"/slow ", 1))
        silent = []
        for _ in range(4):
            silent.append(await anyio.connect_tcp("127.0.0.1", port))
            await anyio.sleep(0.05)

        assert await ends(silent[0])
        assert b"ok" in await answered.receive()
        await silent[3].send(GET)
        assert b"200" in await silent[3].receive()
        for connection in (answered, *silent):
            tasks.start_soon(connection.aclose)


async def test_sockets_that_it_accepts_send_at_once() -> None:
    with closing(listen("127.0.0.1", 0)) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def ask_in_the_instant_of_the_end(monkeypatch: pytest.MonkeyPatch, *, looks_again: bool) -> bytes:
    """Let a request arrive after the last answer under way and before the connections are closed; return its answer."""

    async def answer_in_a_moment(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.05)
        await PlainTextResponse("ok")(scope, receive, send)

    app = HttpApp(answer_in_a_moment, answer, Address("127.0.0.1", 1), {})
    drain = app.drain
    drains = 0

    async def drain_and_read(longest: float) -> None:
        nonlocal drains
        drains += 1
        if drains == 1 or looks_again:
            await drain(longest)
        if drains == 1:
            for connection in server.server_state.connections:
                connection.data_received(MCP)

    monkeypatch.setattr(app, "drain", drain_and_read)
    with closing(listen("127.0.0.1", 0)) as sock:
        server = create_server(app)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            async with await anyio.connect_tcp(*sock.getsockname()) as connection:
                await connection.send(MCP)
                await connection.receive()
                await hand_over(server, app, 1.0)
                await app.close()
                answered = await connection.receive()
            server.stop()
    return answered


async def test_a_request_that_comes_in_the_instant_of_the_end_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await ask_in_the_instant_of_the_end(monkeypatch, looks_again=True)).startswith(b"HTTP/1.1 200")


async def test_without_the_second_look_a_request_in_the_instant_of_the_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await ask_in_the_instant_of_the_end(monkeypatch, looks_again=False)).startswith(b"HTTP/1.1 503")


# Who is in line when it listens no more

both_loops = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": name == "uvloop"}) for name in LOOPS], ids=LOOPS
)


async def answers_of_those_in_line(turns: int, longest: float = 10) -> list[bytes]:
    """Let clients connect and ask, and the server listen no more so many turns of its loop later."""
    with closing(listen("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
        server = create_server(answer, 64)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            async with await anyio.connect_tcp(*address) as first:
                await first.send(GET)
                await first.receive()
            # They are in line: the system alone has taken them.
            clients = [socket.create_connection(address, timeout=longest) for _ in range(8)]
            for client in clients:
                client.sendall(GET)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            await server.stop_listening()
            found: list[bytes] = []
            async with anyio.create_task_group() as readers:
                for client in clients:
                    readers.start_soon(anyio.to_thread.run_sync, read, client, found)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=longest)
            server.stop()
    return found


def read(client: socket.socket, found: list[bytes]) -> None:
    """Add the answer, or b"" where the connection was reset, or nobody reads it."""
    with closing(client):
        try:
            found.append(client.recv(15))
        except (ConnectionResetError, TimeoutError):
            found.append(b"")


@both_loops
@pytest.mark.parametrize("turns", range(5))
async def test_a_client_in_line_when_the_server_stops_listening_is_answered(turns: int) -> None:
    assert await answers_of_those_in_line(turns) == [b"HTTP/1.1 200 OK"] * 8


async def test_a_connection_that_cannot_be_served_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = asyncio.get_running_loop().connect_accepted_socket
    gone = iter([True])

    async def fail_once(factory: Any, sock: socket.socket) -> Any:
        if next(gone, False):
            raise OSError(errno.EINVAL, "the connection was reset")  # as setsockopt says it on macOS
        return await connect(factory, sock)

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", fail_once)

    assert sorted(await answers_of_those_in_line(0)) == [b"", *[b"HTTP/1.1 200 OK"] * 7]


@both_loops
async def test_without_taking_them_who_is_in_line_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_server, "_take_all", lambda sock: iter(()))

    assert b"" in await answers_of_those_in_line(0)


@pytest.mark.filterwarnings("ignore:unclosed", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_without_waiting_a_turn_whom_the_loop_has_just_taken_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_for_nothing(server: HttpServer) -> None:
        """Go on at once."""

    monkeypatch.setattr(HttpServer, "_take_no_more", wait_for_nothing)

    found = [one for turns in range(4) for one in await answers_of_those_in_line(turns, 1)]
    gc.collect()  # what was dropped, with its warning

    assert b"" in found


async def test_a_server_that_is_ended_before_it_serves_ends_in_order() -> None:
    app = HttpApp(answer, answer, Address("127.0.0.1", 1), {})
    server = create_server(app)
    await hand_over(server, app, 0.0)
    await app.close()
    server.stop()
    with closing(listen("127.0.0.1", 0)) as sock, anyio.fail_after(10):
        await server.serve([sock])

    assert server.servers
    assert not server.server_state.connections
