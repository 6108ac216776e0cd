"""Write the generated half of docs/tools.md: every tool, resource and prompt as a client sees it.

python scripts/tool_reference.py            write it
python scripts/tool_reference.py --check    end with 1 where it is not up to date
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import ListPromptsResult, Tool

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited.client import Exsited
from po_mcp.connectors.inventory_pro.client import InventoryPro
from po_mcp.connectors.tryton.client import Tryton
from po_mcp.tools import REGISTRY, RegisteredTool

PAGE = Path(__file__).parent.parent / "docs" / "tools.md"
MARK = "<!-- From here on made by scripts/tool_reference.py -->\n"
_ERPS: dict[str, type[Any]] = {"Inventory Pro": InventoryPro, "Exsited": Exsited, "Tryton": Tryton}


async def reference() -> str:
    """Return the generated half, in Markdown."""
    async with Client(build_server(Settings(sandbox=":memory:", journal=":memory:"))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        prompts = await client.list_prompts()
    parts = [_overview(), *_tools(tools)]
    found = [(one.uri_template, one.description) for one in templates] + [
        (one.uri, one.description) for one in resources
    ]
    parts.append("## Resources\n\n" + _table(("resource, JSON", "tells"), [(f"`{uri}`", text) for uri, text in found]))
    return "\n".join([*parts, _prompts(prompts)])


def _overview() -> str:
    rows = [(f"[`{entry.name}`](#{entry.name})", *_offered(entry), _asks(entry)) for entry in REGISTRY]
    return "## Which ERP offers what\n\n" + _table(("tool", *_ERPS, "a person is asked"), rows)


def _offered(entry: RegisteredTool) -> list[str]:
    return ["yes" if entry.capability in erp.capabilities else "no" for erp in _ERPS.values()]


def _asks(entry: RegisteredTool) -> str:
    if entry.destructive and entry.capability != "get":
        return "always"
    return "no" if entry.read_only else "where something is in doubt"


def _tools(tools: dict[str, Tool]) -> Iterator[str]:
    """Yield a section for each tool; a result that an earlier one has is named there."""
    seen: dict[str, str] = {}
    for entry in REGISTRY:
        tool = tools[entry.name]
        shape = json.dumps(tool.output_schema, sort_keys=True)
        yield _tool(tool, entry, seen.get(shape))
        seen.setdefault(shape, tool.name)


def _tool(tool: Tool, entry: RegisteredTool, same_as: str | None) -> str:
    schema, output = tool.input_schema, tool.output_schema or {}
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", _kind(field), "yes" if name in required else "", field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    arguments = _table(("argument", "type", "required", "means"), rows) if rows else "No arguments.\n"
    text = f"## {tool.name}\n\n*{tool.title}.* {tool.description}\n\n{_hints(entry)}\n\n{arguments}\n"
    text += output["description"]
    if same_as:
        return f"{text} Its fields are those of [{same_as}](#{same_as}).\n"
    returned = [
        (f"`{name}`", _kind(field), field.get("description", "")) for name, field in output["properties"].items()
    ]
    return f"{text}\n\n{_table(('field', 'type', 'means'), returned)}"


def _hints(entry: RegisteredTool) -> str:
    if entry.read_only:
        return "It changes nothing."
    if entry.capability == "get":
        return "It sends nothing to the ERP but readings; it is not listed where `PO_MCP_READ_ONLY` is set."
    effect = "It changes or removes an existing order" if entry.destructive else "It writes"
    return f"{effect}, and is not listed where `PO_MCP_READ_ONLY` is set."


def _kind(field: dict[str, Any]) -> str:
    """Return the type of a schema in words, without null."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"] if value is not None)
    options = field.get("anyOf") or field.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_kind(option) for option in options if option.get("type") != "null"))
    kind = field.get("type", "any")
    kinds = [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    if kinds == ["array"]:
        return f"list of {_kind(field.get('items', {}))}"
    if kinds == ["object"] and field.get("properties"):
        needed = field.get("required", [])
        names = [f"`{name}`" if name in needed else f"`{name}`?" for name in field["properties"]]
        return f"object: {', '.join(names)}"
    return " or ".join(kinds)


def _prompts(prompts: ListPromptsResult) -> str:
    rows = []
    for prompt in prompts.prompts:
        names = [f"`{one.name}`" if one.required else f"`{one.name}`?" for one in prompt.arguments or ()]
        rows.append((f"`{prompt.name}`", ", ".join(names), prompt.description))
    return "## Prompts\n\n" + _table(("prompt", "arguments", "has the assistant"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str | None, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join((cell or '').replace('|', '/') for cell in line)} |\n" for line in lines)


def up_to_date(text: str, generated: str) -> str:
    """Return the page with its generated half replaced."""
    return text.partition(MARK)[0] + MARK + "\n" + generated


def main() -> None:
    """Write the page, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = up_to_date(text, anyio.run(reference))
    if sys.argv[1:] == ["--check"]:
        raise SystemExit(0 if wanted == text else "docs/tools.md is not up to date: python scripts/tool_reference.py")
    PAGE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
