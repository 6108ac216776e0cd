"""Creating an order: find the vendor, check what was asked for, send it once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from po_mcp.desk import Desk
from po_mcp.errors import ERPError, InvalidInput, OrderNotFound
from po_mcp.orders import DraftLine, OrderDraft, PurchaseOrder, Vendor, plain
from po_mcp.untrusted import quoted
from po_mcp.writes.execution import carry_out
from po_mcp.writes.operation import Operation, WriteOutcome, digest_of_draft


async def create_order(
    desk: Desk,
    number: str,
    vendor: str,
    lines: Sequence[DraftLine],
    expected_on: date | None,
    note: str | None,
) -> WriteOutcome:
    """Create one order under a number that the caller chose, and return it as the ERP stored it.

    The same order asked for again is not created again: its outcome is returned, `replayed`.
    """
    desk.need("create")
    number = desk.erp.valid_number(number)
    found = find_vendor(vendor, await desk.erp.vendors())
    draft = OrderDraft(number=number, vendor=found, lines=tuple(lines), expected_on=expected_on, note=note)
    desk.erp.check(draft)
    operation = desk.journal.propose(_operation(desk, draft))
    operation = await _begun_anew_if_gone(desk, operation)
    return await carry_out(desk.journal, operation, lambda: _create(desk, operation, draft), desk.erp.notice)


def find_vendor(text: str, vendors: Sequence[Vendor]) -> Vendor:
    """Return the one vendor of this id, code or name.

    Raises:
        InvalidInput: there is none, or more than one.
    """
    wanted = text.strip().casefold()
    by_id = [vendor for vendor in vendors if vendor.id and vendor.id.casefold() == wanted]
    by_word = [vendor for vendor in vendors if wanted in (vendor.name.casefold(), (vendor.code or "").casefold())]
    found = by_id or by_word
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        ids = ", ".join(vendor.id or quoted(vendor.name) for vendor in found)
        raise InvalidInput(
            f"More than one vendor is called {quoted(text)}. Nothing was sent.",
            next_step=f"Give one of the ids: {ids}.",
        )
    if text.strip().isdecimal() and vendors and not any(vendor.id for vendor in vendors):
        return Vendor(id=text.strip(), name=text.strip())  # the ERP shows no ids, so it must judge this one
    raise _unknown_vendor(text, vendors)


def _unknown_vendor(text: str, vendors: Sequence[Vendor]) -> InvalidInput:
    import difflib  # only for this message

    names = {vendor.name.casefold(): vendor for vendor in vendors}
    near = [names[name] for name in difflib.get_close_matches(text.strip().casefold(), names, n=3, cutoff=0.5)]
    near += [vendor for name, vendor in names.items() if text.strip().casefold() in name and vendor not in near]
    hint = ", ".join(f"{quoted(vendor.name)} (id {vendor.id})" for vendor in near[:3])
    return InvalidInput(
        f"No vendor is called {quoted(text)}. Nothing was sent.",
        next_step=f"Did the user mean {hint}?" if hint else "Ask the user for the vendor's name as the ERP has it.",
    )


def _operation(desk: Desk, draft: OrderDraft) -> Operation:
    return Operation(desk.erp.connection, "create", draft.number, "{}", digest_of_draft(draft))


async def _begun_anew_if_gone(desk: Desk, operation: Operation) -> Operation:
    """Answer a create that was done again only while the ERP still shows the order."""
    known = await desk.journal.outcome(operation.id)
    if known is None or known.status != "done":
        return operation
    try:
        await desk.erp.get_order(operation.number)
    except OrderNotFound:
        desk.journal.reopen(operation.id)
        return desk.journal.propose(operation)
    return operation


async def _create(desk: Desk, operation: Operation, draft: OrderDraft) -> WriteOutcome:
    stored = await desk.erp.create_order(draft)
    order = await _read_back(desk, stored)
    return WriteOutcome(status="done", operation_id=operation.id, order=order, message=desk.say(_told(order, draft)))


async def _read_back(desk: Desk, stored: PurchaseOrder) -> PurchaseOrder:
    """Read the order with its lines; where that fails, what the ERP echoed is enough."""
    try:
        return await desk.erp.get_order(stored.number)
    except ERPError:
        return stored


def _told(order: PurchaseOrder, draft: OrderDraft) -> str:
    lines = len(draft.lines)
    text = f"Created {order.number} for {quoted(order.vendor)}: {lines} line{'s' if lines > 1 else ''}"
    if order.total is None:
        return f"{text}."
    text += f", total {plain(order.total)}."
    if order.total != draft.total:
        text += f" The ERP's total differs from what was asked for, {plain(draft.total)}."
    return text
