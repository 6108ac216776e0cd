"""What a person is shown of an operation, in words and cells. Pure: made of what the journal holds, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from po_mcp.amounts import EXACT
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.approvals.people_shown import Approved, approvals_of, asker_of
from po_mcp.approvals.pin import PinStatus, say_wrong_pins
from po_mcp.approvals.status_banner import StatusBanner, describe_status
from po_mcp.orders import DraftLine, OrderLine, PurchaseOrder
from po_mcp.untrusted import mark_number, visible
from po_mcp.writes import order_text
from po_mcp.writes.forms import is_backorder_open, pin_reset
from po_mcp.writes.journal import Event
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.new_order_forms import notes_of, reasons_beside_lines, sort_guessed_first
from po_mcp.writes.operation import Operation, Recorded, State
from po_mcp.writes.order_text import STATUS_LABELS, day, shown
from po_mcp.writes.payloads import CreatePayload, LineNote, SnapshotPayload

LINES_SHOWN = 200
"""Lines of an order that are shown; the rest is counted."""
_MAX_CHARS = 120
NOT_GIVEN = "\N{EN DASH}"
"""Stands where the ERP tells nothing: never 0."""


@dataclass(frozen=True)
class Row:
    """One line of the order, each cell as it is shown. `is_carried`: a backorder would hold what is outstanding.

    Of an order to be created, `unit` and `deliver_to` are said, and as `remarks` where each guess is from.
    """

    place: str
    item: str
    description: str
    quantity: str
    received: str
    outstanding: str
    unit_price: str
    line_total: str
    is_carried: bool = False
    unit: str = NOT_GIVEN
    deliver_to: str = NOT_GIVEN
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """The order as the ERP had it when it was read, or as it is to be created.

    `outstanding` counts all lines of which something is to come, also those that are not shown, and `untold` those of
    which the ERP does not tell it.
    """

    vendor: str
    vendor_id: str
    total: str
    status: str
    rows: tuple[Row, ...]
    lines: int
    ordered: str = ""
    expected: str = ""
    remarks: tuple[str, ...] = ()
    is_new: bool = False
    outstanding: int = 0
    untold: int = 0

    @property
    def hidden(self) -> int:
        """How many lines are not shown."""
        return self.lines - len(self.rows)

    @property
    def backorder_rows(self) -> tuple[Row, ...]:
        """The lines that a backorder would hold."""
        return tuple(row for row in self.rows if row.is_carried)


@dataclass(frozen=True)
class Presentation:
    """One operation, ready to be shown."""

    id: str
    kind: str
    number: str
    state: State
    consequence: str
    order: Order
    asked_by: str
    asked_at: str
    open_until: str
    minutes_left: int
    banner: StatusBanner | None = None
    fields: frozenset[str] = field(default_factory=frozenset)
    """What the person fills in: `order_number`, `create_backorder`."""
    approved_by: tuple[Approved, ...] = ()
    needed: int = 1
    """How many people must approve it."""

    @property
    def verb(self) -> str:
        """What is to be done with the order, as the button says it."""
        return kind_of(self.kind).words.request

    @property
    def ending(self) -> str:
        """What follows the number in a sentence."""
        return kind_of(self.kind).words.ending

    @property
    def leave(self) -> str:
        """What the button says that changes nothing."""
        return kind_of(self.kind).words.leave

    @property
    def missing(self) -> int:
        """How many people must still approve it."""
        return max(0, self.needed - len(self.approved_by))

    @property
    def is_decidable(self) -> bool:
        """Tell whether there is anything that a person can decide now."""
        is_running = self.banner is not None and self.banner.looks_again
        return self.state in ("PROPOSED", "UNKNOWN") or (self.state == "APPROVED" and not is_running)

    @property
    def sentence(self) -> str:
        """What will happen."""
        return f"{self.verb} {self.number}{self.ending}"


async def present_pending(pending: PendingApprovals, recorded: Recorded) -> Presentation:
    """Return what to show of an operation as it stands now."""
    journal, operation_id = pending.journal, recorded.operation.id
    events, is_running = await journal.events(operation_id), pending.under_way.is_running(operation_id)
    erp, local, needed = await pending.name_erp(recorded), pending.executor.words.local, pending.count_needed(recorded)
    return present(recorded, events, journal.now(), is_running=is_running, erp=erp, local=local, needed=needed)


def present(
    recorded: Recorded,
    events: Sequence[Event],
    now: float,
    *,
    is_running: bool = False,
    erp: str = "the ERP",
    local: LocalTime = THIS_MACHINE,
    needed: int = 1,
) -> Presentation:
    """Return what to show of an operation.

    Args:
        recorded: the operation.
        events: what happened to it; the first tells who asked.
        now: seconds since 1970.
        is_running: it is being carried out in this process.
        erp: the ERP's name in a sentence.
        local: writes times.
        needed: people that must approve it.
    """
    operation = recorded.operation
    order = _order_of(operation)
    return Presentation(
        id=operation.id,
        kind=operation.kind,
        number=mark_number(operation.number, _MAX_CHARS),
        state=recorded.state,
        consequence=kind_of(operation.kind).describe_consequence(operation, erp),
        order=order,
        asked_by=asker_of(operation, events),
        asked_at=local.moment(events[0].at, now) if events else "",
        open_until=local.moment(recorded.expires_at, now),
        # Rounded down: the last minute that is shown must still be there.
        minutes_left=max(0, int(recorded.expires_at - now) // 60),
        banner=describe_status(recorded, events, is_running, erp, local),
        fields=_fields_of(operation),
        approved_by=approvals_of(events, local, now),
        needed=needed,
    )


def _fields_of(operation: Operation) -> frozenset[str]:
    """Return what the person fills in besides pressing a button."""
    question = operation.question
    if question is None:
        return frozenset()
    if not question.fields[0].choices:
        return frozenset({"order_number"})
    return frozenset({"create_backorder"}) if is_backorder_open(question) else frozenset()


def misfit_of(recorded: Recorded) -> str:
    """Say what was wrong with an answer that does not fit the question, or the verdict, of an operation."""
    if recorded.state == "UNKNOWN" or "order_number" in _fields_of(recorded.operation):
        return f"That is not the order number, {order_text.number(recorded.operation.number)}. Nothing was changed."
    if "create_backorder" in _fields_of(recorded.operation):
        return "Choose what happens to the rest. Nothing was changed."
    return "Your answer does not fit this order. Nothing was changed."


def money(amount: Decimal | None, currency: str | None = None) -> str:
    """Write an amount as every question does; a dash where the ERP tells none."""
    return NOT_GIVEN if amount is None else order_text.money(amount, currency)


def quantity(amount: Decimal | None, unit: str | None = None) -> str:
    """Write a quantity as every question does; a dash where the ERP tells none."""
    return NOT_GIVEN if amount is None else order_text.quantity(amount, unit)


def pin_warnings(pin: PinStatus, local: LocalTime) -> list[str]:
    """Say what a person must know of the PIN before they decide."""
    # Where the place is locked for them, that is said already.
    tried = [text] if not pin.wait_s and (text := say_wrong_pins(pin.wrong_tries)) else []
    return tried + ([pin_reset(local.day(pin.reset_at))] if pin.reset_at is not None else [])


def _show(text: str | None) -> str:
    return visible(text, _MAX_CHARS) if text else NOT_GIVEN


def _order_of(operation: Operation) -> Order:
    payload = operation.payload
    if isinstance(payload, CreatePayload):
        return _convert_draft(payload)
    assert isinstance(payload, SnapshotPayload)
    # An order in the journal holds no tax of its own.
    return _read(payload.snapshot.order.model_copy(update={"tax": payload.snapshot.tax}))


def _read(order: PurchaseOrder) -> Order:
    lines = order.lines or ()
    remarks = list(_caution(order.vendor))
    if order.tax:
        remarks.append(f"The total includes {money(order.tax, order.currency)} tax.")
    # Said and not refused: freight or taxes may be the difference, and a person can tell.
    if not order.currency and (order.total is not None or any(line.unit_price is not None for line in lines)):
        remarks.append(order_text.CURRENCY_NOT_GIVEN)
    if order.sum_of_lines not in (None, order.total_before_tax):
        total = "gives no total" if order.total is None else f"says the total is {money(order.total, order.currency)}"
        remarks.append(f"The lines add up to {money(order.sum_of_lines, order.currency)}, but the ERP {total}.")
    return Order(
        vendor=_show(order.vendor),
        vendor_id=_show(order.vendor_id) if order.vendor_id else "",
        total=money(order.total, order.currency),
        status=STATUS_LABELS[order.status],
        rows=tuple(_row(place, line, order.currency) for place, line in enumerate(lines[:LINES_SHOWN], 1)),
        lines=len(lines) + order.untold_lines,
        ordered=day(order.ordered_at) if order.ordered_at else "",
        expected=day(order.expected_on) if order.expected_on else "",
        remarks=tuple(remarks),
        outstanding=len(order.outstanding_lines),
        untold=order.untold_receipts,
    )


def _convert_draft(payload: CreatePayload) -> Order:
    draft = payload.draft
    lines = list(enumerate(zip(draft.lines, notes_of(payload), strict=True), 1))
    if len(lines) > LINES_SHOWN:
        # What was guessed must be seen.
        lines = [(place, (line, note)) for place, line, note in sort_guessed_first(draft.lines, notes_of(payload))]
    currency = payload.currency or draft.vendor.currency
    note = [f"Note: {shown(draft.note, 200)}"] if draft.note else []
    said = [f"Vendor asked for as: {shown(payload.vendor_said, 80)}"] if payload.vendor_said else []
    return Order(
        vendor=_show(draft.vendor.name),
        vendor_id=_show(draft.vendor.id) if draft.vendor.id else "",
        total=money(draft.total, currency),
        status="",
        rows=tuple(_new_row(place, *line, currency) for place, line in lines[:LINES_SHOWN]),
        lines=len(draft.lines),
        expected=day(draft.expected_on) if draft.expected_on else "",
        remarks=(
            *said,
            *(reason.sentence for reason in reasons_beside_lines(payload, LINES_SHOWN)),
            *note,
            *_caution(draft.vendor.name),
            *([] if currency else [order_text.CURRENCY_NOT_GIVEN]),
        ),
        is_new=True,
    )


def _caution(vendor: str) -> list[str]:
    scripts = order_text.mixed_scripts(vendor)
    mixed = f"Caution: the vendor's name mixes {' and '.join(scripts)} letters and may imitate another vendor."
    return [mixed] if scripts else []


def _row(place: int, line: OrderLine, currency: str | None) -> Row:
    return Row(
        place=str(line.line or place),
        item=_show(line.item),
        description=_show(line.description),
        quantity=quantity(line.quantity, line.unit),
        received=quantity(line.received),
        outstanding=quantity(line.outstanding),
        unit_price=money(line.unit_price, currency),
        line_total=money(line.line_total, currency),
        is_carried=bool(line.outstanding),
    )


def _new_row(place: int, line: DraftLine, note: LineNote, currency: str | None) -> Row:
    where = note.warehouse or line.warehouse
    remarks = [f"Asked for as: {shown(note.said, 80)}"] if note.said else []
    remarks += [f"Deliver to asked for as: {shown(note.warehouse_said, 80)}"] if note.warehouse_said else []
    remarks += [f"No price given: {note.price_source}"] if note.price_source else []
    return Row(
        place=str(place),
        item=_show(line.item_word),
        description=_show(note.name) if note.name != line.item_word else NOT_GIVEN,
        quantity=quantity(line.quantity),
        received=NOT_GIVEN,
        outstanding=NOT_GIVEN,
        unit_price=money(line.unit_price, currency),
        line_total=money(EXACT.multiply(line.quantity, line.unit_price), currency),
        unit=shown(note.unit, 12) if note.unit else NOT_GIVEN,
        deliver_to=_show(where),
        remarks=tuple(remarks),
    )
