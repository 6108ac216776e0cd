"""The tools, one file each: this registry is the product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from po_mcp.erp import Capability
from po_mcp.tools.cancel_purchase_order import cancel_purchase_order
from po_mcp.tools.create_purchase_order import create_purchase_order
from po_mcp.tools.delete_purchase_order import delete_purchase_order
from po_mcp.tools.finalize_purchase_order import finalize_purchase_order
from po_mcp.tools.get_operation import get_operation
from po_mcp.tools.get_purchase_order import get_purchase_order
from po_mcp.tools.list_purchase_orders import list_purchase_orders
from po_mcp.tools.search_catalog import search_catalog


@dataclass(frozen=True)
class Registered:
    """A tool: the function, its title, what the ERP must offer for it, and what it does to the world."""

    function: Callable[..., Any]
    title: str
    operation: Capability
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False


REGISTRY = (
    Registered(list_purchase_orders, "List purchase orders", "list", read_only=True, idempotent=True),
    Registered(get_purchase_order, "Get purchase order", "get", read_only=True, idempotent=True),
    Registered(search_catalog, "Search catalog", "catalog", read_only=True, idempotent=True),
    Registered(create_purchase_order, "Create purchase order", "create"),
    Registered(finalize_purchase_order, "Finalize purchase order", "finalize", destructive=True, idempotent=True),
    Registered(delete_purchase_order, "Delete purchase order", "delete", destructive=True, idempotent=True),
    Registered(cancel_purchase_order, "Cancel purchase order", "cancel", destructive=True, idempotent=True),
    Registered(get_operation, "Get operation", "get", idempotent=True),  # it settles what is not known
)
