"""The outcome of a create says what was ordered: item, unit, quantity, price in its currency, warehouse by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.orders import DraftLine, OrderDraft, Vendor
from po_mcp.sandbox import Book, create_app
from po_mcp.writes.ordered_text import say_ordered
from po_mcp.writes.payloads import CreatePayload, LineNote
from tests.harness import REAL, ScriptedPerson, outcome, text, yes
from tests.tools.small_erps import SmallInventoryPro, order

LINE = {"item": "BOLT-M8-30", "quantity": "2.5", "unit_price": "0.45", "warehouse": "2"}
PLACES = [
    {"spot": place, "warehouseID": number, "warehouseName": name, "active": True}
    for place, number, name in (("A1", 1, "Main"), ("B1", 2, "Side"))
]


class TwoWarehouses(SmallInventoryPro):
    """Inventory Pro with two warehouses, of which an order names one by its id."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        return self._page(PLACES, query, 50) if path == "/Location" else super().answer(method, path, query, body)

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = super()._create(body)
        names = {one["warehouseID"]: one["warehouseName"] for one in PLACES}
        for stored, asked in zip(self.book[body["poNumber"]]["lines"], body["lines"], strict=True):
            stored |= {"warehouse": asked["warehouse"], "warehouseName": names[asked["warehouse"]]}
        return status, answer


def connect(books: Any, folder: Path, **settings: Any) -> Client:
    server = build_server(Settings(**{**REAL, "journal": str(folder / "journal.db"), **settings}), erp=books)
    return Client(server, elicitation_callback=ScriptedPerson(yes))


async def order_lines(books: SmallInventoryPro, folder: Path, *lines: dict[str, Any]) -> Any:
    async with connect(books.connect(), folder) as client:
        arguments = {"vendor": "Acme Fasteners", "number": "RUSH-7", "lines": list(lines)}
        return await client.call_tool("create_purchase_order", arguments)


@pytest.mark.parametrize("is_answer_lost", [False, True], ids=["answered", "answer lost"])
async def test_a_silent_order_says_the_price_and_the_warehouse_by_name(tmp_path: Path, is_answer_lost: bool) -> None:
    books = TwoWarehouses(orders=[order("PO-1")], is_answer_lost=is_answer_lost)

    result = await order_lines(books, tmp_path, LINE)

    said = "Ordered: 2.5 EA of BOLT-M8-30 (M8 x 30mm Hex Bolt) at 0.45. Deliver to: Side."
    assert outcome(result)["status"] == "done"
    assert said in outcome(result)["message"]
    assert said in text(result)
    assert "otal 1.125" in outcome(result)["message"]


async def test_lines_for_several_warehouses_say_each(tmp_path: Path) -> None:
    result = await order_lines(TwoWarehouses(orders=[order("PO-1")]), tmp_path, LINE, {**LINE, "warehouse": "Main"})

    assert "at 0.45, to Side; 2.5 EA of BOLT-M8-30 (M8 x 30mm Hex Bolt) at 0.45, to Main." in text(result)
    assert "Deliver to" not in text(result)


async def test_prices_of_an_outcome_are_in_the_vendors_currency(tmp_path: Path) -> None:
    app = create_app(Book.open(":memory:", made_on=datetime.now(UTC).date()))
    books = Exsited("http://localhost", "sandbox", "sandbox", "https://x/", transport=httpx2.ASGITransport(app))
    lines = [{"item": "ITEM-0055", "quantity": "1000", "unit_price": "0.37"}]
    async with connect(books, tmp_path, erp="exsited", redirect_uri="https://x/") as client:
        done = await client.call_tool("create_purchase_order", {"vendor": "Acme Fasteners", "lines": lines})

    assert " at 0.37 USD." in outcome(done)["message"]
    assert "total 370.00 USD" in outcome(done)["message"]


async def test_another_price_of_the_erps_stands_behind_what_was_ordered(tmp_path: Path) -> None:
    books = TwoWarehouses(orders=[order("PO-1")], store_price=lambda price: price + Decimal("0.05"))

    said = text(await order_lines(books, tmp_path, LINE))

    assert "at 0.45. Deliver to: Side. The ERP stored it in its own way: unit price of BOLT-M8-30 is 0.50" in said


def test_of_a_long_order_the_warehouses_of_all_lines_are_named() -> None:
    count = 40
    lines = tuple(
        DraftLine(item="A", quantity=Decimal(1), unit_price=Decimal(2), warehouse=str(at)) for at in range(count)
    )
    draft = OrderDraft(number="PO-1", vendor=Vendor(id="1", name="Acme"), lines=lines)
    notes = tuple(LineNote(name="A", warehouse="Main" if at < count - 1 else "Side") for at in range(count))

    said = say_ordered(CreatePayload(draft=draft, line_notes=notes), None)

    assert said.count("1 A at 2.00, to Main; ") == 20
    assert said.endswith("; and 20 more lines, to Main, Side.")


def test_an_order_of_an_older_version_without_notes_says_ids() -> None:
    line = DraftLine(item="A", quantity=Decimal(1), unit_price=Decimal(2), warehouse="2")
    draft = OrderDraft(number="PO-1", vendor=Vendor(id="1", name="Acme"), lines=(line,))

    assert say_ordered(CreatePayload(draft=draft), "EUR") == "Ordered: 1 A at 2.00 EUR. Deliver to: 2."
