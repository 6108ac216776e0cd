"""Why the amount of a new order needs a person's yes, or that of two."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from po_mcp.desk.context import Desk
from po_mcp.orders import OrderDraft
from po_mcp.writes.approvers import amount_of
from po_mcp.writes.order_text import money, name
from po_mcp.writes.payloads import CreatePayload, Reason


def explain_amount(desk: Desk, draft: OrderDraft) -> list[Reason]:
    """Return what the amount is above of; nothing where nobody need see it for that."""
    return [*_over_limit(desk.create_approval_over, draft), *_for_two(desk, draft)]


def _over_limit(limits: Mapping[str, Decimal] | None, draft: OrderDraft) -> list[Reason]:
    """Say that the total is above the limit of its currency, or that there is none for that currency."""
    if limits is None:
        return []
    currency = draft.vendor.currency or ""
    limit = amount_of(limits, currency)
    # Amounts are never converted: for a currency without a limit nobody has said what is too much.
    if limit is None:
        short = f"no limit set for {name(currency)}" if currency else "currency not given"
        return [Reason(short=short, sentence=f"Your limits do not cover it: {short}.", is_said_by_short=True)]
    if draft.total <= limit:
        return []
    if not limit:
        # Of 0, which every total is above, a person would read that something is wrong with this one.
        short = "every new order needs approval"
        return [Reason(short=short, sentence=f"{short.capitalize()}.", is_said_by_short=True)]
    short = f"above your limit of {money(limit, currency)}"
    return [Reason(short=short, sentence=f"Its total is {short}.", is_said_by_short=True)]


def _for_two(desk: Desk, draft: OrderDraft) -> list[Reason]:
    """Say that two people must approve it: an order of such a total is never created unasked."""
    if desk.approvers is None:
        return []
    payload = CreatePayload(draft=draft, currency=draft.vendor.currency)
    if desk.approvers.count_needed(payload) == 1:
        return []
    return [Reason(short="two must approve", sentence="Two people must approve it.", is_said_by_short=True)]
