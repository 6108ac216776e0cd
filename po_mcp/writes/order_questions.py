"""What a person is asked about an order that the ERP has. Pure.

A question is made of what the ERP said, and of nothing that the model wrote. Its first option is always the safe one,
so that pressing Enter on whatever is marked first changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from po_mcp.orders import PurchaseOrder
from po_mcp.writes import order_text as text
from po_mcp.writes.forms import DECISION, ORDER_NUMBER, Field, Place, Question


def ask_delete(order: PurchaseOrder, place: Place) -> Question:
    """Make the question for a delete: the person types the order number."""
    number = text.number(order.number)
    top = _head(order, place, f"Delete order {number} permanently?", f"Delete {number}?", fact=text.lines_told(order))
    title = f"Type {number} to delete it"
    title = title if text.columns(title) <= text.TITLE_COLUMNS else "Type the order number to delete it"
    return Question(
        _join([*top, *text.lines_of(order), *_explain_gaps(order)]), (Field(ORDER_NUMBER, title, _items(order)),)
    )


def ask_finalize(order: PurchaseOrder, place: Place, create_backorder: bool | None) -> Question:
    """Make the question for a finalize: whether, and with or without a backorder where something is outstanding.

    Where the ERP does not say what was received, something may be outstanding.
    """
    number, has_rest = text.number(order.number), order.may_have_rest
    ending = {None: "", True: " with a backorder", False: " without a backorder"}[
        create_backorder if has_rest else None
    ]
    top = _head(order, place, f"Close order {number}{ending}?", f"Close {number}?", fact=text.receipts_of(order))
    options = _finalize_options(has_rest, create_backorder)
    field = Field(DECISION, text.title("Close order", number, "Close this order"), _items(order, rest=True), options)
    return Question(_join([*top, *text.lines_of(order, outstanding_first=True), *_explain_gaps(order)]), (field,))


def ask_cancel(order: PurchaseOrder, place: Place) -> Question:
    """Make the question for a cancel."""
    number, lines = text.number(order.number), order.lines or ()
    received = sum(bool(line.received) for line in lines)
    how = text.lines_told(order)
    top = _head(
        order,
        place,
        f"Cancel order {number}?",
        f"Cancel {number}?",
        fact=f"goods received on {received} of {how}" if received else how,
        effect=f"It can be reactivated in {place.erp}.",
    )
    options = (("keep", "No, keep the order"), ("cancel", "Yes, cancel the order"))
    field = Field(DECISION, text.title("Cancel order", number, "Cancel this order"), _items(order), options)
    return Question(_join([*top, *text.lines_of(order), *_explain_gaps(order)]), (field,))


def ask_whether_it_happened(
    place: Place, request: str, number: str, seen: Sequence[str], *, is_sent: bool = True
) -> Question:
    """Make the question whether a write happened whose outcome is not known. Leaving it open is the first choice.

    Args:
        place: where it was sent.
        request: what was asked for, such as `Close order`.
        number: the order's number.
        seen: what the ERP shows now.
        is_sent: it was sent for sure; the copy that a journal was restored from may not tell.
    """
    number, sent = text.number(number), "It was sent once." if is_sent else "It may have been sent."
    lines = [
        text.cut(f"{place.tag}{request} {number}: did it happen? {sent}", text.HEAD_COLUMNS),
        text.cut(f"Seen now: {seen[0]}", text.HEAD_COLUMNS),
        "Look at the order in the ERP itself before you say so.",
        *(text.cut(f"- {one}", 2 * text.HEAD_COLUMNS) for one in seen[1:]),
    ]
    options = (("open", "Leave it open"), ("happened", "It happened"))
    field = Field(DECISION, text.title("Did it happen to", number, "Did it happen?"), text.shown(seen[0], 66), options)
    return Question(_join(lines), (field,))


def _head(
    order: PurchaseOrder,
    place: Place,
    sentence: str,
    short: str,
    *,
    fact: str,
    effect: str = "This cannot be undone.",
) -> list[str]:
    """Write the first lines of a question: what would happen to which order; `fact` is what this question adds."""
    return text.head(
        tag=place.tag,
        sentence=sentence,
        short=short,
        effect=effect,
        facts=[text.total_of(order), text.STATUS_LABELS[order.status], fact, *text.facts_of(order)],
        vendor=_vendor_of(order),
        where=place.label,
    )


def _vendor_of(order: PurchaseOrder) -> str:
    """Write the vendor with what people call it, else with its id, since two vendors may have one name."""
    known_by = order.vendor_word or order.vendor_id
    return order.vendor if known_by in (None, order.vendor) else f"{order.vendor}, {known_by}"


def _finalize_options(has_rest: bool, create_backorder: bool | None) -> tuple[tuple[str, str], ...]:
    keep = ("keep", "No, leave the order open")
    backorder = ("backorder", "Yes, close it and backorder the rest")
    without = ("close", "Yes, close it without a backorder")
    if not has_rest:
        return keep, ("close", "Yes, close it")
    return (
        (keep, backorder, without) if create_backorder is None else (keep, backorder if create_backorder else without)
    )


def _items(order: PurchaseOrder, *, rest: bool = False) -> str:
    """Write what the order holds, or what of it is outstanding, for a field's description."""
    if rest and order.outstanding_lines:
        lines = order.outstanding_lines
        # An unknown quantity may be outstanding as well.
        label = f"Outstanding (+{order.untold_receipts} not known)" if order.untold_receipts else "Outstanding"
        return text.items_line(label, [(line.outstanding, line.description or line.item or "", "") for line in lines])
    return text.items_line(
        "Items", [(line.quantity, line.description or line.item or "", "") for line in order.lines or ()]
    )


def _explain_gaps(order: PurchaseOrder) -> list[str]:
    """Say what cannot be read, and that amounts are shown whose currency the ERP does not give."""
    has_amount = order.total is not None or any(line.unit_price is not None for line in order.lines or ())
    unknown = [text.CURRENCY_NOT_GIVEN] if has_amount and not order.currency else []
    return [*(text.cut(one.sentence, 2 * text.HEAD_COLUMNS) for one in order.odd), *unknown]


def _join(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
