"""Ask what is open and what it is worth, and read every page of the answer.

Starts a po-mcp server with a sandbox of its own, as an assistant's host would, and speaks MCP to it.
"""

import sys
from decimal import Decimal

import anyio
from mcp import Client, StdioServerParameters

SERVER = StdioServerParameters(
    command=sys.executable, args=["-m", "po_mcp"], env={"PO_MCP_ERP": "sandbox", "PO_MCP_SANDBOX": ":memory:"}
)


async def main() -> None:
    orders = []
    async with Client(SERVER) as client:
        cursor = None
        while True:
            page = await client.call_tool("list_purchase_orders", {"limit": 10, "cursor": cursor})
            assert page.structured_content is not None
            orders += page.structured_content["orders"]
            cursor = page.structured_content.get("next_cursor")
            if cursor is None:
                break

    assert len(orders) == page.structured_content["total_count"] == 28
    worth = page.structured_content["total_value"]  # over all pages; money is text, so that it stays exact
    assert Decimal(worth) == sum(Decimal(order["total"]) for order in orders)
    print(f"{len(orders)} orders are open, worth {worth}. The latest is {orders[0]['number']}.")


anyio.run(main)
