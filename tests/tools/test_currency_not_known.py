"""A vendor without a currency, at an ERP that tells currencies: a person sees that this order's is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import create_reasons
from tests.harness import REAL, ScriptedPerson, outcome, text, yes
from tests.tools import small_erps
from tests.tools.small_erps import Row, SmallExsited, SmallInventoryPro, exsited_order, order

CREATE = "create_purchase_order"
BOLT = {"item": "ITEM-0055", "quantity": "5", "unit_price": "0.45"}
NEW = {"vendor": "LHROM9", "number": "PO-L-0009", "lines": [BOLT]}


@pytest.fixture(autouse=True)
def _account_without_currency(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    account = {name: value for name, value in small_erps._ACCOUNT.items() if name != "currency"}
    monkeypatch.setattr(small_erps, "_ACCOUNT", account)


def order_in(currency: str, number: str) -> Row:
    return exsited_order(number, issue_date="2026-11-20T00:00:00Z", currency={"name": currency})


def connect(books: Any, folder: Path, person: ScriptedPerson, **settings: Any) -> Client:
    own = {**REAL, "journal": str(folder / "journal.db"), **settings}
    return Client(build_server(Settings(**own), erp=books.connect()), elicitation_callback=person)


async def order_bolts(books: SmallExsited, folder: Path, person: ScriptedPerson, **more: Any) -> Any:
    async with connect(books, folder, person, erp="exsited", redirect_uri="https://x/") as client:
        return await client.call_tool(CREATE, {**NEW, **more})


@pytest.mark.parametrize(
    ("currencies", "said"),
    [
        (("USD", "EUR"), "will be in. Orders of this vendor are in EUR and USD."),
        (("USD",), "will be in. Orders of this vendor are in USD."),
    ],
    ids=str,
)
async def test_the_question_says_that_the_erp_gives_no_currency(
    tmp_path: Path, currencies: tuple[str, ...], said: str
) -> None:
    books = SmallExsited(orders=[order_in(one, f"PO-L-000{at}") for at, one in enumerate(currencies, 1)])
    person = ScriptedPerson(yes)

    done = outcome(await order_bolts(books, tmp_path, person))

    [asked] = person.asked
    assert "currency not told" in asked.message.splitlines()[1]
    assert f"The ERP does not say which currency this order {said}" in asked.message
    assert done["status"] == "done"


async def test_without_a_price_the_currencies_of_the_orders_are_named(tmp_path: Path) -> None:
    books = SmallExsited(orders=[order_in("USD", "PO-L-0001"), order_in("EUR", "PO-L-0002")])

    result = await order_bolts(books, tmp_path, ScriptedPerson(yes), lines=[{"item": "ITEM-0055", "quantity": "5"}])

    assert result.is_error
    assert text(result) == (
        "No price was given for ITEM-0055 (Bolt). Orders of this vendor are in EUR and USD, and the ERP does not say "
        "which this one will be in. Nothing was sent. "
        "Ask the user for the unit price and its currency, and give the price."
    )
    assert books.sent == []


async def test_an_erp_that_never_tells_a_currency_is_not_asked_about_it(tmp_path: Path) -> None:
    books, person = SmallInventoryPro(orders=[order("PO-1")]), ScriptedPerson(yes)
    line = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "1"}

    async with connect(books, tmp_path, person) as client:
        arguments = {"vendor": "Acme Fasteners", "number": "RUSH-7", "lines": [line]}
        done = outcome(await client.call_tool(CREATE, arguments))

    assert (done["status"], person.asked) == ("done", [])


async def test_without_the_look_at_currencies_the_order_goes_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*arguments: Any) -> list[Any]:
        return []

    monkeypatch.setattr(create_reasons, "_explain_currency", nothing)
    books, person = SmallExsited(orders=[order_in("USD", "PO-L-0001")]), ScriptedPerson(yes)

    assert outcome(await order_bolts(books, tmp_path, person))["status"] == "done"
    assert person.asked == []
