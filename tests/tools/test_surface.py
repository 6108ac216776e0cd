"""What a client sees of the tools, and how much of its context that takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from po_mcp.tools import REGISTRY
from po_mcp.tools._schema import output_schema
from tests.tools.snapshots import FOLDER, read_published

SNAPSHOTS = sorted(FOLDER.glob("*.json"))


async def test_the_tools_are_those_of_the_snapshots() -> None:
    """Where this fails and the change is meant: python -m tests.tools.snapshots."""
    kept = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}

    assert await read_published() == kept


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_tool_has_a_title_four_hints_and_an_output_schema(path: Path) -> None:
    tool = json.loads(path.read_text(encoding="utf-8"))

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
    assert tool["outputSchema"]["type"] == "object"
    assert 40 < len(tool["description"]) < 700


def walk(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with its place; names of properties are no keywords."""
    yield place, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{place}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{place}[]")
    for inner in schema.get("anyOf", []):
        yield from walk(inner, place)


@pytest.mark.parametrize("side", ["inputSchema", "outputSchema"])
@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_schema_says_only_what_every_model_api_takes(path: Path, side: str) -> None:
    reply = {"type", "description", "properties", "required", "items", "enum", "anyOf", "default", "pattern"}
    reply |= {"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"}
    for place, schema in walk(json.loads(path.read_text(encoding="utf-8"))[side]):
        assert set(schema) <= reply, place
        assert None not in schema.get("enum", []), place


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_optional_arguments_may_be_null_and_required_ones_may_not(path: Path) -> None:
    for place, schema in walk(json.loads(path.read_text(encoding="utf-8"))["inputSchema"]):
        for name, inner in schema.get("properties", {}).items():
            is_optional = name not in schema.get("required", [])
            is_nullable = "null" in inner.get("type", []) or {"type": "null"} in inner.get("anyOf", [])
            assert is_nullable is is_optional, f"{place}.{name}"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"anyOf": [{"type": "string", "description": "inner"}, {"type": "null"}], "description": "own"},
            {"type": "string", "description": "own"},
        ),
        (
            {"$ref": "#/$defs/A", "description": "own", "$defs": {"A": {"type": "string", "description": "inner"}}},
            {"type": "string", "description": "own"},
        ),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        (
            {"type": "object", "description": "docstring", "properties": {"format": {"type": "string", "title": "F"}}},
            {"type": "object", "properties": {"format": {"type": "string"}}},
        ),
    ],
)
def test_a_parameters_own_description_wins(model: dict[str, Any], expected: dict[str, Any]) -> None:
    published = output_schema({"properties": {"x": model}, "$defs": model.pop("$defs", {})}, "all")

    assert published == {"properties": {"x": expected}, "description": "all"}


@pytest.mark.process
def test_all_texts_are_there_where_python_drops_docstrings() -> None:
    command = [sys.executable, "-m", "tests.tools.snapshots", "--print"]
    environment = os.environ | {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=True)

    assert json.loads(run.stdout) == {path.stem: path.read_text(encoding="utf-8") for path in SNAPSHOTS}


def test_hints_say_what_the_design_says() -> None:
    hints = {tool.name: (tool.read_only, tool.destructive, tool.idempotent) for tool in REGISTRY}

    assert hints == {
        "list_purchase_orders": (True, False, True),
        "search_catalog": (True, False, True),
        "get_operation": (False, False, True),
        "get_purchase_order": (True, False, True),
        "create_purchase_order": (False, False, False),
        "finalize_purchase_order": (False, True, True),
        "delete_purchase_order": (False, True, True),
        "cancel_purchase_order": (False, True, True),
    }
