"""From a draft to an order: what must hold before an order is entered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from po_mcp.sandbox import exact
from po_mcp.sandbox.records import Item, Line, LineDraft, Order, OrderDraft, Status, Vendor, Warehouse
from po_mcp.sandbox.refusals import Invalid
from po_mcp.sandbox.tables import Tables

CURRENCIES = ("USD", "AUD", "EUR")
MAX_NUMBER_LENGTH = 50

Problems = defaultdict[str, list[str]]


def build_order(tables: Tables, draft: OrderDraft, now: datetime) -> Order:
    """Make the open order that a draft asks for; its total is the sum of its lines.

    Whether its number is free is not looked at.

    Raises:
        Invalid: every problem at once.
    """
    problems: Problems = defaultdict(list)
    vendor = _find_vendor(tables, draft, problems)
    # Every line is looked at before anything is refused: one answer names all that is wrong, as both vendors' do.
    lines = [_build_line(tables, index, line, problems) for index, line in enumerate(draft.lines)]
    _check_header(draft, problems)
    if problems or vendor is None:
        raise Invalid(problems)
    # All problems before the number: a refused draft must not use up one of the vendor's sequence.
    number = draft.number or _free_number(tables, vendor)
    order = new_order(number, vendor, draft.currency or vendor.currency, _drop_none(lines), now)
    return replace(
        order,
        ordered_at=draft.ordered_at or now,
        expected_at=draft.expected_at,
        due_at=draft.due_at,
        note=draft.note,
        supplier_invoice=draft.supplier_invoice,
        tax_inclusive=draft.tax_inclusive,
    )


def new_order(number: str, vendor: Vendor, currency: str, lines: Sequence[Line], now: datetime) -> Order:
    """Make an open order of these lines, ordered now, under a new uuid."""
    return Order(
        uuid=str(uuid4()),
        number=number,
        version=0,
        vendor=vendor,
        status=Status.OPEN,
        currency=currency,
        total=exact.add_up(line.total for line in lines),
        ordered_at=now,
        created_at=now,
        modified_at=now,
        line_count=len(lines),
        lines=tuple(lines),
    )


def new_line(number: int, item: Item, quantity: Decimal, price: Decimal, warehouse: Warehouse) -> Line:
    """Make a line, under a new uuid, of which nothing has arrived."""
    return Line(str(uuid4()), number, item, exact.normalize_quantity(quantity), exact.normalize_money(price), warehouse)


def _free_number(tables: Tables, vendor: Vendor) -> str:
    while True:
        number = f"PO-{vendor.account}-{tables.next(f'orders of {vendor.account}'):04d}"
        # A person may have entered the next number by hand.
        if tables.order(number) is None:
            return number


def _find_vendor(tables: Tables, draft: OrderDraft, problems: Problems) -> Vendor | None:
    vendor = tables.vendor(*draft.vendor)
    if vendor is None:
        problems["vendor"].append("is unknown")
    elif not vendor.active:
        problems["vendor"].append("is not active")
    return vendor


def _check_header(draft: OrderDraft, problems: Problems) -> None:
    if not draft.lines:
        problems["lines"].append("must have at least one line")
    if draft.number is not None and (problem := _number_problem(draft.number)):
        problems["number"].append(problem)
    if draft.currency not in (None, *CURRENCIES):
        problems["currency"].append(f"must be one of {', '.join(CURRENCIES)}")


def _number_problem(number: str) -> str:
    # A slash or a dot segment could not be addressed in a URL.
    if number != number.strip() or not number or not number.isprintable():
        return "must be printable text without blanks around it"
    if "/" in number or "\\" in number or number in (".", ".."):
        return "must not be a path"
    if len(number) > MAX_NUMBER_LENGTH:
        return f"must have at most {MAX_NUMBER_LENGTH} characters"
    return ""


def _build_line(tables: Tables, index: int, draft: LineDraft, problems: Problems) -> Line | None:
    item, warehouse = tables.item(*draft.item), tables.warehouse(*(draft.warehouse or ("id", 1)))
    # Not `or`: a price of 0 is a price, for goods that are free.
    price = draft.price if draft.price is not None else item.price if item else Decimal(0)
    found = {
        "item": _item_problem(item),
        "warehouse": "" if warehouse else "is unknown",
        "quantity": "must be > 0" if draft.quantity <= 0 else _size_problem(draft.quantity),
        "price": "must be >= 0" if price < 0 else _size_problem(price),
    }
    wrong = {f"lines[{index}].{field}": [problem] for field, problem in found.items() if problem}
    problems.update(wrong)
    if wrong or item is None or warehouse is None:
        return None
    return new_line(index + 1, item, draft.quantity, price, warehouse)


def _item_problem(item: Item | None) -> str:
    if item is None:
        return "is unknown"
    return "" if item.active else "is discontinued"


def _size_problem(value: Decimal) -> str:
    return "" if exact.is_storable(value) else "must have at most 12 digits before the point and 6 after it"


def _drop_none(lines: Sequence[Line | None]) -> list[Line]:
    return [line for line in lines if line is not None]
