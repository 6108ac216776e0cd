"""What the ERP shows of an operation that was sent: its effect, no effect, or somebody else's. Reads only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from po_mcp.erp import ERP
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Snapshot, Vendor
from po_mcp.writes.operation import Operation

Seen = Literal["applied", "absent", "forbidden", "conflict", "unreadable"]
"""`forbidden`: there is no effect, and what is seen says why there can be none."""

_BACKORDERS_TRIED = 3


@dataclass(frozen=True)
class Observation:
    """What a reading showed, with the order as it is now, and the backorder that a finalize left."""

    seen: Seen
    why: str
    order: PurchaseOrder | None = None
    backorder_number: str | None = None


async def observe(erp: ERP, operation: Operation) -> Observation:
    """Read the order and tell what became of the operation. Never raises an `ERPError`."""
    try:
        order = await _order_or_none(erp, operation.number)
    except ERPError as exc:
        return Observation("unreadable", exc.what)
    match operation.kind:
        case "create":
            return _of_create(operation, order)
        case "delete":
            return await _of_delete(erp, operation, order)
        case "finalize":
            return await _of_finalize(erp, operation, order)
        case "cancel":
            return _of_cancel(order)


async def is_gone(erp: ERP, number: str) -> bool:
    """Tell whether the ERP has no such order.

    Raises:
        ERPError: the order cannot be read.
    """
    return await _order_or_none(erp, number) is None


async def _order_or_none(erp: ERP, number: str) -> PurchaseOrder | None:
    """Read an order; None where there is none. One "not found" proves no absence: a gateway can say it too.

    It must be said twice, and the ERP must answer another question in between.
    """
    try:
        return await erp.get_order(number)
    except OrderNotFound:
        await erp.list_orders(limit=1)
    try:
        return await erp.get_order(number)
    except OrderNotFound:
        return None


def draft_of(operation: Operation) -> OrderDraft:
    """Return the order that a create is to make."""
    return OrderDraft.model_validate(json.loads(operation.intent)["draft"])


def snapshot_of(operation: Operation) -> Snapshot:
    """Return the order as the person was shown it."""
    return Snapshot.model_validate(json.loads(operation.intent)["snapshot"])


def backorder_wanted(operation: Operation) -> bool:
    """Tell whether a finalize was approved with a backorder."""
    return json.loads(operation.intent).get("create_backorder") is True


def is_as_asked(order: PurchaseOrder, draft: OrderDraft) -> bool:
    """Tell whether a stored order is the one that was asked for: vendor, and every line's item, quantity and price."""
    return is_from(order, draft.vendor) and _lines(order.lines or ()) == _lines(draft.lines)


def is_from(order: PurchaseOrder, vendor: Vendor) -> bool:
    """Tell whether an order is from this vendor: by its id where the order tells one, else by its name."""
    return order.vendor_id == vendor.id if order.vendor_id else _fold(order.vendor) == _fold(vendor.name)


def _of_create(operation: Operation, order: PurchaseOrder | None) -> Observation:
    if order is None:
        return Observation("absent", "the ERP shows no order of this number")
    if is_as_asked(order, draft_of(operation)):
        return Observation("applied", "the ERP shows the order as it was asked for", order)
    return Observation("conflict", "the number belongs to another order", order)


async def _of_delete(erp: ERP, operation: Operation, order: PurchaseOrder | None) -> Observation:
    if order is None or order.status == "deleted":
        return Observation("applied", "the ERP no longer shows the order", order)
    shown = snapshot_of(operation)
    try:
        current = await erp.snapshot(operation.number, "delete")
    except ERPError as exc:
        return Observation("unreadable", exc.what, order)
    if shown.erp_id is not None and current.erp_id != shown.erp_id:
        return Observation("applied", "the number now names another order", order)
    if current.blockers:
        return Observation("forbidden", f"the order is used by {', '.join(current.blockers)}", order)
    return Observation("absent", "the ERP still shows the order", order)


async def _of_finalize(erp: ERP, operation: Operation, order: PurchaseOrder | None) -> Observation:
    if order is None:  # a finalize does not make an order disappear: this tells nothing of it
        return Observation("unreadable", "the ERP no longer shows the order")
    if order.status in ("cancelled", "deleted"):
        return Observation("conflict", f"the ERP shows the order as {order.status}", order)
    if order.status == "unknown":
        return Observation("unreadable", "the ERP shows the order in a state that is not known here", order)
    if order.status != "closed":
        return Observation("absent", f"the ERP shows the order as {order.status}", order)
    if not backorder_wanted(operation):
        return Observation("applied", "the ERP shows the order closed", order)
    backorder = await _backorder(erp, operation)
    told = f"with the backorder {backorder}" if backorder else "which backorder it made is not seen"
    return Observation("applied", f"the ERP shows the order closed; {told}", order, backorder)


def _of_cancel(order: PurchaseOrder | None) -> Observation:
    if order is None:  # a cancelled order stays where it is: this tells nothing of it
        return Observation("unreadable", "the ERP no longer shows the order")
    match order.status:
        case "cancelled":
            return Observation("applied", "the ERP shows the order cancelled", order)
        case "closed" | "deleted":
            return Observation("conflict", f"the ERP shows the order as {order.status}", order)
        case "unknown":
            return Observation("unreadable", "the ERP shows the order in a state that is not known here", order)
    return Observation("absent", f"the ERP shows the order as {order.status}", order)


async def _backorder(erp: ERP, operation: Operation) -> str | None:
    """Find the backorder by what it must hold, under the numbers that the ERP gives such orders."""
    outstanding = snapshot_of(operation).order.outstanding_lines
    wanted = Counter((line.item, line.outstanding) for line in outstanding)
    for count in range(1, _BACKORDERS_TRIED + 1):
        number = f"{operation.number}-BO{count}"
        try:
            found = await erp.get_order(number)
        except ERPError:
            return None
        if Counter((line.item, line.quantity) for line in found.lines or ()) == wanted:
            return number
    return None


def _lines(lines: Iterable[OrderLine | DraftLine]) -> Counter[tuple[str, Decimal, Decimal | None]]:
    # Decimals that are equal are one key, however they are written: 4250 and 4250.00.
    return Counter((line.item, line.quantity, line.unit_price) for line in lines)


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())
