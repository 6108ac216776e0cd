"""Call tools of whichever po_mcp stands first on the path, in this process, and print what came of it as JSON.

`python -m tests.docs.call_tools '[["get_purchase_order", {"number": "PO-2025-0042"}]]'`. Settings come from the
environment. Every form is answered with its first option that is not the safe one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from po_mcp import config
from po_mcp.bootstrap import build_server


async def approve(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    """Answer a form of one titled choice with its second option."""
    assert isinstance(params, ElicitRequestFormParams)
    [(name, field)] = params.requested_schema["properties"].items()
    return ElicitResult(action="accept", content={name: field["oneOf"][1]["const"]})


async def call(calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the names of the tools, and the structured result of each call."""
    async with Client(build_server(config.load()), elicitation_callback=approve) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        results = [(await client.call_tool(name, arguments)).structured_content for name, arguments in calls]
    return {"tools": tools, "results": results}


if __name__ == "__main__":
    print(json.dumps(anyio.run(call, json.loads(sys.argv[1]))))  # noqa: T201
