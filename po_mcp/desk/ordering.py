"""Creating an order: find the vendor, check what was asked for, send it once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from po_mcp.desk import Desk, asking, catalog, deciding
from po_mcp.errors import InvalidInput
from po_mcp.orders import DraftLine, OrderDraft, Vendor
from po_mcp.untrusted import quoted
from po_mcp.writes import approval
from po_mcp.writes.approval import Approver
from po_mcp.writes.observation import is_gone
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome, arguments_text, digest_of_content


async def create_order(
    desk: Desk,
    number: str,
    vendor: str,
    lines: Sequence[DraftLine],
    expected_on: date | None,
    note: str | None,
    person: Approver,
) -> WriteOutcome:
    """Create one order under a number that the caller chose, and return it as the ERP stored it.

    The same order asked for again is not created again: its outcome is returned, `replayed`. The same
    content under another number, a short while later, is put to the person as a likely duplicate.
    """
    desk.need("create")
    number = desk.erp.valid_number(number)
    found = find_vendor(vendor, await desk.erp.vendors())
    draft = OrderDraft(number=number, vendor=found, lines=tuple(lines), expected_on=expected_on, note=note)
    await _check(desk, draft)
    operation = _operation(desk, draft)
    recorded = asking.carried(desk, person, operation) or await _proposed(desk, operation, draft, person)
    if isinstance(recorded, WriteOutcome):
        return recorded
    if recorded.state in ("PROPOSED", "EXPIRED"):
        stopped = await asking.approved(desk, recorded, person)
        if stopped is not None:
            return stopped
    return await _with_lines(desk, await desk.executor.carry_out(recorded.operation.id), draft)


async def _check(desk: Desk, draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what this ERP needs or cannot store, with what it may have meant."""
    try:
        desk.erp.check(draft)
    except InvalidInput as exc:
        known = await catalog.hints(desk, draft, missing_too=True)
        raise InvalidInput(exc.what, next_step=f"{known} {exc.next_step}".strip()) from exc


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
    by_name = {vendor.name.casefold(): vendor for vendor in vendors}
    near = catalog.nearest(text, {name: name for name in by_name})
    hint = ", ".join(f"{quoted(by_name[name].name)} (id {by_name[name].id})" for name in near)
    return InvalidInput(
        f"No vendor is called {quoted(text)}. Nothing was sent.",
        next_step=f"Did the user mean {hint}?" if hint else "Ask the user for the vendor's name as the ERP has it.",
    )


def _operation(desk: Desk, draft: OrderDraft) -> Operation:
    content = digest_of_content(draft)
    return Operation(
        connection=desk.erp.connection,
        kind="create",
        number=draft.number,
        arguments=arguments_text({"content": content}),
        digest=content,
        intent=_intent(draft),
        fingerprint=content,
    )


async def _proposed(desk: Desk, operation: Operation, draft: OrderDraft, person: Approver) -> Recorded | WriteOutcome:
    """Record the order to be created: approved, unless a person must see it first.

    They must where it looks like one that was created lately, or is larger than the operator lets pass.
    """
    if because := _why_asked(desk, operation, draft):
        question = approval.ask_create(draft, desk.erp.notice, because)
        operation = replace(operation, question=question, intent=_intent(draft, because))
    before = desk.journal.created_lately(operation)
    gone = before is not None and await is_gone(desk.erp, operation.number)
    if before is not None and before.operation.meaning != operation.meaning and not gone:
        text = f"Order {operation.number} was created a short while ago, and it is another order. Nothing was sent."
        return desk.executor.say("refused", before.operation, text)
    return desk.journal.propose(operation, person.who, approved=operation.question is None, anew=gone)


def _why_asked(desk: Desk, operation: Operation, draft: OrderDraft) -> str:
    """Say why a person must see this order before it is created; "" where they need not."""
    earlier = desk.journal.alike(operation)
    limit = desk.create_approval_over
    over = limit if limit is not None and draft.total > limit else None
    return approval.why_create_is_asked(earlier.operation.number if earlier else None, over)


def _intent(draft: OrderDraft, because: str = "") -> str:
    return json.dumps({"draft": draft.model_dump(mode="json"), "because": because})


async def _with_lines(desk: Desk, outcome: WriteOutcome, draft: OrderDraft) -> WriteOutcome:
    """Show an order that was created with its lines, and one that was refused with what may have been meant."""
    if outcome.status == "refused" and (known := await catalog.hints(desk, draft)):
        return outcome.model_copy(update={"message": f"{outcome.message} {known}"})
    if outcome.status != "done":
        return outcome
    order = await deciding.read_back(desk, draft.number)  # where that fails, what the ERP echoed is enough
    return outcome.model_copy(update={"order": order or outcome.order})
