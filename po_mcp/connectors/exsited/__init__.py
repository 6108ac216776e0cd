"""Exsited, API v3 (https://developer.exsited.com)."""

from __future__ import annotations

from po_mcp.connectors.exsited.client import Exsited

__all__ = ["Exsited"]
