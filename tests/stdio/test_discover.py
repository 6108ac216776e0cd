"""What a client may expect, as server/discover and initialize say it."""

from __future__ import annotations

from .test_process import INITIALIZE, MODERN_META, server


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
