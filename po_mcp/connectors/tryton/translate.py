"""Between Tryton's words and ours. Pure: calls are built and answers are read, nothing is sent."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from po_mcp.connectors.tryton import names, schemas
from po_mcp.connectors.tryton.values import MAX_FLOAT_DIGITS, encode_date, encode_decimal
from po_mcp.erp import Guarded
from po_mcp.errors import BadAnswer, InvalidInput, Stale
from po_mcp.orders import (
    EXACT,
    DraftLine,
    OrderDraft,
    OrderLine,
    OrderQuery,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    compute_outstanding,
    plain,
    total_of,
)
from po_mcp.untrusted import visible

PURCHASE, LINE, MOVE = "purchase.purchase", "purchase.line", "stock.move"
_LINE, _SERVICE, _DONE = "line", "service", "done"
_MAX_NAME_CHARS = 60
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
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

_FROM_THE_VENDOR = ("invoice_address", "currency", "payment_term", "invoice_method", "invoice_party")
"""What Tryton fills in where a vendor is chosen, and a new order stores."""


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
            f'Tryton has no "{query.status}" orders, so they cannot be listed. Nothing was sent.',
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
    lines = [line for line in source.lines if line.type == _LINE]
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
        raise Stale("The order was read by another connection. Nothing was sent.") from exc


def check_draft(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what a new order needs and lacks, or cannot hold, as far as that needs no reading."""
    names.check_creatable(draft.number)
    require_vendor_id(draft.vendor)
    # The warehouse is a field of the order: the first line would silently decide for all.
    if len({line.warehouse for line in draft.lines}) > 1:
        raise InvalidInput(
            "Tryton delivers an order to one warehouse. Nothing was sent.",
            next_step="Give every line the same warehouse, or create an order for each.",
        )
    for place, line in enumerate(draft.lines, 1):
        require_item_id(line, place)
        _parse_warehouse_id(line)
        # A quantity is a binary float in Tryton: more digits would come back as another number.
        if _count_digits(line.quantity) > MAX_FLOAT_DIGITS:
            raise InvalidInput(
                f"Tryton keeps {MAX_FLOAT_DIGITS} digits of a quantity, and line {place} has more. Nothing was sent."
            )


def check_values(
    draft: OrderDraft,
    parties: Sequence[schemas.Party],
    products: Mapping[int, schemas.Product],
    price_decimals: int | None,
) -> None:
    """Raise `InvalidInput` for a vendor, an item or a figure that Tryton would take, or refuse without a reason.

    Args:
        draft: the order to be created.
        parties: its vendor; nobody where Tryton knows none of that id.
        products: what its lines may order, by id.
        price_decimals: how many decimals a unit price may have; None where that is not limited.
    """
    # Tryton itself creates orders for vendors that are not active.
    if not any(party.active for party in parties):
        raise InvalidInput(
            "Tryton has no active vendor of this id. Nothing was sent.",
            next_step="Look the vendor up with search_catalog, refresh=true, or tell the user.",
        )
    for place, line in enumerate(draft.lines, 1):
        product = products.get(require_item_id(line, place))
        if product is None or not product.active or not product.purchasable:
            raise InvalidInput(
                f"Tryton has no item of this id that can be bought (line {place}). Nothing was sent.",
                next_step="Look the item up with search_catalog, refresh=true, or tell the user.",
            )
        _check_unit(line, product, place)
        most = None if product.unit is None else product.unit.digits
        # Tryton refuses more decimals, in words of the user's language that are not shown.
        _check_decimals("quantity", line.quantity, most, place)
        _check_decimals("unit_price", line.unit_price, price_decimals, place)


def require_vendor_id(vendor: Vendor) -> int:
    """Return the id of the vendor's party; `InvalidInput` where it is none."""
    if vendor.id is None or not _ID.fullmatch(vendor.id):
        raise InvalidInput("The vendor id must be a whole number in Tryton. Nothing was sent.")
    return int(vendor.id)


def require_item_id(line: DraftLine, place: int) -> int:
    """Return the id of a line's product; `InvalidInput` where it is none."""
    product = parse_item_id(line.item)
    if product is None:
        raise InvalidInput(f"The item's id must be a whole number in Tryton (line {place}). Nothing was sent.")
    return product


def parse_item_id(text: str) -> int | None:
    """Return the id of a product; None where the text is none."""
    return int(text) if _ID.fullmatch(text) else None


def choose_warehouse(draft: OrderDraft, warehouses: Sequence[schemas.Warehouse]) -> int:
    """Return the id of the warehouse to deliver to: the one asked for, else the only one there is."""
    asked = _parse_warehouse_id(draft.lines[0])
    known = [warehouse.id for warehouse in warehouses]
    # The only one is no guess.
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None or asked not in known:
        raise InvalidInput(
            'The order needs "warehouse", the id of a warehouse to deliver to. Nothing was sent.',
            next_step="Ask the user which of the warehouses that search_catalog lists.",
        )
    return asked


def build_unsaved_order(party: int, company: int) -> dict[str, Any]:
    """Build the order in which a vendor was just chosen, for Tryton to say what follows from that."""
    return {"id": -1, "company": company, "party": party, "lines": []}


def build_line_parent(party: int, company: int, of_vendor: Mapping[str, Any]) -> dict[str, Any]:
    """Build what a line that is not stored yet knows of its order, and reads under flat keys."""
    parent = {"id": -1, "company": company, "party": party, "currency": of_vendor.get("currency")}
    return {"purchase": -1, "company": company, **{f"_parent_purchase.{key}": value for key, value in parent.items()}}


def build_unsaved_line(line: DraftLine, place: int, parent: Mapping[str, Any]) -> dict[str, Any]:
    """Build the line in which a product was just chosen."""
    values = {
        "id": -place,
        "type": _LINE,
        "product": require_item_id(line, place),
        "quantity": line.quantity,
        "taxes": [],
    }
    return {**values, **parent}


def build_order(
    draft: OrderDraft,
    company: int,
    warehouse: int,
    products: Mapping[int, schemas.Product],
    of_vendor: Mapping[str, Any],
    of_lines: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Build the order to be created.

    Tryton fills in nothing on a create, so what follows from vendor and items goes along: without it the invoice
    would lack its address and its taxes. The note and who asked for it are the comment, and the description
    names our operation.
    """
    pairs = enumerate(zip(draft.lines, of_lines, strict=True), 1)
    lines = [_build_line(line, products[require_item_id(line, place)], more) for place, (line, more) in pairs]
    values: dict[str, Any] = {
        "party": require_vendor_id(draft.vendor),
        "company": company,
        **{key: of_vendor[key] for key in _FROM_THE_VENDOR if key in of_vendor},
        "warehouse": warehouse,
        # The number itself is Tryton's to give, once a person quotes the order.
        "reference": draft.number,
        "lines": [["create", lines]],
    }
    if draft.expected_on is not None:
        values["delivery_date"] = encode_date(draft.expected_on)
    buyer = f"Requested by {visible(draft.requested_by, _MAX_NAME_CHARS)}" if draft.requested_by else None
    if draft.note is not None or buyer is not None:
        values["comment"] = "\n".join(text for text in (draft.note, buyer) if text)
    if draft.reference is not None:
        values["description"] = f"po-mcp {draft.reference}"
    return values


def parse_created(source: schemas.Order, draft: OrderDraft) -> PurchaseOrder:
    """Read an order that was just created: our reference, vendor and lines. Else `BadAnswer`."""
    if source.reference != draft.number or source.party is None or str(source.party.id) != draft.vendor.id:
        raise BadAnswer("Tryton shows another order than was created.")
    stored = convert_order(source, draft.number)
    asked = Counter((line.item, line.quantity, line.unit_price) for line in draft.lines)
    # In any order: Tryton sorts lines by a sequence of its own.
    if Counter((line.item_key, line.quantity, line.unit_price) for line in stored.lines or ()) != asked:
        raise BadAnswer("Tryton created an order of other lines than were asked for.")
    return stored


def parse_values(result: Any) -> Mapping[str, Any]:
    """Return what follows from a choice, by field: it must be an object. Else `BadAnswer`."""
    if not isinstance(result, dict):
        raise BadAnswer("Tryton's answer is not in the documented format.")
    return result


def parse_price_decimals(result: Any) -> int | None:
    """Return how many decimals a unit price may have, of the definition of its field; None where it has none."""
    definition = result.get("unit_price") if isinstance(result, dict) else None
    digits = definition.get("digits") if isinstance(definition, dict) else None
    try:
        # Tryton writes them as text that is JSON again, such as "[null, 4]".
        found = json.loads(digits) if isinstance(digits, str) else digits
    except ValueError:
        return None
    most = found[1] if isinstance(found, list) and len(found) == 2 else None
    return most if type(most) is int else None


def parse_access(result: Any) -> schemas.Access:
    """Return what the user may do with orders."""
    found = result.get(PURCHASE) if isinstance(result, dict) else None
    return schemas.Access.parse(found)


def _convert_header(source: schemas.Row, name: str, lines: Sequence[schemas.RowLine]) -> PurchaseOrder:
    lines = [line for line in lines if line.type == _LINE]
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


def _build_line(line: DraftLine, product: schemas.Product, more: Mapping[str, Any]) -> dict[str, Any]:
    """Build a line: in the unit that the catalog shows, at the price that a person gave."""
    values = {
        "type": _LINE,
        "product": product.id,
        "unit": more.get("unit") if product.unit is None else product.unit.id,
        "quantity": line.quantity,
        "unit_price": encode_decimal(line.unit_price),
    }
    if more.get("product_supplier") is not None:
        values["product_supplier"] = more["product_supplier"]
    taxes = _parse_added_ids(more.get("taxes"))
    return {**values, "taxes": [["add", taxes]]} if taxes else values


def _parse_added_ids(change: Any) -> list[int]:
    """Return the ids that a change of a list adds: `{"add": [[0, {"id": 1}]]}`, or the ids themselves."""
    if isinstance(change, list):
        return list(schemas.parse_ids(change))
    added = change.get("add") if isinstance(change, dict) else None
    if not added:
        return []
    try:
        return list(schemas.parse_ids([record["id"] for _, record in added]))
    except (TypeError, ValueError, KeyError) as exc:
        # Passed over, a tax would be missing on the invoice.
        raise BadAnswer("Tryton's taxes are not in the documented format.") from exc


def _parse_warehouse_id(line: DraftLine) -> int | None:
    if line.warehouse is None:
        return None
    if not _ID.fullmatch(line.warehouse):
        raise InvalidInput("The warehouse's id must be a whole number in Tryton. Nothing was sent.")
    return int(line.warehouse)


def _check_unit(line: DraftLine, product: schemas.Product, place: int) -> None:
    """Refuse a quantity that was meant in another unit than Tryton would take it in."""
    unit = None if product.unit is None else product.unit.symbol
    if line.unit is not None and line.unit != visible(unit or ""):
        raise InvalidInput(
            f"Tryton orders the item of line {place} by {visible(unit or 'no unit')} now, not by {line.unit}. "
            "Nothing was sent.",
            next_step="Look the item up with search_catalog, refresh=true, and ask the user how much to order.",
        )


def _check_decimals(field: str, figure: Decimal, most: int | None, place: int) -> None:
    decimals = -int(figure.normalize().as_tuple().exponent)
    if most is not None and decimals > most:
        raise InvalidInput(
            f"Tryton takes at most {most} decimals of {field} here, and line {place} has {plain(figure)}. "
            "Nothing was sent.",
            next_step="Ask the user for a figure that fits.",
        )


def _count_digits(number: Decimal) -> int:
    return len(number.normalize().as_tuple().digits)
