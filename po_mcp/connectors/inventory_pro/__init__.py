"""Inventory Pro by CISS, API v1 (https://cissltd.com/docs/api/)."""

from __future__ import annotations

from po_mcp.connectors.inventory_pro.client import InventoryPro

__all__ = ["InventoryPro"]
