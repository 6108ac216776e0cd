"""What the tests of the writes are made of: a clock that stands still, operations, and a way through their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from po_mcp.erp import Connection
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Snapshot, Vendor
from po_mcp.writes.content import digest_of_content, item_keys, vendor_key
from po_mcp.writes.forms import Place, Question
from po_mcp.writes.journal import JournalStore, proposals
from po_mcp.writes.kinds.snapshots import digest_of_snapshot
from po_mcp.writes.new_order_forms import ask_create
from po_mcp.writes.operation import Operation, OutcomeStatus, Recorded, Requester, State, WriteOutcome, canonical_json
from po_mcp.writes.order_questions import ask_cancel, ask_delete, ask_finalize
from po_mcp.writes.payloads import CreatePayload, FinalizePayload, Payload, SnapshotPayload

JournalPlace = Path | str
"""Where a journal is: a file, or an address of PostgreSQL."""
CONNECTION = Connection("exsited", "https://erp.example.com/api", None, Connection.fingerprint("client-1"))
KEY = CONNECTION.key
PLACE = Place("Exsited", CONNECTION.label)
ADA = Requester("ada", "a client 1.0", "2026-07-28", "session 1")
BOB = Requester("bob", "a client 1.0", "2026-07-28", "session 2")


class Clock:
    """A wall clock that moves only when it is set."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def draft(number: str = "PO-9", **changes: Any) -> OrderDraft:
    lines = (
        DraftLine(item="BOLT", quantity=Decimal(10), unit_price=Decimal("0.333"), warehouse="1"),
        DraftLine(item="NUT", quantity=Decimal(4), unit_price=Decimal("1.50"), warehouse="1"),
    )
    known: dict[str, Any] = {"number": number, "vendor": Vendor(id="12", name="Acme Fasteners"), "lines": lines}
    return OrderDraft.model_validate({**known, **changes})


def store_as_asked(asked: OrderDraft, **changes: Any) -> PurchaseOrder:
    """The order as an ERP stores it that changes nothing."""
    known: dict[str, Any] = {
        "number": asked.number,
        "vendor": asked.vendor.name,
        "vendor_id": asked.vendor.id,
        "status": "open",
        "status_text": "Open",
        "total": asked.total,
        "lines": tuple(
            OrderLine(item=line.item, quantity=line.quantity, unit_price=line.unit_price, warehouse=line.warehouse)
            for line in asked.lines
        ),
    }
    return PurchaseOrder.model_validate({**known, **changes})


def order(number: str = "PO-1", **changes: Any) -> PurchaseOrder:
    line = OrderLine(
        line=1, item="BOLT", quantity=Decimal(10), received=Decimal(4), outstanding=Decimal(6), unit_price=Decimal(2)
    )
    known: dict[str, Any] = {
        "number": number,
        "vendor": "Acme Fasteners",
        "vendor_id": "12",
        "status": "partial",
        "status_text": "Partially received",
        "total": Decimal(20),
        "lines": (line,),
    }
    return PurchaseOrder.model_validate({**known, **changes})


def create(number: str = "PO-9", asked: OrderDraft | None = None, question: bool = False, **changes: Any) -> Operation:
    """An operation that creates an order; its arguments name the number."""
    wanted = asked or draft(number)
    content = digest_of_content(wanted)
    payload = CreatePayload(draft=wanted)
    operation = Operation(
        connection=KEY,
        kind="create",
        number=wanted.number,
        arguments=canonical_json({"number": wanted.number, "note": wanted.note}),
        payload=payload,
        requester=ADA,
        question=ask_create(payload, PLACE) if question else None,
        order_digest=content,
        content_digest=content,
        vendor=vendor_key(wanted),
        items=item_keys(wanted),
    )
    return replace(operation, **changes)


def guarded_operation(
    kind: str = "delete", number: str = "PO-1", shown: PurchaseOrder | None = None, **changes: Any
) -> Operation:
    """An operation on an order that is there."""
    snapshot = Snapshot(order=shown or order(number), erp_id=f"uuid of {number}", version="3")
    payload: Payload = SnapshotPayload(snapshot=snapshot)
    question: Question
    arguments: Mapping[str, Any] = {}
    match kind:
        case "delete":
            question = ask_delete(snapshot.order, PLACE)
        case "cancel":
            question = ask_cancel(snapshot.order, PLACE)
        case _:
            arguments = {"create_backorder": False}
            payload = FinalizePayload(snapshot=snapshot, create_backorder=False)
            question = ask_finalize(snapshot.order, PLACE, False)
    operation = Operation(
        connection=KEY,
        kind=kind,
        number=number,
        arguments=canonical_json(arguments),
        payload=payload,
        requester=ADA,
        question=question,
        order_digest=digest_of_snapshot(snapshot),
    )
    return replace(operation, **changes)


def outcome(status: OutcomeStatus = "done", **more: Any) -> WriteOutcome:
    return WriteOutcome(status=status, message="what came of it", **more)


ROADS: Mapping[State, tuple[State, ...]] = {
    "PROPOSED": (),
    "APPROVED": ("APPROVED",),
    "SENT": ("APPROVED", "SENT"),
    "WATCHED": ("APPROVED", "SENT", "WATCHED"),
    "DONE": ("APPROVED", "SENT", "DONE"),
    "REFUSED": ("APPROVED", "SENT", "REFUSED"),
    "UNKNOWN": ("APPROVED", "SENT", "UNKNOWN"),
    "NOT_APPLIED": ("APPROVED", "SENT", "UNKNOWN", "NOT_APPLIED"),
    "CONFLICT": ("APPROVED", "SENT", "UNKNOWN", "CONFLICT"),
    "DECLINED": ("DECLINED",),
}
"""Through which states an operation comes to each that a call or a person brings it to."""


def take_to(store: JournalStore, operation: Operation, state: State, connection: Connection = CONNECTION) -> str:
    """Propose an operation and take it to a state, through every one on the way; return its id."""
    recorded = propose(store, operation)
    before: State = "PROPOSED"
    for after in ROADS[state]:
        assert _move(store, recorded.operation, before, after, connection), (before, after)
        before = after
    return recorded.operation.id


def fill_with_done(store: JournalStore, operation: Operation, count: int) -> None:
    """Take an operation to its end, and copy it so often with an event, as if that was done a day ago and more."""
    take_to(store, operation, "DONE")
    copied = {
        "id": "'copy ' || n",
        "number": "o.number || '-' || n",
        "proposed_at": "o.proposed_at - 90000 - n",
        "settled_at": "o.settled_at - 90000 - n",
    }
    with store._file.writing() as db:  # the journal's own moves would take minutes
        columns = [row["name"] for row in db.execute("PRAGMA table_info(write_operations)")]
        db.execute(
            "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?)"
            f" INSERT INTO write_operations ({', '.join(columns)})"
            f" SELECT {', '.join(copied.get(name, f'o.{name}') for name in columns)}"
            " FROM counter, (SELECT * FROM write_operations WHERE id = ?) AS o",
            (count, operation.id),
        )
        last, names = "(SELECT MAX(place) FROM audit_log)", "operation_id, at, event, detail, row, previous, hash"
        db.execute(
            "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?)"
            f" INSERT INTO audit_log (place, {names})"
            " SELECT e.place + n, 'copy ' || n, e.at - 90000 - n, event, detail, row, previous, hash"
            f" FROM counter, (SELECT * FROM audit_log WHERE place = {last}) AS e",
            (count,),
        )


def fill_with_checked(store: JournalStore, operation: Operation, count: int) -> None:
    """Record so many operations at their end, each with an event that holds: slower, but `verify` finds no fault."""
    for start in range(0, count, 50):  # a database cuts off what takes long
        with store._file.writing() as db:
            for place in range(start, min(start + 50, count)):
                one = replace(operation, id=f"{operation.kind} {place}", number=f"{operation.number}-{place}")
                proposals.insert(db, one, "DONE", {}, store.now(), 600)


def _move(store: JournalStore, operation: Operation, before: State, after: State, connection: Connection) -> bool:
    match after:
        case "APPROVED":
            return store.approve(operation.id, operation.payload, {})
        case "DECLINED":
            return store.decline(operation.id, {})
        case "SENT":
            return store.claim(operation.id, connection) is not None
        case "WATCHED":
            until = store.now() + 30
            return store.finish(operation.id, before, after, outcome("refused"), {}, watched_until=until)
    return store.finish(operation.id, before, after, outcome(), {})


def propose(store: JournalStore, operation: Operation, **more: Any) -> Recorded:
    """Propose an operation that nothing stands in the way of."""
    recorded = store.propose(operation, operation.requester.detail(), **more)
    assert isinstance(recorded, Recorded), recorded
    return recorded


def find_begun(
    store: JournalStore, call: Operation, connection: Connection = CONNECTION, answered: str | None = None
) -> Recorded | None:
    """Return what a call of this connection is about: what it answers, or what it asked for before."""
    store.join(connection)
    found = store.begin_call(connection, replace(call, connection=""), answered)
    assert found is not None
    return found[1]


def find_recent(store: JournalStore, call: Operation) -> Recorded | None:
    return store.find_recent_and_pin(call)[0]


def find(store: JournalStore, operation_id: str) -> Recorded:
    recorded = store.find(operation_id)
    assert recorded is not None
    return recorded


def state_of(store: JournalStore, operation_id: str) -> State:
    return find(store, operation_id).state
