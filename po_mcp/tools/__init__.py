"""The tools, one file each: this registry is the product."""

from __future__ import annotations

from po_mcp.tools import (
    cancel_purchase_order,
    create_purchase_order,
    delete_purchase_order,
    finalize_purchase_order,
    get_operation,
    get_purchase_order,
    list_purchase_orders,
    search_catalog,
)
from po_mcp.tools._registered import RegisteredTool as RegisteredTool

REGISTRY: tuple[RegisteredTool, ...] = (
    list_purchase_orders.TOOL,
    get_purchase_order.TOOL,
    search_catalog.TOOL,
    create_purchase_order.TOOL,
    finalize_purchase_order.TOOL,
    delete_purchase_order.TOOL,
    cancel_purchase_order.TOOL,
    get_operation.TOOL,
)

_WRITE_TOOLS = frozenset(registered.name for registered in REGISTRY if not registered.read_only)


def is_write_tool(name: str) -> bool:
    """Return whether there is a tool of this name that may write."""
    return name in _WRITE_TOOLS
