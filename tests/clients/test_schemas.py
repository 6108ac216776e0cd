"""Our tools through the converters of hosts and model libraries, each in its own environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Workspace

pytestmark = pytest.mark.clients


def find_objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Return every object schema within a schema."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from find_objects(inner)
    if isinstance(schema, list):
        for inner in schema:
            yield from find_objects(inner)


def assert_a_strict_model_can_leave_out(schema: dict[str, Any], name: str) -> None:
    property_ = schema["properties"][name]
    assert "null" in property_.get("type", []) or {"type": "null"} in property_.get("anyOf", []), name


def test_google_genai_converts_every_tool_and_no_enum_holds_null(tools: Path, workspace: Workspace) -> None:
    found = workspace.run_script("google-genai", "convert_google_genai.py", str(tools))

    assert len(found["parameters"]) == 8
    assert found["as_json_schema"] == 8
    properties = [each for one in found["parameters"].values() for each in find_objects(one)]
    for schema in properties:
        for name, inner in schema["properties"].items():
            assert None not in inner.get("enum", []), name
            assert inner.get("nullable", False) is (name not in schema.get("required", [])), name


@pytest.mark.parametrize(
    ("client", "script"),
    [
        ("openai-agents", "strict_openai_agents.py"),
        ("langchain", "strict_langchain.py"),
        ("pydantic-ai", "strict_pydantic_ai.py"),
    ],
)
def test_a_strict_converter_takes_every_tool_and_leaves_the_choice_to_leave_out(
    client: str, script: str, tools: Path, workspace: Workspace
) -> None:
    found = workspace.run_script(client, script, str(tools))

    strict = {name: schema for name, schema in found.items() if name != "stderr"}
    assert len(strict) == 8
    for schema in find_objects(list(strict.values())):
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == set(schema["properties"])
    assert_a_strict_model_can_leave_out(strict["finalize_purchase_order"], "create_backorder")
    assert_a_strict_model_can_leave_out(strict["get_operation"], "operation_id")
    for name in ("status", "overdue", "vendor", "cursor"):
        assert_a_strict_model_can_leave_out(strict["list_purchase_orders"], name)


def test_pydantic_ai_converts_every_tool_for_gemini(tools: Path, workspace: Workspace) -> None:
    found = workspace.run_script("pydantic-ai", "convert_pydantic_ai.py", str(tools))

    assert len({name for name in found if name != "stderr"}) == 8


def test_ajv_compiles_every_schema_and_pattern_in_its_strict_mode(tools: Path, workspace: Workspace) -> None:
    found = workspace.run_script("ajv", "ajv_strict.mjs", str(tools))

    assert found["compiled"] == 8 * 2 * 2
    assert found["patterns"] > 0
    assert found["printed"] == []
