"""A tool's result as a person reads it in a terminal: tables, totals right-aligned, a write's outcome in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from mcp.types import CallToolResult
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from po_mcp.tools._render import ORDERS_HEAD_START
from po_mcp.writes.order_text import money, quantity
from po_mcp.writes.person_words import for_person

_LABELS: Mapping[str, str] = {
    "done": "Done",
    "approved": "Approved",
    "refused": "Refused",
    "declined": "Declined",
    "approval_required": "Needs approval",
    "unknown": "Not confirmed",
    "expired": "Expired",
    "stale": "Out of date",
}
"""An outcome's status as people read it."""


def shown(result: CallToolResult) -> RenderableType:
    """Return what to print of a result: orders, one order with its lines, the outcome of a write, or an error."""
    content = result.structured_content
    if result.is_error or content is None:
        return Text(for_person(text_of(result)), style="red" if result.is_error else "")
    if "operations" in content:
        return (
            Group(*map(_outcome, content["operations"])) if content["operations"] else Text(for_person(text_of(result)))
        )
    if "orders" in content:
        below = for_person(text_of(result).partition(ORDERS_HEAD_START)[0])
        return Group(_orders(content["orders"]), Text(below, "dim"))
    if "candidates" in content:
        return Group(_candidates(content["candidates"]), Text(for_person(text_of(result).splitlines()[0]), "dim"))
    if "message" in content:
        return _outcome(content)
    return Group(_orders([content]), *_body(content, text_of(result)))


def text_of(result: CallToolResult) -> str:
    """Return the text that a model reads of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


def _body(order: Mapping[str, Any], text: str) -> Iterable[RenderableType]:
    """Yield the lines of an order, where it has some, and the sentences that stand beside the tables."""
    if order.get("lines"):
        yield Text()
        yield _lines(order["lines"], order.get("currency"))
    yield from (Text(for_person(row), "dim") for row in text.splitlines()[1:] if "|" not in row)


def _outcome(outcome: Mapping[str, Any]) -> Text:
    """Return what came of a write; a repeat is said to be one."""
    style = "bold green" if outcome["status"] == "done" else "bold yellow"
    text = Text.assemble((_LABELS[outcome["status"]], style), f": {outcome['message']}")
    if outcome.get("replayed"):
        text.append(" Already done by an earlier call; nothing was sent again.")
    return text.append(f" ({outcome['operation_id']})", "dim") if "operation_id" in outcome else text


def _candidates(candidates: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("Id", "Name", "Code", "Why", right=("Price",), wraps="Name")
    for one in candidates:
        price = _amount(one.get("price"), one.get("currency"))
        table.add_row(*(Text(str(one.get(key, "-"))) for key in ("id", "name", "code", "why")), Text(price))
    return table


def _orders(orders: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("Number", "Vendor", "Status", "Ordered", "Expected", right=("Total",), wraps="Vendor")
    for order in orders:
        total = _amount(order.get("total"), order.get("currency"))
        ordered = (order.get("ordered_at") or "-")[:10]
        cells = (order["number"], order["vendor"], order["status"], ordered, order.get("expected_on", "-"), total)
        table.add_row(*map(Text, cells))
    return table


def _lines(lines: Iterable[Mapping[str, Any]], currency: str | None) -> Table:
    names = ("Quantity", "Received", "Outstanding", "Unit price", "Line total")
    table = _table("Item", "Description", right=names, wraps="Description")
    for line in lines:
        named = (line.get("item") or "-", line.get("description") or "-")
        ordered = _quantity(line.get("quantity"), line.get("unit"))
        counted = (_quantity(line.get(key)) for key in ("received", "outstanding"))
        amounts = (_amount(line.get(key), currency) for key in ("unit_price", "line_total"))
        table.add_row(*map(Text, (*named, ordered, *counted, *amounts)))
    return table


def _quantity(figure: str | None, unit: str | None = None) -> str:
    return "-" if figure is None else quantity(Decimal(figure), unit)


def _amount(figure: str | None, currency: str | None) -> str:
    return "-" if figure is None else money(Decimal(figure), currency)


def _table(*left: str, right: tuple[str, ...], wraps: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in left:
        table.add_column(name, no_wrap=name != wraps)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
