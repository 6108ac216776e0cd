"""Vendors as a company's Tryton has them: several of one name, codes that are others' ids, taxes, no address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mcp.types import ElicitRequestFormParams, ElicitResult

from po_mcp.connectors.tryton import Tryton
from tests.harness import ScriptedPerson, accept, outcome, text
from tests.tryton.book import PURCHASE
from tests.tryton.conftest import Book
from tests.tryton.harness import TrytonHarness, approve, arguments_of
from tests.tryton.rpc import money
from tests.tryton.test_tools import CREATE, DELETE

pytestmark = pytest.mark.tryton

NEW = "PM-2026-0042"


def make_twins(book: Book) -> list[int]:
    """Make two vendors of one name; Tryton itself gives them their codes, 2 and 3, which are ids of others."""
    address = {"addresses": [["create", [{"city": "Ghent"}]]]}
    return book.users.admin.create("party.party", *[{"name": "Twin Ltd", **address}] * 2)


def code_of(book: Book, party: int) -> str:
    return str(book.users.admin.read("party.party", party, "code")["code"])


def vendor_of(book: Book) -> int:
    (row,) = book.users.buyer.search_read(PURCHASE, ["party"], ["reference", "=", NEW])
    party: int = row["party"]
    return party


def person_who_chooses(code: str) -> ScriptedPerson:
    """Return a person who takes the candidate that is called by a code."""

    def answer(params: ElicitRequestFormParams) -> ElicitResult:
        (field, schema), *_ = params.requested_schema["properties"].items()
        options: list[Mapping[str, Any]] = schema.get("oneOf", [])
        (chosen,) = [one["const"] for one in options if one["title"].startswith(f"{code} (Twin Ltd)")]
        return accept(**{field: chosen})

    return ScriptedPerson(answer)


@pytest.mark.parametrize("place", [0, 1])
async def test_a_vendor_of_two_with_one_name_is_chosen_by_its_code(
    harness: TrytonHarness, book: Book, place: int
) -> None:
    twins = make_twins(book)
    person = person_who_chooses(code_of(book, twins[place]))

    async with harness.client(person=person) as client:
        await client.call_tool("search_catalog", {"kind": "vendor", "refresh": True})
        done = outcome(await client.call_tool(CREATE, dict(arguments_of(NEW, vendor="Twin Ltd"))))

    assert (done["status"], vendor_of(book)) == ("done", twins[place])


async def test_a_code_that_is_the_id_of_another_vendor_is_put_to_the_person(harness: TrytonHarness, book: Book) -> None:
    """Tryton numbers both by itself, so that they clash in every company."""
    twins = make_twins(book)
    code = code_of(book, twins[0])
    person = person_who_chooses(code)

    async with harness.client(person=person) as client:
        await client.call_tool("search_catalog", {"kind": "vendor", "refresh": True})
        done = outcome(await client.call_tool(CREATE, dict(arguments_of(NEW, vendor=code))))

    assert code == str(book.facts.vendors["acme"])
    assert "V-ACME (Acme Fasteners)" in person.asked[0].message
    assert (done["status"], vendor_of(book)) == ("done", twins[0])


async def test_a_question_names_a_vendor_by_the_code_that_people_know(harness: TrytonHarness, book: Book) -> None:
    """The vendor's id is shown nowhere in Tryton's own client, and is another vendor's code."""
    _, party = make_twins(book)
    book.users.buyer.create(PURCHASE, {"party": party, "reference": NEW, "warehouse": book.facts.warehouses["main"]})
    person = ScriptedPerson(approve)

    async with harness.client(person=person) as client:
        listed = text(await client.call_tool("list_purchase_orders", {"vendor": "Twin Ltd"}))
        await client.call_tool(DELETE, {"number": NEW})

    assert "included: 2 (Twin Ltd) and 3 (Twin Ltd)." in listed
    assert f"Vendor: Twin Ltd, {code_of(book, party)} · " in person.asked[0].message


@pytest.mark.parametrize(("rate", "tax"), [("0.1", "0.75"), (None, "0")])
async def test_taxes_follow_from_the_vendors_rule_as_in_the_desktop_client(
    erp: Tryton, book: Book, rate: str | None, tax: str
) -> None:
    admin, facts = book.users.admin, book.facts
    accounts = admin.read("account.tax", facts.tax, "invoice_account", "credit_note_account")
    other = None
    if rate is not None:
        values = {"name": "Other", "description": "Other", "type": "percentage", "rate": money(rate)}
        kept = {name: accounts[name] for name in ("invoice_account", "credit_note_account")}
        (other,) = admin.create("account.tax", {**values, **kept})
    line = {"origin_tax": facts.tax, "tax": other}
    (rule,) = admin.create("account.tax.rule", {"name": "Abroad", "kind": "purchase", "lines": [["create", [line]]]})
    admin.write("party.party", facts.vendors["acme"], supplier_tax_rule=rule)

    made = await erp.create_order(book.draft(NEW))

    assert (str(made.tax), str(made.total_before_tax)) == (tax, "7.48")


async def test_an_order_for_a_vendor_without_an_address_is_a_draft_that_lacks_one(erp: Tryton, book: Book) -> None:
    """A person adds the address in Tryton, which confirms no order without one."""
    (party,) = book.users.admin.create("party.party", {"name": "No Address Ltd"})
    draft = book.draft(NEW)
    vendor = draft.vendor.model_copy(update={"id": str(party), "name": "No Address Ltd"})

    made = await erp.create_order(draft.model_copy(update={"vendor": vendor}))

    (row,) = book.users.buyer.search_read(PURCHASE, ["invoice_address", "state"], ["reference", "=", NEW])
    assert (made.status, row["invoice_address"], row["state"]) == ("draft", None, "draft")
