"""Delete an order: the server asks the person behind this client, and only their answer counts.

The callback is where a host draws its form. Here the person says no first, then types the number.
"""

import sys

import anyio
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

SERVER = StdioServerParameters(
    command=sys.executable, args=["-m", "po_mcp"], env={"PO_MCP_ERP": "sandbox", "PO_MCP_SANDBOX": ":memory:"}
)
ANSWERS = [
    ElicitResult(action="decline"),
    ElicitResult(action="accept", content={"order_number": "PO-2025-0038"}),
]


async def person(context: ClientRequestContext, question: ElicitRequestParams) -> ElicitResult:
    print(question.message, end="\n\n")
    return ANSWERS.pop(0)


async def main() -> None:
    for expected in ("declined", "done"):
        async with Client(SERVER, elicitation_callback=person) as client:
            result = await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"})
            assert result.structured_content is not None
            assert result.structured_content["status"] == expected
            print(result.structured_content["message"], end="\n\n")


anyio.run(main)
