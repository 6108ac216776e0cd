"""Exsited, API v3 (https://developer.exsited.com)."""

from po_mcp.connectors.exsited.client import Exsited

__all__ = ["Exsited"]
