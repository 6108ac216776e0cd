"""Each check, right before a create, that an order is still what a person was shown is taken away in turn.

Tryton then stores what the person did not see: a price of one currency in another, or five pieces as five dozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton, drafts
from po_mcp.connectors.tryton.writing import Writer
from po_mcp.errors import PurchaseOrderError
from po_mcp.orders import OrderDraft
from tests.harness import ScriptedPerson, outcome, yes
from tests.tryton.book import PURCHASE, today
from tests.tryton.conftest import Book
from tests.tryton.harness import TrytonHarness, arguments_of
from tests.tryton.rpc import day, money

pytestmark = pytest.mark.tryton

NEW = "PM-2026-0042"
Patch = pytest.MonkeyPatch


async def skip_check(self: Writer, draft: OrderDraft, of_vendor: object) -> None:
    """Let every currency pass."""


def without_the_currency(patch: Patch) -> None:
    patch.setattr(Writer, "_check_currency", skip_check)


def without_the_names_and_units(patch: Patch) -> None:
    patch.setattr(drafts, "_check_as_shown", lambda line, product, place: None)


def without_the_vendors_name(patch: Patch) -> None:
    patch.setattr(drafts, "_check_vendor_as_shown", lambda draft, parties: None)


def pay_in_dollars(book: Book) -> None:
    """Have the vendor paid in another currency, which has a rate."""
    admin, currencies = book.users.admin, book.facts.currencies
    for code, rate in (("EUR", "1"), ("USD", "1.16")):
        of_day = {"date": day(today()), "rate": money(rate)}
        admin.create("currency.currency.rate", {"currency": currencies[code], **of_day})
    admin.write("party.party", book.facts.vendors["acme"], supplier_currency=currencies["USD"])


def buy_by_dozen(book: Book) -> None:
    """Have the bolt bought by the dozen."""
    admin, product = book.users.admin, book.facts.items["bolt"]
    template = admin.read("product.product", product, "template")["template"]
    unit = admin.read("product.template", template, "default_uom")["default_uom"]
    group = admin.read("product.uom", unit, "category")["category"]
    sizes = {"factor": 12.0, "rate": round(1 / 12, 12), "rounding": 1.0, "digits": 0}
    (dozen,) = admin.create("product.uom", {"name": "Twelve", "symbol": "dz", "category": group, **sizes})
    admin.write("product.template", template, purchase_uom=dozen)


def call_it_something_else(book: Book) -> None:
    book.users.admin.write("product.product", book.facts.items["bolt"], suffix_code="BOLT-M10-90")


def rename_the_vendor(book: Book) -> None:
    book.users.admin.write("party.party", book.facts.vendors["acme"], name="Quite Another Ltd")


def no_change(book: Book) -> None:
    """Nothing happens meanwhile."""


def build_draft(book: Book, **of_vendor: Any) -> OrderDraft:
    """Return five bolts as a person was shown them."""
    draft = book.draft(NEW, ("bolt", "5", "0.45"))
    line = draft.lines[0].model_copy(update={"word": "BOLT-M8-30"})
    return draft.model_copy(update={"lines": (line,), "vendor": draft.vendor.model_copy(update=of_vendor)})


def build_draft_without_unit(book: Book) -> OrderDraft:
    draft = build_draft(book)
    return draft.model_copy(update={"lines": (draft.lines[0].model_copy(update={"unit": None}),)})


def is_in_dollars(row: dict[str, Any]) -> bool:
    return bool(row["currency."]["code"] == "USD")


def is_by_dozen(row: dict[str, Any]) -> bool:
    return bool(row["lines."][0]["unit."]["symbol"] == "dz")


def is_of_another_item(row: dict[str, Any]) -> bool:
    return bool(row["lines."][0]["product."]["code"] == "BOLT-M10-90")


def is_for_another_vendor(row: dict[str, Any]) -> bool:
    return bool(row["party."]["name"] == "Quite Another Ltd")


CONTROLS: dict[str, tuple[Callable[[Patch], None], Callable[[Book], None], Callable[..., OrderDraft], Any]] = {
    "the currency": (without_the_currency, pay_in_dollars, build_draft, is_in_dollars),
    "a currency that was not known": (
        without_the_currency,
        pay_in_dollars,
        lambda book: build_draft(book, currency=None),
        is_in_dollars,
    ),
    "the unit": (without_the_names_and_units, buy_by_dozen, build_draft, is_by_dozen),
    "a unit that was not known": (without_the_names_and_units, buy_by_dozen, build_draft_without_unit, is_by_dozen),
    "the item's code": (without_the_names_and_units, call_it_something_else, build_draft, is_of_another_item),
    "the vendor's name": (without_the_vendors_name, rename_the_vendor, build_draft, is_for_another_vendor),
}


@pytest.mark.parametrize(("take_away", "meanwhile", "ask", "is_wrong"), CONTROLS.values(), ids=CONTROLS)
async def test_an_order_would_not_be_what_a_person_saw_without_the_check_right_before_it(
    erp: Tryton, book: Book, monkeypatch: Patch, take_away: Any, meanwhile: Any, ask: Any, is_wrong: Any
) -> None:
    names = ["currency.code", "party.name", "lines.unit.symbol", "lines.quantity", "lines.product.code"]
    draft = ask(book)
    meanwhile(book)
    sent: list[None] = []

    with pytest.raises(PurchaseOrderError, match="Nothing was sent") as failed:
        await erp.create_order(draft, lambda: sent.append(None))
    assert (failed.value.effect, sent) == ("nothing_sent", [])
    assert book.users.buyer.search(PURCHASE, ["reference", "=", NEW]) == []

    take_away(monkeypatch)
    await erp.create_order(draft)
    (row,) = book.users.buyer.search_read(PURCHASE, names, ["reference", "=", NEW])
    assert is_wrong(row)


@pytest.mark.parametrize("is_checked", [True, False])
async def test_a_price_of_the_list_is_not_stored_in_a_currency_that_the_vendor_got_meanwhile(
    harness: TrytonHarness, book: Book, monkeypatch: Patch, is_checked: bool
) -> None:
    """The lists were read just now, and a person says yes to the price of the list."""
    asked = dict(arguments_of(NEW))
    asked["lines"] = [{**asked["lines"][0], "unit_price": None}]
    person = ScriptedPerson(yes)
    if not is_checked:
        without_the_currency(monkeypatch)

    async with harness.client(person=person) as client:
        await client.call_tool("search_catalog", {"kind": "vendor", "refresh": True})
        await client.call_tool("search_catalog", {"kind": "item", "refresh": True})
        pay_in_dollars(book)
        ended = outcome(await client.call_tool("create_purchase_order", asked))

    assert "0.45 EUR" in person.asked[0].message
    rows = book.users.buyer.search_read(PURCHASE, ["currency.code"], ["reference", "=", NEW])
    assert [row["currency."]["code"] for row in rows] == ([] if is_checked else ["USD"])
    assert (ended["status"] == "done") is not is_checked, ended
