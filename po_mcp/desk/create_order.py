"""Creating an order: from words to ids, a number and prices; then it is sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from po_mcp.desk import numbering, pricing
from po_mcp.desk.approval_flow import Stop, check_answered, run_approval
from po_mcp.desk.catalog import format_entries, words_of
from po_mcp.desk.context import Desk
from po_mcp.desk.create_reasons import find_doubts_of_figures, find_reasons
from po_mcp.desk.exactness import is_same, normalize_blanks
from po_mcp.desk.gone import is_gone_for_sure
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.matching import ID_PREFIX
from po_mcp.desk.new_order import NewOrder
from po_mcp.desk.other_ids import OtherIds, find_other_ids
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.desk.resolving import resolve
from po_mcp.desk.similar_creates import SimilarCreates
from po_mcp.errors import InvalidInput, OperationUnderWay
from po_mcp.orders import DraftLine, Item, OrderDraft, OrderRequest, OrderRequestLine, Vendor, Warehouse
from po_mcp.writes.approving import Approver
from po_mcp.writes.books import pin_books
from po_mcp.writes.content import digest_of_content, item_keys, vendor_key
from po_mcp.writes.kinds import place_of
from po_mcp.writes.new_order_forms import ask_create
from po_mcp.writes.observation import find_order
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome, canonical_json
from po_mcp.writes.order_text import number as order_number
from po_mcp.writes.outcomes import OTHER_NUMBER
from po_mcp.writes.payloads import CreatePayload, LineNote, Payload, Reason

_UNNUMBERED = "PO-0"
"""Stands for the number until that is found; any ERP would take it."""


async def create_order(desk: Desk, asked: OrderRequest, approver: Approver) -> WriteOutcome:
    """Create one order and return it as the ERP stored it.

    The very same call of the same user, a few minutes later, creates nothing: its outcome is returned, `replayed`.
    An order that resembles one which is under way, not known, or was made a few minutes ago is put to the person.
    """
    desk.require("create")
    asked = _check_number(desk, asked)
    call = Operation(
        connection="",
        kind="create",
        number=asked.number or "",
        arguments=canonical_json(asked.model_dump()),
        payload=Payload(),
        requester=approver.requester,
    )
    call, earlier = await desk.journal.begin_call(desk.erp.connection, call, approver.answered_operation_id)
    found: Recorded | Stop
    if approver.answered_operation_id is not None:
        found = check_answered(desk, approver, call, earlier)
    else:
        found = await _find_or_begin(desk, asked, call, earlier, approver)
    return found.outcome if isinstance(found, Stop) else await run_approval(desk, found, approver)


def _check_number(desk: Desk, asked: OrderRequest) -> OrderRequest:
    if asked.number is None:
        return asked
    return asked.model_copy(update={"number": desk.erp.check_number(asked.number)})


async def _find_or_begin(
    desk: Desk, asked: OrderRequest, call: Operation, earlier: Recorded | None, approver: Approver
) -> Recorded | Stop:
    """Return what the very same call made before, else begin a new order."""
    gone: frozenset[str] = frozenset()
    # It may turn out to be done after all: an order beside it would be a second one.
    if earlier is not None and earlier.state == "WATCHED":
        earlier = await desk.reconciler.wait_until_certain(earlier)
    if earlier is not None and earlier.state == "DONE" and await is_gone_for_sure(desk, earlier):
        gone = frozenset({earlier.operation.id})
    elif earlier is not None and earlier.state not in ("REFUSED", "EXPIRED"):
        return earlier
    found = await resolve(desk, asked, approver)
    return Stop(found) if isinstance(found, WriteOutcome) else await _propose(desk, NewOrder(asked, call, found, gone))


async def _propose(desk: Desk, new: NewOrder) -> Recorded | Stop:
    """Fix prices and number, and record the order to be created; or say why it is not."""
    latest = LatestOrders(desk)
    known = await pricing.find_prices(desk, new.asked, new.found, latest)
    draft = _draft(new.asked, new.found, known, await find_other_ids(desk, new.found))
    # Before anybody is asked: a yes to what the ERP cannot store would be in vain.
    await _check(desk, draft)
    new = replace(new, known=known)
    reasons = await find_reasons(desk, new, draft, latest)
    if new.asked.number is not None:
        return await _record(desk, new, draft, reasons)
    # From before its number is looked up: an order that gets it meanwhile, and is there, is under way no more.
    read_at = desk.journal.now()
    async for number in numbering.find_free_numbers(desk, new.found.vendor, latest):
        try:
            return await _record(desk, new, draft.model_copy(update={"number": number}), reasons, read_at)
        except OperationUnderWay:
            read_at = desk.journal.now()  # another order has this number, or is on its way under it
    raise InvalidInput(
        "The next order numbers are all being used right now.",
        effect="nothing_sent",
        next_step="Try again in a minute, or give a number.",
    )


def _draft(
    asked: OrderRequest,
    found: ResolvedOrder,
    known: Mapping[str, pricing.SuggestedPrice],
    other_ids: OtherIds,
) -> OrderDraft:
    lines = []
    for line in asked.lines:
        item = found.items[line.item]
        price = known[item.id].price if line.unit_price is None else line.unit_price
        warehouse = None if line.warehouse is None else found.warehouses[line.warehouse]
        what = {"item": item.id, "word": item.word, "unit": item.unit, "other_ids": other_ids.items.get(item.id, ())}
        lines.append(DraftLine(**what, quantity=line.quantity, unit_price=price, warehouse=warehouse))
    return OrderDraft(
        number=asked.number or _UNNUMBERED,
        vendor=found.vendor.model_copy(update={"other_ids": other_ids.vendor}),
        lines=tuple(lines),
        expected_on=asked.expected_on,
        note=asked.note,
    )


async def _check(desk: Desk, draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what this ERP needs or cannot store, with the warehouses that it may be."""
    try:
        desk.erp.check_draft(draft)
    except InvalidInput as exc:
        if all(line.warehouse for line in draft.lines):
            raise
        warehouses = format_entries([one for one in await desk.catalog.warehouses() if one.active][:10])
        there_is = f"Warehouses: {warehouses}." if warehouses else ""
        exc.next_step = f"{there_is} {exc.next_step}".strip()
        raise


def _is_name_of(entry: Vendor | Item | Warehouse, said: str) -> bool:
    """Tell whether what was said is exactly the id, code or name of the entry, so that a person need not compare."""
    written = normalize_blanks(said).removeprefix(ID_PREFIX)
    return any(is_same(written, normalize_blanks(one)) for what, one in words_of(entry) if one)


def _note(new: NewOrder, line: OrderRequestLine) -> LineNote:
    """Say what a person needs to check a line: the item's name and unit, where it goes, and where its price is from."""
    item = new.found.items[line.item]
    known = new.known.get(item.id) if line.unit_price is None else None
    return LineNote(
        name=item.name,
        unit=item.unit,
        warehouse=None if line.warehouse is None else new.found.warehouse_names.get(line.warehouse),
        warehouse_said=_find_warehouse_said(new, line),
        said=None if _is_name_of(item, line.item) else line.item,
        price_source=None if known is None else pricing.describe_source(known, item, new.found.vendor),
    )


def _find_warehouse_said(new: NewOrder, line: OrderRequestLine) -> str | None:
    """Return what was said for a line's warehouse where that is not exactly its id or name."""
    if line.warehouse is None:
        return None
    number, name = new.found.warehouses[line.warehouse], new.found.warehouse_names.get(line.warehouse)
    return None if _is_name_of(Warehouse(id=number, name=name or number), line.warehouse) else line.warehouse


async def _record(
    desk: Desk, new: NewOrder, draft: OrderDraft, reasons: tuple[Reason, ...], read_at: float | None = None
) -> Recorded | Stop:
    """Record the order to be created: approved, unless a person must see it first.

    What it resembles is found in the transaction that records it. Where that is being sent or watched, it is waited
    for; where doubt is left, the person decides, and the question names the other order.

    Args:
        desk: the ERP and the journal.
        new: what is asked for, its words found.
        draft: the order.
        reasons: why a person must see it.
        read_at: since when no order had its number, as far as was read; None for a number that was given.

    Raises:
        OperationUnderWay: another order is under way under its number, or was created under it since `read_at`.
    """
    similar = SimilarCreates(desk, new.gone)
    is_free = False
    while True:
        operation = await _prepare(desk, new, draft, (*similar.reasons, *reasons))
        # Where nobody is asked, it is enough that the number is seen to be free right before the claim.
        if operation.question is not None and not is_free:
            if (taken := await _refuse_taken_number(desk, new, operation)) is not None:
                return taken
            is_free = True
        result = await desk.journal.propose(
            operation,
            operation.requester.detail(),
            approved=operation.question is None,
            known=similar.known,
            connection=desk.erp.connection,
            gone=similar.gone,
            read_at=read_at,
        )
        if isinstance(result, Recorded):
            return result
        await similar.add(result)


async def _prepare(desk: Desk, new: NewOrder, draft: OrderDraft, reasons: Sequence[Reason]) -> Operation:
    """Return the operation as it is proposed, with the question as this desk asks it."""
    operation = await pin_books(desk.erp, _operation(desk, new, draft, reasons))
    if operation.question is None:
        return operation
    return replace(operation, question=await desk.prepare_question(operation.question))


def _operation(desk: Desk, new: NewOrder, draft: OrderDraft, reasons: Sequence[Reason]) -> Operation:
    content = digest_of_content(draft)
    if reasons and new.found.choice == "last":
        # Somebody else may decide on it, who did not see the choice.
        reasons = [*reasons, *find_doubts_of_figures(new.asked, new.found)]
    payload = CreatePayload(
        draft=draft,
        reasons=tuple(reasons),
        notes=tuple(new.found.notes),
        line_notes=tuple(_note(new, line) for line in new.asked.lines),
        vendor_said=None if _is_name_of(draft.vendor, new.asked.vendor) else new.asked.vendor,
        currency=draft.vendor.currency,
    )
    return replace(
        new.call,
        number=draft.number,
        payload=desk.begin_consent(payload, new.call.requester),
        question=ask_create(payload, place_of(desk.erp)) if reasons else None,
        order_digest=content,
        content_digest=content,
        vendor=vendor_key(draft),
        items=item_keys(draft),
    )


async def _refuse_taken_number(desk: Desk, new: NewOrder, operation: Operation) -> Stop | None:
    """Refuse a number that is taken before anybody is asked; a number of our own was looked up just now."""
    if new.asked.number is None:
        return None
    # In any case: some ERPs take po-1 for PO-1, and so do people.
    order = await find_order(desk.erp, operation.number, in_any_case=True)
    if order is None:
        return None
    asked, there = order_number(operation.number), order_number(order.number)
    text = f"Order {asked} already exists. Nothing was changed."
    if there != asked:
        text = f"Order {asked} already exists as {there}. Nothing was changed."
    return Stop(desk.words.say("refused", None, text, OTHER_NUMBER, order=order))
