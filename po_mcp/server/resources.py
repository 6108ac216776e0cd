"""The resources: one order, the open orders, and the connection, each as compact JSON.

A resource that the ERP has no call for is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, get_args

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import FunctionResource

from po_mcp import __version__
from po_mcp.amounts import plain
from po_mcp.approvals import caller
from po_mcp.approvals.elicitation import elicitation_mode
from po_mcp.approvals.page_server import NoPage
from po_mcp.config import Settings
from po_mcp.desk import list_orders, order_pages
from po_mcp.desk.context import Desk
from po_mcp.erp import ERP, Capability
from po_mcp.errors import InvalidInput, OrderNotFound, PurchaseOrderError
from po_mcp.orders import PurchaseOrder
from po_mcp.server import current_request
from po_mcp.tools._params import desk_of
from po_mcp.tools._render import publish
from po_mcp.tools.get_purchase_order import describe_order

ORDER_URI = "po://orders/{number}"
OPEN_ORDERS_URI = "po://orders/open"
CONNECTION_URI = "po://connection"
JSON_TYPE = "application/json"
MAX_OPEN_ORDERS = 100
"""Open orders in po://orders/open."""
_READ_CAPABILITIES: frozenset[Capability] = frozenset({"list", "get", "catalog"})


def add_resources(server: MCPServer[Desk], erp: ERP, settings: Settings) -> None:
    """Add the resources that this ERP can serve."""
    add = partial(_add, server)
    about = "Connected ERP, what it supports, and how approvals work"
    add(CONNECTION_URI, "connection", "Connection", about, partial(_read_connection, settings))
    if "list" in erp.capabilities:
        add(
            OPEN_ORDERS_URI,
            "open_orders",
            "Open orders",
            "Open and partly received orders, without lines",
            _read_open_orders,
        )
    if "get" in erp.capabilities:
        about = "One order with lines"
        server.resource(ORDER_URI, name="order", title="Purchase order", description=about, mime_type=JSON_TYPE)(
            _read_order
        )


def order_uri(number: str) -> str:
    """Return the URI of one order."""
    return ORDER_URI.replace("{number}", number)


def _add(
    server: MCPServer[Desk], uri: str, name: str, title: str, description: str, read: Callable[[], Awaitable[str]]
) -> None:
    resource = FunctionResource(uri=uri, name=name, title=title, description=description, mime_type=JSON_TYPE, fn=read)
    server.add_resource(resource)


async def _read_order(number: str, ctx: Context[Desk, Any]) -> str:
    """Return an order as get_purchase_order does, with its remarks and its first lines, as JSON."""
    desk = desk_of(ctx)
    order = await _translate_errors(list_orders.get_order(desk, number))
    page = order_pages.page_of(order, None)
    return _to_json(desk, {**publish(page), "remarks": describe_order(order, page) or None})


async def _read_open_orders() -> str:
    from po_mcp.desk.open_orders import read_open_orders  # late, for a quick start

    desk = current_request.get_request().lifespan_context
    found = await _translate_errors(read_open_orders(desk, MAX_OPEN_ORDERS))
    # A scan reads whole pages of the ERP, so it may return more than was asked for.
    shown = found.orders[:MAX_OPEN_ORDERS]
    complete = found.complete and len(shown) == len(found.orders)
    counted = {"total_count": found.total_count, "complete": complete}
    return _to_json(desk, {**counted, "orders": [_summarize(order) for order in shown]})


async def _read_connection(settings: Settings) -> str:
    """Return what this client may expect, as JSON. Names of the installation and its user are left out."""
    desk = current_request.get_request().lifespan_context
    offered = [name for name in get_args(Capability) if name in desk.erp.capabilities]
    facts = {
        "server": f"po-mcp {__version__}",
        "erp": desk.erp.title,
        "can": [name for name in offered if name in _READ_CAPABILITIES or not settings.read_only],
        "cannot": [name for name in get_args(Capability) if name not in offered],
        "limits": desk.erp.limits,
        "read_only": settings.read_only,
        "lists": sorted(desk.erp.listed_statuses),
        "orders_per_page": list_orders.MAX_LIMIT,
        "seconds_per_call": settings.timeout,
    }
    return _to_json(desk, facts if settings.read_only else {**facts, "approval": _describe_approval(desk, settings)})


def _describe_approval(desk: Desk, settings: Settings) -> dict[str, Any]:
    """Return where the person behind this client decides, the preferred way first, and the time they have."""
    ways = ["form"] if _has_form(desk) else []
    ways += [] if isinstance(desk.page, NoPage) else ["page"]
    # A terminal is a process of its own, which sees no journal in memory.
    ways += ["terminal"] if desk.journal.is_shared else []
    facts = {"ways": ways, "open_for_seconds": settings.approval_ttl}
    over = settings.create_approval_over
    return facts if over is None else {**facts, "creates_over": _limits(over)}


def _has_form(desk: Desk) -> bool:
    """Tell whether the client of this request has a form, and the caller may approve what they ask for."""
    if elicitation_mode(current_request.get_request().session, desk.page) != "form":
        return False
    rules = desk.approvers
    return rules is None or (rules.may_approve_own and rules.is_approver(caller.person()))


def _limits(over: Mapping[str, Decimal]) -> str | dict[str, str]:
    """Return the one limit of all currencies, or the limit of each."""
    return plain(over[""]) if "" in over else {currency: plain(limit) for currency, limit in over.items()}


def _summarize(order: PurchaseOrder) -> dict[str, Any]:
    facts = publish(order)
    names = ("number", "vendor", "status", "ordered_at", "expected_on", "total", "currency")
    return {name: facts[name] for name in names if name in facts}


def _to_json(desk: Desk, facts: dict[str, Any]) -> str:
    """Return compact JSON, the ERP's notice first, without values that are None."""
    facts = {"notice": desk.erp.notice or None, **facts}
    known = {name: value for name, value in facts.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


async def _translate_errors(reading: Awaitable[Any]) -> Any:
    """Return what is read; errors become the SDK's resource errors with the same text."""
    try:
        return await reading
    except (OrderNotFound, InvalidInput) as exc:
        # For a client both are a wrong address (-32602), and all else is a fault of the server.
        raise ResourceNotFoundError(str(exc)) from exc
    except PurchaseOrderError as exc:
        raise ResourceError(str(exc)) from exc
