"""An order in a buyer's words: vendor, items and warehouses by name, the number and the price left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest
from mcp.types import ElicitRequestFormParams

from po_mcp.desk.choosing import list_candidates
from po_mcp.desk.resolution import Resolution, WordMatch
from po_mcp.orders import Item
from po_mcp.writes.order_text import day, name
from tests.harness import ERAS, Reply, ScriptedPerson, ServerHarness, accept, outcome, text, yes

pytestmark = pytest.mark.usefixtures("book_of_today")
both_eras = pytest.mark.parametrize("era", ERAS)
CREATE = "create_purchase_order"
BOLTS = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "main"}
WORDS: dict[str, Any] = {"vendor": "acme", "lines": [BOLTS]}


def pick(**wanted: str) -> ScriptedPerson:
    """A person who picks, of every field that is offered, the choice whose title holds a text; and says yes."""

    def answer(params: ElicitRequestFormParams) -> Reply:
        content: dict[str, Any] = {}
        for key, field in params.requested_schema["properties"].items():
            if key == "decision":
                return yes(params)
            titles = {choice["title"]: choice["const"] for choice in field["oneOf"]}
            content[key] = next(value for title, value in titles.items() if wanted[key] in title)
        return accept(**content)

    return ScriptedPerson(answer)


@both_eras
async def test_an_order_in_exact_words_is_created_without_a_question(harness: ServerHarness, era: str) -> None:
    person = pick()
    async with harness.client(era, person=person) as client:
        done = outcome(await client.call_tool(CREATE, WORDS))

    assert (done["status"], done["order"]["number"]) == ("done", "PO-2025-0043")
    assert done["order"]["lines"][0]["item"] == "BOLT-M8-30"
    assert done["order"]["lines"][0]["warehouse_name"] == "Main"
    assert person.asked == []


@pytest.mark.parametrize("blank", ["\u3000", "\u00a0", "\u202f"])
async def test_a_blank_of_another_width_is_a_blank_in_an_order(harness: ServerHarness, blank: str) -> None:
    words = {"vendor": f"Acme{blank}Fasteners", "lines": [{**BOLTS, "item": f"M8{blank}x 30mm Hex Bolt"}]}
    async with harness.client() as client:
        done = outcome(await client.call_tool(CREATE, words))

    assert (done["status"], done["order"]["lines"][0]["item"]) == ("done", "BOLT-M8-30")


@both_eras
@pytest.mark.parametrize(
    ("item", "candidate"),
    [
        ("m8 bolts", "BOLT-M8-30 (M8 x 30mm Hex Bolt)"),
        ("12in hydraulic hose", "HOSE-HP-12 (1/2in Hydraulic Hose)"),
        ("2in hydraulic hose", "HOSE-HP-12 (1/2in Hydraulic Hose)"),
        ("M8 x 30mm Hex Bolts", "BOLT-M8-30 (M8 x 30mm Hex Bolt)"),
        ("bolt-m8-30", "BOLT-M8-30 (M8 x 30mm Hex Bolt)"),
    ],
)
async def test_inexact_words_are_never_ordered_by_a_client_that_cannot_ask(
    harness: ServerHarness, era: str, item: str, candidate: str
) -> None:
    async with harness.client(era) as client:
        reply = await client.call_tool(CREATE, {**WORDS, "lines": [{**BOLTS, "item": item}]})

    assert reply.is_error
    # Of 12in and of 2in, which none of the candidates has, they are the nearest.
    assert f"{'are nearest to' if 'hose' in item.lower() else 'matches'} {name(item)}: " in text(reply)
    assert candidate in text(reply)
    assert "Nothing was sent." in text(reply)
    assert harness.wire.writes == []


@both_eras
async def test_inexact_words_are_put_to_the_person_in_one_question(harness: ServerHarness, era: str) -> None:
    person = pick(vendor_1="Harbor", item_2="M10")
    lines = [{**BOLTS, "item": "hex bolt"}]
    async with harness.client(era, person=person) as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "Harbour Hydraulic", "lines": lines}))

    [asked] = person.asked
    assert "The order is made with them" in asked.message
    assert "Asked for as: Harbour Hydraulic" in asked.message
    assert "Asked for as: hex bolt" in asked.message
    assert "BOLT-M10-40 (M10 x 40mm Hex Bolt), code" in asked.message
    assert done["status"] == "done"
    assert done["order"]["vendor"] == "Harbor Hydraulics"
    assert done["order"]["lines"][0]["item"] == "BOLT-M10-40"
    assert "Item: BOLT-M10-40 (M10 x 40mm Hex Bolt) (chosen for: «hex bolt»)." in done["message"]


@both_eras
async def test_the_choice_of_none_orders_nothing(harness: ServerHarness, era: str) -> None:
    async with harness.client(era, person=pick(item_1="None of these")) as client:
        reply = outcome(await client.call_tool(CREATE, {**WORDS, "lines": [{**BOLTS, "item": "12in hydraulic hose"}]}))

    assert reply["status"] == "declined"
    assert harness.wire.writes == []


@both_eras
async def test_a_choice_and_an_approval_are_two_questions_and_both_count(harness: ServerHarness, era: str) -> None:
    person = pick(item_1="M10")
    lines = [{**BOLTS, "item": "hex bolt", "unit_price": "2000"}]
    async with harness.client(era, person=person, create_approval_over="1000") as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines}))

    assert [len(asked.requested_schema["properties"]) for asked in person.asked] == [1, 1]
    assert "above your limit of 1,000.00" in person.asked[1].message
    assert (done["status"], done["order"]["lines"][0]["item"]) == ("done", "BOLT-M10-40")
    assert "Item: BOLT-M10-40 (M10 x 40mm Hex Bolt) (chosen for: «hex bolt»)." in done["message"]
    assert len(harness.wire.writes) == 1


@pytest.mark.parametrize("content", [{}, {"item_1": "NUT-M8"}, {"item_1": True}, {"item_1": "BOLT-M8-30", "x": "no"}])
async def test_a_choice_of_what_was_not_offered_is_none(harness: ServerHarness, content: Mapping[str, Any]) -> None:
    async with harness.client(person=ScriptedPerson(accept(**content))) as client:
        lines = [{**BOLTS, "item": "hex bolt"}]
        reply = outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines}))

    assert reply["status"] == "declined"
    assert "No answer came that fits the question, so nothing was ordered." in reply["message"]
    assert harness.wire.writes == []


@both_eras
async def test_two_vendors_of_one_name_are_listed_with_ids_for_a_client_that_cannot_ask(
    harness: ServerHarness, era: str
) -> None:
    harness.change(lambda book: book.enter_vendor(99, "ACME2", "Acme Fasteners"))
    async with harness.client(era) as client:
        reply = await client.call_tool(CREATE, {**WORDS, "vendor": "Acme Fasteners"})
        by_id = outcome(await client.call_tool(CREATE, {**WORDS, "vendor": "99"}))

    assert reply.is_error
    assert "2 vendors match Acme Fasteners: " in text(reply)
    assert "12 (Acme Fasteners)" in text(reply)
    assert "99 (Acme Fasteners)" in text(reply)
    assert by_id["status"] == "done"
    assert len(harness.wire.writes) == 1


async def test_a_vendor_that_was_entered_meanwhile_is_found(harness: ServerHarness) -> None:
    async with harness.client() as client:
        await client.call_tool("search_catalog", {"kind": "vendor", "text": "acme"})
        harness.change(lambda book: book.enter_vendor(98, "ZWINGLI", "Zwingli Schrauben"))
        done = outcome(await client.call_tool(CREATE, {**WORDS, "vendor": "zwingli"}))

    assert done["order"]["vendor"] == "Zwingli Schrauben"


# The number left out


@both_eras
async def test_the_same_words_without_a_number_are_the_same_call(harness: ServerHarness, era: str) -> None:
    reply = []
    async with harness.client(era) as client:

        async def call() -> None:
            reply.append(outcome(await client.call_tool(CREATE, WORDS)))

        async with anyio.create_task_group() as calls:
            for _ in range(6):
                calls.start_soon(call)
        again = outcome(await client.call_tool(CREATE, WORDS))

    assert {one["order"]["number"] for one in [*reply, again]} == {"PO-2025-0043"}
    assert [one["replayed"] for one in reply].count(False) == 1
    assert again["replayed"]
    assert len(harness.wire.writes) == 1


async def test_other_content_gets_the_number_after_it(harness: ServerHarness) -> None:
    async with harness.client() as client:
        first = outcome(await client.call_tool(CREATE, WORDS))
        second = outcome(await client.call_tool(CREATE, {**WORDS, "lines": [{**BOLTS, "quantity": "7"}]}))

    assert [first["order"]["number"], second["order"]["number"]] == ["PO-2025-0043", "PO-2025-0044"]


async def test_two_orders_at_once_get_two_numbers(harness: ServerHarness) -> None:
    reply = []
    async with harness.client() as client:

        async def call(item: str) -> None:
            lines = [{**BOLTS, "item": item}]
            reply.append(outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines})))

        async with anyio.create_task_group() as calls:
            for item in ("BOLT-M8-30", "NUT-M8", "GOG-CLR"):
                calls.start_soon(call, item)

    assert {one["status"] for one in reply} == {"done"}
    assert len({one["order"]["number"] for one in reply}) == 3


async def test_a_number_that_another_order_gets_after_it_was_found_free_is_passed_over(harness: ServerHarness) -> None:
    """It was refused before, and its caller could do no more than call again, for another number."""
    others: list[Mapping[str, Any]] = []
    async with harness.client() as client:

        async def order_beside(inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
            answer = await inner.handle_async_request(request)
            if request.url.path.endswith("PO-2025-0043") and answer.status_code == 404:
                harness.wire.on_read = None
                lines = [{**BOLTS, "item": "NUT-M8"}]
                others.append(outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines})))
            return answer

        harness.wire.on_read = order_beside
        done = outcome(await client.call_tool(CREATE, WORDS))

    [other] = others
    assert (other["status"], other["order"]["number"]) == ("done", "PO-2025-0043")
    assert (done["status"], done["order"]["number"]) == ("done", "PO-2025-0044")


async def test_an_order_that_is_gone_again_gets_another_number_and_a_person_sees_it(harness: ServerHarness) -> None:
    async with harness.client(person=ScriptedPerson(yes)) as client:
        await client.call_tool(CREATE, WORDS)
        harness.change(lambda book: book.delete("PO-2025-0043"))
        again = outcome(await client.call_tool(CREATE, WORDS))

    assert (again["status"], again["order"]["number"]) == ("done", "PO-2025-0044")


# The price left out


@both_eras
async def test_a_missing_price_is_the_last_one_paid_and_a_person_sees_it(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(yes)
    lines = [{"item": "BOLT-M8-30", "quantity": "20", "warehouse": "main"}]
    async with harness.client(era, person=person) as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines}))

    [asked] = person.asked
    # The samples are of the days around 21 May 2025, on which this order is six days old.
    ordered_on = datetime.now(UTC).date() - timedelta(days=6)
    assert f"no price given: last paid, on PO-2025-0042 of {day(ordered_on)}\n" in asked.message
    assert asked.message.casefold().count("no price") == 1
    assert (done["status"], done["order"]["total"]) == ("done", "9.00")


async def test_a_missing_price_orders_nothing_for_a_client_that_cannot_ask(harness: ServerHarness) -> None:
    lines = [{"item": "BOLT-M8-30", "quantity": "20", "warehouse": "main"}]
    async with harness.client() as client:
        reply = outcome(await client.call_tool(CREATE, {"vendor": "acme", "lines": lines}))

    assert reply["status"] == "approval_required"
    assert "No price was given" in reply["message"]
    assert harness.wire.writes == []


async def test_a_price_that_the_erp_does_not_know_is_asked_for(harness: ServerHarness) -> None:
    lines = [{"item": "GOG-CLR", "quantity": "20", "warehouse": "main"}]
    async with harness.client() as client:
        reply = await client.call_tool(CREATE, {"vendor": "acme", "lines": lines})

    assert reply.is_error
    assert "No price was given for GOG-CLR" in text(reply)
    assert "Give the unit price." in text(reply)
    assert harness.wire.writes == []


async def test_a_stored_total_that_differs_is_reported(harness: ServerHarness) -> None:
    async with harness.client() as client:
        done = outcome(await client.call_tool(CREATE, WORDS))

    assert harness.order("PO-2025-0043").total == Decimal("450.00")
    assert "differs" not in done["message"]


@both_eras
async def test_a_number_in_letters_that_look_alike_is_put_to_the_person(harness: ServerHarness, era: str) -> None:
    person = pick()
    words = {**WORDS, "number": "\u0420\u041e-2026-0001"}
    async with harness.client(era, person=person) as client:
        done = outcome(await client.call_tool(CREATE, words))

    assert done["status"] == "done"
    [asked] = person.asked
    assert "Its number is written in Cyrillic and Latin letters that look alike." in asked.message
    assert "asked for as" not in asked.message


@both_eras
async def test_the_question_of_a_create_says_what_the_vendor_was_asked_for_as(harness: ServerHarness, era: str) -> None:
    person = pick(vendor_1="Acme Fasteners")
    line = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "main"}
    async with harness.client(era, person=person, create_approval_over="1") as client:
        done = outcome(await client.call_tool(CREATE, {"vendor": "Acme Fastners", "lines": [line]}))

    assert done["status"] == "done"
    assert "Vendor asked for as: Acme Fastners" in person.asked[-1].message
    assert "check the vendor" in person.asked[-1].message.casefold()


@both_eras
@pytest.mark.parametrize("number", ["PO-2025-42", "0042", "PO-2025-0042-2", "PO 2025 0042"])
async def test_a_number_that_is_like_an_orders_is_put_to_the_person(
    harness: ServerHarness, era: str, number: str
) -> None:
    person = pick()
    async with harness.client(era, person=person) as client:
        done = outcome(await client.call_tool(CREATE, {**WORDS, "number": number}))

    assert f"PO-2025-0042 exists; is {name(number)} meant as a new order?" in person.asked[0].message
    assert done["order"]["number"] == number


async def test_a_number_that_is_like_an_orders_is_not_used_by_a_client_that_cannot_ask(harness: ServerHarness) -> None:
    async with harness.client() as client:
        waits = outcome(await client.call_tool(CREATE, {**WORDS, "number": "PO-2025-42"}))

    assert waits["status"] == "approval_required"
    assert "PO-2025-0042 exists; is PO-2025-42 meant as a new order?" in waits["message"]
    assert harness.wire.writes == []


async def test_two_prices_of_one_item_are_put_to_the_person(harness: ServerHarness) -> None:
    person = pick()
    async with harness.client(person=person) as client:
        await client.call_tool(CREATE, {**WORDS, "lines": [BOLTS, {**BOLTS, "unit_price": "0.54"}]})

    assert "is ordered at several prices: 0.45 on line 1, 0.54 on line 2." in person.asked[0].message


@pytest.mark.parametrize("item", ["GRS-NLGI2", "NLGI 2 Grease (old label)"])
async def test_an_inactive_item_is_named_as_inactive(harness: ServerHarness, item: str) -> None:
    async with harness.client() as client:
        reply = await client.call_tool(CREATE, {**WORDS, "lines": [{**BOLTS, "item": item}]})

    assert "The item GRS-NLGI2 (" in text(reply)
    assert "is inactive in the ERP. Nothing was sent." in text(reply)


@pytest.mark.parametrize(
    ("said", "there", "begins"),
    [
        ("Connector female", "Connector male", "1 item is nearest to Connector female: "),
        ("Resistor 47k", "Resistor 4k7", "1 item is nearest to Resistor 47k: "),
        ("Supply 12V", "Supply +12V", "1 item is nearest to Supply 12V: "),
        ("bolt hex", "Hex Bolt M8", "1 item matches «bolt hex»: "),
    ],
)
def test_an_entry_that_lacks_a_word_or_a_figure_is_nearest_and_matches_nothing(
    said: str, there: str, begins: str
) -> None:
    item = Item(id="P1", name=there)
    match = WordMatch("item", said, None, exact=False, candidates=(item,), names=("P1",))

    assert list_candidates(Resolution((match,))).startswith(begins)
