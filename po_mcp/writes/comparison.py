"""Is the order that stands under our number the one that we asked for? Pure.

ERPs store what they are asked for in their own way: prices rounded or taken from a list, freight added, codes in
capitals, a vendor by its legal name. So an order is ours if its vendor and every line asked for are there, and
whatever else differs is said. It is another's only if nothing of it is ours. Between the two nobody knows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from po_mcp.amounts import EXACT, plain, total_of
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Vendor
from po_mcp.writes.content import fold
from po_mcp.writes.order_text import STATUS_LABELS, day, money, name, number, quantity

_CLOCKS_APART = timedelta(seconds=90)
"""By how much the ERP's clock may be behind ours before an order counts as older than our send."""
_CENT, _DECIMALS_OF_CENTS = Decimal("0.01"), 2
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_TELLING_LETTERS = 4
"""A word of a name that both names share says something from this many letters on."""


@dataclass(frozen=True)
class Comparison:
    """`ours`, `foreign` (another's), or `differs`: nobody can tell.

    `differences` are sentences without a full stop. So is `against`: what alone keeps an order from being ours whose
    vendor and lines are those of the draft; then it stands in no difference.
    """

    verdict: Literal["ours", "foreign", "differs"]
    differences: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def compare_order(draft: OrderDraft, order: PurchaseOrder, sent_at: float | None) -> Comparison:
    """Compare a stored order with the draft that was sent.

    Args:
        draft: what was sent. Its `reference`, in any case, makes an order ours; another one only keeps it from being
            ours: a note that was copied, cut or added to carries it too.
        order: what stands under its number.
        sent_at: seconds since 1970; an order that the ERP made before is never ours. It is no proof of another's
            either: some ERPs tell their local time.
    """
    differences = tuple(_differences(draft, order))
    doubts: tuple[str, ...] = ()
    if draft.reference is not None and order.reference is not None:
        if carries_reference(order, draft):
            return Comparison("ours", differences)
        doubts += ("it carries the reference of another request",)
    if _is_older(order, sent_at):
        doubts += ("the ERP says that it was made before this was sent",)
    # Prices, totals, freight and dates are not compared: ERPs change them by their own lists, and a lost answer would
    # then stay unknown for ever.
    is_vendor = is_of_vendor(order, draft.vendor)
    is_alike = is_vendor or _names_alike(order.vendor, draft.vendor.name)
    if is_vendor is not False and is_alike and not missing_lines(draft.lines, order.lines or ()):
        return Comparison("differs" if doubts else "ours", differences, doubts)
    # One common item is enough to doubt: a colleague rarely orders the same part by chance.
    identify = _identifying(draft.lines)
    asked, stored = {fold(line.item) for line in draft.lines}, {identify(line) for line in order.lines or ()}
    has_common_item = bool(asked & stored)
    # All four, since to call ours another's would release a second order.
    is_anothers = not is_alike and not has_common_item and _tells_whose(order) and _has_ids_like(draft, order)
    return Comparison("foreign" if is_anothers else "differs", differences + doubts)


def carries_reference(order: PurchaseOrder, draft: OrderDraft) -> bool:
    """Tell whether an order carries the reference of the very request that is to make it."""
    # In any case: some ERPs keep their notes in capitals.
    carried, own = order.reference, draft.reference
    return carried is not None and own is not None and carried.casefold() == own.casefold()


def describe_standing(order: PurchaseOrder, *, may_be_draft: bool) -> tuple[str, ...]:
    """Say how an order that was just made does not stand as new: its status, and receipts.

    Args:
        order: as it was read.
        may_be_draft: the ERP makes drafts of new orders.
    """
    is_new = order.status == "open" or (may_be_draft and order.status == "draft")
    label = name(order.status_text) if order.status == "unknown" else STATUS_LABELS[order.status]
    is_given = order.status != "unknown" or bool(order.status_text.strip())
    standing = [f"its status is {label}"] if is_given and not is_new else []
    received = (line for line in order.lines or () if line.received)
    return (
        *standing,
        *(f"{quantity(line.received)} of {name(line.item)} is received already" for line in received if line.received),
    )


def is_of_vendor(order: PurchaseOrder, vendor: Vendor) -> bool | None:
    """Tell whether an order is from this vendor; None where it tells no id of that kind, and another name."""
    known = [fold(one) for one in (vendor.id, *vendor.other_ids) if one is not None]
    if order.vendor_id is not None and known:
        if fold(order.vendor_id) in known:
            return True
        if any(_is_uuid(order.vendor_id) == _is_uuid(one) for one in known):
            return False
    return True if fold(order.vendor) == fold(vendor.name) else None


def missing_lines(asked: Sequence[DraftLine], stored: Sequence[OrderLine]) -> list[DraftLine]:
    """Return the lines asked for that are not there by item and quantity; merged and split lines are there."""
    identify = _identifying(asked)
    sums: dict[str, list[OrderLine]] = defaultdict(list)
    for line in stored:
        sums[identify(line)].append(line)
    by_item: dict[str, list[DraftLine]] = defaultdict(list)
    for wanted in asked:
        by_item[fold(wanted.item)].append(wanted)
    missing: list[DraftLine] = []
    for item, lines in by_item.items():
        if not _sums_agree(lines, sums[item]):
            missing += _find_missing(lines, sums[item])
    return missing


def is_stored_as(stored: Decimal | None, asked: Decimal) -> bool:
    """Tell whether an ERP that keeps fewer decimals stores `asked` as `stored`, rounded up, down or to the nearest."""
    if stored is None:
        return False
    if stored == asked:
        return True
    kept = _decimals(stored)
    return kept < _decimals(asked) and stored > 0 and abs(EXACT.subtract(stored, asked)) < Decimal(1).scaleb(-kept)


def _identifying(asked: Sequence[DraftLine]) -> Callable[[OrderLine], str]:
    """Return what tells the item of a stored line: as the draft has it, where that is one of the draft's."""
    others = {fold(one): fold(line.item) for line in asked for one in line.other_ids}
    known = others | {fold(line.item): fold(line.item) for line in asked}

    def identify(line: OrderLine) -> str:
        ids = [fold(one) for one in (line.item_key, *line.other_ids) if one.strip()]
        if not ids:  # it may still be called what the item is, and nothing else is
            return others.get(fold(line.description or ""), "")
        return next((known[one] for one in ids if one in known), ids[0])

    return identify


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text.strip()) is not None


def _has_ids_like(draft: OrderDraft, order: PurchaseOrder) -> bool:
    """Tell whether an order names vendor and items by ids of the kind that the draft has: others cannot be compared."""
    vendors = [one for one in (draft.vendor.id, *draft.vendor.other_ids) if one]
    items = [one for line in draft.lines for one in (line.item, *line.other_ids)]
    stored = [(order.vendor_id, vendors)] if order.vendor_id else []
    stored += [(line.item_key, items) for line in order.lines or () if line.item_key.strip()]
    return all(any(_is_uuid(there) == _is_uuid(one) for one in known) for there, known in stored if known)


def _sums_agree(asked: Sequence[DraftLine], stored: Sequence[OrderLine]) -> bool:
    if not stored:
        return False
    # Sums first: ERPs merge equal items into one line, or split one by delivery date.
    known = total_of(line.quantity for line in stored if line.quantity is not None)
    return is_stored_as(known, total_of(line.quantity for line in asked))


def _find_missing(asked: Sequence[DraftLine], stored: Sequence[OrderLine]) -> list[DraftLine]:
    """Return the lines for which no line of the same item is left that holds their quantity."""
    left, missing = list(stored), []
    for line in asked:
        found = next((one for one in left if is_stored_as(one.quantity, line.quantity)), None)
        if found is None:
            missing.append(line)
        else:
            left.remove(found)
    return missing


def _decimals(number: Decimal) -> int:
    text = plain(number)  # zeros at the end are how some ERPs write it, not what they keep
    return len(text.partition(".")[2].rstrip("0"))


def _is_older(order: PurchaseOrder, sent_at: float | None) -> bool:
    if order.created_at is None or sent_at is None:
        return False
    return order.created_at < datetime.fromtimestamp(sent_at, UTC) - _CLOCKS_APART


def _tells_whose(order: PurchaseOrder) -> bool:
    """Tell whether an order shows its vendor and its items: what is left out of a reading speaks against nothing."""
    lines = order.lines or ()
    has_items = any(line.item.strip() for line in lines)
    tells_items = all(line.item.strip() for line in lines if line.quantity is not None)
    return bool((order.vendor_id or order.vendor).strip()) and has_items and tells_items


def _names_alike(one: str, other: str) -> bool:
    """Tell whether two names share a word that says something, as a legal name does with the usual one."""
    return bool(_words(one) & _words(other))


def _words(text: str) -> set[str]:
    plain_name = "".join(letter if letter.isalnum() else " " for letter in text.casefold())
    return {word for word in plain_name.split() if len(word) >= _TELLING_LETTERS}


def _differences(draft: OrderDraft, order: PurchaseOrder) -> Iterable[str]:
    """Say how the stored order is not what was asked for."""
    if order.number != draft.number:
        yield f"its number is shown as {number(order.number)}"
    if not order.vendor.strip() and order.total is None and order.lines is None:
        yield "nothing but its number is shown"
        return
    if not order.vendor.strip():
        yield "its vendor is not shown"
    elif fold(order.vendor) not in map(fold, (draft.vendor.name, draft.vendor.id or "", *draft.vendor.other_ids)):
        yield f"its vendor is shown as {name(order.vendor)}"
    asked_in = draft.vendor.currency
    if order.currency and asked_in and fold(order.currency) != fold(asked_in):
        yield f"its currency is {name(order.currency, 12)}, not {name(asked_in, 12)}"
    if draft.expected_on is not None and any(one.field == "expected date" for one in order.odd):
        yield f"its expected date cannot be read, so it may not be {day(draft.expected_on)}"
    elif draft.expected_on is not None and order.expected_on != draft.expected_on and order.lines:
        shown = "on no day" if order.expected_on is None else day(order.expected_on)
        yield f"it is expected {shown}, not {day(draft.expected_on)}"
    if draft.note and order.note is not None and fold(draft.note) not in fold(order.note):
        yield "its note is not the one given" if order.note else "its note is not shown"
    yield from _line_differences(draft, order)
    # Tax is no difference, since a draft's prices are without it; nor are amounts rounded to cents.
    stored, taxed = order.total_before_tax, " without tax" if order.tax else ""
    if stored is not None and not _is_same_amount(stored, draft.total):
        yield f"its total{taxed} is {money(stored, order.currency)}, not {money(draft.total, asked_in)}"


def _line_differences(draft: OrderDraft, order: PurchaseOrder) -> Iterable[str]:
    if order.lines is None:
        return
    if not order.lines:
        yield "its lines are not shown yet"
        return
    left, identify = list(order.lines), _identifying(draft.lines)
    for line in draft.lines:
        match = _best(line, left, identify)
        if match is None:
            yield f"{quantity(line.quantity)} x {name(line.item_word)} is not shown as a line of its own"
            continue
        # Each stored line answers for one line asked for, or a doubled line would not be noticed.
        left.remove(match)
        item = name(line.item_word)
        if match.quantity is not None and match.quantity != line.quantity:
            yield f"quantity of {item} is {quantity(match.quantity)}, not {quantity(line.quantity)}"
        if match.unit_price is not None and match.unit_price != line.unit_price:
            is_now, was = money(match.unit_price, order.currency), money(line.unit_price, draft.vendor.currency)
            yield f"unit price of {item} is {is_now}, not {was}"
        elif match.unit_price is None:
            yield f"unit price of {item} is not shown"
        if not _is_for_warehouse(match, line.warehouse):
            shown = " ".join(filter(None, (match.warehouse, match.warehouse_name and f"({match.warehouse_name})")))
            yield f"{item} is for warehouse {name(shown)}, not {name(line.warehouse or '')}"
    for added in left:
        price = "" if added.unit_price is None else f" at {money(added.unit_price, order.currency)}"
        count = "" if added.quantity is None else f"{quantity(added.quantity)} x "
        yield f"a line more: {count}{name(added.item)}{price}"


def _is_for_warehouse(stored: OrderLine, asked: str | None) -> bool:
    """Tell whether a line is for the warehouse asked for; where either says none, nothing speaks against it."""
    known_as = [fold(word) for word in (stored.warehouse, stored.warehouse_name) if word]
    return not known_as or not asked or fold(asked) in known_as


def _is_same_amount(stored: Decimal, asked: Decimal) -> bool:
    return stored == asked or (_decimals(asked) > _DECIMALS_OF_CENTS and abs(EXACT.subtract(stored, asked)) < _CENT)


def _best(line: DraftLine, left: Sequence[OrderLine], identify: Callable[[OrderLine], str]) -> OrderLine | None:
    same = [one for one in left if identify(one) == fold(line.item)]
    exact = [one for one in same if one.quantity == line.quantity]
    near = [one for one in same if is_stored_as(one.quantity, line.quantity)]
    return next(iter([*exact, *near, *same]), None)
