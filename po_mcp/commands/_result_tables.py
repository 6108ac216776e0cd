"""A tool's result as a person reads it in a terminal: tables, totals right-aligned, a write's outcome in colour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from mcp.types import CallToolResult
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from po_mcp.commands._tables import Code, Figure, Words, table_of, under
from po_mcp.desk.listing import NO_CURRENCY
from po_mcp.writes.forms import SANDBOX_TAG
from po_mcp.writes.operation import STATE_LABELS
from po_mcp.writes.order_text import caution, count, money, quantity
from po_mcp.writes.person_words import for_person

_LABELS: Mapping[str, str] = {
    **{state.lower(): label for state, label in STATE_LABELS.items()},
    "approved": "Approved",
    "approval_required": "Needs approval",
}
"""An outcome's status as people read it."""


def shown(result: CallToolResult) -> RenderableType:
    """Return what to print of a result: orders, one order with its lines, the outcome of a write, or an error."""
    content = result.structured_content
    if result.is_error or content is None:
        return Text(for_person(text_of(result)), style="red" if result.is_error else "")
    if "operations" in content:
        return Group(*map(_outcome, content["operations"]), *_sentences(content.get("note")))
    if "orders" in content:
        return _with_table(_orders, content["orders"], _describe_list(content))
    if "candidates" in content:
        return _with_table(_candidates, content["candidates"], _describe_matches(content))
    if "message" in content:
        return _outcome(content)
    return Group(_orders([content]), *_body(content))


def text_of(result: CallToolResult) -> str:
    """Return the text that a model reads of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


def _body(order: Mapping[str, Any]) -> Iterable[RenderableType]:
    """Yield the lines of an order, where it has some, and the remarks that stand beside the tables."""
    if order.get("lines"):
        yield Text()
        yield _lines(order["lines"], order.get("currency"))
    yield from _sentences(order.get("notice"), *order.get("remarks", ()))


def _with_table(
    table: Callable[[Sequence[Mapping[str, Any]]], Table], rows: Sequence[Mapping[str, Any]], said: str
) -> Group:
    """Return rows as a table above what is said of them; without rows the sentence stands alone."""
    return Group(*([table(rows)] if rows else []), *_sentences(said))


def _sentences(*sentences: str | None) -> list[Text]:
    """Return each of the sentences that are there on a line of its own, as people read it."""
    return [Text(for_person(one[0].upper() + one[1:]), "dim") for one in sentences if one]


def _describe_list(found: Mapping[str, Any]) -> str:
    """Say how many orders match and what they are worth, how many are shown, and how the next are."""
    shown_here = len(found["orders"])
    more = f"{shown_here} shown. The next: run it again with cursor={found['next_cursor']}" if found["has_more"] else ""
    if not found["has_more"] and 0 < shown_here < found["total_count"]:
        more = f"The last {shown_here} shown."
    return " ".join(filter(None, [found.get("notice"), _sum_up(found), found.get("note"), more]))


def _sum_up(found: Mapping[str, Any]) -> str:
    if not found["total_count"]:
        return "No matching orders." if found["complete"] else "No orders are known to match."
    least = "" if found["complete"] else "At least "
    kinds = ", ".join(f"{number:,} {status}" for status, number in found["by_status"].items())
    totals = found.get("totals") or {found.get("currency"): found.get("total_value") or "0"}
    worth = " and ".join(_amount_in(total, currency) for currency, total in totals.items())
    missing = f" (without {found['without_total']:,} that have no total)" if found.get("without_total") else ""
    return f"{least}{count(found['total_count'], 'order')} ({kinds}), total {worth}{missing}."


def _amount_in(figure: str, currency: str | None) -> str:
    """Write a sum with its currency, which may be that none is given."""
    return f"{_amount(figure, None)} ({NO_CURRENCY})" if currency == NO_CURRENCY else _amount(figure, currency)


def _describe_matches(found: Mapping[str, Any]) -> str:
    """Say how many entries match, how many are shown, and how old the list is."""
    kind, matched, known, shown_here = found["kind"], found["matched"], found["known"], len(found["candidates"])
    some = f", {shown_here:,} shown" if shown_here < matched else ""
    is_all = matched == known
    said = f"{count(known, kind)}{some}." if is_all else f"{matched:,} of {count(known, kind)} match{some}."
    if not shown_here:
        said = f"No {kind} matches ({known:,} exist). Try other words, or leave text out to list all."
    age = f"The list was read {found['age']} ago; refresh=true reads it again." if found.get("age") else ""
    return " ".join(filter(None, [found.get("notice"), said, age]))


def _outcome(outcome: Mapping[str, Any]) -> Text:
    """Return what came of a write; a repeat is said to be one."""
    style = "bold green" if outcome["status"] == "done" else "bold yellow"
    label = _LABELS[outcome["status"]]
    # "Declined: Declined." says it twice.
    message = re.sub(rf"^({re.escape(SANDBOX_TAG)})?{re.escape(label)}\. ", r"\1", outcome["message"])
    text = Text.assemble((label, style), f": {message}")
    if outcome.get("replayed"):
        text.append(" Already done by an earlier call; nothing was sent again.")
    return text.append(f" ({outcome['operation_id']})", "dim") if "operation_id" in outcome else text


def _candidates(candidates: Iterable[Mapping[str, Any]]) -> Table:
    rows = [
        (
            *(one.get(key) or "-" for key in ("id", "name", "code")),
            _why(one),
            _amount(one.get("price"), one.get("currency")),
            one.get("unit") or "-",
        )
        for one in candidates
    ]
    return table_of([Code("Id"), Words("Name"), Code("Code"), Words("Why"), Figure("Price"), Code("Unit")], rows)


def _why(candidate: Mapping[str, Any]) -> str:
    """Say why an entry was found, and what there is to heed about it."""
    inactive = ["inactive"] if candidate.get("active") is False else []
    return ", ".join([candidate["why"], *inactive]) + caution(candidate["name"], is_short=True)


def _status(order: Mapping[str, Any]) -> str:
    """Return an order's status, in the word that lists take; one that is not known here in the ERP's own word."""
    status: str = order["status"]
    return order.get("status_text") or status if status == "unknown" else status


def _orders(orders: Iterable[Mapping[str, Any]]) -> Table:
    names = [Code("Number"), Words("Vendor"), Code("Status"), Code("Ordered"), Code("Expected"), Figure("Total")]
    return table_of(names, [_order_row(order) for order in orders])


def _order_row(order: Mapping[str, Any]) -> tuple[str, ...]:
    ordered, total = (order.get("ordered_at") or "-")[:10], _amount(order.get("total"), order.get("currency"))
    return order["number"], order["vendor"], _status(order), ordered, order.get("expected_on", "-"), total


def _lines(lines: Iterable[Mapping[str, Any]], currency: str | None) -> Table:
    figures = ("Quantity", "Received", "Outstanding", "Unit price", "Line total")
    return table_of([Words("Item"), *map(Figure, figures)], [_line_row(line, currency) for line in lines])


def _line_row(line: Mapping[str, Any], currency: str | None) -> tuple[Text | str, ...]:
    ordered = _quantity(line.get("quantity"), line.get("unit"))
    counted = (_quantity(line.get(key)) for key in ("received", "outstanding"))
    amounts = (_amount(line.get(key), currency) for key in ("unit_price", "line_total"))
    description = [line["description"]] if line.get("description") else []
    return under(line.get("item") or "-", description), ordered, *counted, *amounts


def _quantity(figure: str | None, unit: str | None = None) -> str:
    return "-" if figure is None else quantity(Decimal(figure), unit)


def _amount(figure: str | None, currency: str | None) -> str:
    return "-" if figure is None else money(Decimal(figure), currency)
