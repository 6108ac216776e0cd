"""Why a person must see an order before it is created."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date

import anyio

from po_mcp.desk import pricing, similar_numbers
from po_mcp.desk.context import Desk
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.limits import explain_amount
from po_mcp.desk.new_order import NewOrder
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.desk.resolving import find_doubtful_figures
from po_mcp.errors import ERPError
from po_mcp.orders import OrderDraft, OrderRequest, PurchaseOrder, Vendor
from po_mcp.untrusted import imitating_scripts
from po_mcp.writes.order_text import day
from po_mcp.writes.order_text import number as order_number
from po_mcp.writes.payloads import Reason

_NUMBERS_TIMEOUT_S = 10.0
"""How long a create with a number of its own waits for the numbers of other orders."""


async def find_reasons(desk: Desk, new: NewOrder, draft: OrderDraft, latest: LatestOrders) -> tuple[Reason, ...]:
    """Return why a person must see this order before it is created; nothing where they need not."""
    number = new.asked.number
    return (
        *([] if number is None else await _compare_number(number, latest)),
        *await _explain_restore(desk),
        *await _explain_currency(desk, new.found.vendor, latest),
        *explain_order(desk, new, draft),
    )


def explain_order(desk: Desk, new: NewOrder, draft: OrderDraft) -> tuple[Reason, ...]:
    """Say what a person must check of what the order itself holds."""
    reasons: list[Reason] = [] if new.found.choice == "last" else find_doubts_of_figures(new.asked, new.found)
    if scripts := imitating_scripts(new.asked.number or "", beside_latin=True):
        sentence = f"Its number is written in {' and '.join(scripts)} letters that look alike."
        reasons.append(Reason(short="check the letters of the number", sentence=sentence))
    reasons += _explain_plain_word(new.asked.number)
    reasons += _explain_past_day(draft.expected_on, desk.today())
    reasons += [Reason(short="check that this is current", sentence=old) for old in new.found.old_data]
    reasons += [Reason(short="check what was not looked up", sentence=one) for one in new.found.unchecked]
    several = pricing.explain_several_prices(new.asked, new.found, new.known)
    reasons += [Reason(short="two prices of one item", sentence=one) for one in several]
    reasons += explain_amount(desk, draft)
    prices = pricing.explain_prices(new.known, new.found)
    # Where the choice was not the last question, it said that the whole order follows.
    # Where the operator takes no yes from a form, what was chosen in one is put to the person in any case.
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


def find_doubts_of_figures(asked: OrderRequest, found: ResolvedOrder) -> list[Reason]:
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
    # Without the list the order goes on: that its number is free is seen right before it is sent.
    with anyio.move_on_after(_NUMBERS_TIMEOUT_S), suppress(ERPError):
        orders = await latest.read_all()
    if not (meant := similar_numbers.find_meant_numbers(number, orders)):
        return []
    there = f"{' and '.join(map(order_number, meant))} exist{'s' if len(meant) == 1 else ''}"
    return [
        Reason(short="check the number", sentence=f"{there}; is {order_number(number)} meant as a new order?"),
    ]


async def _explain_currency(desk: Desk, vendor: Vendor, latest: LatestOrders) -> list[Reason]:
    """Say that the currency is not known, where the ERP gives that of others; nothing where it never gives one."""
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
