"""The server as the SDK has it, but for a tool that is not there: what to do about it is said."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, InputRequiredResult

from po_mcp.desk import Desk
from po_mcp.untrusted import visible


class PurchasingServer(MCPServer[Desk]):
    """A server that says why a tool is not there.

    Args:
        listed: the names of its tools.
        limits: a sentence on what is not offered here.
        more: what the SDK's server takes.
    """

    def __init__(self, name: str, *, listed: list[str], limits: str, **more: Any) -> None:
        super().__init__(name, **more)
        self._listed = listed
        self._limits = limits

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Desk, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name."""
        if name not in self._listed:
            there_are = f"Tell the user; the tools are {', '.join(self._listed)}."
            raise ToolError(f"There is no tool {visible(name, 80)}. Nothing was sent. {self._limits} {there_are}")
        return await super().call_tool(name, arguments, context)
