"""Modules that a start must not wait for. `python -m benchmarks startup` has the times."""

from __future__ import annotations

import subprocess
import sys

MAX_MODULES = 135
"""Modules of po_mcp that are imported until the tools are listed; 127 were at the last count."""

LIST_TOOLS = """
import logging, sys
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


def imported_for_the_list() -> set[str]:
    command = [sys.executable, "-c", LIST_TOOLS]
    return set(subprocess.check_output(command, text=True, timeout=60).split())


def test_the_tools_are_listed_without_what_only_a_call_needs() -> None:
    imported = imported_for_the_list()

    late = (
        *("po_mcp.sandbox", "po_mcp.connectors.http", "po_mcp.desk.create_order", "po_mcp.approvals.page"),
        "po_mcp.server.skill_files",
    )
    assert not imported & {*late, "jinja2", "rapidfuzz", "rich", "simplejson"}
    assert not [name for name in imported if name.startswith("po_mcp.connectors.") and name.endswith(".client")]
    assert len([name for name in imported if name.startswith("po_mcp")]) <= MAX_MODULES
