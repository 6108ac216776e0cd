"""What a client may expect, as server/discover and initialize say it."""

from __future__ import annotations

from typing import Any

from .test_process import INITIALIZE, MODERN_META, server

CONSTANT = ("server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list")


def test_no_change_of_a_list_is_announced_in_either_era() -> None:
    with server() as client:
        modern = client.request("server/discover", {"_meta": MODERN_META})["result"]["capabilities"]
        client.end()
    with server() as client:
        legacy = client.request("initialize", INITIALIZE)["result"]["capabilities"]
        client.end()

    # the SDK leaves extensions out of the older protocol's capabilities; their methods answer all the same
    assert modern.pop("extensions") == {"io.modelcontextprotocol/skills": {}, "io.modelcontextprotocol/ui": {}}
    assert modern == {"completions": {}, "prompts": {}, "resources": {"subscribe": True}, "tools": {}}
    assert {name for name, one in legacy.items() if one.get("listChanged")} == set()
    assert legacy.keys() == modern.keys()


def hint_of(result: dict[str, Any]) -> tuple[int, str]:
    return result["ttlMs"], result["cacheScope"]


def test_fixed_lists_may_be_kept_for_five_minutes_and_an_order_may_not() -> None:
    with server() as client:
        found = {method: client.request(method, {"_meta": MODERN_META})["result"] for method in CONSTANT}
        read = client.request("resources/read", {"uri": "po://orders/open", "_meta": MODERN_META})["result"]

    assert {method: hint_of(result) for method, result in found.items()} == dict.fromkeys(
        CONSTANT, (300_000, "private")
    )
    assert hint_of(read) == (0, "private")


def test_the_server_has_an_icon_in_either_era() -> None:
    with server() as client:
        modern = client.request("server/discover", {"_meta": MODERN_META})["result"]["_meta"]
    with server() as client:
        legacy = client.request("initialize", INITIALIZE)["result"]["serverInfo"]
        older = client.request("tools/list", {})["result"]

    for info in (modern["io.modelcontextprotocol/serverInfo"], legacy):
        [icon] = info["icons"]
        assert (icon["mimeType"], icon["src"][:26]) == ("image/svg+xml", "data:image/svg+xml;base64,")
    assert older.keys() == {"tools"}
