"""Requests over HTTP as MCP gets them."""

from __future__ import annotations

import anyio
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from po_mcp.transports import http_app
from po_mcp.transports.http_app import Address, HttpApp


async def ask(headers: list[tuple[bytes, bytes]], path: str = "/mcp") -> list[Scope] | int:
    """Send a request; return what MCP got of it, or the status with which it was refused."""
    reached: list[Scope] = []
    statuses: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    request = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    await HttpApp(application, application, Address("127.0.0.1", 1), {})(request, receive, send)
    return statuses[0] if statuses else reached


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_blanks_around_a_header_are_no_part_of_it(path: str) -> None:
    reached = await ask([(b"host", b" LOCALHOST:1"), (b"mcp-name", b"get_purchase_order \t")], path)

    assert isinstance(reached, list)
    assert [scope["headers"] for scope in reached] == [
        [(b"host", b"localhost:1"), (b"mcp-name", b"get_purchase_order")]
    ]
    assert [scope["path"] for scope in reached] == ["/mcp"]


async def test_several_lines_of_accept_are_one_list() -> None:
    """Java's HTTP client writes a line for each; the SDK read the first, and refused the request."""
    reached = await ask([(b"accept", b"application/json"), (b"host", b"h"), (b"accept", b"text/event-stream")])

    assert isinstance(reached, list)
    assert reached[0]["headers"] == [(b"host", b"h"), (b"accept", b"application/json, text/event-stream")]


TWICE = [
    (b"host", b"localhost:1", b"evil.example"),
    (b"origin", b"http://localhost:1", b"https://evil.example"),
    (b"authorization", b"Bearer a", b"Bearer b"),
    (b"mcp-session-id", b"one", b"two"),
    (b"mcp-protocol-version", b"2025-11-25", b"2025-06-18"),
]


@pytest.mark.parametrize(("name", "first", "second"), TWICE)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(name: bytes, first: bytes, second: bytes) -> None:
    """The first Host was checked; a guard before this server may have let it in for the second."""
    assert await ask([(name, first), (name, second)]) == 400
    assert isinstance(await ask([(name, first)]), list)


async def test_without_the_look_at_doubles_the_first_of_two_hosts_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_app, "_has_twice", lambda scope, names: False)

    assert isinstance(await ask([(b"host", b"localhost:1"), (b"host", b"evil.example")]), list)


# The end


async def end_while_one_is_answered(method: str, *, drains: bool = True) -> tuple[int | None, float]:
    """Let an answer take 50 ms while the server ends; return its status, and the seconds that the end took."""
    statuses: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.05 if method == "POST" else 3600)
        await PlainTextResponse("done")(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    request = {"type": "http", "method": method, "path": "/mcp", "raw_path": b"/mcp", "headers": []}
    app = HttpApp(application, application, Address("127.0.0.1", 1), {})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, request, receive, send)
        await anyio.wait_all_tasks_blocked()
        began = anyio.current_time()
        app.announce_end()
        if drains:
            await app.drain(600)
        took = anyio.current_time() - began
        await app.close()
    return (statuses[0] if statuses else None), took


async def test_an_answer_under_way_is_given_before_the_end() -> None:
    assert (await end_while_one_is_answered("POST"))[0] == 200


async def test_without_the_drain_an_answer_under_way_is_lost() -> None:
    assert (await end_while_one_is_answered("POST", drains=False))[0] == 503


async def test_a_stream_of_news_is_not_waited_for() -> None:
    status, took = await end_while_one_is_answered("GET")

    assert status == 503
    assert took < 60


async def test_a_question_that_a_person_thinks_about_is_waited_for_no_longer_than_it_may_take() -> None:
    app = HttpApp(PlainTextResponse(""), PlainTextResponse(""), Address("127.0.0.1", 1), {})
    app._in_flight[anyio.CancelScope()] = anyio.Event()
    with anyio.fail_after(60):
        await app.drain(0.01)
