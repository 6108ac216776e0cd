"""The tool `get_purchase_order`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import list_orders, order_pages
from po_mcp.desk.context import Desk
from po_mcp.orders import PurchaseOrder
from po_mcp.tools._params import Cursor, OrderNumber, desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import ORDERS_HEAD, line_row, lines_head, order_row, tool_result
from po_mcp.writes.order_text import lines_told, money


class OrderResult(order_pages.OrderPage):
    """A page of an order, with what stands beside it in the text."""

    notice: str | None = None
    remarks: tuple[str, ...] | None = None


async def get_purchase_order(
    ctx: Context[Desk, Any],
    number: OrderNumber,
    detail: Annotated[Literal["short", "full"], Field(description="short: without the lines")] = "full",
    cursor: Annotated[Cursor | None, Field(max_length=400, description="next_cursor of the page before")] = None,
) -> Annotated[CallToolResult, OrderResult]:
    """Read one order."""
    desk = desk_of(ctx)
    order = await list_orders.get_order(desk, number)
    page = order_pages.page_of(order, cursor)
    if detail == "short":
        # Without the cursor, too: who wants no lines must not be told to fetch the next.
        page = page.model_copy(update={"lines": None, "next_cursor": None})
    remarks = describe_order(order, page)
    rows = [ORDERS_HEAD, order_row(order), *_line_rows(order, page)]
    text = "\n".join([*filter(None, [desk.erp.notice]), *rows, *remarks])
    return tool_result(text, page, notice=desk.erp.notice, remarks=remarks)


def _line_rows(order: PurchaseOrder, page: order_pages.OrderPage) -> list[str]:
    return [lines_head(order.currency), *map(line_row, page.lines)] if page.lines else []


def describe_order(order: PurchaseOrder, page: order_pages.OrderPage) -> list[str]:
    """Return sentences on the lines that are not shown, on a total that is not their sum, and on what is left out."""
    return [*_describe_lines(order, page), *_count_untold(order), *_compare_total(order), *_name_odd(order)]


def _describe_lines(order: PurchaseOrder, page: order_pages.OrderPage) -> list[str]:
    """Return a sentence on the lines that are not shown; none if all are."""
    if order.lines == () and not order.untold_lines:
        return ["The ERP shows no lines of it."]
    if page.lines is None:
        return [_count_lines(order)]
    return [_explain_more(page)] if page.next_cursor else []


def _count_untold(order: PurchaseOrder) -> list[str]:
    """Return a remark if the ERP counts more lines than it gave."""
    return [f"{lines_told(order)}; what was received is not known."] if order.untold_lines else []


def _explain_more(page: order_pages.OrderPage) -> str:
    """Return a sentence on how many lines there are, and how to see the next."""
    shown = len(page.lines or ())
    return f"{shown} of {page.line_count} lines shown; for more, call again with cursor={page.next_cursor}"


def _compare_total(order: PurchaseOrder) -> list[str]:
    """Return a remark if the ERP's total differs from the sum of the lines; neither is corrected."""
    added = order.sum_of_lines
    if added is None or order.total is None or added == order.total:
        return []
    sum_of_lines, total = money(added, order.currency), money(order.total, order.currency)
    if order.tax and added == order.total_before_tax:
        return [
            f"The lines add up to {sum_of_lines}; with {money(order.tax, order.currency)} tax that is the ERP's total."
        ]
    return [f"The lines add up to {sum_of_lines}, the ERP's total is {total}."]


def _name_odd(order: PurchaseOrder) -> list[str]:
    """Return a remark for each field that is left out since it cannot be read."""
    return [one.sentence for one in order.odd]


def _count_lines(order: PurchaseOrder) -> str:
    """Return how many lines the order has, and how many are not fully received."""
    lines = order.lines or ()
    if order.lines is None:
        known = "" if order.line_count is None else f" ({order.line_count})"
        return f"its lines{known} cannot be read here."
    count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
    if order.untold_lines:
        return f"{count} told; detail=full lists them."
    if order.untold_receipts and not order.lines_without_receipts:
        return f"{count}; the ERP does not say what is outstanding."
    if order.untold_receipts:
        return f"{count}; the ERP does not say what was received."
    return f"{count}, {len(order.outstanding_lines)} outstanding; detail=full lists them."


TOOL = RegisteredTool(
    get_purchase_order,
    title="Get purchase order",
    capability="get",
    description=(
        "Read one purchase order with its lines: ordered, received, outstanding, prices, warehouse. "
        "Read-only. Use it when you know the number; otherwise list_purchase_orders. Where the lines do not add up "
        "to the ERP's total, both are given."
    ),
    returns="A purchase order as the ERP stores it. outstanding: ordered less received, never below 0.",
    read_only=True,
    idempotent=True,
    has_card=True,
)
