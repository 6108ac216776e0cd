"""At 2026-07-28, an answer to a form that cannot be read counts as not shown; nothing is sent and nothing crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client

from tests.harness import ERAS, ScriptedPerson, ServerHarness, accept, call_raw, yes
from tests.tools.test_guard import DELETE, NUMBER, YES, every_tool, is_untouched

DEEP: Any = "PO-2025-0038"
for _ in range(60):
    DEEP = {"content": DEEP}
UNREADABLE: dict[str, Any] = {
    "no object": "accept",
    "a list of answers": [{"action": "accept"}],
    "a number": 5,
    "true": True,
    "null for the answer": {"approval": None},
    "a text for the answer": {"approval": "accept"},
    "a list for the answer": {"approval": [{"action": "accept", "content": {"order_number": "PO-2025-0038"}}]},
    "an empty answer": {"approval": {}},
    "another action": {"approval": {"action": "reject"}},
    "capitals": {"approval": {"action": "ACCEPT", "content": {"order_number": "PO-2025-0038"}}},
    "a list of actions": {"approval": {"action": ["accept"]}},
    "no content": {"approval": {"action": "accept"}},
    "null for content": {"approval": {"action": "accept", "content": None}},
    "text for content": {"approval": {"action": "accept", "content": "PO-2025-0038"}},
    "a list for content": {"approval": {"action": "accept", "content": ["PO-2025-0038"]}},
    "a null value": {"approval": {"action": "accept", "content": {"order_number": None, "decision": None}}},
    "a number for a value": {"approval": {"action": "accept", "content": {"order_number": 38, "decision": 1}}},
    "a nested value": {"approval": {"action": "accept", "content": {"order_number": {"value": "PO-2025-0038"}}}},
    "a list of values": {"approval": {"action": "accept", "content": {"order_number": ["PO-2025-0038"]}}},
    "nested deeply": {"approval": {"action": "accept", "content": DEEP}},
    "many fields": {"approval": {"action": "accept", "content": {f"field {n}": "x" for n in range(5000)}}},
    "a result within": {"approval": {"result": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}}},
    "an answer to another kind of question": {"approval": {"roots": []}},
}
MISSING: dict[str, Any] = {
    "null": None,
    "none": {},
    "another key": {"confirm": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}},
    "another key that cannot be read": {"confirm": 5},
}


async def answer(client: Client, tool: str, sent: Any) -> dict[str, Any]:
    """Ask for a guarded write, and answer its question."""
    arguments = {"number": NUMBER[tool]}
    asked = await call_raw(client, tool, arguments)
    return await call_raw(client, tool, arguments, inputResponses=sent, requestState=asked["requestState"])


@every_tool
async def test_an_answer_that_cannot_be_read_counts_as_not_shown(harness: ServerHarness, tool: str) -> None:
    async with harness.client(person=ScriptedPerson(yes)) as client:
        ended = {name: (await answer(client, tool, sent))["structuredContent"] for name, sent in UNREADABLE.items()}

    assert {name: one["status"] for name, one in ended.items()} == dict.fromkeys(UNREADABLE, "approval_required")
    assert all("po-mcp approve" in one["message"] for one in ended.values())
    assert is_untouched(harness, tool)
    assert harness.wire.writes == []


@every_tool
async def test_a_question_without_an_answer_is_asked_again(harness: ServerHarness, tool: str) -> None:
    """As https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr#error-handling wants it."""
    async with harness.client(person=ScriptedPerson(yes)) as client:
        ended = {name: (await answer(client, tool, sent))["resultType"] for name, sent in MISSING.items()}

    assert ended == dict.fromkeys(MISSING, "input_required")
    assert is_untouched(harness, tool)
    assert harness.wire.writes == []


@every_tool
async def test_fields_beside_a_right_answer_are_passed_over(harness: ServerHarness, tool: str) -> None:
    reply = YES[tool].model_dump(mode="json", by_alias=True, exclude_none=True)
    async with harness.client(person=ScriptedPerson(yes)) as client:
        ended = await answer(client, tool, {"approval": {**reply, "shown": True}, "another": 5})

    assert ended["structuredContent"]["status"] == "done"
    assert len(harness.wire.writes) == 1


@pytest.mark.parametrize("sent", [{"approval": {"action": "pick"}}, "BOLT-M8-30", {"approval": {"roots": []}}])
async def test_a_choice_that_cannot_be_read_is_none(harness: ServerHarness, sent: Any) -> None:
    line = {"item": "hex bolt", "quantity": "5", "unit_price": "0.45", "warehouse": "Main"}
    order = {"vendor": "Acme Fasteners", "lines": [line]}
    async with harness.client(person=ScriptedPerson(yes)) as client:
        asked = await call_raw(client, "create_purchase_order", order)
        ended = await call_raw(
            client, "create_purchase_order", order, inputResponses=sent, requestState=asked["requestState"]
        )

    assert ended["isError"]
    assert "hex bolt" in ended["content"][0]["text"]
    assert harness.wire.writes == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_progress_token_of_null_is_left_out(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        ended = await call_raw(client, "list_purchase_orders", {"limit": 1}, _meta={"progressToken": None})

    assert len(ended["structuredContent"]["orders"]) == 1


NAMES = st.sampled_from(["approval", "action", "content", "order_number", "accept"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=2)
@given(sent=st.lists(JSON, min_size=30, max_size=30))
async def test_no_answer_of_any_shape_writes_or_crashes(tmp_path_factory: Any, sent: list[Any]) -> None:
    folder: Path = tmp_path_factory.mktemp("book")
    harness = ServerHarness(folder / "book.db")
    async with harness.client(person=ScriptedPerson(accept())) as client:
        for each in sent:
            ended = await answer(client, DELETE, each)
            status = ended.get("structuredContent", {}).get("status")
            assert ended["resultType"] == "input_required" or status in ("approval_required", "declined"), ended
            assert not ended.get("isError"), json.dumps(each)

    assert harness.wire.writes == []
