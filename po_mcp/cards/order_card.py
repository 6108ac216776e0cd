"""The order card: the result of a tool as a list, an order or an outcome, in hosts that declare MCP Apps.

The card is given a result, which is the same for every client. It calls no tool, writes nothing and approves nothing:
its one button asks the host to open the approval page. A client that does not declare the extension sees none of it.
Source: modelcontextprotocol/ext-apps, specification/2026-01-26/apps.mdx.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mcp.server.apps import APP_MIME_TYPE, Apps, client_supports_apps
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.types import Tool

CARD_URI = "ui://po-mcp/order-card.html"
_TOOL_META = {"ui": {"resourceUri": CARD_URI, "visibility": ["model"]}}
"""Of a tool with the card. Without "app" among them, a host refuses calls that come from the card."""
_CARD_META = {"ui": {"prefersBorder": True}}
"""Of the card. It asks for no domain, so that the host's own policy lets it reach none."""
_FOLDER = Path(__file__).parent


class OrderCard(Apps):
    """Tells clients that declare MCP Apps which tools have the card, and serves it.

    Args:
        tool_names: the tools whose results it shows.
    """

    def __init__(self, tool_names: Iterable[str]) -> None:
        super().__init__()
        self._tool_names = frozenset(tool_names)

    def announce(self, tools: Sequence[Tool], request: ServerRequestContext[Any, Any]) -> list[Tool]:
        """Return the tools as the client of a request may see them."""
        if not client_supports_apps(request):
            return list(tools)
        # Here and not by the SDK's decorator, which shows the card to every client, and lists it among the resources.
        return [
            tool.model_copy(update={"meta": _TOOL_META}) if tool.name in self._tool_names else tool for tool in tools
        ]

    def read(self) -> list[ReadResourceContents]:
        """Return the card."""
        return [ReadResourceContents(_build_html(), APP_MIME_TYPE, _CARD_META)]


# Kept for good: its files are the program's own, and change with it alone.
@cache
def _build_html() -> str:
    """Return the card as one document: a host lets it load nothing else."""
    html, style, script = (
        (_FOLDER / f"order_card.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return html.replace("/* order_card.css */", style).replace("/* order_card.js */", script)
