"""A new order in Tryton's words: what it must hold, and how it is built. Pure: nothing is sent."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from po_mcp.amounts import plain
from po_mcp.connectors.tryton import catalog, names, schemas
from po_mcp.connectors.tryton.translate import LINE_TYPE, convert_order
from po_mcp.connectors.tryton.values import MAX_FLOAT_DIGITS, encode_date, encode_decimal
from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import DraftLine, OrderDraft, PurchaseOrder, Vendor
from po_mcp.untrusted import visible

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_FROM_THE_VENDOR = ("invoice_address", "currency", "payment_term", "invoice_method", "invoice_party")
"""What Tryton fills in where a vendor is chosen, and a new order stores."""


def check_draft(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what a new order needs and lacks, or cannot hold, as far as that needs no reading."""
    names.check_creatable(draft.number)
    require_vendor_id(draft.vendor)
    # The warehouse is a field of the order: the first line would silently decide for all.
    if len({line.warehouse for line in draft.lines}) > 1:
        raise InvalidInput(
            "Tryton delivers an order to one warehouse.",
            effect="nothing_sent",
            next_step="Give every line the same warehouse, or create an order for each.",
        )
    for place, line in enumerate(draft.lines, 1):
        require_item_id(line, place)
        _parse_warehouse_id(line)
        # A quantity is a binary float in Tryton: more digits would come back as another number.
        if _count_digits(line.quantity) > MAX_FLOAT_DIGITS:
            raise InvalidInput(
                f"Tryton keeps {MAX_FLOAT_DIGITS} digits of a quantity, and line {place} has more.",
                effect="nothing_sent",
            )


def check_values(
    draft: OrderDraft,
    parties: Sequence[schemas.Party],
    products: Mapping[int, schemas.Product],
    price_decimals: int | None,
) -> None:
    """Raise `InvalidInput` for a vendor, an item or a figure that Tryton would take, or refuse without a reason.

    Vendor and items must be called as they were shown: an id may stand for something else since the list was read.

    Args:
        draft: the order to be created.
        parties: its vendor; nobody where Tryton knows none of that id.
        products: what its lines may order, by id.
        price_decimals: how many decimals a unit price may have; None where that is not limited.
    """
    # Tryton itself creates orders for vendors that are not active.
    if not any(party.active for party in parties):
        raise InvalidInput(
            "Tryton has no active vendor of this id.",
            effect="nothing_sent",
            next_step="Look the vendor up with search_catalog, refresh=true, or tell the user.",
        )
    _check_vendor_as_shown(draft.vendor, parties)
    for place, line in enumerate(draft.lines, 1):
        _check_line(line, products.get(require_item_id(line, place)), price_decimals, place)


def _check_line(line: DraftLine, product: schemas.Product | None, price_decimals: int | None, place: int) -> None:
    if product is None or not product.active or not product.purchasable:
        raise InvalidInput(
            f"Tryton has no item of this id that can be bought (line {place}).",
            effect="nothing_sent",
            next_step="Look the item up with search_catalog, refresh=true, or tell the user.",
        )
    _check_as_shown(line, product, place)
    most = None if product.unit is None else product.unit.digits
    # Tryton refuses more decimals, in words of the user's language that are not shown.
    _check_decimals("quantity", line.quantity, most, place)
    _check_decimals("unit_price", line.unit_price, price_decimals, place)


def require_vendor_id(vendor: Vendor) -> int:
    """Return the id of the vendor's party; `InvalidInput` where it is none."""
    if vendor.id is None or not _ID.fullmatch(vendor.id):
        raise InvalidInput("The vendor id must be a whole number in Tryton.", effect="nothing_sent")
    return int(vendor.id)


def require_item_id(line: DraftLine, place: int) -> int:
    """Return the id of a line's product; `InvalidInput` where it is none."""
    product = parse_item_id(line.item)
    if product is None:
        raise InvalidInput(f"The item's id must be a whole number in Tryton (line {place}).", effect="nothing_sent")
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
    if asked is not None and asked not in known:
        raise InvalidInput(
            "Tryton has no active warehouse of this id.",
            effect="nothing_sent",
            next_step="Ask the user which of the warehouses that search_catalog lists with refresh=true.",
        )
    if asked is None:
        raise InvalidInput(
            'The order needs "warehouse", the id of a warehouse to deliver to.',
            effect="nothing_sent",
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
        "type": LINE_TYPE,
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
    would lack its address and its taxes.
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
        **_build_texts(draft),
    }
    if draft.expected_on is not None:
        values["delivery_date"] = encode_date(draft.expected_on)
    return values


def _build_texts(draft: OrderDraft) -> dict[str, str]:
    """Build the comment, of the note and who asked for the order, and the description, which names our operation."""
    texts = {}
    buyer = draft.buyer and f"Requested by {draft.buyer}"
    if draft.note is not None or buyer:
        texts["comment"] = "\n".join(text for text in (draft.note, buyer) if text)
    if draft.reference is not None:
        texts["description"] = describe_reference(draft.reference)
    return texts


def describe_reference(reference: str) -> str:
    """Return the description of an order that is created with this reference."""
    return f"po-mcp {reference}"


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


def _build_line(line: DraftLine, product: schemas.Product, more: Mapping[str, Any]) -> dict[str, Any]:
    """Build a line: in the unit that the catalog shows, at the price that a person gave."""
    values = {
        "type": LINE_TYPE,
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
        raise InvalidInput("The warehouse's id must be a whole number in Tryton.", effect="nothing_sent")
    return int(line.warehouse)


def _check_vendor_as_shown(vendor: Vendor, parties: Sequence[schemas.Party]) -> None:
    """Refuse a vendor who is called something else by now than the person was shown."""
    now = [visible(party.word) for party in parties]
    if vendor.name not in now:
        raise InvalidInput(
            f"Tryton calls the vendor of this id {' or '.join(now)} now, not {vendor.name}.",
            effect="nothing_sent",
            next_step="Look the vendor up with search_catalog, refresh=true, or tell the user.",
        )


def _check_as_shown(line: DraftLine, product: schemas.Product, place: int) -> None:
    """Refuse a line whose item is another by now, or is bought in another unit, than the person was shown."""
    (now,) = catalog.convert_items([product], None)
    if line.word not in (None, now.word):
        raise _changed_item_error(f"calls the item of line {place} {now.word} now, not {line.word}")
    # Also where none was known: five may be five pieces, and five dozen.
    if line.unit != now.unit:
        was = "" if line.unit is None else f", not by {line.unit}"
        raise _changed_item_error(f"orders the item of line {place} by {now.unit or 'no unit'} now{was}")


def _changed_item_error(what: str) -> InvalidInput:
    return InvalidInput(
        f"Tryton {what}.",
        effect="nothing_sent",
        next_step="Look the item up with search_catalog, refresh=true, and ask the user how much of what to order.",
    )


def _check_decimals(field: str, figure: Decimal, most: int | None, place: int) -> None:
    decimals = -int(figure.normalize().as_tuple().exponent)
    if most is not None and decimals > most:
        raise InvalidInput(
            f"Tryton takes at most {most} decimals of {field} here, and line {place} has {plain(figure)}.",
            effect="nothing_sent",
            next_step="Ask the user for a figure that fits.",
        )


def _count_digits(number: Decimal) -> int:
    return len(number.normalize().as_tuple().digits)
