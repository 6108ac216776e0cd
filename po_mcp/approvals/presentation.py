"""What a person is shown of an operation, in words and cells. Pure: made of what the journal holds, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from po_mcp.approvals.pending import NOT_CARRIED_OUT
from po_mcp.orders import EXACT, STATUS_WORDS, DraftLine, OrderDraft, OrderLine, PurchaseOrder, plain
from po_mcp.untrusted import quote_text, scripts_of, visible
from po_mcp.writes.forms import is_backorder_open
from po_mcp.writes.journal import Event
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Operation, Recorded, State
from po_mcp.writes.payloads import CreatePayload, FinalizePayload, SnapshotPayload

LINES_SHOWN = 200
"""Lines of an order that are shown; the rest is counted."""
_LONGEST = 120
NOT_TOLD = "\N{EN DASH}"
"""Stands where the ERP tells nothing: never 0."""


@dataclass(frozen=True)
class Row:
    """One line of the order, each cell as it is shown. `is_carried`: a backorder would hold what is outstanding.

    Of an order to be created, `description` says where it is to be delivered to.
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


@dataclass(frozen=True)
class Order:
    """The order as the ERP had it when it was read, or as it is to be created."""

    vendor: str
    vendor_id: str
    total: str
    currency: str
    status: str
    rows: tuple[Row, ...]
    lines: int
    ordered: str = ""
    expected: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def hidden(self) -> int:
        """How many lines are not shown."""
        return self.lines - len(self.rows)

    @property
    def carried(self) -> tuple[Row, ...]:
        """The lines that a backorder would hold."""
        return tuple(row for row in self.rows if row.is_carried)


@dataclass(frozen=True)
class Standing:
    """How an operation stands: a heading, what it means, and how it feels (`good`, `bad` or `open`).

    `looks_again` is after how many seconds the page looks again by itself; 0 where nothing is to be waited for.
    """

    heading: str
    text: str
    feel: str
    looks_again: int = 0


@dataclass(frozen=True)
class Sheet:
    """One operation, ready to be shown."""

    id: str
    kind: str
    number: str
    state: State
    verb: str
    ending: str
    consequence: str
    order: Order
    asked_by: str
    asked_at: str
    open_until: str
    minutes_left: int
    standing: Standing | None = None
    fields: frozenset[str] = field(default_factory=frozenset)
    """What the person fills in: `order_number`, `create_backorder`."""

    @property
    def is_decidable(self) -> bool:
        """Tell whether there is anything that a person can decide now."""
        is_running = self.standing is not None and self.standing.looks_again
        return self.state in ("PROPOSED", "UNKNOWN") or (self.state == "APPROVED" and not is_running)

    @property
    def sentence(self) -> str:
        """What will happen."""
        return f"{self.verb} {self.number}{self.ending}"


def sheet_of(
    recorded: Recorded, events: Sequence[Event], now: float, *, is_running: bool = False, notice: str = ""
) -> Sheet:
    """Return what to show of an operation.

    Args:
        recorded: the operation.
        events: what happened to it; the first tells who asked.
        now: seconds since 1970.
        is_running: it is being carried out in this process.
        notice: what stands above everything, and so need not stand in the outcome once more.
    """
    operation = recorded.operation
    order = _order_of(operation)
    words = kind_of(operation.kind).words
    return Sheet(
        id=operation.id,
        kind=operation.kind,
        number=visible(operation.number, _LONGEST),
        state=recorded.state,
        verb=words.request,
        ending=words.ending,
        consequence=_consequence(operation, order),
        order=order,
        asked_by=visible(str(events[0].detail.get("client", "not told")), 80) if events else "not told",
        asked_at=_clock(events[0].at) if events else "not told",
        open_until=_clock(recorded.expires_at),
        minutes_left=max(0, int(recorded.expires_at - now) // 60),
        standing=_standing(recorded, events, is_running, notice),
        fields=_fields_of(operation),
    )


def _fields_of(operation: Operation) -> frozenset[str]:
    """Return what the person fills in besides pressing a button."""
    question = operation.question
    if question is None:
        return frozenset()
    if not question.fields[0].choices:
        return frozenset({"order_number"})
    return frozenset({"create_backorder"}) if is_backorder_open(question) else frozenset()


def money(amount: Decimal | None) -> str:
    """Write an amount in full, with thousands apart and at least two decimals: `4,250.00`. Never rounds."""
    if amount is None:
        return NOT_TOLD
    whole, _, decimals = plain(amount).partition(".")
    return f"{_grouped(whole)}.{decimals.rstrip('0').ljust(2, '0')}"


def quantity(amount: Decimal | None) -> str:
    """Write a quantity in full, without zeros that say nothing: `1,000` or `0.5`."""
    if amount is None:
        return NOT_TOLD
    whole, _, decimals = plain(amount).partition(".")
    decimals = decimals.rstrip("0")
    return _grouped(whole) + (f".{decimals}" if decimals else "")


def _grouped(digits: str) -> str:
    sign, bare = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    first = len(bare) % 3
    groups = [bare[:first]] if first else []
    groups += [bare[at : at + 3] for at in range(first, len(bare), 3)]
    return sign + ",".join(groups)


def _clock(at: float, *, seconds: bool = False) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():{'%H:%M:%S' if seconds else '%H:%M'} %Z}"


def _shown(text: str | None) -> str:
    return visible(text, _LONGEST) if text else NOT_TOLD


def _order_of(operation: Operation) -> Order:
    payload = operation.payload
    if isinstance(payload, CreatePayload):
        return _drafted(payload.draft)
    assert isinstance(payload, SnapshotPayload)
    return _read(payload.snapshot.order)


def _read(order: PurchaseOrder) -> Order:
    lines = order.lines or ()
    remarks = list(_caution(order.vendor))
    if order.sum_of_lines not in (None, order.total):
        remarks.append(f"The lines add up to {money(order.sum_of_lines)}, which is not the total that the ERP tells.")
    return Order(
        vendor=_shown(order.vendor),
        vendor_id=_shown(order.vendor_id) if order.vendor_id else "",
        total=money(order.total),
        currency=visible(order.currency or "", 12),
        status=STATUS_WORDS[order.status],
        rows=tuple(_row(place, line) for place, line in enumerate(lines[:LINES_SHOWN], 1)),
        lines=len(lines),
        ordered=f"{order.ordered_at:%d %B %Y}" if order.ordered_at else "",
        expected=f"{order.expected_on:%d %B %Y}" if order.expected_on else "",
        remarks=tuple(remarks),
    )


def _drafted(draft: OrderDraft) -> Order:
    note = [f"Note: {quote_text(draft.note, 200)}"] if draft.note else []
    return Order(
        vendor=_shown(draft.vendor.name),
        vendor_id=_shown(draft.vendor.id) if draft.vendor.id else "",
        total=money(draft.total),
        currency=visible(draft.vendor.currency or "", 12),
        status="new",
        rows=tuple(_new_row(place, line) for place, line in enumerate(draft.lines[:LINES_SHOWN], 1)),
        lines=len(draft.lines),
        expected=f"{draft.expected_on:%d %B %Y}" if draft.expected_on else "",
        remarks=(*note, *_caution(draft.vendor.name)),
    )


def _caution(vendor: str) -> list[str]:
    scripts = scripts_of(vendor)
    mixed = f"Caution: the vendor's name mixes {' and '.join(scripts)} letters, and may imitate another."
    return [mixed] if len(scripts) > 1 else []


def _row(place: int, line: OrderLine) -> Row:
    return Row(
        place=str(line.line or place),
        item=_shown(line.item),
        description=_shown(line.description),
        quantity=quantity(line.quantity),
        received=quantity(line.received),
        outstanding=quantity(line.outstanding),
        unit_price=money(line.unit_price),
        line_total=money(line.line_total),
        is_carried=bool(line.outstanding),
    )


def _new_row(place: int, line: DraftLine) -> Row:
    total = money(EXACT.multiply(line.quantity, line.unit_price))
    price = money(line.unit_price)
    where = f"warehouse {_shown(line.warehouse)}" if line.warehouse else NOT_TOLD
    return Row(str(place), _shown(line.item), where, quantity(line.quantity), NOT_TOLD, NOT_TOLD, price, total)


def _consequence(operation: Operation, order: Order) -> str:
    payload = operation.payload
    if isinstance(payload, CreatePayload):
        return " ".join(reason.sentence for reason in payload.reasons) or "It is created only if you say so."
    if operation.kind == "delete":
        return "It is removed from the ERP. This cannot be undone."
    if operation.kind == "cancel":
        return "It is then inactive. The ERP keeps it, and can make it active again."
    if not order.carried:
        return "Everything was received, so nothing is left to order again."
    rest = f"{len(order.carried)} of {order.lines} lines {'is' if len(order.carried) == 1 else 'are'} still outstanding"
    if "create_backorder" in _fields_of(operation):
        return f"{rest}: you choose what becomes of that."
    if isinstance(payload, FinalizePayload) and payload.create_backorder:
        return f"{rest}: a NEW BACKORDER is made for that."
    return f"{rest}, and GIVEN UP: no backorder is made."


def _standing(recorded: Recorded, events: Sequence[Event], is_running: bool, notice: str = "") -> Standing | None:
    """Say how it stands; None while it waits for the person."""
    if recorded.state == "PROPOSED":
        return None
    if recorded.state == "APPROVED":
        return _APPROVED_AND_RUNNING if is_running else _approved(recorded, events)
    if recorded.state in _AFTER_A_YES and any(event.event == "APPROVED" for event in events):
        return _AFTER_A_YES[recorded.state]
    standing = _STANDINGS[recorded.state]
    if recorded.state == "UNKNOWN":
        return replace(standing, text=_doubt(recorded, events))
    message = recorded.outcome.message if recorded.outcome is not None else ""
    return standing if standing.text else replace(standing, text=message.removeprefix(notice).strip())


def _doubt(recorded: Recorded, events: Sequence[Event]) -> str:
    """Say why it is not known, to a person; the outcome's own message tells an assistant what not to do."""
    detail = next((event.detail for event in reversed(events) if event.event == "UNKNOWN"), {})
    why = str(detail.get("answer") or detail.get("observed") or "the process that sent it is gone")
    sent = "" if recorded.sent_at is None else f" at {_clock(recorded.sent_at, seconds=True)}"
    return (
        f"It was sent once{sent}, and nobody knows yet whether it happened: {visible(why, 400).rstrip('.')}. "
        "Nothing more is sent until that is known, so please do not enter it a second time."
    )


def _approved(recorded: Recorded, events: Sequence[Event]) -> Standing:
    """Say that nothing was sent yet, and why where that is known."""
    failed = [str(event.detail.get("because", "")) for event in events if event.event == NOT_CARRIED_OUT]
    why = f"{visible(failed[-1], 600)} " if failed else "Nothing was sent yet. "
    text = (
        f"{why}The approval holds until {_clock(recorded.expires_at)}: carry it out here, or ask your assistant again."
    )
    return Standing("Approved, not carried out", text, "open")


_APPROVED_AND_RUNNING = Standing(
    "Being carried out", "The order is read once more, and then it is sent. This page looks again by itself.", "open", 2
)
_AFTER_A_YES: dict[State, Standing] = {
    "DECLINED": Standing("Taken back", "The approval was taken back. Nothing was sent, and nothing will be.", "bad"),
    "EXPIRED": Standing(
        "Approved, never carried out",
        "It was approved, and its time was over before it could be sent. Nothing was sent. Ask your assistant again.",
        "bad",
    ),
}

_STANDINGS: dict[State, Standing] = {
    "DECLINED": Standing("Rejected", "Nothing was sent, and nothing will be. You can close this page.", "bad"),
    "EXPIRED": Standing(
        "Too late", "The time to decide is over and nothing was sent. Ask your assistant to start again.", "bad"
    ),
    "STALE": Standing(
        "No longer true", "The order changed, or something else was asked of it. Nothing was sent.", "bad"
    ),
    "SENT": Standing(
        "Being carried out",
        "It was sent to the ERP, whose answer is not there yet. This page looks again by itself.",
        "open",
        2,
    ),
    "WATCHED": Standing("Refused by the ERP", "", "bad", 10),
    "DONE": Standing("Done", "", "good"),
    "REFUSED": Standing("Refused by the ERP", "", "bad"),
    "UNKNOWN": Standing("Outcome not known", "", "open"),
    "NOT_APPLIED": Standing("Not carried out", "", "bad"),
    "CONFLICT": Standing("Not carried out", "", "bad"),
}
"""What is said of each state; where a text is empty, the outcome's own message stands there."""
