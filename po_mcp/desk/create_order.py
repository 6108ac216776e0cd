"""Creating an order: from words to ids, a number and prices; then it is sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

import anyio

from po_mcp.desk import numbering, pricing, similar_numbers
from po_mcp.desk.approval_flow import Stop, check_answered, run_approval
from po_mcp.desk.catalog import format_entries, words_of
from po_mcp.desk.context import Desk
from po_mcp.desk.exactness import is_same, normalize_blanks
from po_mcp.desk.gone import is_gone_for_sure
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.limits import explain_amount
from po_mcp.desk.matching import ID_PREFIX
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.desk.resolving import find_doubtful_figures, resolve
from po_mcp.errors import ERPError, InvalidInput, OperationUnderWay
from po_mcp.orders import DraftLine, Item, OrderDraft, OrderRequest, OrderRequestLine, PurchaseOrder, Vendor, Warehouse
from po_mcp.untrusted import imitating_scripts
from po_mcp.writes.approving import Approver
from po_mcp.writes.books import pin_books
from po_mcp.writes.content import digest_of_content, item_keys, vendor_key
from po_mcp.writes.journal import Similar
from po_mcp.writes.kinds import place_of
from po_mcp.writes.new_order_forms import ask_create
from po_mcp.writes.observation import find_order
from po_mcp.writes.operation import SENT_STATES, Operation, Recorded, WriteOutcome, canonical_json
from po_mcp.writes.order_text import day, name
from po_mcp.writes.order_text import number as order_number
from po_mcp.writes.outcomes import OTHER_NUMBER
from po_mcp.writes.payloads import CreatePayload, LineNote, Payload, Reason

_UNNUMBERED = "PO-0"
"""Stands for the number until that is found; any ERP would take it."""
_NUMBERS_TIMEOUT_S = 10.0
"""How long a create with a number of its own waits for the numbers of other orders."""
_MAX_SIMILAR = 5
"""Similar orders that one question names."""


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
    if earlier is not None and earlier.state == "WATCHED":
        earlier = await desk.reconciler.wait_until_certain(earlier)
    if earlier is not None and earlier.state == "DONE" and await is_gone_for_sure(desk, earlier):
        gone = frozenset({earlier.operation.id})
    elif earlier is not None and earlier.state not in ("REFUSED", "EXPIRED"):
        return earlier
    found = await resolve(desk, asked, approver)
    return Stop(found) if isinstance(found, WriteOutcome) else await _propose(desk, _New(asked, call, found, gone))


@dataclass(frozen=True)
class _New:
    """An order to be created, its words found.

    `gone` are creates whose order is no longer there, `known` the prices that nobody gave.
    """

    asked: OrderRequest
    call: Operation
    found: ResolvedOrder
    gone: frozenset[str]
    known: Mapping[str, pricing.SuggestedPrice] = field(default_factory=dict)


async def _propose(desk: Desk, new: _New) -> Recorded | Stop:
    """Fix prices and number, and record the order to be created; or say why it is not."""
    latest = LatestOrders(desk)
    known = await pricing.find_prices(desk, new.asked, new.found, latest)
    draft = _draft(new.asked, new.found, known)
    await _check(desk, draft)
    new = replace(new, known=known)
    number_reasons = [] if new.asked.number is None else await _compare_number(new.asked.number, latest)
    currency = await _explain_currency(desk, new.found.vendor, latest)
    reasons = (*await _explain_restore(desk), *currency, *_reasons(desk, new, draft, known))
    if new.asked.number is not None:
        return await _record(desk, new, draft, (*number_reasons, *reasons))
    # From before its number is looked up: an order that gets it meanwhile, and is there, is under way no more.
    read_at = desk.journal.now()
    async for number in numbering.find_free_numbers(desk, new.found.vendor, latest):
        try:
            return await _record(desk, new, draft.model_copy(update={"number": number}), reasons, read_at)
        except OperationUnderWay:
            read_at = desk.journal.now()  # another order has this number, or is on its way under it
    raise InvalidInput(
        "The next order numbers are all being used right now. Nothing was sent.",
        next_step="Try again in a minute, or give a number.",
    )


def _draft(asked: OrderRequest, found: ResolvedOrder, known: Mapping[str, pricing.SuggestedPrice]) -> OrderDraft:
    lines = []
    for line in asked.lines:
        item = found.items[line.item]
        price = known[item.id].price if line.unit_price is None else line.unit_price
        warehouse = None if line.warehouse is None else found.warehouses[line.warehouse]
        what = {"item": item.id, "word": item.word, "unit": item.unit}
        lines.append(DraftLine(**what, quantity=line.quantity, unit_price=price, warehouse=warehouse))
    return OrderDraft(
        number=asked.number or _UNNUMBERED,
        vendor=found.vendor,
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
        raise InvalidInput(exc.what, next_step=f"{there_is} {exc.next_step}".strip()) from exc


def _reasons(
    desk: Desk, new: _New, draft: OrderDraft, known: Mapping[str, pricing.SuggestedPrice]
) -> tuple[Reason, ...]:
    """Say why a person must see this order before it is created; nothing where they need not."""
    reasons: list[Reason] = [] if new.found.choice == "last" else _doubts_of_figures(new.asked, new.found)
    if scripts := imitating_scripts(new.asked.number or "", beside_latin=True):
        sentence = f"Its number is written in {' and '.join(scripts)} letters that look alike."
        reasons.append(Reason(short="check the letters of the number", sentence=sentence))
    reasons += _explain_plain_word(new.asked.number)
    reasons += _explain_past_day(draft.expected_on, desk.today())
    reasons += [Reason(short="check that this is current", sentence=old) for old in new.found.old_data]
    reasons += [Reason(short="check what was not looked up", sentence=one) for one in new.found.unchecked]
    several = pricing.explain_several_prices(new.asked, new.found, known)
    reasons += [Reason(short="two prices of one item", sentence=one) for one in several]
    reasons += explain_amount(desk, draft)
    prices = pricing.explain_prices(known, new.found)
    # Where the choice was not the last question, it said that the whole order follows.
    if new.found.choice == "first" and (desk.page.comes_first or not (reasons or prices)):
        reasons.append(Reason(short="check what was chosen", sentence="Words of this order were chosen in a form."))
    return (*reasons, *(Reason(short="", sentence=price, is_said_by_lines=True) for price in prices))


def _explain_plain_word(number: str | None) -> list[Reason]:
    """Say that a number has no figure: models write "auto", "TBD" or "null" for one that they do not have."""
    if number is None or any(sign.isdigit() for sign in number):
        return []
    sentence = f"The order number {order_number(number)} has no figure in it."
    return [Reason(short="check the number, a plain word", sentence=sentence)]


def _explain_past_day(expected_on: date | None, today: date) -> list[Reason]:
    """Say that the day is past on which an order is expected."""
    if expected_on is None or expected_on >= today:
        return []
    sentence = f"It is expected {day(expected_on)}, which is past."
    return [Reason(short="check the day, which is past", sentence=sentence)]


def _doubts_of_figures(asked: OrderRequest, found: ResolvedOrder) -> list[Reason]:
    """Say which figures may be meant otherwise: what a person saw beside a choice is no reason to ask them again."""
    doubts = find_doubtful_figures(asked, found.vendor.currency)
    zeros = pricing.explain_zero_prices(asked, found)
    return [
        *(Reason(short=f"check a {what}", sentence=doubt) for what, doubt in doubts),
        *(Reason(short="a price of 0", sentence=zero) for zero in zeros),
    ]


async def _compare_number(number: str, latest: LatestOrders) -> list[Reason]:
    """Ask whether a number is meant as a new one that is like an order's; nothing where the list cannot be read."""
    orders: Sequence[PurchaseOrder] = ()
    with anyio.move_on_after(_NUMBERS_TIMEOUT_S), suppress(ERPError):
        orders = await latest.read_all()
    if not (meant := similar_numbers.find_meant_numbers(number, orders)):
        return []
    there = f"{' and '.join(map(order_number, meant))} exist{'s' if len(meant) == 1 else ''}"
    return [
        Reason(short="check the number", sentence=f"{there}; is {order_number(number)} meant as a new order?"),
    ]


async def _explain_currency(desk: Desk, vendor: Vendor, latest: LatestOrders) -> list[Reason]:
    """Say that the currency is not told, where the ERP tells that of others; nothing where it never tells one."""
    if vendor.currency:
        return []
    orders: Sequence[PurchaseOrder] = ()
    with anyio.move_on_after(_NUMBERS_TIMEOUT_S), suppress(ERPError):
        orders = await latest.read_recent()
    if not any(order.currency for order in orders) and not any(one.currency for one in await desk.catalog.vendors()):
        return []
    currencies = pricing.find_currencies(vendor, orders)
    its = f" Orders of this vendor are in {pricing.write_currencies(currencies)}." if currencies else ""
    sentence = f"The ERP does not say which currency this order will be in.{its}"
    return [Reason(short="currency not told", sentence=sentence)]


async def _explain_restore(desk: Desk) -> list[Reason]:
    """Say that the same order may have been made, and be missing in the journal."""
    if not await desk.journal.may_lack_events():
        return []
    sentence = "The record of recent changes was restored, so it may lack this very order. Check that it is not there."
    return [Reason(short="check that it was not created already", sentence=sentence)]


def _is_name_of(entry: Vendor | Item | Warehouse, said: str) -> bool:
    """Tell whether what was said is exactly the id, code or name of the entry, so that a person need not compare."""
    written = normalize_blanks(said).removeprefix(ID_PREFIX)
    return any(is_same(written, normalize_blanks(one)) for what, one in words_of(entry) if one)


def _note(new: _New, line: OrderRequestLine) -> LineNote:
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


def _find_warehouse_said(new: _New, line: OrderRequestLine) -> str | None:
    """Return what was said for a line's warehouse where that is not exactly its id or name."""
    if line.warehouse is None:
        return None
    number, name = new.found.warehouses[line.warehouse], new.found.warehouse_names.get(line.warehouse)
    return None if _is_name_of(Warehouse(id=number, name=name or number), line.warehouse) else line.warehouse


async def _record(
    desk: Desk, new: _New, draft: OrderDraft, reasons: tuple[Reason, ...], read_at: float | None = None
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
    named: list[tuple[Recorded, str]] = []
    gone, is_free = new.gone, False
    while True:
        operation = await _prepare(desk, new, draft, (*_name_similar(named), *reasons))
        if operation.question is not None and not is_free:
            if (taken := await _refuse_taken_number(desk, new, operation)) is not None:
                return taken
            is_free = True
        result = await desk.journal.propose(
            operation,
            operation.requester.detail(),
            approved=operation.question is None,
            known=None if len(named) == _MAX_SIMILAR else frozenset(one.operation.id for one, _ in named),
            connection=desk.erp.connection,
            gone=gone,
            read_at=read_at,
        )
        if isinstance(result, Recorded):
            return result
        similar = await _settle_similar(desk, result)
        if similar is None:
            gone |= {result.recorded.operation.id}
            continue
        standing = await _find_standing(desk, similar)
        # One that was declined is named once, however often it was: nothing waits for the person there.
        if standing == _DECLINED and _DECLINED in [one for _, one in named]:
            gone |= {similar.operation.id}
        else:
            named.append((similar, standing))


async def _prepare(desk: Desk, new: _New, draft: OrderDraft, reasons: Sequence[Reason]) -> Operation:
    """Return the operation as it is proposed, with the question as this desk asks it."""
    operation = await pin_books(desk.erp, _operation(desk, new, draft, reasons))
    if operation.question is None:
        return operation
    return replace(operation, question=await desk.prepare_question(operation.question))


def _operation(desk: Desk, new: _New, draft: OrderDraft, reasons: Sequence[Reason]) -> Operation:
    content = digest_of_content(draft)
    if reasons and new.found.choice == "last":
        # Somebody else may decide on it, who did not see the choice.
        reasons = [*reasons, *_doubts_of_figures(new.asked, new.found)]
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


async def _settle_similar(desk: Desk, similar: Similar) -> Recorded | None:
    """Return the similar order if it is a reason to ask; None where it was not made, or is no longer there."""
    recorded = similar.recorded
    if recorded.state in SENT_STATES:
        recorded = await desk.reconciler.wait_until_certain(recorded)
    if recorded.state in ("REFUSED", "NOT_APPLIED", "EXPIRED", "STALE", "DECLINED"):
        return None
    if recorded.state == "DONE" and await is_gone_for_sure(desk, recorded):
        return None
    return recorded


async def _find_standing(desk: Desk, similar: Recorded) -> str:
    """Return how a similar order stands; a question that was declined waits for nobody."""
    is_declined = similar.state == "PROPOSED" and await desk.executor.find_own_no(similar.operation) is not None
    return _DECLINED if is_declined else similar.state


def _name_similar(named: Sequence[tuple[Recorded, str]]) -> list[Reason]:
    """Name every similar order, so that the person decides knowing of it."""
    return [
        Reason(
            short=f"duplicate of {name(one.operation.number)}?",
            sentence=_SIMILAR.get(standing, _SIMILAR["SENT"]).format(number=order_number(one.operation.number)),
        )
        for one, standing in named
    ]


_DECLINED = "DECLINED"
_SIMILAR: Mapping[str, str] = {
    _DECLINED: "It may be a duplicate of {number}, which was declined.",
    "DONE": "It may be a duplicate of {number}, created a few minutes ago.",
    "CONFLICT": "It may be a duplicate of {number}, under which another order was found when it was created.",
    "PROPOSED": "It may be a duplicate of {number}, which is waiting for approval.",
    "APPROVED": "It may be a duplicate of {number}, which is being created.",
    "SENT": "It is not known whether {number}, for the same vendor and with an item of this one, was created.",
    "WATCHED": "{number}, for the same vendor and with an item of this one, was refused just now and may still appear.",
}


async def _refuse_taken_number(desk: Desk, new: _New, operation: Operation) -> Stop | None:
    """Refuse a number that is taken before anybody is asked; a number of our own was looked up just now."""
    if new.asked.number is None:
        return None
    order = await find_order(desk.erp, operation.number, in_any_case=True)
    if order is None:
        return None
    asked, there = order_number(operation.number), order_number(order.number)
    text = f"Order {asked} already exists. Nothing was changed."
    if there != asked:
        text = f"Order {asked} already exists as {there}. Nothing was changed."
    return Stop(desk.words.say("refused", None, text, OTHER_NUMBER, order=order))
