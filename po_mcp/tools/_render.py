"""Results of tools: a short text, and the same as a typed record. Hosts hand either of them to their model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from mcp.types import CallToolResult, TextContent

from po_mcp.amounts import plain
from po_mcp.orders import OrderLine, PurchaseOrder, Record
from po_mcp.untrusted import mark_number
from po_mcp.writes.operation import WriteOutcome
from po_mcp.writes.order_text import in_currency

_DATES = "ordered/expected"
ORDERS_HEAD = f"number|vendor|status|{_DATES}|total"
_SETTLED = frozenset({"done", "declined", "stale", "expired"})
_MANY_ROWS = 3
"""Rows from which on the year in the head saves more tokens than it takes to see."""
_MIDNIGHT = "T00:00:00Z"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tool_result(text: str, record: Record, **beside: Any) -> CallToolResult:
    """Return a result of a text and a record.

    Args:
        text: for hosts that hand the text to their model.
        record: for hosts that hand over the structured content alone, and for programs.
        beside: sentences of the text that stand in no field of the record, by name; None and "" are left out.
    """
    known = {name: value for name, value in beside.items() if value}
    content = [TextContent(type="text", text=text)]
    return CallToolResult(content=content, structured_content={**known, **publish(record)})


def publish(record: Record) -> dict[str, Any]:
    """Return a record as JSON values, without those that follow from others: models read them in every chat."""
    facts: dict[str, Any] = _shorten(record.to_json())
    return facts


def _shorten(value: Any) -> Any:
    if isinstance(value, list):
        return [_shorten(one) for one in value]
    if not isinstance(value, dict):
        return value
    shown = {name: _shorten(one) if isinstance(one, dict | list) else one for name, one in value.items()}
    if shown.get("status_text", "").casefold() == shown.get("status"):
        shown.pop("status_text", None)
    if len(shown.get("lines", ())) == shown.get("line_count"):
        shown.pop("line_count", None)
    # An ERP that gives a day alone is read as its midnight.
    if "ordered_at" in shown:
        shown["ordered_at"] = shown["ordered_at"].removesuffix(_MIDNIGHT)
    return shown


def outcome_result(outcome: WriteOutcome) -> CallToolResult:
    """Return the outcome of a write as a result; its text begins with the status word.

    The id of an operation stands in the text while something can still be done about it.
    """
    notes = [] if outcome.next_step is None else [outcome.next_step]
    if outcome.replayed:
        notes.append("Already done by an earlier call; nothing was sent again.")
    notes += name_operation(outcome)
    return tool_result("\n".join([f"{outcome.status}: {outcome.message}", *notes]), outcome)


def name_operation(outcome: WriteOutcome) -> list[str]:
    """Return the id of an operation about which something can still be done; none of a settled one."""
    # A refusal that is still watched may turn out otherwise.
    is_settled = outcome.status in _SETTLED or (outcome.status == "refused" and outcome.not_before is None)
    return [f"operation_id: {outcome.operation_id}"] if outcome.operation_id and not is_settled else []


def order_rows(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a table of orders; the year in which all of many were ordered stands in its head once for all rows."""
    years = {order.ordered_at.year for order in orders if order.ordered_at}
    if len(orders) < _MANY_ROWS or len(years) != 1:
        return [ORDERS_HEAD, *map(order_row, orders)]
    [year] = years
    head = ORDERS_HEAD.replace(_DATES, f"{_DATES} in {year}")
    return [head, *(order_row(order, year) for order in orders)]


def order_row(order: PurchaseOrder, year: int | None = None) -> str:
    """Return an order as a row of a table with the columns ORDERS_HEAD; `year` stands in the head."""
    # A status that this server does not know is shown in the ERP's own word.
    status = order.status_text.strip() or "-" if order.status == "unknown" else order.status
    return join_cells(
        mark_number(order.number), order.vendor or "-", status, _format_dates(order, year), format_total(order)
    )


def _format_dates(order: PurchaseOrder, year: int | None) -> str:
    """Return ordered/expected: an ISO 8601 interval, or `15 May/1 Jun` where the year stands in the head.

    Where no day is expected, that of the order stands alone.
    """
    ordered = _format_day(order.ordered_at, year)
    if order.expected_on is None:
        return ordered
    if year is None and order.ordered_at and order.expected_on.year == order.ordered_at.year:
        return f"{ordered}/{order.expected_on:%m-%d}"
    return f"{ordered}/{_format_day(order.expected_on, year)}"


def _format_day(day: date | None, year: int | None) -> str:
    """Return a day; one of the year that is known has a name for its month, which cannot be taken for a day."""
    if day is None:
        return "-"
    return f"{day.day} {_MONTHS[day.month - 1]}" if day.year == year else f"{day:%Y-%m-%d}"


def join_cells(*texts: str) -> str:
    """Join cells with bars; a bar within a cell is escaped."""
    # An ERP's name with a bar would shift the cells, and with them the amounts.
    return "|".join([text.replace("|", "\\|") for text in texts])


def format_total(order: PurchaseOrder) -> str:
    """Return the total with its currency, or a dash where the ERP gives no total."""
    if order.total is None:
        return "-"
    return in_currency(plain(order.total), order.currency)


def lines_head(currency: str | None) -> str:
    """Return the columns of a table of an order's lines; the currency of its prices stands here once for all rows."""
    prices = (in_currency("unit price", currency), in_currency("line total", currency))
    return join_cells("line", "item", "description", "quantity", "received", *prices, "warehouse")


def line_row(line: OrderLine) -> str:
    """Return a line of an order as a row of a table with the columns of `lines_head`."""
    return join_cells(
        str(line.line or "-"),
        line.item or "-",
        line.description or "-",
        "-" if line.quantity is None else " ".join(filter(None, [plain(line.quantity), line.unit])),
        "-" if line.received is None else plain(line.received),
        "-" if line.unit_price is None else plain(line.unit_price),
        "-" if line.line_total is None else plain(line.line_total),
        line.warehouse_name or line.warehouse or "-",
    )
