"""What a client sees of the tools, and how much of its context that takes."""

from __future__ import annotations

import json

import pytest

from po_mcp.tools import REGISTRY
from tests.tools.snapshots import FOLDER, published


async def test_the_tools_are_those_of_the_snapshots() -> None:
    """Where this fails and the change is meant: python -m tests.tools.snapshots."""
    kept = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}

    assert await published() == kept


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_tool_has_a_title_four_hints_strict_arguments_and_an_output_schema(path: object) -> None:
    tool = json.loads(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]

    assert tool["title"]
    assert set(tool["annotations"]) == {
        "title",
        "readOnlyHint",
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
    }
    assert tool["annotations"]["openWorldHint"] is False
    assert not (tool["annotations"]["readOnlyHint"] and tool["annotations"]["destructiveHint"])
    assert tool["inputSchema"]["additionalProperties"] is False
    assert tool["outputSchema"]["type"] == "object"
    assert 40 < len(tool["description"]) < 700


def test_hints_say_what_the_design_says() -> None:
    hints = {tool.function.__name__: (tool.read_only, tool.destructive, tool.idempotent) for tool in REGISTRY}

    assert hints == {
        "list_purchase_orders": (True, False, True),
        "search_catalog": (True, False, True),
        "get_operation": (False, True, True),
        "get_purchase_order": (True, False, True),
        "create_purchase_order": (False, False, False),
        "finalize_purchase_order": (False, True, True),
        "delete_purchase_order": (False, True, True),
        "cancel_purchase_order": (False, True, True),
    }
