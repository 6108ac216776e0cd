"""The MCP server: the SDK's, with errors for unknown tools and prompts, an icon, cache hints and stdio."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mcp.server import MCPServer
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver import server as sdk
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.utilities.logging import configure_logging
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    DiscoverResult,
    GetPromptResult,
    Icon,
    InputRequiredResult,
    RequestParams,
    Tool,
)

from po_mcp import telemetry
from po_mcp.approvals import caller
from po_mcp.cards.order_card import CARD_URI, OrderCard
from po_mcp.concurrency import CallRate
from po_mcp.desk.context import Desk
from po_mcp.scopes import Scope
from po_mcp.server import current_request
from po_mcp.server.lost_answers import explain_lost_answer
from po_mcp.server.request_params import refuse_arguments
from po_mcp.server.skills import SCHEME, Skills
from po_mcp.untrusted import visible

if TYPE_CHECKING:
    from pydantic import AnyUrl

    from po_mcp.server.lines import LineTransport

_LIST_CACHE_HINT = CacheHint(ttl_ms=300_000)
"""Lists do not change while the server runs; a client that reads this hint requests them once in five minutes."""
_CACHEABLE_METHODS: tuple[CacheableMethod, ...] = (
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
)
_GET_OPERATION = "get_operation"
# As a data: address, so that no host has to load it from anywhere.
_ICON = Icon(
    src="data:image/svg+xml;base64,"
    "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCI+PHBhdGggZmlsbD0iIzFmNmZlYiIgZD0i"
    "TTUgMmgxNHYyMGwtMy41LTItMy41IDItMy41LTJMNSAyMnoiLz48cGF0aCBzdHJva2U9IiNmZmYiIHN0cm9rZS13aWR0aD0iMS42IiBkPSJNOCA3"
    "aDhNOCAxMWg4TTggMTVoNSIvPjwvc3ZnPg==",
    mime_type="image/svg+xml",
    sizes=["any"],
)
"""A sheet of paper with three lines."""


def _configure_logging(level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO") -> None:
    """Configure logging as the SDK does, unless it is configured."""
    if not logging.getLogger().hasHandlers():
        configure_logging(level)


# Where logging is configured, the SDK's function has no effect, but it imports rich, which a start would wait for.
sdk.configure_logging = _configure_logging  # type: ignore[attr-defined]  # the SDK has no setting for it


class PurchasingServer(MCPServer[Desk]):
    """A server whose errors say why a tool or prompt is missing, and which shows a caller what they may use.

    Args:
        scopes: its tools by their names, and the scopes that each needs.
        limits: sentences on what this ERP and these settings do not offer.
        skills: the skills that it serves.
        card: the card that hosts with MCP Apps show.
        calls_per_minute: of tools by one person; None where callers have no tokens, and the list of tools is one.
        more: further arguments of the SDK's server.
    """

    def __init__(
        self,
        name: str,
        *,
        scopes: Mapping[str, Sequence[Scope]],
        limits: str,
        skills: Skills,
        card: OrderCard,
        calls_per_minute: int | None = None,
        **more: Any,
    ) -> None:
        cache_hints = dict.fromkeys(_CACHEABLE_METHODS, _LIST_CACHE_HINT)
        if calls_per_minute is not None:  # a person may get further scopes at any time
            del cache_hints["tools/list"]
        super().__init__(name, icons=[_ICON], cache_hints=cache_hints, extensions=[skills, card], **more)
        # Around the SDK's own check of a question's state: what it is given as `middleware` runs inside of it.
        self.middleware.insert(0, explain_lost_answer)
        self._skills = skills
        self._card = card
        self._scopes = dict(scopes)
        self._limits = limits
        # Two, so that a client that asked for much can still answer what was asked of them, and see what came of it.
        self._rates = None if calls_per_minute is None else (CallRate(calls_per_minute), CallRate(calls_per_minute))
        # MCPServer has no public way to replace this handler; the dependency is pinned below mcp 2.4 for that.
        self._lowlevel_server.add_request_handler("server/discover", RequestParams, self._discover)

    async def list_tools(self) -> list[Tool]:
        """List the tools that the caller may use, with the card for a client that declares MCP Apps."""
        tools = [tool for tool in await super().list_tools() if caller.is_allowed(*self._scopes[tool.name])]
        return self._card.announce(tools, current_request.get_request())

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Desk, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name.

        Raises:
            ToolError: this server has no such tool, and the text says why and names its tools; the caller lacks a
                scope for it; or the arguments are no object.
        """
        # The SDK's own error would not say that this ERP or the operator does not offer the tool.
        if name not in self._scopes:
            tools = f"Tools: {', '.join(self._scopes)}."
            raise ToolError(f"No tool is named {visible(name, 80)}. {self._limits} {tools}")
        # Once more after the gate, which reads the message on its own: what counts is the name that is called here.
        if not caller.is_allowed(*self._scopes[name]):
            needed = " and ".join(self._scopes[name])
            raise ToolError(f"This sign-in may not do that: {name} needs {needed}. Nothing was changed.")
        if self._rates is not None:
            self._count_call(name, self._rates, has_answer=context is not None and bool(context.request_state))
        refuse_arguments(current_request.get_request().params)
        return await super().call_tool(name, arguments, context)

    def _count_call(self, name: str, rates: tuple[CallRate, CallRate], *, has_answer: bool) -> None:
        """Raise `ToolError` where the caller makes too many calls."""
        rate = rates[name == _GET_OPERATION or has_answer]
        if wait := rate.take(caller.user_name()):
            telemetry.count("po_mcp.calls.refused", what="tool")
            raise ToolError(
                f"Too many calls in a short time: each person may make {rate.per_minute} a minute. Nothing was sent. "
                f"Try again in {wait} s."
            )

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Desk, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Render a prompt by its name.

        Raises:
            MCPError: no prompt of this name is listed; the SDK would report a crash of the server.
        """
        if name not in [prompt.name for prompt in await self.list_prompts()]:
            raise MCPError(INVALID_PARAMS, "No such prompt. See prompts/list.")
        return await super().get_prompt(name, arguments, context)

    async def _discover(self, ctx: ServerRequestContext[Desk, Any], params: RequestParams) -> DiscoverResult:
        """Answer server/discover. The SDK would announce changes of lists, which never change here."""
        result = await self._lowlevel_server._handle_discover(ctx, params)
        lists = {name: getattr(result.capabilities, name) for name in ("tools", "prompts", "resources")}
        constant = {
            name: one.model_copy(update={"list_changed": None}) for name, one in lists.items() if one is not None
        }
        return result.model_copy(update={"capabilities": result.capabilities.model_copy(update=constant)})

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Desk, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource by its URI; the files of skills, and the card, stand in no list of resources."""
        if str(uri).startswith(SCHEME):
            return await self._skills.read(str(uri))
        if str(uri) == CARD_URI:
            return self._card.read()
        return await super().read_resource(uri, context)

    async def run_on(self, wire: LineTransport, *, opens_spans: bool = True) -> None:
        """Serve one client over lines of JSON-RPC, until they end."""
        from po_mcp.server.eras import leave_out_spans, serve_client  # late: for a server over HTTP never

        if not opens_spans:
            leave_out_spans(self._lowlevel_server)
        await serve_client(self._lowlevel_server, wire)
