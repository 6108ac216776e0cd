"""Clients that use the id of a request again: each request gets its own answer, and no write is sent twice.

The specification forbids it ("MUST NOT have been previously used by the requestor within the same session",
https://modelcontextprotocol.io/specification/2025-11-25/basic#requests). To refuse the second request would be worse:
a client would take the refusal, which has the same id, for the answer to the first.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from po_mcp.sandbox import Book
from po_mcp.sandbox.refusals import Missing
from tests.commands.test_serve import call, serving
from tests.stdio.test_process import INITIALIZE, RawClient, server

FIRST, SECOND = "PO-2025-0038", "PO-2025-0036"
LINES = [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]
CREATE = {"vendor": "12", "lines": LINES}


def delete(number: str, its_id: int = 1) -> dict[str, Any]:
    return call("tools/call", {"name": "delete_purchase_order", "arguments": {"number": number}}, its_id)


def create(its_id: int = 1) -> dict[str, Any]:
    return call("tools/call", {"name": "create_purchase_order", "arguments": CREATE}, its_id)


def cancel(its_id: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": its_id}}


def answer(question: dict[str, Any], number: str | None) -> dict[str, Any]:
    """What a person answers: the number of the order to delete, or None to decline."""
    given = {"action": "decline"} if number is None else {"action": "accept", "content": {"order_number": number}}
    return {"jsonrpc": "2.0", "id": question["id"], "result": given}


def message_of(response: dict[str, Any]) -> str:
    message: str = response["result"]["structuredContent"]["message"]
    return message


def files(folder: Path) -> dict[str, str]:
    return {"PO_MCP_SANDBOX": str(folder / "book.db"), "PO_MCP_JOURNAL": str(folder / "journal.db")}


def list_created(folder: Path) -> list[str]:
    """The next two numbers, where the book has an order under them."""
    found = []
    with closing(Book.open(folder / "book.db")) as book:
        for number in ("PO-2025-0043", "PO-2025-0044"):
            with suppress(Missing):
                found.append(book.order(number).number)
    return found


# Over HTTP


@dataclass
class Session:
    """A session of a client of its own."""

    http: httpx2.AsyncClient

    @asynccontextmanager
    async def request(self, message: dict[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Send a request; yield the messages of its stream. It is dropped where the block ends before."""
        async with self.http.stream("POST", "/mcp", json=message) as response:
            assert response.status_code == 200
            yield _messages(response)

    async def send(self, message: dict[str, Any]) -> None:
        assert (await self.http.post("/mcp", json=message)).status_code == 202


async def _messages(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def session(folder: Path) -> AsyncIterator[Session]:
    with serving(**files(folder)) as found:
        async with found.http() as http:
            hello = await http.post("/mcp", json=call("initialize", {**INITIALIZE, "protocolVersion": "2025-06-18"}))
            http.headers["mcp-session-id"] = hello.headers["mcp-session-id"]
            http.headers["mcp-protocol-version"] = "2025-06-18"
            client = Session(http)
            await client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            yield client


async def test_two_requests_in_flight_under_one_id_get_each_their_own_answer(tmp_path: Path) -> None:
    async with (
        session(tmp_path) as client,
        client.request(delete(FIRST)) as first,
        client.request(delete(SECOND)) as second,
    ):
        asked = [await anext(first), await anext(second)]
        await client.send(answer(asked[1], None))
        kept = await anext(second)
        await client.send(answer(asked[0], FIRST))
        done = await anext(first)

    assert [FIRST in asked[0]["params"]["message"], SECOND in asked[1]["params"]["message"]] == [True, True]
    assert [kept["id"], done["id"]] == [1, 1]
    assert f"{SECOND} was not deleted" in message_of(kept)
    assert f"{FIRST} was deleted" in message_of(done)


async def test_the_answer_to_a_request_whose_client_left_is_not_that_to_another_under_its_id(tmp_path: Path) -> None:
    async with session(tmp_path) as client:
        async with client.request(delete(FIRST)) as first:
            lost = await anext(first)
        async with client.request(delete(SECOND)) as second:
            asked = await anext(second)
            await client.send(answer(lost, FIRST))
            await client.send(answer(asked, None))
            kept = await anext(second)

    assert f"{SECOND} was not deleted" in message_of(kept)


async def test_a_cancelled_request_leaves_its_id_to_the_next(tmp_path: Path) -> None:
    async with session(tmp_path) as client:
        async with client.request(delete(FIRST)) as first:
            lost = await anext(first)
            await client.send(cancel())
            ended = [message async for message in first][-1]
        async with client.request(delete(SECOND)) as second:
            asked = await anext(second)
            await client.send(answer(lost, FIRST))
            await client.send(answer(asked, None))
            kept = await anext(second)
        async with client.request(
            call("tools/call", {"name": "get_purchase_order", "arguments": {"number": FIRST}})
        ) as read:
            order = await anext(read)

    assert (ended["id"], ended["error"]["message"]) == (1, "Request cancelled")
    assert f"{SECOND} was not deleted" in message_of(kept)
    assert order["result"]["structuredContent"]["status"] == "open"


async def test_an_order_that_is_asked_for_twice_under_one_id_is_created_once(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []

    async def send(client: Session) -> None:
        async with client.request(create()) as messages:
            answers.append([message async for message in messages][-1])

    async with session(tmp_path) as client, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(send, client)

    assert [one["result"]["structuredContent"]["status"] for one in answers] == ["done", "done"]
    assert list_created(tmp_path) == ["PO-2025-0043"]


# Over stdio


def begin(client: RawClient, version: str = "2025-11-25") -> None:
    client.request("initialize", {**INITIALIZE, "protocolVersion": version})
    client.send({"method": "notifications/initialized"})


def ask(client: RawClient, message: dict[str, Any]) -> dict[str, Any]:
    client.send(message)
    return client.receive()


def test_two_requests_in_flight_under_one_id_are_both_answered_over_stdio(tmp_path: Path) -> None:
    with server(**files(tmp_path)) as client:
        begin(client)
        asked = [ask(client, delete(number)) for number in (FIRST, SECOND)]
        kept = ask(client, answer(asked[1], None))
        done = ask(client, answer(asked[0], FIRST))

    assert [kept["id"], done["id"]] == [1, 1]
    assert f"{SECOND} was not deleted" in message_of(kept)
    assert f"{FIRST} was deleted" in message_of(done)


def test_a_cancelled_request_leaves_its_id_to_the_next_over_stdio(tmp_path: Path) -> None:
    with server(**files(tmp_path)) as client:
        begin(client)
        lost = ask(client, delete(FIRST, 7))
        withdrawn = ask(client, cancel(7))
        asked = ask(client, delete(SECOND, 7))
        client.send(answer(lost, FIRST))
        kept = ask(client, answer(asked, None))
        read = call("tools/call", {"name": "get_purchase_order", "arguments": {"number": FIRST}}, 8)
        order = ask(client, read)

    assert f"{SECOND} was not deleted" in message_of(kept)
    assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", lost["id"])
    assert (order["id"], order["result"]["structuredContent"]["status"]) == (8, "open")


@pytest.mark.parametrize("is_batch", [False, True], ids=["two lines", "a batch"])
def test_an_order_that_is_asked_for_twice_under_one_id_is_created_once_over_stdio(
    tmp_path: Path, is_batch: bool
) -> None:
    with server(**files(tmp_path)) as client:
        begin(client, "2025-03-26")
        if is_batch:
            assert client.process.stdin is not None
            client.process.stdin.write(json.dumps([create(), create()]).encode() + b"\n")
            client.process.stdin.flush()
            answers: Any = client.receive()
        else:
            client.send(create())
            client.send(create())
            answers = [client.receive(), client.receive()]

    assert [one["id"] for one in answers] == [1, 1]
    assert [one["result"]["structuredContent"]["status"] for one in answers] == ["done", "done"]
    assert list_created(tmp_path) == ["PO-2025-0043"]
