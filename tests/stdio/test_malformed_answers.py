"""An answer to a form that fits no schema counts as not shown, and its call ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from .test_both_transports import message, over_http
from .test_process import INITIALIZE, server

MALFORMED: list[Any] = [
    {"action": "reject"},
    {"action": None},
    {},
    {"action": "accept", "content": ""},
    {"action": "accept", "content": []},
    {"action": "accept", "content": {"decision": {"value": "close"}}},
    {"action": "accept", "content": {"decision": None}},
    {"action": "accept", "content": {}},
    {"action": "accept"},
]

CALL = {"name": "finalize_purchase_order", "arguments": {"number": "PO-2025-0041"}}
NO_REPLIES: dict[str, Callable[[int], str]] = {
    "nothing": lambda number: json.dumps({"jsonrpc": "2.0", "id": number}),
    "cut off": lambda number: f'{{"jsonrpc":"2.0","id":{number},"result":{{"action":"acc',
    "batch": lambda number: json.dumps([{"jsonrpc": "2.0", "id": number, "result": {"action": "accept"}}]),
}


def test_an_answer_of_the_clients_own_invention_counts_as_not_shown() -> None:
    statuses = []
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        for answer in MALFORMED:
            asked = client.request("tools/call", CALL)
            assert asked["method"] == "elicitation/create", asked
            client.send({"id": asked["id"], "result": answer})
            statuses.append(client.receive()["result"]["structuredContent"]["status"])
        ended = client.end()

    assert statuses == ["approval_required"] * len(MALFORMED)
    assert ended == (0, "")


@pytest.mark.parametrize("sent", NO_REPLIES.values(), ids=NO_REPLIES)
def test_a_malformed_reply_over_stdio_is_refused_and_ends_the_question(sent: Callable[[int], str]) -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        asked = client.request("tools/call", CALL)
        assert client.process.stdin is not None
        client.process.stdin.write(sent(asked["id"]).encode() + b"\n")
        client.process.stdin.flush()
        refused, outcome = client.receive(), client.receive()
        ended = client.end()

    assert refused["error"]["code"] in (-32600, -32700)
    assert outcome["result"]["structuredContent"]["status"] == "approval_required"
    assert ended == (0, "")


@pytest.mark.parametrize("sent", NO_REPLIES.values(), ids=NO_REPLIES)
def test_a_malformed_reply_over_http_is_refused_and_ends_the_question(sent: Callable[[int], str]) -> None:
    with over_http("2025-11-25") as peer:
        begun = time.monotonic()
        with peer.stream(message("tools/call", CALL)) as stream:
            asked = next(one for one in stream if "elicitation/create" in one)
            refused, _ = peer.post(sent(json.loads(asked)["id"]).encode(), {})
            outcome = next(one for one in stream if '"status"' in one)
        took_s = time.monotonic() - begun

    assert refused.status == 400
    assert json.loads(outcome)["result"]["structuredContent"]["status"] == "approval_required"
    assert took_s < 200  # a form is open for 300


def test_a_call_is_cancelled_whose_id_is_named_with_a_point() -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        asked = client.request("tools/call", CALL)  # its id is 2
        client.send({"method": "notifications/cancelled", "params": {"requestId": 2.0}})
        ended = client.receive()

    assert ended["method"] == "notifications/cancelled"
    assert ended["params"]["requestId"] == asked["id"]
