"""The resources: one order, the open ones, and what this server is connected to. Each is read as compact JSON.

A resource whose operation the ERP lacks is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, get_args

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import FunctionResource

from po_mcp import __version__
from po_mcp.approvals.elicitation import way_to_ask
from po_mcp.approvals.page_server import NoPage
from po_mcp.config import Settings
from po_mcp.desk import list_orders
from po_mcp.desk.context import Desk
from po_mcp.erp import ERP, Capability
from po_mcp.errors import InvalidInput, OrderNotFound, PurchaseOrderError
from po_mcp.orders import PurchaseOrder, plain
from po_mcp.server import current_request
from po_mcp.tools._shared import desk_of
from po_mcp.tools.get_purchase_order import remarks

ORDER = "po://orders/{number}"
OPEN = "po://orders/open"
CONNECTION = "po://connection"
JSON = "application/json"
MOST_OPEN = 100
"""Open orders that po://orders/open shows."""
_READS: frozenset[Capability] = frozenset({"list", "get", "catalog"})


def add_resources(server: MCPServer[Desk], erp: ERP, settings: Settings) -> None:
    """List the resources that this ERP can serve, and read them."""
    add = partial(_add, server)
    about = "What is connected: what it can do, and how a person is asked"
    add(CONNECTION, "connection", "Connection", about, partial(_connection, settings))
    if "list" in erp.capabilities:
        add(OPEN, "open_orders", "Open orders", "Open and partly received orders, without their lines", _open)
    if "get" in erp.capabilities:
        about = "One order with its lines"
        server.resource(ORDER, name="order", title="Purchase order", description=about, mime_type=JSON)(_order)


def order_uri(number: str) -> str:
    """Return where one order is read."""
    return ORDER.replace("{number}", number)


def _add(
    server: MCPServer[Desk], uri: str, name: str, title: str, description: str, read: Callable[[], Awaitable[str]]
) -> None:
    resource = FunctionResource(uri=uri, name=name, title=title, description=description, mime_type=JSON, fn=read)
    server.add_resource(resource)


async def _order(number: str, ctx: Context[Desk, Any]) -> str:
    """Write an order as get_purchase_order returns it, with its remarks."""
    desk = desk_of(ctx)
    order = await _told(list_orders.get_order(desk, number))
    return _written(desk, {**order.to_json(), "remarks": remarks(order) or None})


async def _open() -> str:
    from po_mcp.desk.open_orders import open_orders  # the start does not wait for it

    desk = current_request.under_way().lifespan_context
    found = await _told(open_orders(desk, MOST_OPEN))
    shown = found.orders[:MOST_OPEN]
    complete = found.complete and len(shown) == len(found.orders)
    counted = {"total_count": found.total_count, "complete": complete}
    return _written(desk, {**counted, "orders": [_short(order) for order in shown]})


async def _connection(settings: Settings) -> str:
    """Tell what this client may expect. What names the installation or its user stays out."""
    desk = current_request.under_way().lifespan_context
    offered = [name for name in get_args(Capability) if name in desk.erp.capabilities]
    facts = {
        "server": f"po-mcp {__version__}",
        "erp": desk.erp.title,
        "can": [name for name in offered if name in _READS or not settings.read_only],
        "cannot": [name for name in get_args(Capability) if name not in offered],
        "limits": desk.erp.limits,
        "read_only": settings.read_only,
        "lists": sorted(desk.erp.listed_statuses),
        "orders_per_page": list_orders.LARGEST_LIMIT,
        "seconds_per_call": settings.timeout,
    }
    return _written(desk, facts if settings.read_only else {**facts, "approval": _approval(desk, settings)})


def _approval(desk: Desk, settings: Settings) -> dict[str, Any]:
    """Tell where the person behind this client decides, the first way first, and for how long."""
    ways = ["form"] if way_to_ask(current_request.under_way().session, desk.page) == "form" else []
    ways += [] if isinstance(desk.page, NoPage) else ["page"]
    ways += ["terminal"] if desk.journal.is_shared else []
    told = {"ways": ways, "open_for_seconds": settings.approval_ttl}
    over = settings.create_approval_over
    return told if over is None else {**told, "creates_over": plain(over)}


def _short(order: PurchaseOrder) -> dict[str, Any]:
    told = order.to_json()
    names = ("number", "vendor", "status", "ordered_at", "expected_on", "total", "currency")
    return {name: told[name] for name in names if name in told}


def _written(desk: Desk, facts: dict[str, Any]) -> str:
    """Write JSON, the ERP's notice first, and what is not known left out."""
    told = {"notice": desk.erp.notice or None, **facts}
    kept = {name: value for name, value in told.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


async def _told(reading_it: Awaitable[Any]) -> Any:
    """Wait for what is read; our errors keep their words."""
    try:
        return await reading_it
    except (OrderNotFound, InvalidInput) as exc:
        raise ResourceNotFoundError(str(exc)) from exc
    except PurchaseOrderError as exc:
        raise ResourceError(str(exc)) from exc
