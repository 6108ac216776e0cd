"""Bodies over HTTP before MCP reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.transports import http_ids
from po_mcp.transports.http_bodies import ReadableBodies
from po_mcp.transports.http_ids import UniqueIds

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
SAID = {"jsonrpc": "2.0", "method": "notifications/initialized"}
SESSION = (b"mcp-session-id", b"s1")
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass
class Answer:
    """What a client gets."""

    messages: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages[1:]).decode()

    @property
    def error(self) -> tuple[int, object]:
        found = json.loads(self.text)
        return found["error"]["code"], found["id"]

    @property
    def events(self) -> list[Any]:
        return [json.loads(line[6:]) for line in self.text.splitlines() if line.startswith("data: ")]


@dataclass
class Mcp:
    """An application in the place of MCP: streams an answer to each request once it may, and keeps what it was sent."""

    may_answer: anyio.Event = field(default_factory=anyio.Event)
    seen: list[Any] = field(default_factory=list)
    has_begun: tuple[anyio.Event, ...] = field(default_factory=lambda: (anyio.Event(), anyio.Event()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        assert dict(scope["headers"]).get(b"content-length", str(len(body)).encode()) == str(len(body)).encode()
        message = json.loads(body)
        self.seen.append(message)
        self.has_begun[min(len(self.seen), 2) - 1].set()
        if "id" not in message:
            await send({"type": "http.response.start", "status": 202, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        reply = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}, separators=(",", ":"))
        await send({"type": "http.response.body", "body": f"data: {reply}\r\n\r\n".encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def post(bodies: ASGIApp, message: Any, *headers: tuple[bytes, bytes], then: Receive | None = None) -> Answer:
    sent = [message if isinstance(message, bytes) else json.dumps(message).encode()]

    async def receive() -> Message:
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": False}
        if then is not None:
            return await then()
        await anyio.sleep_forever()
        raise AssertionError

    answer = Answer()
    await bodies({"type": "http", "method": "POST", "headers": [*headers]}, receive, answer.send)
    return answer


def bodies_before(mcp: ASGIApp, max_bytes: int = 100_000) -> ReadableBodies:
    return ReadableBodies(mcp, lambda tool: True, max_bytes)


async def test_half_a_request_whose_client_left_reaches_no_application() -> None:
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"jsonrpc": "2.0",', "more_body": True},
        {"type": "http.disconnect"},
    ]
    reached: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await bodies_before(application)({"type": "http", "method": "POST"}, receive, send)

    assert (reached, arriving) == ([], [])


async def test_a_body_that_is_too_long_is_passed_on_to_be_refused() -> None:
    lengths: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        lengths.append(len((await receive())["body"]))
        await send({"type": "http.response.start", "status": 413, "headers": []})

    answer = await post(bodies_before(application, max_bytes=100), b"x" * 101)

    assert (answer.status, lengths) == (413, [101])


async def test_a_body_that_is_mended_has_the_length_that_its_head_says() -> None:
    mcp = Mcp()
    mcp.may_answer.set()
    body = b"\xef\xbb\xbf" + json.dumps(PING).encode()
    length = (b"content-length", str(len(body)).encode())
    answer = await post(bodies_before(mcp), body, length)

    assert (answer.status, mcp.seen) == (200, [PING])


@pytest.mark.parametrize("body", [b"", b"  ", b'{"jsonrpc":"2.0","result":null}'], ids=["empty", "blank", "no id"])
async def test_a_body_that_holds_nothing_is_refused(body: bytes) -> None:
    mcp = Mcp()
    answer = await post(bodies_before(mcp), body)

    assert (answer.status, answer.error, mcp.seen) == (400, (-32600, None), [])


# Ids of requests that are being answered


async def ask_twice(first: Any, second: Any, *headers: tuple[bytes, bytes]) -> tuple[Mcp, list[Answer]]:
    """Send two requests of which none is answered before both have arrived."""
    mcp, answers = Mcp(), []
    bodies = bodies_before(mcp)

    async def send(message: Any) -> None:
        answers.append(await post(bodies, message, *headers))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for message, has_begun in zip((first, second), mcp.has_begun, strict=True):
                tasks.start_soon(send, message)
                await has_begun.wait()
            mcp.may_answer.set()
    return mcp, answers


@pytest.mark.parametrize("second", [1, "1"], ids=repr)
async def test_requests_with_one_id_reach_the_server_under_two_and_are_answered_under_their_own(second: object) -> None:
    mcp, answers = await ask_twice(PING, {**PING, "id": second}, SESSION)

    assert [answer.events[0]["id"] for answer in answers] == [1, second]
    assert len({message["id"] for message in mcp.seen} | {1, "1"}) == 4
    assert [message | {"id": 1} for message in mcp.seen] == [PING, PING]


async def test_without_ids_of_our_own_two_requests_would_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UniqueIds, "replace_own", lambda ids, given, read: read.text)
    mcp, _ = await ask_twice(PING, PING, SESSION)

    assert mcp.seen == [PING, PING]


async def test_a_request_without_a_session_keeps_its_id() -> None:
    mcp, answers = await ask_twice(PING, PING)

    assert [answer.events[0]["id"] for answer in answers] == [1, 1]
    assert mcp.seen == [PING, PING]


@pytest.mark.parametrize("number", ["1e400", "0.10", "1" * 40, "NaN", "1.0e2"], ids=lambda number: number[:6])
async def test_a_number_is_for_the_server_what_the_client_wrote(number: str) -> None:
    read: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        read.append(from_json((await receive())["body"])["params"]["x"])
        await send({"type": "http.response.start", "status": 202, "headers": []})

    body = f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{number}}}}}'.encode()
    await post(bodies_before(application), body, SESSION)

    assert repr(read[0]) == repr(from_json(number))


CANCEL = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "reason": "time"}}


@pytest.mark.parametrize("named", [1, "1"], ids=repr)
async def test_a_cancellation_names_the_last_request_that_was_sent_under_its_id(named: object) -> None:
    cancel = {**CANCEL, "params": {**CANCEL["params"], "requestId": named}}  # type: ignore[dict-item]
    mcp = Mcp()
    bodies = bodies_before(mcp)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for has_begun in mcp.has_begun:
                tasks.start_soon(post, bodies, PING, SESSION)
                await has_begun.wait()
            await post(bodies, cancel, SESSION)
            await post(bodies, cancel, (b"mcp-session-id", b"s2"))
            mcp.may_answer.set()
    await post(bodies, cancel, SESSION)

    _, second, *cancelled = mcp.seen
    named_to_server = [message["params"]["requestId"] for message in cancelled]
    assert named_to_server == [second["id"], named, named]
    assert cancelled[0]["params"]["reason"] == "time"


async def test_a_request_whose_client_has_left_can_be_cancelled_until_many_others_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        """Send no answer, as where nobody waits for it."""
        seen.append(json.loads((await receive())["body"]))

    monkeypatch.setattr(http_ids, "_MAX_KEPT", 2)
    seen: list[Any] = []
    bodies = bodies_before(application)
    for message in (PING, CANCEL, {**PING, "id": 2}, {**PING, "id": 3}, CANCEL):
        await post(bodies, message, SESSION)

    asked, early, *_, late = seen
    assert (early["params"]["requestId"], late["params"]["requestId"]) == (asked["id"], 1)


# Batches


async def answer_batch(messages: Any, *headers: tuple[bytes, bytes]) -> tuple[Mcp, Answer]:
    mcp = Mcp()
    mcp.may_answer.set()
    return mcp, await post(bodies_before(mcp), messages, *headers)


async def test_a_batch_is_answered_by_one_stream() -> None:
    _, answer = await answer_batch([PING, {**PING, "id": 2}, SAID, 5], SESSION)

    assert answer.status == 200
    assert sorted(str(event["id"]) for event in answer.events) == ["1", "2", "None"]
    assert not answer.messages[-1]["more_body"]


async def test_a_batch_without_a_request_is_accepted() -> None:
    mcp, answer = await answer_batch([SAID, SAID], SESSION)

    assert (answer.status, answer.text, len(mcp.seen)) == (202, "", 2)


@pytest.mark.parametrize(
    ("messages", "headers", "said"),
    [
        ([], (SESSION,), "This batch is empty."),
        ([PING], (), "A batch needs a session"),
        ([PING] * 51, (SESSION,), "more than 50 messages"),
        ([PING], (SESSION, (b"mcp-protocol-version", b"2025-06-18")), "MCP 2025-06-18 has no batches"),
    ],
)
async def test_a_batch_that_is_refused_reaches_no_application(messages: Any, headers: Headers, said: str) -> None:
    mcp, answer = await answer_batch(messages, *headers)

    assert (answer.status, answer.error, mcp.seen) == (400, (-32600, None), [])
    assert said in answer.text


def refusing(status: int, media_type: bytes, body: bytes) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", media_type)]})
        await send({"type": "http.response.body", "body": body})

    return application


@pytest.mark.parametrize(
    ("status", "media_type", "body", "expected"),
    [
        (404, b"application/json", b'{"id":null}', '[{"id":null},{"id":null}]'),
        (421, b"text/plain; charset=utf-8", b"Invalid Host header", "Invalid Host header"),
    ],
)
async def test_a_refusal_of_every_message_refuses_the_batch(
    status: int, media_type: bytes, body: bytes, expected: str
) -> None:
    answer = await post(bodies_before(refusing(status, media_type, body)), [PING, {**PING, "id": 2}], SESSION)

    assert (answer.status, answer.text) == (status, expected)


async def test_every_message_of_a_batch_learns_that_the_client_has_left() -> None:
    left: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        left.append((await receive())["type"])

    async def disconnect() -> Message:
        return {"type": "http.disconnect"}

    with anyio.fail_after(5):
        await post(bodies_before(application), [PING, {**PING, "id": 2}], SESSION, then=disconnect)

    assert left == ["http.disconnect", "http.disconnect"]
