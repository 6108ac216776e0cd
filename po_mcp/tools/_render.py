"""Results of tools: a short text for the model beside the typed record for programs."""

from __future__ import annotations

from mcp.types import CallToolResult, TextContent

from po_mcp.orders import OrderLine, PurchaseOrder, Record, plain
from po_mcp.writes.operation import WriteOutcome

ORDERS_HEAD = "number|vendor|status|ordered/expected|total"
LINES_HEAD = "line|item|description|quantity|received|unit price|line total|warehouse"


def tool_result(text: str, record: Record) -> CallToolResult:
    """Return a result of a text for the model and the whole record for programs."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=record.to_json())


def outcome_result(outcome: WriteOutcome) -> CallToolResult:
    """Return the outcome of a write as a result; its text begins with the status word."""
    notes = []
    if outcome.replayed:
        notes.append("This repeats the outcome of an earlier call; nothing more was sent.")
    if outcome.operation_id:
        notes.append(f"operation_id: {outcome.operation_id}")
    return tool_result("\n".join([f"{outcome.status}: {outcome.message}", *notes]), outcome)


def order_row(order: PurchaseOrder) -> str:
    """Return an order as a row of a table with the columns ORDERS_HEAD."""
    # A status that this server does not know is shown in the ERP's own word.
    status = order.status_text if order.status == "unknown" else order.status
    return _join_cells(order.number, order.vendor, status, _format_dates(order), format_total(order))


def _format_dates(order: PurchaseOrder) -> str:
    """Return ordered/expected as an ISO 8601 interval: a year that both share stands once."""
    ordered = f"{order.ordered_at:%Y-%m-%d}" if order.ordered_at else "-"
    if order.expected_on is None:
        return f"{ordered}/-"
    is_same_year = order.ordered_at is not None and order.ordered_at.year == order.expected_on.year
    return f"{ordered}/{order.expected_on:%m-%d}" if is_same_year else f"{ordered}/{order.expected_on}"


def _join_cells(*texts: str) -> str:
    """Join cells with bars; a bar within a cell is escaped."""
    return "|".join(text.replace("|", "\\|") for text in texts)


def format_total(order: PurchaseOrder) -> str:
    """Return the total with its currency, or a dash where the ERP gives no total."""
    if order.total is None:
        return "-"
    return plain(order.total) + (f" {order.currency}" if order.currency else "")


def line_row(line: OrderLine) -> str:
    """Return a line of an order as a row of a table with the columns LINES_HEAD."""
    return _join_cells(
        str(line.line or "-"),
        line.item or "-",
        line.description or "-",
        "-" if line.quantity is None else plain(line.quantity),
        "-" if line.received is None else plain(line.received),
        "-" if line.unit_price is None else plain(line.unit_price),
        "-" if line.line_total is None else plain(line.line_total),
        line.warehouse_name or line.warehouse or "-",
    )
