"""An answer to a form that fits no schema counts as not shown, and its call ends."""

from __future__ import annotations

from typing import Any

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


def test_an_answer_of_the_clients_own_invention_counts_as_not_shown() -> None:
    call = {"name": "finalize_purchase_order", "arguments": {"number": "PO-2025-0041"}}
    statuses = []
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        for answer in MALFORMED:
            asked = client.request("tools/call", call)
            assert asked["method"] == "elicitation/create", asked
            client.send({"id": asked["id"], "result": answer})
            statuses.append(client.receive()["result"]["structuredContent"]["status"])
        ended = client.end()

    assert statuses == ["approval_required"] * len(MALFORMED)
    assert ended == (0, "")
