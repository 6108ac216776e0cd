"""The tool `list_purchase_orders`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.amounts import plain
from po_mcp.desk import list_orders
from po_mcp.desk.context import Desk
from po_mcp.desk.listing import NO_CURRENCY, Direction, ListRequest, Sort
from po_mcp.orders import Status, Word
from po_mcp.tools._params import Cursor, Day, desk_of
from po_mcp.tools._progress import report_progress
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import order_rows, tool_result
from po_mcp.writes.order_text import in_currency


class ListResult(list_orders.OrderList):
    """A page of orders, with what stands beside it in the text."""

    notice: str | None = None


Limit = Annotated[
    int | None, Field(ge=1, le=list_orders.MAX_LIMIT, strict=True, description="Orders per page; 25 if left out")
]
NextPage = Annotated[
    Cursor | None,
    Field(min_length=1, max_length=200, description="next_cursor of the previous page, all else unchanged"),
]


async def list_purchase_orders(
    ctx: Context[Desk, Any],
    status: Annotated[Status | None, Field(description="Only this status")] = None,
    vendor: Annotated[Word | None, Field(description="Only this vendor: id, code or name")] = None,
    ordered_from: Annotated[Day | None, Field(description="Ordered on or after")] = None,
    ordered_to: Annotated[Day | None, Field(description="Ordered on or before")] = None,
    overdue: Annotated[bool | None, Field(strict=True, description="true: only those past their expected date")] = None,
    sort: Sort = "ordered",
    direction: Direction = "desc",
    limit: Limit = None,
    cursor: NextPage = None,
) -> Annotated[CallToolResult, ListResult]:
    """List orders, with sums over all that match."""
    desk = desk_of(ctx)
    request = ListRequest(
        status=status,
        vendor=vendor,
        ordered_from=ordered_from,
        ordered_to=ordered_to,
        overdue=bool(overdue),
        sort=sort,
        direction=direction,
    )
    found = await list_orders.list_orders(desk, request, limit, cursor, _report_progress)
    # The sums stand before the rows: a host that cuts a long text must not cut these.
    shown = order_rows(found.orders) if found.orders else []
    note = found.note or _explain_unlisted(desk, found)
    text = "\n".join([desk.add_notice(_summary(found)), *filter(None, [note]), *shown])
    return tool_result(text, found.model_copy(update={"note": note or None}), notice=desk.erp.notice)


async def _report_progress(read: int, of: int | None) -> None:
    await report_progress(read, of, f"{read} of {of} orders read" if of else f"{read} orders read")


def _summary(found: list_orders.OrderList) -> str:
    """Return count, sum and cursor of the orders that match, in a sentence; on later pages their places alone."""
    if not found.total_count:
        return "No matching orders." if found.complete else "No orders are known to match."
    # Never a plain count where some may be missing: it would be quoted as the number of all orders.
    least = "" if found.complete else "at least "
    # The sums of all pages stood on the first; said again, they would be added up.
    if found.begins_at and found.orders:
        more = f"; next page: cursor={found.next_cursor}" if found.has_more else "."
        last = found.begins_at + len(found.orders)
        return f"{found.begins_at + 1}-{last} of {least}{found.total_count} orders{more}"
    more = f" First {len(found.orders)} shown; next page: cursor={found.next_cursor}" if found.has_more else ""
    return f"{least}{_count_orders(found)}, total {_format_totals(found)}.{more}"


def _count_orders(found: list_orders.OrderList) -> str:
    """Return `3 open orders` where all have one status that is known, else `5 orders (3 open, 2 partial)`."""
    noun = "order" if found.total_count == 1 else "orders"
    if len(found.by_status) == 1 and "unknown" not in found.by_status:
        return f"{found.total_count} {next(iter(found.by_status))} {noun}"
    kinds = ", ".join(f"{count} {status}" for status, count in found.by_status.items())
    return f"{found.total_count} {noun} ({kinds})"


def _explain_unlisted(desk: Desk, found: list_orders.OrderList) -> str:
    """Return a sentence for an empty list of an ERP that does not list every order; "" otherwise."""
    # An ERP that lists either leaves none out: it may have no word for the other.
    if found.total_count or desk.erp.listed_statuses & {"closed", "cancelled"}:
        return ""
    erp = "The sandbox" if desk.erp.notice else desk.erp.title
    return f"{erp} does not list closed or cancelled orders; get_purchase_order reads any by number."


def _format_totals(found: list_orders.OrderList) -> str:
    totals = found.totals or {found.currency or "": found.total_value or Decimal(0)}
    # Currencies are never added up: there is no rate here. An ERP's currency can read as a sum of its own.
    worth = " and ".join(
        f"{plain(total)} {name}" if name == NO_CURRENCY else in_currency(plain(total), name)
        for name, total in totals.items()
    )
    no_total = f" (without {found.without_total} that have no total)" if found.without_total else ""
    return worth + no_total


TOOL = RegisteredTool(
    list_purchase_orders,
    title="List purchase orders",
    capability="list",
    description=(
        "Find and total purchase orders: open, overdue, of one vendor or period. Read-only. Use it to find "
        "orders or answer how many and how much. total_count, total_value and by_status cover every match, "
        "not only this page; do not add up pages yourself. For the lines of one order use get_purchase_order."
    ),
    returns="A page of orders and the totals of all matches. complete false: some may be missing, see note.",
    read_only=True,
    idempotent=True,
    has_card=True,
)
