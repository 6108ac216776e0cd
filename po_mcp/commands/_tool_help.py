"""What a tool takes, for a person at a terminal: each argument, and an example of what is written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mcp.types import Tool
from rich.text import Text

_EXAMPLES = {"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}


def describe_tool(tool: Tool) -> Text:
    """Return what the tool does and takes."""
    schema = tool.input_schema
    head = Text.assemble((tool.name, "bold"), "\n", (tool.description or "").strip(), "\n")
    for name, field in schema.get("properties", {}).items():
        needed = "needed" if name in schema.get("required", ()) else "optional"
        head.append(f"\n  {name}", "cyan").append(f"  ({_type(field)}, {needed})")
        if field.get("description"):
            head.append(f"\n      {field['description']}")
        for row in _rows_of(field, schema):
            head.append(f"\n      {row}")
    return head.append("\n")


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(map(str, field["enum"]))
    types = field.get("type", "string")
    # What may be left out is an alternative with null.
    named = next((one for one in types if one != "null"), "string") if isinstance(types, list) else types
    return {"array": "JSON list", "object": "JSON", "string": "text"}.get(named, str(named))


def _rows_of(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields of a list's rows, and an example."""
    items = field.get("items", {})
    row = schema.get("$defs", {}).get(str(items.get("$ref", "")).rpartition("/")[2], items)
    properties: Mapping[str, Any] = row.get("properties", {})
    if not properties:
        return
    for name, inner in properties.items():
        needed = "" if name in row.get("required", ()) else " (optional)"
        yield f"{name}{needed}: {inner.get('description', inner.get('type', 'text'))}"
    example = {name: _EXAMPLES[name] for name in properties if name in _EXAMPLES}
    yield f"such as: '[{json.dumps(example)}]'"
