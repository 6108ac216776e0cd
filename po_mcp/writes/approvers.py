"""Who may approve what, where people sign in: by scope, group or name, up to an amount, and not one's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from po_mcp.orders import PurchaseOrder
from po_mcp.writes.consent import OPERATOR, OPERATOR_NAME, Agreement
from po_mcp.writes.operation import Operation, digest_of
from po_mcp.writes.order_text import money, name
from po_mcp.writes.payloads import CreatePayload, Payload, SnapshotPayload

Amounts = Mapping[str, Decimal]
"""By currency; one under "" is for all."""
EVERYBODY_ELSE = "*"
_SCOPE, _GROUP = "scope:", "group:"


@dataclass(frozen=True)
class Person:
    """A person who decides, as a verified sign-in tells: `user` is issuer and subject, `name` what people read."""

    user: str
    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    def is_meant_by(self, entry: str) -> bool:
        """Tell whether `scope:NAME`, `group:NAME` or a subject means this person, letter for letter."""
        if entry.startswith(_SCOPE):
            return entry.removeprefix(_SCOPE) in self.scopes
        if entry.startswith(_GROUP):
            return entry.removeprefix(_GROUP) in self.groups
        # By the subject: names and addresses are what people choose for themselves.
        return entry == self.user.partition(" ")[2]


THE_OPERATOR = Person(OPERATOR, OPERATOR_NAME)


@dataclass(frozen=True)
class ApproverRules:
    """Who may approve what.

    Args:
        approvers: `scope:NAME`, `group:NAME` or the subjects of people.
        may_approve_own: the person who asked for a write may approve it, too.
        second_over: the totals above which two people must approve; None for no such amount.
        limits: up to which total the people of an entry may approve, None for any; `*` is for everybody else. A person
            of no entry may approve nothing, unless there are no limits at all.
    """

    approvers: Sequence[str]
    may_approve_own: bool = False
    second_over: Amounts | None = None
    limits: Mapping[str, Amounts | None] = field(default_factory=dict)

    def is_approver(self, person: Person) -> bool:
        """Tell whether this person may approve anything at all. Who runs the server may."""
        return person == THE_OPERATOR or any(person.is_meant_by(entry) for entry in self.approvers)

    def may_see(self, person: Person, operation: Operation) -> bool:
        """Tell whether this person is shown an operation: an approver, or who asked for it."""
        return self.is_approver(person) or has_requested(person, operation)

    def count_needed(self, payload: Payload) -> int:
        """Return how many people must approve; of now and of when it was asked for the larger."""
        second = self.second_over is not None and _is_over(self.second_over, payload)
        return max(payload.consent.needed, 2 if second else 1)

    def find_refusal(self, person: Person, operation: Operation) -> str:
        """Say why this person may not approve this operation; "" where they may."""
        if not self.is_approver(person):
            return "You may not approve orders here."
        if has_requested(person, operation) and not self.may_approve_own:
            return "You requested this, so another person must approve it."
        if has_agreed(person, operation):
            return "You have approved this. Another person must approve it, too."
        return self._find_limit(person, operation.payload)

    def may_approve_alone(self, person: Person, operation: Operation) -> bool:
        """Tell whether a yes of this person, who asked for it, is all that is needed."""
        return self.count_needed(operation.payload) == 1 and not self.find_refusal(person, operation)

    def _find_limit(self, person: Person, payload: Payload) -> str:
        if not self.limits or person == THE_OPERATOR:
            return ""
        mine = [limit for entry, limit in self.limits.items() if person.is_meant_by(entry)]
        if not mine and EVERYBODY_ELSE in self.limits:
            mine = [self.limits[EVERYBODY_ELSE]]
        if any(limit is None or not _is_over(limit, payload) for limit in mine):
            return ""
        amount, currency = total_of(payload)
        what = "It gives no total, so" if amount is None else f"Its total is {money(amount, currency)}, and"
        return f"{what} your limit does not cover it. Another person must approve it."


def has_requested(person: Person, operation: Operation) -> bool:
    """Tell whether this person asked for an operation. What nobody signed in for is the operator's."""
    if person == THE_OPERATOR:
        return not operation.payload.consent.requested_by
    return person.user == operation.requester.user


def has_agreed(person: Person, operation: Operation) -> bool:
    """Tell whether this person has approved an operation already."""
    return any(one.by == person.user for one in operation.payload.consent.given)


def agreement_of(person: Person, operation: Operation, payload: Payload) -> Agreement:
    """Return a person's yes to what an operation shows, and to what is to be sent with their choice."""
    # With the choice, since a close with a backorder and one without are two things to agree to; and without the yeses
    # so far, or no second one would be to the same.
    chosen = payload.model_dump(mode="json", exclude={"consent"})
    wording = operation.question.wording_digest if operation.question else ""
    return Agreement(by=person.user, name=person.name, what=digest_of([operation.order_digest, wording, chosen]))


def total_of(payload: Payload) -> tuple[Decimal | None, str | None]:
    """Return the total that is decided on, None where the ERP tells none, and its currency."""
    if isinstance(payload, CreatePayload):
        return payload.draft.total, payload.currency or payload.draft.vendor.currency
    if not isinstance(payload, SnapshotPayload):
        return None, None
    order = payload.snapshot.order
    return _larger(order), order.currency


def _larger(order: PurchaseOrder) -> Decimal | None:
    """Return the order's total, or the sum of its lines where that is more: an ERP may leave one of them at 0."""
    return max((one for one in (order.total, order.sum_of_lines) if one is not None), default=None)


def amount_of(amounts: Amounts, currency: str | None) -> Decimal | None:
    """Return the amount for a currency; None where there is none for it."""
    return amounts.get("", amounts.get(currency or ""))


def _is_over(amounts: Amounts, payload: Payload) -> bool:
    """Tell whether a total is above the amount of its currency; what has none, or no total, counts as above."""
    total, currency = total_of(payload)
    amount = amount_of(amounts, currency)
    return total is None or amount is None or total > amount


def call_by_name(user: str, said: str) -> str:
    """Return a name for the middle of a sentence; the operator's is our own word, which no name can imitate."""
    return OPERATOR_NAME if user == OPERATOR else name(said)


def describe_people(operation: Operation) -> str:
    """Say who asked for an operation and who approved it; "" where nobody signs in."""
    consent = operation.payload.consent
    given = [call_by_name(one.by, one.name) for one in consent.given]
    if not (consent.requested_by or given):
        return ""
    asked = name(consent.requested_by) if consent.requested_by else OPERATOR_NAME
    if not given:
        return f"Requested by {asked}."
    if [one.by for one in consent.given] == [operation.requester.user]:
        return f"Requested and approved by {asked}."
    more = "; another person must approve it, too" if consent.missing else ""
    return f"Requested by {asked}, approved by {' and '.join(given)}{more}."
