"""What stands beside the tools, on the wire of a real process, in both eras, for a client that is not the SDK's."""

from __future__ import annotations

from typing import Any

from .test_process import INITIALIZE, MODERN_META, RawClient, server

ORDER = {
    "number": "NEW-1",
    "vendor": "12",
    "lines": [{"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}],
}
OPEN, NEW = "po://orders/open", "po://orders/NEW-1"


def receive(client: RawClient, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The next messages, in whichever order they come: answers, and notifications."""
    messages = [client.receive() for _ in range(count)]
    return [one for one in messages if "id" in one], [one for one in messages if "id" not in one]


def test_a_client_of_2025_subscribes_and_hears_of_a_write() -> None:
    call = {"name": "create_purchase_order", "arguments": ORDER}
    with server() as client:
        hello = client.request("initialize", INITIALIZE)["result"]
        client.send({"method": "notifications/initialized"})
        empty = [client.request("resources/subscribe", {"uri": uri})["result"] for uri in (OPEN, NEW)]
        client.send({"id": 99, "method": "tools/call", "params": call})
        [answer], reply = receive(client, 3)
        ended = client.end()

    assert hello["capabilities"]["resources"]["subscribe"] is True
    assert empty == [{}, {}]
    assert answer["result"]["structuredContent"]["status"] == "done"
    assert [(one["method"], one["params"]["uri"]) for one in reply] == [
        ("notifications/resources/updated", NEW),
        ("notifications/resources/updated", OPEN),
    ]
    assert ended == (0, "")


def test_a_client_of_2026_listens_and_hears_of_a_write() -> None:
    wanted = {"notifications": {"resourceSubscriptions": [OPEN, NEW]}, "_meta": MODERN_META}
    call = {"name": "create_purchase_order", "arguments": ORDER, "_meta": MODERN_META}
    with server() as client:
        acknowledged = client.request("subscriptions/listen", wanted)
        client.send({"id": 99, "method": "tools/call", "params": call})
        [answer], reply = receive(client, 3)
        ended = client.end()

    assert acknowledged["params"]["notifications"]["resourceSubscriptions"] == [OPEN, NEW]
    assert answer["result"]["structuredContent"]["status"] == "done"
    assert [(one["method"], one["params"]["uri"]) for one in reply] == [
        ("notifications/resources/updated", NEW),
        ("notifications/resources/updated", OPEN),
    ]
    assert ended == (0, "")


def test_a_prompt_whose_name_is_no_text_is_refused_and_leaves_no_traceback() -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        refused = [client.request("prompts/get", params)["error"] for params in ({"name": ["x"]}, {"name": "x"}, {})]
        ended = client.end()

    assert {one["code"] for one in refused} == {-32602}
    assert ended == (0, "")
