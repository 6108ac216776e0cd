"""Tryton 8, by its JSON-RPC (https://docs.tryton.org/latest/server/)."""

from po_mcp.connectors.tryton.client import Tryton

__all__ = ["Tryton"]
