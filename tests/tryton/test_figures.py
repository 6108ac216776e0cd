"""Amounts as Tryton computes them, in currencies of no decimals and of three, and orders of hundreds of lines."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.errors import Stale
from tests.harness import ScriptedPerson, outcome, text
from tests.tryton.book import PURCHASE, today
from tests.tryton.conftest import Book
from tests.tryton.harness import TrytonHarness, approve, arguments_of
from tests.tryton.rpc import day, money
from tests.tryton.test_tools import CREATE, DELETE

pytestmark = pytest.mark.tryton

NEW = "PM-2026-0042"
MAX_LINES = 200
"""The most lines that one call may create."""


def pay_in(book: Book, code: str, digits: int, rounding: str) -> None:
    """Make a currency with a rate, and have Acme paid in it."""
    admin = book.users.admin
    (currency,) = admin.create(
        "currency.currency",
        {"name": code, "code": code, "symbol": code, "digits": digits, "rounding": money(rounding)},
    )
    for one, rate in ((currency, "0.333"), (book.facts.currencies["EUR"], "1")):
        admin.create("currency.currency.rate", {"currency": one, "date": day(today()), "rate": money(rate)})
    admin.write("party.party", book.facts.vendors["acme"], supplier_currency=currency)


@pytest.mark.parametrize(
    ("code", "digits", "rounding", "amounts", "tax", "total"),
    [("KWD", 3, "0.001", ("3.704", "1.750"), "1.091", "6.545"), ("JPY", 0, "1", ("4", "2"), "1", "7")],
)
async def test_amounts_are_those_of_the_currency(
    erp: Tryton, book: Book, code: str, digits: int, rounding: str, amounts: tuple[str, ...], tax: str, total: str
) -> None:
    pay_in(book, code, digits, rounding)
    draft = book.draft(NEW, ("bolt", "3", "1.2345"), ("oil", "0.25", "7.0005"))
    vendor = draft.vendor.model_copy(update={"currency": code})

    made = await erp.create_order(draft.model_copy(update={"vendor": vendor}))

    read = await erp.get_order(NEW)
    (row,) = book.users.buyer.search_read(PURCHASE, ["total_amount", "tax_amount"], ["reference", "=", NEW])
    assert read == made
    assert (read.currency, str(read.total), str(read.tax)) == (code, total, tax)
    assert [str(line.line_total) for line in read.lines or ()] == list(amounts)
    assert [str(line.unit_price) for line in read.lines or ()] == ["1.2345", "7.0005"]
    assert (row["total_amount"]["decimal"], row["tax_amount"]["decimal"]) == (total, tax)


async def test_a_total_that_the_currency_rounds_is_reported(harness: TrytonHarness, book: Book) -> None:
    pay_in(book, "JPY", 0, "1")
    async with harness.client(person=ScriptedPerson(approve)) as client:
        await client.call_tool("search_catalog", {"kind": "vendor", "refresh": True})
        line = {"item": "BOLT-M8-30", "quantity": "3", "unit_price": "1.2345", "warehouse": "Main"}
        done = text(await client.call_tool(CREATE, dict(arguments_of(NEW, lines=[line]))))
        listed = text(await client.call_tool("list_purchase_orders", {"status": "draft", "vendor": "Acme Fasteners"}))

    assert "3 u of BOLT-M8-30 (M8 x 30mm Hex Bolt) at 1.2345 JPY." in done
    assert "its total without tax is 4.00 JPY, not 3.7035 JPY" in done
    assert "|5 JPY" in listed


async def test_an_order_of_300_lines_is_read_by_pages_and_deleted_as_it_was_shown(
    harness: TrytonHarness, book: Book
) -> None:
    lines = [("bolt" if n % 2 else "nut", str(n + 1), f"0.{n % 99 + 1:02}") for n in range(300)]
    identifier = book.users.make_order("LONG-1", *lines)
    read: list[str] = []
    cursor: str | None = None

    async with harness.client(person=ScriptedPerson(approve)) as client:
        while cursor != "":
            asked = {"number": "LONG-1", **({"cursor": cursor} if cursor else {})}
            page = text(await client.call_tool("get_purchase_order", asked))
            read += re.findall(r"(?m)^(\d+)\|(?:NUT|BOLT)", page)
            cursor = (re.findall(r"cursor=(\S+)", page) or [""])[0]
        done = outcome(await client.call_tool(DELETE, {"number": "LONG-1"}))

    assert read == [str(n) for n in range(1, 301)]
    assert done["status"] == "done"
    assert book.users.buyer.search("purchase.line", ["purchase", "=", identifier]) == []


async def test_a_change_of_the_last_of_300_lines_keeps_the_order(erp: Tryton, book: Book) -> None:
    identifier = book.users.make_order("LONG-1", *[("nut", "1", "0.1")] * 300)
    seen = await erp.snapshot("LONG-1", "delete")

    def change() -> None:
        book.users.buyer.write("purchase.line", _last_line(book, identifier), quantity=9)

    with pytest.raises(Stale):
        await erp.delete_order("LONG-1", change, version=seen.version)

    assert len(book.users.buyer.search("purchase.line", ["purchase", "=", identifier])) == 300


async def test_an_order_of_as_many_lines_as_one_call_may_have_is_created(harness: TrytonHarness, book: Book) -> None:
    line: dict[str, Any] = {"item": "NUT-M8", "quantity": "1", "warehouse": "Main"}
    asked = [{**line, "unit_price": f"0.{n:03}"} for n in range(100, 100 + MAX_LINES)]

    async with harness.client(person=ScriptedPerson(approve)) as client:
        done = outcome(await client.call_tool(CREATE, dict(arguments_of(NEW, lines=asked))))

    assert done["status"] == "done", done
    (row,) = book.users.buyer.search_read(PURCHASE, ["lines.unit_price"], ["reference", "=", NEW])
    assert sorted(Decimal(one["unit_price"]["decimal"]) for one in row["lines."]) == [
        Decimal(n) / 1000 for n in range(100, 100 + MAX_LINES)
    ]


def _last_line(book: Book, identifier: int) -> int:
    return max(book.users.buyer.search("purchase.line", ["purchase", "=", identifier]))
