"""Create: a new order under a number that was seen to be free right before."""

from __future__ import annotations

import unicodedata

from po_mcp.erp import ERP, BeforeSend, Capability, CreatesDrafts
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import OrderDraft, PurchaseOrder
from po_mcp.writes import order_text
from po_mcp.writes.comparison import Comparison, compare_order, describe_standing, is_of_vendor
from po_mcp.writes.forms import FormAnswer, read_decision
from po_mcp.writes.kinds import Applied, Change, Words, place_of
from po_mcp.writes.kinds.snapshots import say_not_read, say_not_shown
from po_mcp.writes.observation import Observation, find_created_order, find_order, unreadable
from po_mcp.writes.operation import Operation
from po_mcp.writes.ordered_text import say_ordered
from po_mcp.writes.payloads import CreatePayload, Payload


class Create:
    """Creates an order. A person is asked only where there is a reason."""

    name = "create"
    capability: Capability = "create"
    payload_type: type[Payload] = CreatePayload
    words = Words("Creating", "created", "Create order", leave="Do not create")

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        """Take the option that creates it."""
        assert operation.question is not None
        return operation.payload if read_decision(answer, operation.question) == "yes" else None

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        """See that the number is free: what stands under it afterwards was made after this."""
        try:
            # In any case of its letters: some ERPs store numbers in capitals, and po-1 would meet PO-1.
            order = await erp.get_order(operation.number, in_any_case=True)
        except OrderNotFound:
            return None
        found = compare_order(draft_of(operation), order, None)
        is_same = found.verdict == "ours" and not found.differences
        why = " as requested" if is_same else " with other contents"
        return Change(why, order, is_taken=True)

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        """Create it, with the operation's id as its reference."""
        return Applied(order=await erp.create_order(draft_of(operation), before_send))

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        """Read the new order back: an ERP can answer a success for an order that stood there, or store another.

        What shows nothing against the ERP's answer leaves it standing: an order that cannot be read yet, or whose
        lines do not show yet.
        """
        seen = await self.observe(erp, operation, sent_at)
        # Some ERPs show a new order's header before its lines; that is no sign against their own success.
        is_late = seen.order is None or not seen.order.lines
        if seen.seen in ("foreign", "differs") and not is_late:
            return seen
        # A header alone tells the vendor, and another vendor is a sign.
        if seen.order is not None and is_of_vendor(seen.order, draft_of(operation).vendor) is False:
            return seen
        # A reading that decides nothing is not shown: it may be of a moment before the write.
        shown = seen.order if seen.seen == "applied" else applied.order
        differences = _find_differences(erp, operation, seen, shown)
        unseen = {"absent": say_not_shown(erp), "unreadable": say_not_read(erp)}.get(seen.seen, "")
        return Observation("applied", "the ERP says so", shown, differences=differences, detail=unseen)

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        """Compare what stands under the number with what was sent."""
        try:
            order = await _find_in_any_case(erp, operation.number)
            # Somebody may have given it another number, or its number to another order.
            if order is None or compare_order(draft_of(operation), order, sent_at).verdict != "ours":
                order = await find_created_order(erp, operation.id) or order
        except ERPError as exc:
            return unreadable(exc)
        # No order is no proof that none comes: the reconciler knows when an absence decides.
        if order is None:
            return Observation("absent", f"{place_of(erp).erp} has no order {order_text.number(operation.number)}")
        found = compare_order(draft_of(operation), order, sent_at)
        which = f"order {order_text.number(operation.number)}"
        match found.verdict:
            case "ours":
                why = "the order is there" + (" as requested" if not found.differences else "")
                return Observation("applied", why, order, differences=list_differences(erp, found, order))
            case "foreign":
                return Observation("foreign", f"{which} has other contents", order, None, found.differences)
        why = f"{which} is not what was requested"
        if found.against:
            why = f"{which} has the requested contents, but {' and '.join(found.against)}"
        return Observation("differs", why, order, differences=found.differences)

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        """Tell whether it is there."""
        return order is not None and order.status != "deleted"

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        """Say that it is to be checked."""
        return f"Check this order before it is created in {erp}."

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        """Say what was created, and for how much."""
        draft = draft_of(operation)
        stored = applied.order
        is_unnamed = stored is None or stored.vendor.strip() in ("", draft.vendor.id)
        vendor = draft.vendor.name if stored is None or is_unnamed else stored.vendor
        number = order_text.number(draft.number if stored is None else stored.number)
        total = None if stored is None else stored.total
        currency = draft.vendor.currency if stored is None else stored.currency or draft.vendor.currency
        lines = order_text.count(len(draft.lines), "line")
        amount = "" if total is None else f", total {order_text.money(total, currency)}"
        text = f"Order {number} for {order_text.name(vendor)} was created: {lines}{amount}."
        assert isinstance(operation.payload, CreatePayload)
        # The prices are those that were sent: in the vendor's currency, as far as that is known.
        return f"{text} {say_ordered(operation.payload, draft.vendor.currency or currency)}"

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        """Offer nothing."""
        return ""


def draft_of(operation: Operation) -> OrderDraft:
    """Return the order that is to be made, with the operation's id as its reference, and who asked for it."""
    assert isinstance(operation.payload, CreatePayload)
    buyer = operation.payload.consent.requested_by
    return operation.payload.draft.model_copy(update={"reference": operation.id, "requested_by": buyer})


async def _find_in_any_case(erp: ERP, number: str) -> PurchaseOrder | None:
    """Find the order under our number, or as an ERP shows it that keeps capitals, or letters of one width, only."""
    plain = unicodedata.normalize("NFKC", number)
    for written in dict.fromkeys((number, number.upper(), plain, plain.upper())):
        if (found := await find_order(erp, written, in_any_case=True)) is not None:
            return found
    return None


def _find_differences(
    erp: ERP, operation: Operation, seen: Observation, shown: PurchaseOrder | None
) -> tuple[str, ...]:
    if seen.seen == "applied":
        return seen.differences
    return () if shown is None else list_differences(erp, compare_order(draft_of(operation), shown, None), shown)


def list_differences(erp: ERP, found: Comparison, order: PurchaseOrder) -> tuple[str, ...]:
    """Return how a new order is not what was asked for, and how it does not stand as new."""
    return (*describe_standing(order, may_be_draft=isinstance(erp, CreatesDrafts)), *found.differences)
