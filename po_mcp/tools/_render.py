"""Results of tools: a short text, and the same as a typed record. Hosts hand either of them to their model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from mcp.types import CallToolResult, TextContent

from po_mcp.amounts import plain
from po_mcp.orders import OrderLine, PurchaseOrder, Record, Status
from po_mcp.untrusted import in_guillemets, mark_number
from po_mcp.writes.operation import WriteOutcome
from po_mcp.writes.order_text import in_currency, in_unit

ORDERS_HEAD = "number|vendor|status|ordered/expected|total"
_SETTLED = frozenset({"done", "declined", "stale", "expired"})
_MANY_ROWS = 3
"""Rows from which on what the head says for all of them saves more tokens than it takes to see."""
_KNOWN = frozenset(get_args(Status)) - {"unknown"}
_BEFORE_BAR = re.compile(r"\\+(?=\||$)")
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
    # Built here and not by the SDK, whose text would be the same JSON again, twice the tokens.
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
    """Return a table of orders; of many, the head says what most rows have in common.

    It names the year, if all were ordered in one, and the status that most have: theirs end before that column.
    """
    if len(orders) < _MANY_ROWS:
        return [ORDERS_HEAD, *map(order_row, orders)]
    years = {order.ordered_at.year for order in orders if order.ordered_at}
    year = years.pop() if len(years) == 1 else None
    # Never "unknown", whose rows have the ERP's own word: nothing may stand for what the ERP does not tell.
    known = Counter(order.status for order in orders if order.status != "unknown")
    usual = max(known, key=known.__getitem__, default=None)
    dates = "ordered/expected" if year is None else f"ordered/expected in {year}"
    status = "status" if usual is None else f"status if not {usual}"
    return [f"number|vendor|{dates}|total|{status}", *(_short_row(order, year, usual) for order in orders)]


def _short_row(order: PurchaseOrder, year: int | None, usual: Status | None) -> str:
    """Return an order as a row whose last cell is its status, left out where that is the usual one."""
    named, dates, total = _name_cells(order), _format_dates(order, year), format_total(order)
    # Last, so that it can be missing: beside the days or the total it would read as a part of these.
    return join_cells(*named, dates, total, *([] if order.status == usual else [_format_status(order)]))


def order_row(order: PurchaseOrder) -> str:
    """Return an order as a row of a table with the columns ORDERS_HEAD."""
    return join_cells(*_name_cells(order), _format_status(order), _format_dates(order, None), format_total(order))


def _name_cells(order: PurchaseOrder) -> tuple[str, str]:
    return mark_number(order.number), order.vendor or "-"


def _format_status(order: PurchaseOrder) -> str:
    """Return the status; one that this server does not know in the ERP's own word, a dash where it tells none."""
    if order.status != "unknown":
        return order.status
    word = order.status_text.strip()
    # An ERP's OPEN that is not known to mean open would read as ours, and be counted with them.
    return in_guillemets(word) if word.casefold() in _KNOWN else word or "-"


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
    """Join cells with bars; a bar within a cell is escaped, and so are backslashes before a bar."""
    # An ERP's name with a bar, or with a backslash at its end, would shift the cells, and with them the amounts.
    return "|".join([_escape_cell(text) if "|" in text or text.endswith("\\") else text for text in texts])


def _escape_cell(text: str) -> str:
    return _BEFORE_BAR.sub(lambda found: found[0] * 2, text).replace("|", "\\|")


def format_total(order: PurchaseOrder) -> str:
    """Return the total with its currency, or a dash where the ERP gives no total."""
    if order.total is None:
        return "-"
    return in_currency(format_amount(order.total), order.currency)


def format_amount(amount: Decimal) -> str:
    """Return an amount without its point where nothing but zeros follows: 4250 for 4250.00, and 0.80 as it is."""
    whole = amount.to_integral_value()
    return plain(whole if whole == amount else amount)


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
        "-" if line.quantity is None else in_unit(plain(line.quantity), line.unit),
        "-" if line.received is None else plain(line.received),
        "-" if line.unit_price is None else format_amount(line.unit_price),
        "-" if line.line_total is None else format_amount(line.line_total),
        line.warehouse_name or line.warehouse or "-",
    )
