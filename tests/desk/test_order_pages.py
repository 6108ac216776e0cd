"""Orders of many lines are read page by page, and a cursor belongs to the order as it was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from po_mcp.desk.order_pages import LINES_PER_PAGE, page_of
from po_mcp.errors import InvalidInput
from po_mcp.orders import OrderLine, PurchaseOrder
from tests.desk.fakes import order


def long_order(lines: int, quantity: str = "1") -> PurchaseOrder:
    rows = tuple(OrderLine(line=n, item=f"I-{n}", quantity=Decimal(quantity)) for n in range(1, lines + 1))
    return order("PO-1").model_copy(update={"lines": rows})


@pytest.mark.parametrize("count", [0, 1, LINES_PER_PAGE, LINES_PER_PAGE + 1, 1000])
def test_all_pages_together_hold_every_line_once(count: int) -> None:
    whole, cursor, seen = long_order(count), None, []
    while True:
        page = page_of(whole, cursor)
        seen += [line.line for line in page.lines or ()]
        assert page.line_count == count
        assert len(page.lines or ()) <= LINES_PER_PAGE
        if (cursor := page.next_cursor) is None:
            break

    assert seen == list(range(1, count + 1))


LONG = "Stainless hex bolt M8 x 30 mm, DIN 933, A2-70, waxed, box of 100, with washer and nut"


@pytest.mark.parametrize(("description", "most"), [("", 100), (LONG, 70), (LONG * 4, 25), ("発注番号" * 500, 5)])
def test_a_page_of_long_lines_has_fewer_of_them_and_one_at_least(description: str, most: int) -> None:
    rows = tuple(OrderLine(line=n, item=f"I-{n}", description=description or None) for n in range(1, 301))
    page = page_of(order("PO-1").model_copy(update={"lines": rows}), None)

    assert 1 <= len(page.lines or ()) <= most
    assert len(page.lines or ()) > most / 2
    assert page.next_cursor is not None


def test_a_cursor_of_an_order_that_changed_says_so() -> None:
    cursor = page_of(long_order(150), None).next_cursor

    with pytest.raises(InvalidInput, match="changed since its first lines were read"):
        page_of(long_order(150, quantity="2"), cursor)


@pytest.mark.parametrize("cursor", ["", "x", "100", "0-00000000-0000000000000000", "100-zz", "é", "1" * 400])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="belongs to another order"):
        page_of(long_order(150), cursor)


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = page_of(long_order(150), None).next_cursor

    with pytest.raises(InvalidInput, match="belongs to another order"):
        page_of(long_order(150).model_copy(update={"number": "PO-2"}), cursor)
