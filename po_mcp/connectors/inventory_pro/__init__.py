"""Inventory Pro by CISS, API v1 (https://cissltd.com/docs/api/)."""

from po_mcp.connectors.inventory_pro.client import InventoryPro

__all__ = ["InventoryPro"]
