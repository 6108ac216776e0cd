"""Creating an order: from words to ids, a number and prices; then it is sent once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from po_mcp.desk import Desk, asking, deciding, numbering, pricing
from po_mcp.desk.catalog import ids
from po_mcp.desk.resolving import Found, resolve
from po_mcp.errors import InvalidInput, OperationUnderWay
from po_mcp.orders import AskedOrder, DraftLine, OrderDraft
from po_mcp.writes import approval
from po_mcp.writes.approval import Approver
from po_mcp.writes.observation import is_gone
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome, arguments_text, digest_of_content

_UNNUMBERED = "0"
"""Stands for the number until that is found; any ERP would take it."""


async def create_order(desk: Desk, asked: AskedOrder, person: Approver) -> WriteOutcome:
    """Create one order and return it as the ERP stored it.

    The same order asked for again is not created again: its outcome is returned, `replayed`. The same
    content under another number, a short while later, is put to the person as a likely duplicate.
    """
    desk.need("create")
    asked = _checked_number(desk, asked)
    recorded = asking.carried(desk, person, "create", asked.number) or await _begun(desk, asked, person)
    if isinstance(recorded, WriteOutcome):
        return recorded

    async def carry_out(operation: Operation) -> WriteOutcome:
        return await _as_stored(desk, operation, await desk.executor.carry_out(operation.id))

    return _noted(recorded.operation, await asking.through(desk, recorded, person, carry_out))


def _checked_number(desk: Desk, asked: AskedOrder) -> AskedOrder:
    if asked.number is None:
        return asked
    return asked.model_copy(update={"number": desk.erp.valid_number(asked.number)})


async def _begun(desk: Desk, asked: AskedOrder, person: Approver) -> Recorded | WriteOutcome:
    """Find what the words mean and record the order to be created; or return why it is not."""
    found = await resolve(desk, asked, person)
    return found if isinstance(found, WriteOutcome) else await _proposed(desk, asked, found, person)


async def _proposed(desk: Desk, asked: AskedOrder, found: Found, person: Approver) -> Recorded | WriteOutcome:
    """Fix prices and number, and record the order to be created; or return why it is not."""
    known = await pricing.prices(desk, asked, found)
    draft = _draft(asked, found, known)
    await _check(desk, draft)
    if asked.number is not None:
        return await _recorded(desk, draft, found, known, person)
    same = desk.journal.same_content(_operation(desk, draft))
    if same is not None and not (same.state == "DONE" and await is_gone(desk.erp, same.operation.number)):
        return await _recorded(desk, _numbered(draft, same.operation.number), found, known, person)
    async for number in numbering.free_numbers(desk, found.vendor):
        try:
            recorded = await _recorded(desk, _numbered(draft, number), found, known, person, any_number=same is None)
        except OperationUnderWay:
            continue  # another order is on its way under this number
        if isinstance(recorded, Recorded):
            return recorded  # else another order was created under it, while we looked for it
    raise InvalidInput(
        "The next numbers are all being used at this moment. Nothing was sent.",
        next_step="Ask again in a minute, or give a number.",
    )


def _draft(asked: AskedOrder, found: Found, known: Mapping[str, pricing.Known]) -> OrderDraft:
    lines = []
    for line in asked.lines:
        item = found.items[line.item].id
        price = known[item].price if line.unit_price is None else line.unit_price
        warehouse = None if line.warehouse is None else found.warehouses[line.warehouse]
        lines.append(DraftLine(item=item, quantity=line.quantity, unit_price=price, warehouse=warehouse))
    return OrderDraft(
        number=asked.number or _UNNUMBERED,
        vendor=found.vendor,
        lines=tuple(lines),
        expected_on=asked.expected_on,
        note=asked.note,
    )


def _numbered(draft: OrderDraft, number: str) -> OrderDraft:
    return draft.model_copy(update={"number": number})


async def _check(desk: Desk, draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what this ERP needs or cannot store, with the warehouses that it may be."""
    try:
        desk.erp.check(draft)
    except InvalidInput as exc:
        if all(line.warehouse for line in draft.lines):
            raise
        warehouses = ids((await desk.catalog.warehouses())[:10])
        there_is = f"There is {warehouses}." if warehouses else ""
        raise InvalidInput(exc.what, next_step=f"{there_is} {exc.next_step}".strip()) from exc


def _operation(desk: Desk, draft: OrderDraft) -> Operation:
    content = digest_of_content(draft)
    return Operation(
        connection=desk.erp.connection,
        kind="create",
        number=draft.number,
        arguments=arguments_text({"content": content}),
        digest=content,
        fingerprint=content,
    )


async def _recorded(
    desk: Desk,
    draft: OrderDraft,
    found: Found,
    known: Mapping[str, pricing.Known],
    person: Approver,
    *,
    any_number: bool = False,
) -> Recorded | WriteOutcome:
    """Record the order to be created: approved, unless a person must see it first.

    They must where it looks like one that was created lately, is larger than the operator lets pass, or
    has a price that nobody gave. `any_number`: an order of the same content is the same, whatever its number.
    """
    operation = _operation(desk, draft)
    because = _why_asked(desk, operation, draft, known)
    question = approval.ask_create(draft, desk.erp.notice, because) if because else None
    operation = replace(operation, question=question, intent=_intent(draft, because, found.notes))
    before = desk.journal.created_lately(operation)
    gone = before is not None and await is_gone(desk.erp, operation.number)
    if before is not None and before.operation.meaning != operation.meaning and not gone:
        text = (
            f"Order {operation.number} was created a short while ago, and it is another order. Nothing was sent. "
            "Look at it with get_purchase_order, and ask the user which number to take."
        )
        return desk.executor.say("refused", before.operation, text)
    is_plain = operation.question is None
    return desk.journal.propose(operation, person.who, approved=is_plain, anew=gone, any_number=any_number)


def _why_asked(desk: Desk, operation: Operation, draft: OrderDraft, known: Mapping[str, pricing.Known]) -> str:
    """Say why a person must see this order before it is created; "" where they need not."""
    earlier = desk.journal.alike(operation)
    limit = desk.create_approval_over
    over = limit if limit is not None and draft.total > limit else None
    return approval.why_create_is_asked(earlier.operation.number if earlier else None, over, pricing.told(known))


def _intent(draft: OrderDraft, because: str, notes: Sequence[str]) -> str:
    return json.dumps({"draft": draft.model_dump(mode="json"), "because": because, "notes": list(notes)})


async def _as_stored(desk: Desk, operation: Operation, outcome: WriteOutcome) -> WriteOutcome:
    """Show an order that was created with its lines; where it cannot be read now, what the ERP echoed is enough."""
    if outcome.status != "done":
        return outcome
    order = await deciding.read_back(desk, operation.number)
    return outcome.model_copy(update={"order": order or outcome.order})


def _noted(operation: Operation, outcome: WriteOutcome) -> WriteOutcome:
    """Say what the words were taken for, when the order was first asked for."""
    notes = json.loads(operation.intent).get("notes", ())
    return outcome.model_copy(update={"message": " ".join([outcome.message, *notes])}) if notes else outcome
