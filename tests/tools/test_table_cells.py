"""What an ERP writes in its fields shifts no cell of a table, and adds no status, sum or figure that is not its own."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.desk.list_orders import OrderList
from po_mcp.desk.listing import summarize
from po_mcp.orders import OrderLine, PurchaseOrder
from po_mcp.tools import _render, list_purchase_orders
from po_mcp.tools._render import join_cells, line_row, order_rows


def order(**fields: Any) -> PurchaseOrder:
    given = {"number": "PO-1", "vendor": "Acme", "status": "open", "status_text": "Open", "total": "100", **fields}
    return PurchaseOrder.model_validate(given)


def read_cells(row: str) -> list[str]:
    """Read a row as its rule says: a bar behind an odd number of backslashes is a cell's own."""
    cells, held = [""], ""
    for sign in row:
        if sign == "\\":
            held += sign
            continue
        if sign == "|":
            is_own = len(held) % 2
            cells[-1] += "\\" * (len(held) // 2)
            if is_own:
                cells[-1] += "|"
            else:
                cells.append("")
        else:
            cells[-1] += held + sign
        held = ""
    cells[-1] += "\\" * (len(held) // 2)
    return cells


TEXTS = ["A", "\\", "|", "\\|", "A\\", "\\\\", "|\\", "A\\|B", "\\|\\|", "C:\\x", "A\\\\|", "|100|closed"]


@pytest.mark.parametrize("texts", [*itertools.product(TEXTS, repeat=2)], ids=repr)
def test_every_cell_is_read_back_as_the_erp_wrote_it(texts: tuple[str, str]) -> None:
    assert read_cells(join_cells(*texts, "end")) == [*texts, "end"]


def test_without_escaped_backslashes_a_name_takes_the_next_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_render, "_escape_cell", lambda text: text.replace("|", "\\|"))

    assert read_cells(join_cells("Acme\\", "100")) == ["Acme|100"]


def test_a_word_of_ours_that_the_erp_means_otherwise_is_marked() -> None:
    words = ["OPEN", "closed", " Cancelled ", "Past Due", ""]
    rows = order_rows([order(), order(), *(order(status="unknown", status_text=word) for word in words)])

    assert [read_cells(row)[4:] for row in rows] == [
        ["status if not open"],
        [],
        [],
        ["«OPEN»"],
        ["«closed»"],
        ["«Cancelled»"],
        ["Past Due"],
        ["-"],
    ]
    assert "|«open»|" in order_rows([order(status="unknown", status_text="open")])[1]


def test_without_the_mark_an_order_reads_as_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_render, "_KNOWN", frozenset())

    assert "|open|" in order_rows([order(status="unknown", status_text="open")])[1]


def summary_of(*orders: PurchaseOrder) -> str:
    sums = summarize(orders).model_dump()
    return list_purchase_orders._summary(OrderList(**sums, orders=orders, has_more=False, complete=True))


def test_a_currency_adds_no_sum_to_the_sentence_of_sums() -> None:
    forged = "AUD and 999999.00 USD"

    assert summary_of(order(currency=forged)) == "1 open order, total 100 «AUD and 999…»."
    several = summary_of(order(currency="EUR"), order(currency=forged), order())
    assert several == "3 open orders, total 100 «AUD and 999…» and 100 EUR and 100 no currency."


def test_a_currency_in_capitals_stays_as_it_is() -> None:
    assert summary_of(order(currency="KWD", total="1.2345")) == "1 open order, total 1.2345 KWD."


def test_orders_whose_currency_is_named_as_none_lose_none_of_the_others() -> None:
    summary = summarize([order(currency="no currency"), order(total="7"), order(currency="EUR")])

    assert summary.totals == {"EUR": Decimal(100), "no currency": Decimal(107)}


def test_a_unit_of_figures_is_no_part_of_the_quantity() -> None:
    line = OrderLine(line=1, item="BOLT", description="Bolt", quantity=Decimal(10), unit="100")

    assert line_row(line).startswith("1|BOLT|Bolt|10 «100»|")
    assert line_row(line.model_copy(update={"unit": "EA"})).startswith("1|BOLT|Bolt|10 EA|")
