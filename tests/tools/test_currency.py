"""Every amount that a person or a model reads stands in its currency, where the ERP says it, and in none elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams
from rich.console import Console

from po_mcp.bootstrap import build_server
from po_mcp.commands._result_tables import shown
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.desk.catalog import to_candidate
from po_mcp.orders import Item
from po_mcp.sandbox import Book, create_app
from po_mcp.tools.search_catalog import _table_row
from tests.harness import REAL, Reply, ScriptedPerson, ServerHarness, accept, outcome, text, yes

AMOUNT = re.compile(r"(?<![\d.,/])\d[\d,]*\.\d{2,}(?![\d.])")
"""Amounts have two decimals at least, and no quantity in a sentence of these tests has."""
BOLTS = {"item": "ITEM-0055", "quantity": "1000", "unit_price": "0.37"}
CREATE = "create_purchase_order"


def says_yes(params: ElicitRequestFormParams) -> Reply:
    """Take the first yes, or type the number that the title names."""
    [(name, field)] = params.requested_schema["properties"].items()
    return accept(**{name: field["title"].split()[1]}) if name == "order_number" else yes(params)


@asynccontextmanager
async def exsited(folder: Path, person: ScriptedPerson, *habits: str, **settings: Any) -> AsyncIterator[Client]:
    """Connect a client to a server over Exsited's API, and over a new book whose vendors are paid in US dollars."""
    app = create_app(Book.open(":memory:", made_on=datetime.now(UTC).date()), habits=habits)
    books = Exsited("http://localhost", "sandbox", "sandbox", "https://x/", transport=httpx2.ASGITransport(app))
    own = {**REAL, "erp": "exsited", "redirect_uri": "https://x/", "journal": str(folder / "journal.db")}
    server = build_server(Settings(**{**own, **settings}), erp=books)
    async with Client(server, elicitation_callback=person) as client:
        yield client


def amounts_without(currency: str, texts: Sequence[str]) -> list[str]:
    """Return the amounts of the texts behind which this currency does not stand, with what stands around them."""
    return [
        one[max(0, found.start() - 20) : found.end() + 8]
        for one in texts
        for found in AMOUNT.finditer(one)
        if not one[found.end() :].startswith(f" {currency}")
    ]


@pytest.mark.parametrize("habits", [(), ("own-prices",), ("rounds-prices:1",), ("adds-freight",)], ids=str)
async def test_questions_and_outcomes_of_a_create_say_the_currency_of_every_amount(
    tmp_path: Path, habits: tuple[str, ...]
) -> None:
    person = ScriptedPerson(says_yes)
    lines = [
        BOLTS,
        {**BOLTS, "item": "ITEM-0056", "unit_price": "0"},
        {**BOLTS, "quantity": "2", "unit_price": "1.500"},
    ]
    async with exsited(tmp_path, person, *habits, create_approval_over="10") as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "Acme Fasteners", "lines": lines}))

    [question] = person.asked
    read = [question.message, str(question.requested_schema), done["message"]]
    assert done["status"] == "done"
    assert len(AMOUNT.findall(question.message)) > 6
    assert amounts_without("USD", [one.replace("was written 1.500", "") for one in read]) == []
    assert "which is 1.5 USD here, and not 1500 USD" in question.message
    assert "is 0 USD: it is ordered for nothing" in question.message


@pytest.mark.parametrize("kind", ["cancel", "delete"])
async def test_questions_about_an_order_say_the_currency_of_every_amount(tmp_path: Path, kind: str) -> None:
    person = ScriptedPerson(says_yes)
    async with exsited(tmp_path, person) as client:
        done = outcome(await client.call_tool(f"{kind}_purchase_order", {"number": "PO-2025-0042"}))

    [question] = person.asked
    assert done["status"] == "done"
    assert len(AMOUNT.findall(question.message)) > 2
    assert amounts_without("USD", [question.message, done["message"]]) == []


async def test_an_order_that_is_read_says_the_currency_of_prices_totals_and_sums(tmp_path: Path) -> None:
    async with exsited(tmp_path, ScriptedPerson(says_yes)) as client:
        read = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})

    order, lines = text(read).splitlines()[1], text(read).splitlines()[2]
    assert order.endswith(" USD")
    assert "|unit price USD|line total USD|" in lines
    [remark] = outcome(read)["remarks"]
    assert amounts_without("USD", [remark]) == []


async def test_tables_in_a_terminal_say_the_currency_of_every_amount(tmp_path: Path) -> None:
    screen = io.StringIO()
    async with exsited(tmp_path, ScriptedPerson(says_yes)) as client:
        read = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})
    Console(file=screen, width=300).print(shown(read))

    assert outcome(read)["lines"][0]["unit_price"] == "0.450000"
    read_by_a_person = " ".join(screen.getvalue().split())
    assert "1,000 EA 0 1,000 0.45 USD 450.00 USD" in read_by_a_person
    assert "4,250.00 USD" in read_by_a_person


@pytest.mark.usefixtures("book_of_today")
async def test_no_currency_is_made_up_where_the_erp_says_none(harness: ServerHarness) -> None:
    person = ScriptedPerson(says_yes)
    line = {**BOLTS, "item": "BOLT-M8-30", "warehouse": "1"}
    async with harness.client(person=person, create_approval_over="10", habits=["own-prices"]) as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "Acme Fasteners", "lines": [line]}))
        read = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})

    assert done["status"] == "done"
    assert not re.search(r"[0-9] [A-Z]{3}\b", person.asked[0].message.replace("1,000 EA", ""))
    assert "|unit price|line total|" in text(read)
    assert "its total is" in done["message"]
    assert not re.search(r"[0-9] (USD|AUD|EUR)", done["message"] + text(read))


def test_the_price_of_an_item_says_its_currency_and_no_price_says_none() -> None:
    item = Item(id="1", name="Bolt", unit="EA", price=Decimal("0.45"), currency="EUR")

    assert _table_row(to_candidate(item, "listed")).endswith("EA, 0.45 EUR")
    assert to_candidate(item.model_copy(update={"price": None}), "listed").currency is None
