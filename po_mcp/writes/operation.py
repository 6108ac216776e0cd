"""An operation: one write that was asked for, its states and the moves between them. Pure.

    PROPOSED -> APPROVED -> SENT -> DONE
        |          |          +---> WATCHED -> REFUSED | DONE | UNKNOWN
        |          |          +---> REFUSED
        |          |          +---> UNKNOWN -> DONE | NOT_APPLIED | CONFLICT
        +----------+--------------> DECLINED | EXPIRED | STALE
        +----------+--------------> UNKNOWN, where the journal is a copy that may lack the send

An id is 128 random bits, so that a link to an operation cannot be guessed. What makes two calls the same
call is their meaning: connection, kind, number, arguments and the order as it was read.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from po_mcp.amounts import plain
from po_mcp.erp import Actor
from po_mcp.orders import PurchaseOrder, Record
from po_mcp.writes.forms import Question
from po_mcp.writes.payloads import Payload

State = Literal[
    "PROPOSED",
    "APPROVED",
    "SENT",
    "WATCHED",
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
    # UNKNOWN: the journal was restored from a copy that may lack that this was sent.
    "PROPOSED": frozenset({"APPROVED", "DECLINED", "EXPIRED", "STALE", "UNKNOWN"}),
    "APPROVED": frozenset({"SENT", "DECLINED", "EXPIRED", "STALE", "UNKNOWN"}),
    "SENT": frozenset({"DONE", "WATCHED", "REFUSED", "UNKNOWN"}),
    "WATCHED": frozenset({"DONE", "REFUSED", "UNKNOWN"}),
    # Never back to APPROVED: what may have been sent is not sent again under the same yes.
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

LIVE: frozenset[State] = frozenset({"PROPOSED", "APPROVED", "SENT", "WATCHED", "UNKNOWN"})
"""States in which an order has no room for another operation."""

WAITING: frozenset[State] = frozenset({"PROPOSED", "APPROVED"})
"""States before the send, which end when their time is over."""

SENT_STATES: frozenset[State] = frozenset({"SENT", "WATCHED", "UNKNOWN"})
"""States after the send in which an effect may still appear."""
STATE_LABELS: Mapping[State, str] = {
    "PROPOSED": "Waiting for approval",
    "APPROVED": "Approved, not sent",
    "SENT": "Sent, no answer yet",
    "WATCHED": "Refused, being checked",
    "DONE": "Done",
    "REFUSED": "Refused",
    "UNKNOWN": "Not confirmed",
    "NOT_APPLIED": "Did not happen",
    "CONFLICT": "Check this order",
    "DECLINED": "Declined",
    "EXPIRED": "Expired",
    "STALE": "Out of date",
}
"""What people read of a state; programs read the state itself."""

OutcomeStatus = Literal["done", "declined", "approval_required", "approved", "unknown", "refused", "stale", "expired"]


class WriteOutcome(Record):
    """What came of a write."""

    status: Annotated[
        OutcomeStatus,
        Field(description="done: carried out. unknown: sent, result not confirmed. All others: nothing was changed"),
    ]
    operation_id: str | None = None
    order: Annotated[
        PurchaseOrder | None,
        WithJsonSchema({"type": "object", "description": "As get_purchase_order returns it"}),
    ] = None
    backorder_number: str | None = None
    message: str
    next_step: Annotated[str | None, Field(description="What to do now")] = None
    approve_at: Annotated[str | None, Field(description="Link where the user approves")] = None
    replayed: Annotated[bool, Field(description="true: an earlier call did this")] = False
    do_not_repeat: Annotated[bool, Field(description="true: repeating could do it twice")] = False
    not_before: Annotated[
        datetime | None, Field(description="Until then the refusal is checked; a repeated call waits for it")
    ] = None

    def as_repeated(self) -> WriteOutcome:
        """Return the same outcome, marked as that of an earlier call."""
        return self.model_copy(update={"replayed": True})


@dataclass(frozen=True)
class Requester:
    """Who asks for a write.

    `user` is whose call it is: issuer and subject of the token where people sign in, else the operating system's
    user. `client` is the client's name and version as it gives them, `protocol` what it speaks, and `session` is whose
    questions are counted together. `oauth_client` is the client that the token was issued to, and `name` what people
    read; both "" without sign-in.
    """

    user: str
    client: str = "an unnamed assistant"
    protocol: str = "unknown"
    session: str = ""
    oauth_client: str = ""
    name: str = ""

    def detail(self) -> dict[str, str]:
        """Return it as the audit log keeps it."""
        detail = {"user": self.user, "client": self.client, "protocol": self.protocol}
        signed_in = {"oauth_client": self.oauth_client, "name": self.name}
        return detail | {name: value for name, value in signed_in.items() if value}

    @property
    def is_signed_in(self) -> bool:
        """Whether a token says who it is."""
        return bool(self.oauth_client)

    @property
    def handles(self) -> str | None:
        """The user whose operations this caller may see, answer and carry out: where people sign in, their own.

        None: those of all.
        """
        return self.user if self.is_signed_in else None

    def may_handle(self, operation: Operation) -> bool:
        """Tell whether this caller may see, answer and carry out an operation."""
        return self.handles in (None, operation.requester.user)


@dataclass(frozen=True)
class Operation:
    """One write.

    Args:
        connection: the key of the connection that it is meant for.
        kind: the name of the kind of write.
        number: the order's number.
        arguments: what the call asked for, in one canonical way (`canonical_json`).
        payload: what will be sent, and what it was decided on.
        requester: who asks.
        question: what the person is asked; None where nobody is.
        order_digest: digest of all that was read and shown of the order: when it changes, a yes no longer counts.
        content_digest: for a create, tells orders of the same content, whatever their number.
        vendor: for a create, the vendor's id, or name where there is none.
        items: for a create, the ids of its items.
        id: 128 random bits.
    """

    connection: str
    kind: str
    number: str
    arguments: str
    payload: Payload
    requester: Requester
    question: Question | None = None
    order_digest: str = ""
    content_digest: str = ""
    vendor: str = ""
    items: frozenset[str] = frozenset()
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def actor(self) -> Actor:
        """Who requested it, as the person for whom the ERP is asked; nobody, where that person had not signed in."""
        name = self.payload.consent.requested_by
        return Actor(self.requester.user if name else "", name, may_write=True)

    @property
    def makes_order(self) -> bool:
        """Tell a new order from a write on one that is there."""
        return self.kind == "create"

    def is_same_call(self, other: Operation) -> bool:
        """Tell whether both ask for the same thing of the same order, whatever state that is in."""
        # Never a request id: a client that lost the answer repeats the call with a new one.
        return (self.connection, self.kind, self.number, self.arguments) == (
            other.connection,
            other.kind,
            other.number,
            other.arguments,
        )

    def is_same(self, other: Operation) -> bool:
        """Tell whether both ask for the same thing of the same order in the same state, in the same books."""
        of_same_books = self.payload.books == other.payload.books
        return of_same_books and self.is_same_call(other) and self.order_digest == other.order_digest


@dataclass(frozen=True)
class Recorded:
    """An operation as the journal has it. Times are seconds since 1970.

    `counts_from` is from when its age after the send is counted: the send, or a moment after it at which the
    clock was found set back or the journal restored. `foreign_since` is when another order was first seen under its
    number. `sent_at` is None, too, where a restored journal does not tell when or whether it was sent.
    """

    operation: Operation
    state: State
    expires_at: float
    sent_at: float | None = None
    counts_from: float | None = None
    watched_until: float | None = None
    foreign_since: float | None = None
    settled_at: float | None = None
    outcome: WriteOutcome | None = None
    proposed_at: float = 0.0

    @property
    def earliest_send(self) -> float:
        """The time before which it was not sent for sure."""
        return self.proposed_at if self.sent_at is None else self.sent_at


def may_move(before: State, after: State) -> bool:
    """Tell whether `after` may follow `before`."""
    return after in MOVES[before]


def canonical_json(value: object) -> str:
    """Write JSON values in one way: keys sorted, decimals by their worth, so that 4250 and 4250.00 are one."""
    return json.dumps(value, sort_keys=True, default=_canonical, separators=(",", ":"))


def digest_of(value: object) -> str:
    """Digest JSON values and decimals, the decimals by their worth."""
    text = json.dumps(value, default=_canonical, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> Any:
    if isinstance(value, Decimal):
        text = plain(value)  # normalize() would round to 28 digits
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()  # processes of other zones read the same moment
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")
