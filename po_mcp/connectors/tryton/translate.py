"""Between Tryton's words and ours. Pure: calls are built and answers are read, nothing is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from po_mcp.amounts import EXACT, compute_outstanding, total_of
from po_mcp.connectors.tryton import names, schemas
from po_mcp.connectors.tryton.values import encode_date
from po_mcp.erp import Guarded
from po_mcp.errors import BadAnswer, InvalidInput, Stale
from po_mcp.orders import OrderLine, OrderQuery, PurchaseOrder, Snapshot, Status
from po_mcp.untrusted import visible

PURCHASE, LINE, MOVE = "purchase.purchase", "purchase.line", "stock.move"
LINE_TYPE, _SERVICE, _DONE = "line", "service", "done"
_OF_ANOTHER_CONNECTION = "The order was read by another connection."
_OURS = re.compile(r"po-mcp (\S{1,100})", re.ASCII)
_NOTHING_MORE_ARRIVES = "received"
_PARTLY = "partially shipped"
_SENT = "processing"

_DOMAINS: Mapping[Status, list[Any]] = {
    # A quotation is not ordered yet; the status text says which it is.
    "draft": ["state", "in", ["draft", "quotation"]],
    "open": [
        "OR",
        ["state", "=", "confirmed"],
        [["state", "=", _SENT], ["shipment_state", "not in", [_PARTLY, _NOTHING_MORE_ARRIVES]]],
    ],
    "partial": [["state", "=", _SENT], ["shipment_state", "=", _PARTLY]],
    # What was received in full waits for its invoice alone, which is nothing to wait for here.
    "closed": [
        "OR",
        ["state", "=", "done"],
        [["state", "=", _SENT], ["shipment_state", "=", _NOTHING_MORE_ARRIVES]],
    ],
    "cancelled": ["state", "=", "cancelled"],
}
LISTED: frozenset[Status] = frozenset(_DOMAINS)


def status_of(state: str | None, shipment_state: str | None) -> Status:
    """Return our word for an order's state; `unknown` for one that is not documented."""
    match state:
        case "draft" | "quotation":
            return "draft"
        case "confirmed":
            return "open"
        # One state lasts from the confirmation to the last invoice; the shipment state tells whether goods are due.
        case "processing" if shipment_state == _PARTLY:
            return "partial"
        case "processing" if shipment_state != _NOTHING_MORE_ARRIVES:
            return "open"
        case "processing" | "done":
            return "closed"
        case "cancelled":
            return "cancelled"
    return "unknown"


def build_order_domain(query: OrderQuery) -> list[Any]:
    """Build the condition that picks the orders of a query; `InvalidInput` for a status that there is none of."""
    if query.status is not None and query.status not in _DOMAINS:
        raise InvalidInput(
            f'Tryton has no "{query.status}" orders, so they cannot be listed.',
            effect="nothing_sent",
            next_step="Leave status out, or ask for draft, open, partial, closed or cancelled orders.",
        )
    domain: list[Any] = [] if query.status is None else [_DOMAINS[query.status]]
    if query.ordered_from is not None:
        domain.append(["purchase_date", ">=", encode_date(query.ordered_from)])
    if query.ordered_to is not None:
        domain.append(["purchase_date", "<=", encode_date(query.ordered_to)])
    return domain


def convert_rows(rows: Sequence[schemas.Row]) -> tuple[PurchaseOrder, ...]:
    """Read the orders of a list, without their lines."""
    shown = names.choose_list_names(rows)
    return tuple(_convert_header(row, name, row.row_lines) for row, name in zip(rows, shown, strict=True))


def convert_order(source: schemas.Order, name: str | None = None) -> PurchaseOrder:
    """Read an order in full. It is called by the name that was asked for; its status text tells its others."""
    name = name or names.choose_name(source)
    # Titles, subtotals and comments are lines, too, and order nothing.
    lines = [line for line in source.lines if line.type == LINE_TYPE]
    header = _convert_header(source, name, lines)
    warehouse = source.warehouse
    read = tuple(_convert_line(line, place, warehouse) for place, line in enumerate(lines, 1))
    others = _list_other_names(source, name)
    ours = _OURS.fullmatch(source.description or "")
    return header.model_copy(
        update={
            "lines": read,
            # A copy is not checked: a reference is anybody's text.
            "status_text": visible("; ".join([header.status_text, *others])),
            "reference": ours[1] if ours else None,
            "created_at": source.created_at,
            # An id is a number that Tryton's own client does not show, and another party may have it as its code.
            "vendor_word": visible((source.party and source.party.code) or "").strip() or None,
            "tax": source.tax,
        }
    )


def build_snapshot(source: schemas.Order, name: str, operation: Guarded) -> Snapshot:
    """Put together what a guarded write is decided on."""
    blocker = _find_blocker(source.state or "", operation)
    return Snapshot(
        order=convert_order(source, name),
        erp_id=str(source.id),
        version=build_version(source),
        tax=source.tax,
        blockers=() if blocker is None else (blocker,),
    )


def build_version(source: schemas.Order) -> str:
    """Write the stamps of the order, its lines and their moves as JSON. Without a stamp it is `BadAnswer`.

    Tryton moves no stamp of an order or a line when goods arrive, but one of a move.
    """
    stamps = {f"{PURCHASE},{source.id}": source.stamp}
    for line in source.lines:
        stamps[f"{LINE},{line.id}"] = line.stamp
        stamps |= {f"{MOVE},{move.id}": move.stamp for move in line.moves}
    # A write without a stamp would be bound to nothing.
    if None in stamps.values():
        raise BadAnswer("Tryton does not tell when this order was changed last.")
    return json.dumps(stamps, sort_keys=True, separators=(",", ":"))


def parse_stamps(text: str) -> dict[str, str]:
    """Return the stamps of a version, as Tryton takes them in the context of a write."""
    stamps: dict[str, str] = json.loads(text)
    return stamps


def parse_order_id(text: str) -> int:
    """Return the id of the order whose version it is; a text that is none is `Stale`."""
    try:
        (key,) = (key for key in parse_stamps(text) if key.startswith(f"{PURCHASE},"))
        return int(key.partition(",")[2])
    except (ValueError, TypeError) as exc:
        raise Stale(_OF_ANOTHER_CONNECTION, effect="nothing_sent") from exc


def parse_access(result: Any) -> schemas.Access:
    """Return what the user may do with orders."""
    found = result.get(PURCHASE) if isinstance(result, dict) else None
    return schemas.Access.parse(found)


def parse_erp_id(text: str) -> int:
    """Return the id that a snapshot names; a text that is none is `Stale`."""
    identifier = names.find_id(f"({text})")
    if identifier is None:
        raise Stale(_OF_ANOTHER_CONNECTION, effect="nothing_sent")
    return identifier


def _convert_header(source: schemas.Row, name: str, lines: Sequence[schemas.RowLine]) -> PurchaseOrder:
    lines = [line for line in lines if line.type == LINE_TYPE]
    party = source.party
    return PurchaseOrder(
        number=name,
        vendor="" if party is None else party.rec_name or str(party.id),
        vendor_id=None if party is None else str(party.id),
        status=status_of(source.state, source.shipment_state),
        status_text=_describe_status(source),
        ordered_at=None if source.purchase_date is None else datetime.combine(source.purchase_date, time(), UTC),
        expected_on=source.delivery_date or _find_earliest(lines),
        currency=None if source.currency is None else source.currency.code,
        line_count=len(lines),
        total=source.total,
        buyer_number=names.find_buyer_number(source),
        odd=source.odd,
    )


def _describe_status(source: schemas.Row) -> str:
    """Say all that Tryton says of how far an order is."""
    parts = [source.state or ""]
    if source.shipment_state not in (None, "none"):
        parts.append(f"shipment {source.shipment_state}")
    if source.invoice_state not in (None, "none"):
        parts.append(f"invoice {source.invoice_state}")
    return "; ".join(parts)


def _list_other_names(source: schemas.Order, name: str) -> list[str]:
    """Tell what else the order goes by: a person may know it by that."""
    known = (("number", source.number), ("reference", source.reference))
    return [f"{what} {text}" for what, text in known if text not in (None, name)]


def _find_earliest(lines: Sequence[schemas.RowLine]) -> date | None:
    return min((line.delivery_date for line in lines if line.delivery_date is not None), default=None)


def _convert_line(source: schemas.Line, place: int, warehouse: schemas.Warehouse | None) -> OrderLine:
    product = source.product
    received = _sum_received(source)
    # A line without a product is what its text says.
    texts = [source.description or source.summary] if product is None else [product.name, source.description]
    word = "" if product is None else product.word
    return OrderLine(
        line=place,
        item=word,
        item_id=None if product is None else str(product.id),
        description="; ".join(text for text in texts if text and text != word) or None,
        quantity=source.quantity,
        unit=None if source.unit_record is None else source.unit_record.symbol,
        received=received,
        outstanding=None if received is None else _compute_outstanding(source, received),
        unit_price=source.unit_price,
        line_total=source.amount,
        warehouse=None if warehouse is None else str(warehouse.id),
        warehouse_name=None if warehouse is None else warehouse.name,
    )


def _sum_received(line: schemas.Line) -> Decimal | None:
    """Add up the moves that are done; None where none of a line is ever moved, or not in the line's unit.

    Tryton's own `actual_quantity` counts what is planned, and `moves_progress` what was given up.
    """
    product = line.product
    # A line of a negative quantity is a return: its moves take goods away.
    is_moved = product is not None and product.type != _SERVICE and (line.quantity or 0) >= 0
    arrived = [move for move in line.moves if move.state == _DONE]
    if not is_moved or any(move.unit != line.unit or move.quantity is None for move in arrived):
        return None
    return total_of(move.quantity for move in arrived if move.quantity is not None)


def _compute_outstanding(line: schemas.Line, received: Decimal) -> Decimal | None:
    """Return what is still to come: neither received nor given up."""
    given_up = [move for move in line.moves if move.id in line.moves_ignored]
    if line.quantity is None or any(move.unit != line.unit or move.quantity is None for move in given_up):
        return None
    ignored = total_of(move.quantity for move in given_up if move.quantity is not None)
    return compute_outstanding(line.quantity, EXACT.add(received, ignored))


def _find_blocker(state: str, operation: Guarded) -> str | None:
    """Say which state forbids the write, in words of ours."""
    if operation == "cancel" and state not in ("draft", "quotation", "cancelled"):
        return f"its state is {state or 'unknown'}, and Tryton cancels drafts and quotations only"
    if operation == "delete" and state not in ("draft", "cancelled"):
        first = "; a quotation must be cancelled first" if state == "quotation" else ""
        return f"its state is {state or 'unknown'}, and Tryton deletes drafts and cancelled orders only{first}"
    return None
