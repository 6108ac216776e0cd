"""Connectors to ERPs, each in its own folder, and the parts that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from po_mcp.connectors.declaration import ConnectorSettings, OpenTokenStore
    from po_mcp.erp import ERP


def connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> ERP:
    """Return the connector that the settings name. Nothing is sent yet."""
    from po_mcp.connectors.registry import REGISTRY  # it imports every folder, which this module is above

    return REGISTRY[settings.erp].connect(settings, token_store)
