"""Create an order, and heed every outcome that a write can have.

The second call asks for the same order again, as a client does that lost the first answer: it is not
created twice.
"""

import sys
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

SERVER = StdioServerParameters(
    command=sys.executable, args=["-m", "po_mcp"], env={"PO_MCP_ERP": "sandbox", "PO_MCP_SANDBOX": ":memory:"}
)
ORDER = {
    "number": "PO-2025-0043",
    "vendor": "Acme Fasteners",
    "lines": [
        {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"},
        {"item": "NUT-M8", "quantity": "1000", "unit_price": "0.22", "warehouse": "1"},
    ],
}


def heed(outcome: dict[str, Any]) -> str:
    if outcome["do_not_repeat"]:
        return f"Look at the order before anything else. {outcome['message']}"
    if outcome["status"] == "done":
        return f"{outcome['message']}{' (an earlier call did it)' if outcome['replayed'] else ''}"
    return f"Nothing was changed. {outcome['message']}"


async def main() -> None:
    async with Client(SERVER) as client:
        outcomes = [(await client.call_tool("create_purchase_order", ORDER)).structured_content for _ in range(2)]

    for outcome in outcomes:
        assert outcome is not None
        print(heed(outcome))
    assert [outcome and outcome["replayed"] for outcome in outcomes] == [False, True]


anyio.run(main)
