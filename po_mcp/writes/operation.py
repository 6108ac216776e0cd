"""An operation: one write that was asked for, its identity, and what came of it. Pure.

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

from pydantic import Field

from po_mcp.orders import OrderDraft, OrderLine, PurchaseOrder, Record, Snapshot, plain
from po_mcp.writes.approval import Question

Kind = Literal["create", "finalize", "delete"]

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
    order: PurchaseOrder | None = None
    backorder_number: str | None = None
    message: str
    replayed: Annotated[bool, Field(description="True: this call repeated an earlier one; nothing more was sent")] = (
        False
    )
    do_not_repeat: Annotated[bool, Field(description="True: asking again could do it twice")] = False

    def repeated(self) -> WriteOutcome:
        """Return the same outcome, marked as that of an earlier call."""
        return self.model_copy(update={"replayed": True})


@dataclass(frozen=True)
class Operation:
    """One write. `question` is what the person is asked (None: nobody is), `digest` the order it is about.

    `attempt` counts anew what was asked for again after it came to an end without effect.
    """

    connection: str
    kind: Kind
    number: str
    arguments: str
    digest: str
    question: Question | None = None
    attempt: int = 0

    @property
    def id(self) -> str:
        """128 bits that name this operation and no other."""
        meaning = [self.connection, self.kind, self.number, self.arguments, self.digest, self.attempt]
        return _digest(meaning)[:32]


def digest_of_snapshot(snapshot: Snapshot) -> str:
    """Digest all that matters of an order: when it changes, an approval no longer counts."""
    order = snapshot.order
    return _digest(
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


def digest_of_draft(draft: OrderDraft) -> str:
    """Digest the content of an order to be created."""
    lines = [[line.item, line.quantity, line.unit_price, line.warehouse] for line in draft.lines]
    vendor = draft.vendor.id or draft.vendor.name
    return _digest([draft.number, vendor, lines, draft.expected_on and draft.expected_on.isoformat(), draft.note])


def arguments_text(arguments: Mapping[str, object]) -> str:
    """Write arguments in one canonical way."""
    return json.dumps(arguments, sort_keys=True, default=_canonical, separators=(",", ":"))


def _material(line: OrderLine) -> list[object]:
    return [line.item, line.quantity, line.received, line.unit_price, line.warehouse]


def _digest(value: object) -> str:
    text = json.dumps(value, default=_canonical, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> str:
    """Write a decimal so that 4250, 4250.0 and 4250.00 are one."""
    if isinstance(value, Decimal):
        text = plain(value)  # normalize() would round to 28 digits
        return text.rstrip("0").rstrip(".") if "." in text else text
    raise TypeError(f"no canonical form for {type(value).__name__}")
