"""An operation: one write that was asked for, its identity, its states and moves. Pure.

    PROPOSED -> APPROVED -> SENT -> DONE | REFUSED
        |          |          |
        |          |          +---> UNKNOWN -> DONE | NOT_APPLIED | CONFLICT
        +----------+--------------> EXPIRED | STALE      (PROPOSED -> DECLINED too)

Identity is derived from meaning: the connection, the kind, the order number, the arguments, and the
order as it was read. Whoever asks for the same thing of the same order names the same operation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from po_mcp.orders import OrderDraft, OrderLine, PurchaseOrder, Record, Snapshot, plain
from po_mcp.writes.approval import Question

Kind = Literal["create", "finalize", "delete", "cancel"]

State = Literal[
    "PROPOSED",
    "APPROVED",
    "SENT",
    "DONE",
    "REFUSED",
    "UNKNOWN",
    "NOT_APPLIED",
    "CONFLICT",
    "DECLINED",
    "EXPIRED",
    "STALE",
]

MOVES: Mapping[State, frozenset[State]] = {
    "PROPOSED": frozenset({"APPROVED", "DECLINED", "EXPIRED", "STALE"}),
    "APPROVED": frozenset({"SENT", "EXPIRED", "STALE"}),
    "SENT": frozenset({"DONE", "REFUSED", "UNKNOWN"}),
    "UNKNOWN": frozenset({"DONE", "NOT_APPLIED", "CONFLICT"}),
    "DONE": frozenset(),
    "REFUSED": frozenset(),
    "NOT_APPLIED": frozenset(),
    "CONFLICT": frozenset(),
    "DECLINED": frozenset(),
    "EXPIRED": frozenset(),
    "STALE": frozenset(),
}
"""Which state may follow which. Only one edge leads to the wire: APPROVED -> SENT."""

LIVE: frozenset[State] = frozenset({"PROPOSED", "APPROVED", "SENT", "UNKNOWN"})
"""States in which an order has no room for another operation. UNKNOWN is live until it is settled."""

OutcomeStatus = Literal["done", "declined", "approval_required", "unknown", "refused", "stale", "expired"]


class WriteOutcome(Record):
    """What came of a write."""

    status: Annotated[
        OutcomeStatus,
        Field(
            description="done: the ERP carried it out. declined, approval_required, refused, stale, expired: "
            "nothing was changed. unknown: it was sent and what came of it is not known."
        ),
    ]
    operation_id: str | None = None
    order: Annotated[
        PurchaseOrder | None,
        WithJsonSchema({"type": "object", "description": "The order, as get_purchase_order returns it"}),
    ] = None
    backorder_number: str | None = None
    message: str
    approve_at: Annotated[str | None, Field(description="Where a person decides; for the user to open")] = None
    replayed: Annotated[bool, Field(description="True: an earlier call did it; nothing more was sent")] = False
    do_not_repeat: Annotated[bool, Field(description="True: asking again could do it twice")] = False

    def repeated(self) -> WriteOutcome:
        """Return the same outcome, marked as that of an earlier call."""
        return self.model_copy(update={"replayed": True})


@dataclass(frozen=True)
class Operation:
    """One write.

    `question` is what the person is asked (None: nobody is), `digest` the order that it is about.
    `intent` is what will be sent, as JSON; `fingerprint` tells orders of the same content, whatever
    their number. `attempt` counts anew what was asked for again after it had come to an end.
    """

    connection: str
    kind: Kind
    number: str
    arguments: str
    digest: str
    question: Question | None = None
    intent: str = "{}"
    fingerprint: str = ""
    attempt: int = 0

    @property
    def meaning(self) -> str:
        """Tells what was asked for, however often."""
        return digest_of([self.connection, self.kind, self.number, self.arguments, self.digest])

    @property
    def id(self) -> str:
        """128 bits that name this operation and no other."""
        return digest_of([self.meaning, self.attempt])[:32]


@dataclass(frozen=True)
class Recorded:
    """An operation as the journal has it. Times are seconds since 1970."""

    operation: Operation
    state: State
    expires_at: float
    sent_at: float | None = None
    settled_at: float | None = None
    outcome: WriteOutcome | None = None


def may_move(before: State, after: State) -> bool:
    """Tell whether `after` may follow `before`."""
    return after in MOVES[before]


def digest_of_snapshot(snapshot: Snapshot) -> str:
    """Digest all that matters of an order: when it changes, an approval no longer counts."""
    order = snapshot.order
    return digest_of(
        [
            snapshot.erp_id,
            snapshot.version,
            order.number,
            order.vendor_id or order.vendor,
            order.status,
            order.status_text,
            order.currency,
            order.total,
            [_material(line) for line in order.lines or ()],
            list(snapshot.blockers),
        ]
    )


def digest_of_content(draft: OrderDraft) -> str:
    """Digest what an order to be created asks for, whatever its number."""
    lines = [[line.item, line.quantity, line.unit_price, line.warehouse] for line in draft.lines]
    expected = draft.expected_on and draft.expected_on.isoformat()
    return digest_of([draft.vendor.id or draft.vendor.name, lines, expected, draft.note])


def arguments_text(arguments: Mapping[str, object]) -> str:
    """Write arguments in one canonical way."""
    return json.dumps(arguments, sort_keys=True, default=_canonical, separators=(",", ":"))


def digest_of(value: object) -> str:
    """Digest JSON values and decimals, the decimals by their worth."""
    text = json.dumps(value, default=_canonical, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _material(line: OrderLine) -> list[object]:
    return [line.item, line.quantity, line.received, line.unit_price, line.warehouse]


def _canonical(value: object) -> str:
    """Write a decimal so that 4250, 4250.0 and 4250.00 are one."""
    if isinstance(value, Decimal):
        text = plain(value)  # normalize() would round to 28 digits
        return text.rstrip("0").rstrip(".") if "." in text else text
    raise TypeError(f"no canonical form for {type(value).__name__}")
