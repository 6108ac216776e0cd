"""The tools as a client sees them, kept as files: a changed contract is a visible diff.

`python -m tests.tools.snapshots` writes them; with `--print` it prints them as one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.connectors.sandbox import Sandbox
from tests.harness import IN_MEMORY
from tests.homes import nobodys_home

FOLDER = Path(__file__).parent / "snapshots"


async def read_published() -> dict[str, str]:
    """Every tool's name and its entry of tools/list, as text."""
    async with Client(build_server(IN_MEMORY, erp=Sandbox())) as client:
        tools = (await client.list_tools()).tools
    return {tool.name: json.dumps(_wire(tool), indent=2, ensure_ascii=False) + "\n" for tool in tools}


def _wire(tool: object) -> object:
    from mcp.types import Tool

    assert isinstance(tool, Tool)
    return tool.model_dump(mode="json", by_alias=True, exclude_none=True)


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in anyio.run(read_published).items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with nobodys_home():
        if sys.argv[1:] == ["--print"]:
            print(json.dumps(anyio.run(read_published)))  # noqa: T201
        else:
            write()
