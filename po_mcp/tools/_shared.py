"""What the tools share: their parameters' types, the desk of a call, and the text that a model reads."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from po_mcp.desk.context import Desk
from po_mcp.orders import OrderLine, PurchaseOrder, Record, plain
from po_mcp.untrusted import visible
from po_mcp.writes.operation import WriteOutcome

_LONGEST_NUMBER = 64
_DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"


def _order_number(text: str) -> str:
    """Check what every ERP wants of a number; whether its address can carry it, its connector says."""
    if not text.strip() or len(text) > _LONGEST_NUMBER or text in (".", "..") or visible(text) != text:
        raise ValueError(f"must be an order number of at most {_LONGEST_NUMBER} characters, such as PO-2025-0042")
    return text


def _iso_date(value: object) -> date:
    """Read YYYY-MM-DD and nothing else: pydantic's own date would take a number of seconds."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or value != found.isoformat():
        raise ValueError("must be a date as YYYY-MM-DD")
    return found


Day = Annotated[date, BeforeValidator(_iso_date), WithJsonSchema({"type": "string", "pattern": _DAY_PATTERN})]
OrderNumber = Annotated[
    str,
    AfterValidator(_order_number),
    WithJsonSchema(
        {"type": "string", "maxLength": _LONGEST_NUMBER, "description": "Order number, such as PO-2025-0042"}
    ),
]


def desk_of(ctx: Context[Desk, Any]) -> Desk:
    """Return the desk that this server was started with."""
    return ctx.request_context.lifespan_context


def result(text: str, record: Record) -> CallToolResult:
    """Return a short text for the model, and the full typed record for programs."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=record.to_json())


def told(outcome: WriteOutcome) -> CallToolResult:
    """Return the outcome of a write: its status word first, then what to know."""
    notes = []
    if outcome.replayed:
        notes.append("This repeats the outcome of an earlier call; nothing more was sent.")
    if outcome.operation_id:
        notes.append(f"operation_id: {outcome.operation_id}")
    return result("\n".join([f"{outcome.status}: {outcome.message}", *notes]), outcome)


HEAD = "number|vendor|status|ordered/expected|total"


def row(order: PurchaseOrder) -> str:
    """Write an order as one row of a table."""
    status = order.status_text if order.status == "unknown" else order.status
    return _cells(order.number, order.vendor, status, _dates(order), amount(order))


def _dates(order: PurchaseOrder) -> str:
    """Write ordered/expected as ISO 8601 does an interval: a year that both share stands once."""
    ordered = f"{order.ordered_at:%Y-%m-%d}" if order.ordered_at else "-"
    if order.expected_on is None:
        return f"{ordered}/-"
    is_same_year = order.ordered_at is not None and order.ordered_at.year == order.expected_on.year
    return f"{ordered}/{order.expected_on:%m-%d}" if is_same_year else f"{ordered}/{order.expected_on}"


def _cells(*texts: str) -> str:
    """Join cells; a bar within one is written so that it ends none."""
    return "|".join(text.replace("|", "\\|") for text in texts)


def amount(order: PurchaseOrder) -> str:
    """Write the total with its currency, or a dash where the ERP tells none."""
    if order.total is None:
        return "-"
    return plain(order.total) + (f" {order.currency}" if order.currency else "")


LINES_HEAD = "line|item|description|quantity|received|unit price|line total|warehouse"


def line_row(line: OrderLine) -> str:
    """Write a line of an order as one row of a table."""
    return _cells(
        str(line.line or "-"),
        line.item or "-",
        line.description or "-",
        "-" if line.quantity is None else plain(line.quantity),
        "-" if line.received is None else plain(line.received),
        "-" if line.unit_price is None else plain(line.unit_price),
        "-" if line.line_total is None else plain(line.line_total),
        line.warehouse_name or line.warehouse or "-",
    )
