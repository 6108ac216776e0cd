"""Modules that a start must not wait for. `python -m benchmarks startup` has the times."""

from __future__ import annotations

import subprocess
import sys

MAX_MODULES = 140
"""Modules of po_mcp that are imported until the tools are listed; 140 were at the last count."""
MAX_MODELS = 20
"""Models of the SDK's messages that are built until then, of 300; 2 were at the last count."""

LIST_TOOLS = """
import logging, sys
from po_mcp.transports.late_models import build_models_late
build_models_late()
import anyio
from mcp import Client
from po_mcp.commands import _settings
from po_mcp.transports import stdio
logging.basicConfig()
async def list_tools():
    async with Client(stdio.build_server(_settings.load(None))) as client:
        await client.list_tools()
anyio.run(list_tools)
print(*sys.modules)
"""
COUNT_MODELS = """
from mcp_types._wire_base import WireModel
def find(base):
    for model in base.__subclasses__():
        yield model
        yield from find(model)
print(*{model.__module__ + "." + model.__name__ for model in find(WireModel) if model.__pydantic_complete__})
"""


def run(program: str) -> set[str]:
    command = [sys.executable, "-c", program]
    return set(subprocess.check_output(command, text=True, timeout=60).split())


def list_imports() -> set[str]:
    return run(LIST_TOOLS)


def test_the_tools_are_listed_without_what_only_a_call_needs() -> None:
    imported = list_imports()

    late = (
        *("po_mcp.sandbox", "po_mcp.connectors.http", "po_mcp.desk.create_order", "po_mcp.approvals.page"),
        "po_mcp.server.skill_files",
    )
    assert not imported & {*late, "jinja2", "rapidfuzz", "rich", "simplejson", "tomllib"}
    assert not [name for name in imported if name.startswith("po_mcp.connectors.") and name.endswith(".client")]
    assert len([name for name in imported if name.startswith("po_mcp")]) <= MAX_MODULES


def test_models_of_messages_are_built_as_they_are_needed() -> None:
    built = run(LIST_TOOLS.replace("print(*sys.modules)", COUNT_MODELS))

    assert "mcp_types._v2026_07_28.ListToolsRequest" in built
    assert len(built) <= MAX_MODELS
