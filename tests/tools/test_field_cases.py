"""What buyers have reported of programs like this one: thirty cases, and what is right in each, from tool to wire.

| case | what was reported | held by |
|---|---|---|
| 01 | "15 mm2" orders 1.5 mm2 | test_an_item_that_is_not_exact_is_put_to_the_person |
| 02 | "12in" orders 1/2in | test_an_item_that_is_not_exact_is_put_to_the_person |
| 04 | "1 mΩ" orders 1 MΩ | test_an_item_that_is_not_exact_is_put_to_the_person |
| 05 | a valve in kana orders pulp | test_another_thing_in_kana_is_not_offered |
| 07 | the exact name is refused beside one that is near | test_an_exact_name_is_taken_beside_one_that_is_near |
| 10 | after rounded prices "it did not happen" | test_a_lost_answer_to_rounded_prices_is_done_and_another_number_asks |
| 11 | the ERP's own price: "it did not happen" | test_an_order_at_the_erps_own_price_was_created_and_says_so |
| 13 | vendors without ids cannot be searched | test_vendors_without_ids_are_found |
| 14 | a new order gets a backorder's number | test_a_new_order_gets_no_number_of_a_backorder |
| 16 | a new order gets a revision's number | test_among_revisions_a_number_is_asked_for |
| 18 | no number behind closed orders | test_behind_closed_orders_the_next_number_is_found |
| 19 | numbers with / cannot be opened | test_an_order_of_any_number_is_read_and_closed |
| 20 | numbers with / stop creates without a number | test_numbers_that_no_new_order_may_have_get_no_other_blamed |
| 22 | a number in another case is "another order" | test_a_number_in_another_case_is_found_under_its_own |
| 23 | an ERP that writes capitals leaves a create unknown | test_an_order_stored_in_capitals_is_done |
| 24 | "everything was received" where nothing is said of it | test_receipts_that_are_not_given_are_not_all_received |
| 26 | "everything was received" of no lines | test_an_order_without_lines_says_so |
| 27 | a line of text stops all | test_an_order_with_a_line_of_text_is_read_cancelled_and_deleted |
| 29 | a line of freight stops reads | test_a_line_without_an_item_is_shown_by_its_description |
| 30 | the last price is that of a free line | test_the_last_price_was_paid_for_goods |
| 32 | the last price is one in another currency | test_the_last_price_is_of_the_vendors_currency |
| 34 | what was received in full is overdue | test_an_order_received_in_full_is_not_overdue |
| 35 | statuses are left out in silence | test_a_status_that_is_not_known_is_said_to_be_left_out |
| 36 | days are those of UTC | test_a_day_is_the_companys |
| 37 | year 1 is overdue | test_a_date_that_means_none_is_not_overdue |
| 39 | one zero date hides all orders | test_one_odd_date_hides_no_order |
| 41 | a page smaller than asked stops the catalog | test_a_catalog_in_small_pages_is_read_whole |
| 42 | the question names no item | test_the_question_says_item_unit_and_warehouse |
| 43 | the limit of decimals is not said | test_the_limits_of_a_figure_are_said |
| 45 | a backorder that was wanted and not made is not said | test_a_backorder_that_was_not_made_is_said_first |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitResult, TextResourceContents

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import create_reasons
from po_mcp.orders import fold_number
from po_mcp.server.lifespan import ServerLifespan
from po_mcp.writes.order_text import name
from tests.harness import REAL, PersonWithoutBrowser, Reply, ScriptedPerson, accept, outcome, text
from tests.tools.small_erps import (
    Row,
    SmallERP,
    SmallExsited,
    SmallInventoryPro,
    exsited_line,
    exsited_order,
    line,
    order,
)

CREATE, GET, LIST = "create_purchase_order", "get_purchase_order", "list_purchase_orders"
FINALIZE, SEARCH = "finalize_purchase_order", "search_catalog"
BOLTS = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "1"}
BOLTS_OF_EXSITED = {"item": "Bolt", "quantity": "5", "unit_price": "0.12"}


def picks(wanted: str) -> Callable[[ElicitRequestFormParams], Reply]:
    """Return a person who takes the choice of this value, and types the number that a title names."""

    def answer(params: ElicitRequestFormParams) -> Reply:
        [(name, field)] = params.requested_schema["properties"].items()
        if "oneOf" not in field:
            return accept(**{name: field["title"].split()[1]})
        return accept(**{name: wanted})

    return answer


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that connects a client to a server over a small ERP."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # catalogs of one address are kept for the next start

    @asynccontextmanager
    async def connect_to(
        erp: SmallERP, person: ScriptedPerson | None = None, zone: str = "UTC", **settings: Any
    ) -> AsyncIterator[Client]:
        own: dict[str, Any] = {**REAL, "journal": str(tmp_path / "journal.db"), "time_zone": zone, **settings}
        if isinstance(erp, SmallExsited):
            own |= {"erp": "exsited", "redirect_uri": "https://x/"}
        server = build_server(Settings(**own), erp=erp.connect(zone=ZoneInfo(zone)))
        async with Client(server, elicitation_callback=person) as client:
            yield client

    return connect_to


def read_questions(person: ScriptedPerson) -> str:
    """Return all that the person was shown, one question after the other."""
    return "\n".join(f"{one.message}\n{one.requested_schema}" for one in person.asked)


def in_words(**more: Any) -> dict[str, Any]:
    return {"vendor": "Acme Fasteners", "lines": [BOLTS], **more}


# What is ordered


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("cable 15 mm2", "Cable 1.5 mm2"),
        ("cable 1,5 mm2", "Cable 1.5 mm2"),
        ("12in hydraulic hose", "1/2in Hydraulic Hose"),
        ("hydraulic hose 1 / 2 in", "1/2in Hydraulic Hose"),
        ("supply - 12V", "Supply -12V"),
        ("shunt resistor 1 mΩ", "Shunt resistor 1 MΩ"),
        ("pressure gauge 10 mPa", "Pressure gauge 10 MPa"),
        ("तीर 5", "तार 5"),
        ("return valve", "Non-return valve"),
        ("hinge LH", "Hinge RH"),
        ("resistor 47k", "Resistor 4.7k"),
    ],
)
async def test_an_item_that_is_not_exact_is_put_to_the_person(connect: Any, said: str, there: str) -> None:
    """Cases 01, 02 and 04, and more of their kind."""
    items: Sequence[Row] = (
        {"partNo": 5001, "shortID": "P1", "description": there, "uOM": "EA"},
        {"partNo": 99, "shortID": "ZZ", "description": "Other thing", "uOM": "EA"},
    )
    erp, person = SmallInventoryPro(items=items), ScriptedPerson(picks("none"))
    call = {**in_words(number="PO-1"), "lines": [{**BOLTS, "item": said}]}
    async with connect(erp) as silent:
        listed = text(await silent.call_tool(CREATE, call))
    async with connect(erp, person) as client:
        declined = outcome(await client.call_tool(CREATE, call))

    assert (declined["status"], erp.sent) == ("declined", [])
    assert f"P1 ({name(there)})" in listed
    assert f"Asked for as: {said}" in read_questions(person)
    assert f"P1 ({name(there)})" in read_questions(person)


@pytest.mark.parametrize(("said", "there"), [("バルブ 100", "パルプ 100"), ("ハブ 5", "パブ 50")])
async def test_another_thing_in_kana_is_not_offered(connect: Any, said: str, there: str) -> None:
    """Case 05."""
    items = [{"partNo": 5001, "shortID": "P1", "description": there}]
    erp, person = SmallInventoryPro(items=items), ScriptedPerson(picks("P1"))
    async with connect(erp, person) as client:
        refused = await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, "item": said}]))

    assert erp.sent == []
    assert f"No item matches {name(said)}." in text(refused) or f"Asked for as: {said}" in read_questions(person)


async def test_an_exact_name_is_taken_beside_one_that_is_near(connect: Any) -> None:
    """Case 07."""
    items = [
        {"partNo": place, "shortID": f"P{place}", "description": f"Cable {size} mm2"}
        for place, size in ((1, "1.5"), (2, "15"))
    ]
    erp = SmallInventoryPro(items=items)
    async with connect(erp) as client:
        made = outcome(
            await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, "item": "Cable 15 mm2"}]))
        )

    assert made["status"] == "done"
    assert erp.sent[0][2]["lines"][0]["shortID"] == "P2"


async def test_the_question_says_item_unit_and_warehouse(connect: Any) -> None:
    """Case 42."""
    items = [{"partNo": 5001, "shortID": "P001", "description": "Pipe 1/2 in", "uOM": "BX"}]
    person = ScriptedPerson(picks("no"))
    async with connect(SmallInventoryPro(items=items), person, create_approval_over="1") as client:
        await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, "item": "P001"}]))

    assert "1) 5 BX at 0.45 = 2.25: P001, Pipe 1/2 in" in read_questions(person)
    assert "Deliver to: Main" in read_questions(person)


@pytest.mark.parametrize(
    ("field", "figure"),
    [
        ("unit_price", "253.98745625865"),
        ("unit_price", "1234567890123"),
        ("quantity", "0.1234567"),
        ("quantity", "1234567890123.5"),
    ],
)
async def test_the_limits_of_a_figure_are_said(connect: Any, field: str, figure: str) -> None:
    """Case 43."""
    erp = SmallInventoryPro()
    async with connect(erp) as client:
        refused = await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, field: figure}]))

    assert refused.is_error
    assert "at most 12 digits before the point and 6 after it" in text(refused)
    assert erp.sent == []


# What came of it


@pytest.mark.parametrize("decimals", [4, 2])
async def test_a_lost_answer_to_rounded_prices_is_done_and_another_number_asks(connect: Any, decimals: int) -> None:
    """Case 10."""
    erp = SmallInventoryPro(store_price=lambda price: price.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    erp.is_answer_lost = True
    person = ScriptedPerson(picks("no"))
    lines = [{**BOLTS, "unit_price": "0.12345"}]
    async with connect(erp, person) as client:
        first = outcome(await client.call_tool(CREATE, in_words(number="PO-77", lines=lines)))
        second = outcome(await client.call_tool(CREATE, in_words(number="PO-78", lines=lines)))

    assert first["status"] == "done"
    assert "unit price of BOLT-M8-30 is 0.12" in first["message"]
    assert (second["status"], len(erp.sent)) == ("declined", 1)
    assert "duplicate of PO-77?" in read_questions(person)


async def test_an_order_at_the_erps_own_price_was_created_and_says_so(connect: Any) -> None:
    """Case 11."""
    erp = SmallExsited(store_price=lambda price: Decimal("0.5"))
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, in_words(number="PO-77", lines=[BOLTS_OF_EXSITED])))

    assert made["status"] == "done"
    assert "unit price of ITEM-0055 is 0.50 AUD, not 0.12 AUD" in made["message"]


@pytest.mark.parametrize("number", ["rush-7", "rush 7", "rüsh-7"])
async def test_an_order_stored_in_capitals_is_done(connect: Any, number: str) -> None:
    """Case 23."""
    erp = SmallInventoryPro(store_number=str.upper, fold_number=str.casefold)
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, in_words(number=number)))

    assert (made["status"], list(erp.book)) == ("done", [number.upper()])
    assert number.upper() in made["message"]


@pytest.mark.parametrize("makes", [True, False])
async def test_a_backorder_that_was_not_made_is_said_first(connect: Any, makes: bool) -> None:
    """Case 45."""
    erp = SmallInventoryPro(orders=[order("PO-1", line(units=5, received=2), status="Partial")], makes_backorders=makes)
    async with connect(erp, ScriptedPerson(picks("backorder"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1", "create_backorder": True}))

    assert ended["status"] == "done"
    missing = "No backorder was created, although it was requested"
    assert ended["message"].startswith(missing) is not makes
    assert ("PO-1-BO1" in ended["message"]) is makes


@pytest.mark.parametrize(("days", "is_asked"), [(-1, True), (0, False), (1, False)])
async def test_a_day_that_is_past_is_put_to_the_person(
    connect: Any, monkeypatch: pytest.MonkeyPatch, days: int, is_asked: bool
) -> None:
    person, erp, today = ScriptedPerson(picks("no")), SmallExsited(), date(2026, 11, 27)
    monkeypatch.setattr(ServerLifespan, "_today", lambda self: today)
    day = today + timedelta(days=days)
    asked = {"vendor": "Acme Fasteners", "lines": [BOLTS_OF_EXSITED], "number": "PO-1", "expected_on": str(day)}
    async with connect(erp, person) as client:
        made = outcome(await client.call_tool(CREATE, asked))

    assert (made["status"], bool(erp.book)) == (("declined", False) if is_asked else ("done", True))
    assert ("which is past" in read_questions(person)) is is_asked


async def test_without_the_look_at_the_day_a_past_one_is_ordered_in_silence(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_reasons, "_explain_past_day", lambda expected_on, today: [])
    person, erp = ScriptedPerson(picks("no")), SmallExsited()
    asked = {"vendor": "Acme Fasteners", "lines": [BOLTS_OF_EXSITED], "number": "PO-1", "expected_on": "2020-01-01"}
    async with connect(erp, person) as client:
        made = outcome(await client.call_tool(CREATE, asked))

    assert (made["status"], bool(erp.book), person.asked) == ("done", True, [])


PLAIN_WORDS = ("null", "None", "undefined", "[object Object]", "TBD", "auto", "<number>", "string")


@pytest.mark.parametrize(
    ("number", "is_asked"), [*((word, True) for word in PLAIN_WORDS), ("PO-1", False), ("A7", False), ("٧", False)]
)
async def test_a_plain_word_for_a_number_is_put_to_the_person(connect: Any, number: str, is_asked: bool) -> None:
    person, erp = ScriptedPerson(picks("no")), SmallExsited()
    asked = {"vendor": "Acme Fasteners", "lines": [BOLTS_OF_EXSITED], "number": number}
    async with connect(erp, person) as client:
        made = outcome(await client.call_tool(CREATE, asked))

    assert (made["status"], bool(erp.book)) == (("declined", False) if is_asked else ("done", True))
    assert ("has no figure in it" in read_questions(person)) is is_asked


async def test_without_the_look_at_the_number_a_plain_word_is_ordered_in_silence(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_reasons, "_explain_plain_word", lambda number: [])
    person, erp = ScriptedPerson(picks("no")), SmallExsited()
    async with connect(erp, person) as client:
        made = outcome(
            await client.call_tool(CREATE, {"vendor": "Acme Fasteners", "lines": [BOLTS_OF_EXSITED], "number": "TBD"})
        )

    assert (made["status"], bool(erp.book), person.asked) == ("done", True, [])


@pytest.mark.parametrize(
    ("field", "checked"), [("quantity", "check a quantity"), ("unit_price", "check a price")], ids=str
)
async def test_the_second_line_says_which_figure_may_be_thousands(connect: Any, field: str, checked: str) -> None:
    person = ScriptedPerson(picks("no"))
    asked = {"vendor": "Acme Fasteners", "lines": [{**BOLTS_OF_EXSITED, field: "1.000"}], "number": "PO-1"}
    async with connect(SmallExsited(), person) as client:
        await client.call_tool(CREATE, asked)

    assert person.asked[0].message.splitlines()[1].split(" · ")[2:] == [checked]


# What was stored otherwise


@pytest.mark.parametrize(
    ("stored", "of_line", "reported"),
    [
        ({}, {"warehouse": 2, "warehouseName": "Side"}, "BOLT-M8-30 is for warehouse «2 (Side)», not 1"),
        ({"status": "Closed"}, {}, "its status is closed"),
        ({}, {"unitPrice": None}, "unit price of BOLT-M8-30 is not shown"),
        ({}, {"unitsReceived": 5}, "5 of BOLT-M8-30 is received already"),
    ],
    ids=str,
)
async def test_an_order_that_inventory_pro_stored_otherwise_is_reported(
    connect: Any, stored: Row, of_line: Row, reported: str
) -> None:
    erp = SmallInventoryPro()
    create = erp._create

    def make(body: Row) -> tuple[int, Any]:
        status, answer = create(body)
        for one in erp.book.values():
            one.update({**stored, "lines": [{**row, **of_line} for row in one["lines"]]})
        return status, answer

    erp._create = make  # type: ignore[method-assign]
    erp._header = lambda order: {name: value for name, value in order.items() if name != "lines"}  # type: ignore[method-assign]
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, in_words(number="PO-1")))

    assert made["status"] == "done"
    assert reported in made["message"]


@pytest.mark.parametrize(
    ("stored", "reported"),
    [
        ({"status": "DRAFT"}, "its status is draft"),
        ({"expected_completion_date": "2090-02-01T00:00:00Z"}, "it is expected 1 Feb 2090, not 1 Jan 2090"),
        ({"purchase_order_note": ""}, "its note is not shown"),
    ],
    ids=str,
)
async def test_an_order_that_exsited_stored_otherwise_is_reported(connect: Any, stored: Row, reported: str) -> None:
    erp = SmallExsited()
    create = erp._create

    def make(body: Row) -> tuple[int, Any]:
        create(body)
        erp.book["PO-1"].update({"expected_completion_date": "2090-01-01T00:00:00Z", **stored})
        return 201, {"purchase_order": erp._shown(erp.book["PO-1"])}

    erp._create = make  # type: ignore[method-assign]
    asked = {"vendor": "Acme Fasteners", "lines": [BOLTS_OF_EXSITED], "number": "PO-1"}
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, {**asked, "expected_on": "2090-01-01", "note": "Ring first"}))

    assert made["status"] == "done"
    [differences] = re.findall(r"in its own way: (.*?)\.", made["message"])
    assert differences == reported


FINALIZED = {"poNo": "PO-1", "status": "Closed"}


def answering(erp: SmallInventoryPro, status: str = "Closed", **answer: Any) -> None:
    """Let the ERP answer so to a finalize of PO-1, and show the order in this status after it."""

    def finalize(body: Row) -> tuple[int, Any]:
        erp.book["PO-1"]["status"] = status
        return 200, {**FINALIZED, **answer}

    erp._finalize = finalize  # type: ignore[method-assign]


@pytest.mark.parametrize("named", ["PO-1", "po-1", " PO-1 "])
@pytest.mark.parametrize(("status", "ends"), [("Partial", "unknown"), ("Closed", "done")])
async def test_an_order_that_is_named_as_its_own_backorder_has_none(
    connect: Any, named: str, status: str, ends: str
) -> None:
    erp = SmallInventoryPro(orders=[order("PO-1", line(received=4), status="Partial")])
    answering(erp, status=status, backorderCreated=True, backorderPoNo=named)
    async with connect(erp, ScriptedPerson(picks("backorder"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1", "create_backorder": True}))

    assert (ended["status"], ended.get("backorder_number")) == (ends, None)
    assert "The rest is on" not in ended["message"]
    assert "was closed." not in ended["message"]
    assert ("Its backorder was not found; check in Inventory Pro." in ended["message"]) is (ends == "done")


async def test_a_backorder_that_was_not_wanted_is_said_first(connect: Any) -> None:
    erp = SmallInventoryPro(orders=[order("PO-1", line(received=4), status="Partial")])
    answering(erp, backorderCreated=True, backorderPoNo="PO-1-BO1")
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1", "create_backorder": False}))

    assert ended["message"].startswith("Backorder PO-1-BO1 was created, although none was requested; check in ")
    assert "Order PO-1 was closed." in ended["message"]


async def test_a_backorder_that_was_not_wanted_is_said_after_a_lost_answer(connect: Any) -> None:
    erp = SmallInventoryPro(orders=[order("PO-1", line(received=4), status="Partial")])
    answering(erp)
    erp.book["PO-1-BO1"] = order("PO-1-BO1", line(units=6))
    erp.is_answer_lost = True
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1", "create_backorder": False}))

    assert "A backorder PO-1-BO1 of what was outstanding is there, although none was requested" in ended["message"]


@pytest.mark.parametrize(("status", "is_said"), [("Partial", True), ("Closed", False)])
async def test_a_close_that_does_not_show_is_said(connect: Any, status: str, is_said: bool) -> None:
    erp = SmallInventoryPro(orders=[order("PO-1", line(received=4), status="Partial")])
    answering(erp, status, backorderCreated=False)
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1", "create_backorder": False}))

    assert ended["status"] == "done"
    assert ("it still shows as partly received; check there." in ended["message"]) is is_said


# Numbers


async def test_a_new_order_gets_no_number_of_a_backorder(connect: Any) -> None:
    """Case 14."""
    erp = SmallInventoryPro(orders=[order("PO-1"), order("PO-2", line(units=10, received=4), status="Partial")])
    async with connect(erp, ScriptedPerson(picks("backorder"))) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2", "create_backorder": True})
        made = await client.call_tool(CREATE, in_words())

    assert "PO-2-BO1" in erp.book
    assert sorted(erp.book) in (["PO-1", "PO-2", "PO-2-BO1"], ["PO-1", "PO-2", "PO-2-BO1", "PO-3"])
    assert "PO-3" in erp.book or "number" in text(made)


@pytest.mark.parametrize(
    "numbers",
    [
        ["PO-0001", *(f"PO-000{place}-R1" for place in range(2, 7))],
        [f"008-{place:02}-2026" for place in (3, 7)],
        ["0044-K7", "0046-K7"],
    ],
)
async def test_among_revisions_a_number_is_asked_for(connect: Any, numbers: list[str]) -> None:
    """Case 16: no number that goes on from another, nor one whose year, project or revision runs."""
    erp = SmallInventoryPro(
        orders=[order(number, orderDate=f"2026-11-{place:02}T00:00:00Z") for place, number in enumerate(numbers, 1)]
    )
    async with connect(erp) as client:
        await client.call_tool(CREATE, in_words())

    made = set(erp.book) - set(numbers)
    assert not any(re.search(r"-R\d$|-K8$|2027$", number) for number in made)
    assert not any(number.startswith(one) for number in made for one in numbers)


async def test_behind_closed_orders_the_next_number_is_found(connect: Any) -> None:
    """Case 18, with a hundred closed orders that the list does not show."""
    rows = [order(f"PO-{place:04}", status="Closed" if place > 28 else "Open") for place in range(1, 129)]
    erp = SmallInventoryPro(orders=rows)
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, in_words()))

    assert (made["status"], made["order"]["number"]) == ("done", "PO-0129")


@pytest.mark.parametrize("number", ["PO/2026/0001", "PO#7", "PO 7", "ÜB-7", "発注-7", "50%", "a?b", "PO;7"])
async def test_an_order_of_any_number_is_read_and_closed(connect: Any, number: str) -> None:
    """Case 19."""
    erp = SmallInventoryPro(orders=[order(number), order("PO-2026-0001")])
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        read = outcome(await client.call_tool(GET, {"number": number}))
        ended = await client.call_tool(FINALIZE, {"number": number, "create_backorder": False})

    assert read["number"] == number
    assert [status for _, _, status in erp.sent] == [{"poNumber": number, "createBackorder": False}], text(ended)
    assert (erp.book[number]["status"], erp.book["PO-2026-0001"]["status"]) == ("Closed", "Open")


GUARDED = {FINALIZE: SmallInventoryPro, "cancel_purchase_order": SmallExsited, "delete_purchase_order": SmallExsited}


def book_of(tool: str, number: str) -> SmallERP:
    if GUARDED[tool] is SmallInventoryPro:
        return SmallInventoryPro(orders=[order(number)])
    return SmallExsited(orders=[exsited_order(number)])


@pytest.mark.parametrize("tool", GUARDED)
@pytest.mark.parametrize("number", ["発注-12", "PO/12", "PO 12", "Ü-12"])
async def test_an_order_that_is_listed_and_cannot_be_opened_is_never_said_to_be_missing(
    connect: Any, tool: str, number: str
) -> None:
    """A relay answers every encoded character with 404: the list alone shows the order."""
    erp = book_of(tool, number)
    inner = erp.answer

    def relay(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        return (404, {"statusCode": 404, "error": "not_found"}) if "%" in path else inner(method, path, query, body)

    erp.answer = relay  # type: ignore[method-assign]
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        read = await client.call_tool(GET, {"number": number})
        ended = await client.call_tool(tool, {"number": number})

    assert not read.is_error
    assert f"lists order {number}, but it cannot be changed here" in text(ended)
    assert not erp.sent


@pytest.mark.parametrize("tool", GUARDED)
@pytest.mark.parametrize("said", ["PO-2025-42", "42", "po 2025-0042", "\uff30\uff2f\uff0d2025\uff0d0042"])
async def test_a_number_that_is_short_for_one_is_met_with_it_by_every_tool(connect: Any, tool: str, said: str) -> None:
    erp = book_of(tool, "PO-2025-0042")
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        reported = [text(await client.call_tool(one, {"number": said})) for one in (GET, tool)]

    is_read = said.startswith("\uff30")  # letters of another width: reading is lenient, a write is not
    assert ["Did you mean PO-2025-0042?" in one for one in reported] == [not is_read, True]
    assert ("Acme Fasteners" in reported[0] or "LHROM9" in reported[0]) is is_read
    assert not erp.sent


@pytest.mark.parametrize("said", ["po-1", "\uff30\uff2f\uff0d\uff11"])
async def test_one_order_has_one_operation_whatever_its_number_is_written_like(connect: Any, said: str) -> None:
    """An ERP that takes both for one, and repeats the number as it was asked for."""

    class Folding(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, found = super().answer(method, path, query, body)
            if path.startswith(("/PurchaseOrder/P", "/PurchaseOrder/p", "/PurchaseOrder/%")):
                found = {**found, "poNo": unquote(path.rpartition("/")[2])}
            return status, found

    erp = Folding(orders=[order("PO-1")], fold_number=fold_number)
    async with connect(erp) as client:
        first = outcome(await client.call_tool(FINALIZE, {"number": "PO-1"}))
        second = outcome(await client.call_tool(FINALIZE, {"number": said}))
        old = text(await client.call_tool("get_operation", {"operation_id": first["operation_id"]}))

    assert (first["status"], second["status"]) == ("approval_required", "approval_required")
    assert "A newer request for order PO-1 replaced this one" in old


async def test_an_order_stored_in_letters_of_another_width_is_done(connect: Any) -> None:
    erp = SmallInventoryPro(store_number=lambda number: unicodedata.normalize("NFKC", number))
    async with connect(erp, ScriptedPerson(picks("yes"))) as client:
        made = outcome(await client.call_tool(CREATE, in_words(number="\uff30\uff2f\uff0d\uff19")))

    assert (made["status"], list(erp.book)) == ("done", ["PO-9"])


async def test_a_new_number_in_letters_of_another_width_is_that_of_the_order(connect: Any) -> None:
    erp, person = SmallInventoryPro(orders=[order("PO-9")]), ScriptedPerson(picks("yes"))
    async with connect(erp, person) as client:
        made = outcome(await client.call_tool(CREATE, in_words(number="\uff30\uff2f\uff0d\uff19")))

    assert (made["status"], erp.sent) == ("refused", [])
    assert "already exists as PO-9." in made["message"]


async def test_numbers_that_no_new_order_may_have_get_no_other_blamed(connect: Any) -> None:
    """Case 20."""
    erp = SmallInventoryPro(orders=[order(f"PO/2026/000{place}") for place in range(1, 5)])
    async with connect(erp) as client:
        refused = await client.call_tool(CREATE, in_words())

    assert erp.sent == []
    assert "That is no order number" not in text(refused)
    assert "number" in text(refused)


@pytest.mark.parametrize(("asked", "stored"), [("po-2025-0042", "PO-2025-0042"), ("PO-X", "po-x")])
@pytest.mark.parametrize("fold", [str.casefold, str])
async def test_a_number_in_another_case_is_found_under_its_own(
    connect: Any, asked: str, stored: str, fold: Callable[[str], str]
) -> None:
    """Case 22, of an ERP that finds numbers in any case and of one that does not."""
    async with connect(SmallInventoryPro(orders=[order(stored)], fold_number=fold)) as client:
        read = await client.call_tool(GET, {"number": asked})

    assert stored in text(read)
    assert "another order" not in text(read)


# How often a person is asked


def chooses(params: ElicitRequestFormParams) -> Reply:
    """Take the first candidate of every choice, and the yes of a question about the whole order."""
    fields = params.requested_schema["properties"]
    return accept(**{name: field["oneOf"][1]["const"] for name, field in fields.items()})


ABOUT_A_HOSE = {"item": "hydraulic hose", "quantity": "1.000", "unit_price": "0", "warehouse": "1"}
HOSES = [{"partNo": at, "shortID": f"H{at}", "description": f"{at}/8in Hydraulic Hose"} for at in (1, 3)]


@pytest.mark.parametrize("limit", [None, "100"])
async def test_several_doubts_about_an_order_are_one_question(connect: Any, limit: str | None) -> None:
    erp, person = SmallInventoryPro(items=HOSES), ScriptedPerson(chooses)
    lines = [ABOUT_A_HOSE, {**ABOUT_A_HOSE, "unit_price": "2"}]
    async with connect(erp, person, create_approval_over=limit) as client:
        made = outcome(await client.call_tool(CREATE, in_words(vendor="acme fasteners", number="PO-1", lines=lines)))

    [question] = person.asked
    assert made["status"] == "done"
    assert "Line 1: the quantity was written 1.000, which is 1 here" in question.message
    assert "is 0: it is ordered for nothing" in question.message
    assert "is ordered at several prices" in question.message
    assert "H3 (3/8in Hydraulic Hose)" in question.message
    assert question.message.split("\n")[:3] == [
        "Which item? The order is made with your choice.",
        "Total 2.00 \N{MIDDLE DOT} 2 lines \N{MIDDLE DOT} new order PO-1 in Inventory Pro",
        "Vendor: Acme Fasteners, 12 \N{MIDDLE DOT} localhost/api/v1",
    ]


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ({"quantity": "1000", "unit_price": "2"}, {"create_approval_over": "100"}),
        ({"quantity": "5", "unit_price": "2"}, {"approval": "page"}),
        ({"quantity": "5", "unit_price": "0"}, {"approval": "page"}),
    ],
)
async def test_a_choice_that_is_not_the_last_question_sends_nothing_before_the_whole_order_was_seen(
    connect: Any, line: Row, settings: Row
) -> None:
    """A person chooses, and says no to the whole order."""
    erp, person = SmallInventoryPro(items=HOSES), PersonWithoutBrowser(first_choice_then_no)
    lines = [{**ABOUT_A_HOSE, **line}]
    async with connect(erp, person, **settings) as client:
        made = outcome(await client.call_tool(CREATE, in_words(vendor="acme fasteners", number="PO-1", lines=lines)))

    assert "You see the whole order before it is made." in person.asked[0].message
    assert made["status"] == ("approval_required" if "approval" in settings else "declined")
    assert not erp.sent


def first_choice_then_no(params: ElicitRequestFormParams) -> Reply:
    if "decision" in params.requested_schema["properties"]:
        return accept(decision="no")
    return chooses(params)


# What is read


@pytest.mark.parametrize("received", [None, "absent"])
async def test_receipts_that_are_not_given_are_not_all_received(connect: Any, received: str | None) -> None:
    """Case 24."""
    first = line("A", received=None)
    if received == "absent":
        first.pop("unitsReceived")
    erp = SmallInventoryPro(orders=[order("PO-1", first, line("B", units=7, received=7), status="Partial")])
    person = ScriptedPerson(picks("keep"))
    async with connect(erp, person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})

    assert "2 lines, receipts of 1 not given" in person.asked[0].message
    assert "verything was received" not in read_questions(person)
    choices = person.asked[0].requested_schema["properties"]["decision"]["oneOf"]
    assert [choice["const"] for choice in choices] == ["keep", "backorder", "close"]


async def test_a_return_is_said_to_be_one_thing_in_all_of_a_question(connect: Any) -> None:
    person = ScriptedPerson(picks("keep"))
    async with connect(SmallInventoryPro(orders=[order("PO-1", line(units=-5, received=0))]), person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})
        short = text(await client.call_tool(GET, {"number": "PO-1", "detail": "short"}))

    assert "1 line, outstanding not known" in person.asked[0].message
    assert "-5 at 0.45, 0 received" in person.asked[0].message
    assert "1 line; the ERP does not say what is outstanding." in short


@pytest.mark.parametrize("lines", [[], None])
async def test_an_order_without_lines_says_so(connect: Any, lines: list[Row] | None) -> None:
    """Case 26."""
    person = ScriptedPerson(picks("keep"))
    async with connect(SmallInventoryPro(orders=[{**order("PO-1"), "lines": lines}]), person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})
        read = [await client.call_tool(GET, {"number": "PO-1", "detail": detail}) for detail in ("full", "short")]

    assert ["The ERP shows no lines of it." in text(one) for one in read] == [True, True]
    assert "0 lines" not in text(read[1])
    assert " · no lines" in person.asked[0].message
    assert "received" not in read_questions(person)


FREIGHT = exsited_line("", "Freight in", units="1.000000", price="25.000000")


@pytest.mark.parametrize("lines", [[exsited_line(), FREIGHT], [FREIGHT], [], None, ""])
async def test_an_order_with_a_line_of_text_is_read_cancelled_and_deleted(connect: Any, lines: Any) -> None:
    """Case 27, and orders without lines."""
    erp = SmallExsited(orders=[{**exsited_order("PO-1"), "lines": lines}])
    async with connect(erp, ScriptedPerson(picks("cancel"))) as client:
        read = await client.call_tool(GET, {"number": "PO-1"})
        cancelled = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-1"}))
        deleted = outcome(await client.call_tool("delete_purchase_order", {"number": "PO-1"}))

    assert not read.is_error
    assert ("Freight in" in text(read)) is (FREIGHT in (lines or []))
    assert (cancelled["status"], deleted["status"], erp.book) == ("done", "done", {})
    assert "no longer what was approved" not in cancelled["message"]


@pytest.mark.parametrize("item", [None, ""])
async def test_a_line_without_an_item_is_shown_by_its_description(connect: Any, item: str | None) -> None:
    """Case 29."""
    freight = line(item, units=1, price="25.00", description="Freight", warehouse=None, warehouseName=None)
    async with connect(SmallInventoryPro(orders=[order("PO-1", line(), freight)])) as client:
        read = await client.call_tool(GET, {"number": "PO-1"})
        listed = outcome(await client.call_tool(LIST, {}))

    assert "-|Freight|1|0|25|25|-" in text(read)
    assert listed["total_count"] == 1


@pytest.mark.parametrize("price", ["0", "0.00", "-0.45"])
async def test_the_last_price_was_paid_for_goods(connect: Any, price: str) -> None:
    """Case 30."""
    orders = [
        order("PO-1", orderDate="2026-10-01T00:00:00Z"),
        order("PO-2", line(price=price)),
        order("PO-3", line(units=-3, price="9.99")),
    ]
    person = ScriptedPerson(picks("no"))
    async with connect(SmallInventoryPro(orders=orders), person) as client:
        await client.call_tool(
            CREATE, in_words(number="PO-9", lines=[{k: v for k, v in BOLTS.items() if k != "unit_price"}])
        )

    assert "1) 5 EA at 0.45 = 2.25" in read_questions(person)
    assert (shown := re.search("no price given: (.*)", read_questions(person)))
    assert "PO-1" in shown[1]
    assert "1 Oct 2026" in shown[1]


async def test_the_last_price_is_of_the_vendors_currency(connect: Any) -> None:
    """Case 32."""
    orders = [
        exsited_order("PO-1", issue_date="2026-10-01T00:00:00Z"),
        exsited_order("PO-2", exsited_line(price="9.990000"), currency={"name": "USD"}),
    ]
    person = ScriptedPerson(picks("no"))
    async with connect(SmallExsited(orders=orders), person) as client:
        await client.call_tool(CREATE, in_words(number="PO-9", lines=[{"item": "Bolt", "quantity": "5"}]))

    assert "Total 2.25 AUD" in read_questions(person)
    assert "1) 5 at 0.45 AUD = 2.25 AUD" in read_questions(person)


# Lists and catalogs


async def test_only_an_erp_that_leaves_orders_out_of_its_list_says_so(connect: Any) -> None:
    async with connect(SmallExsited(orders=[exsited_order("PO-1", status="INACTIVE")])) as client:
        of_exsited = outcome(await client.call_tool(LIST, {"ordered_from": "2027-01-01"}))
        every = outcome(await client.call_tool(LIST, {}))
    async with connect(SmallInventoryPro()) as client:
        of_inventory_pro = outcome(await client.call_tool(LIST, {}))

    assert (of_exsited["total_count"], of_exsited.get("note"), every["by_status"]) == (0, None, {"cancelled": 1})
    assert "Inventory Pro does not list closed or cancelled orders" in of_inventory_pro["note"]


async def test_an_order_received_in_full_is_not_overdue(connect: Any) -> None:
    """Case 34."""
    due = {"expected_completion_date": "2026-06-01T00:00:00Z"}
    receipt = {
        "id": "IR-1",
        "receipt_status": "COMPLETED",
        "receipts": [{"line_uuid": "l-ITEM-0055", "receipt_quantity": "40.000000"}],
    }
    erp = SmallExsited(
        orders=[exsited_order("PO-1", **due), exsited_order("PO-2", **due)], receipts={"PO-1": [receipt]}
    )
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, {"overdue": True}))

    assert [one["number"] for one in listed["orders"]] == ["PO-2"]
    assert "1 order received in full and left out." in listed["note"]


async def test_a_partly_received_order_of_which_all_has_come_is_not_overdue(connect: Any) -> None:
    late = {"expectedDate": "2026-01-01T00:00:00Z"}
    orders = [
        order("PO-1", line(units=5, received=5), status="Partial", **late),
        order("PO-2", line(units=5, received=4), status="Partial", **late),
        order("PO-3", line(units=5, received=None), status="Partial", **late),
        order("PO-4", line(units=5, received=0), **late),
    ]
    async with connect(SmallInventoryPro(orders=orders)) as client:
        listed = outcome(await client.call_tool(LIST, {"overdue": True, "sort": "number", "direction": "asc"}))

    assert [one["number"] for one in listed["orders"]] == ["PO-2", "PO-3", "PO-4"]
    assert "1 order received in full and left out." in listed["note"]
    assert "Of 1 order Inventory Pro does not say what is still to come" in listed["note"]


@pytest.mark.parametrize("status", ["Past Due", "Overdue", "Backordered"])
async def test_a_status_that_is_not_known_is_said_to_be_left_out(connect: Any, status: str) -> None:
    """Case 35."""
    erp = SmallInventoryPro(orders=[order("PO-6", status=status, expectedDate="2026-06-01T00:00:00Z")])
    async with connect(erp) as client:
        overdue = await client.call_tool(LIST, {"overdue": True})
        listed = outcome(await client.call_tool(LIST, {}))

    assert f"1 order of a status that po-mcp does not know ({status}) left out." in text(overdue)
    assert "No orders match." not in text(overdue)
    assert outcome(overdue)["complete"] is False
    assert listed["by_status"] == {"unknown": 1}


@pytest.mark.parametrize("status", [None, "", "  "])
async def test_a_status_or_vendor_that_is_not_given_is_said_to_be_so(connect: Any, status: str | None) -> None:
    late = {"expectedDate": "2026-06-01T00:00:00Z"}
    erp = SmallInventoryPro(orders=[order("PO-6", line(lineNo=-1), status=status, vendor=None, **late)])
    async with connect(erp) as client:
        overdue = await client.call_tool(LIST, {"overdue": True})
        read = await client.call_tool(GET, {"number": "PO-6"})
        ended = await client.call_tool(FINALIZE, {"number": "PO-6"})

    assert "1 order of a status that po-mcp does not know (none given) left out." in text(overdue)
    assert "PO-6|-|-|2026-11-01/06-01|" in text(read)
    assert "The ERP gives no status of order PO-6." in text(ended)
    assert "does not know" not in text(ended)


async def test_open_orders_are_counted_without_others_and_with_what_is_not_known(connect: Any) -> None:
    """More of case 35: the filter `open`, and the resource of the open orders."""
    orders = [order("PO-1"), order("PO-2", status="Past Due"), order("PO-3", status="Canceled")]
    async with connect(SmallInventoryPro(orders=orders)) as client:
        listed = outcome(await client.call_tool(LIST, {"status": "open"}))
        [content] = (await client.read_resource("po://orders/open")).contents

    assert [one["number"] for one in listed["orders"]] == ["PO-1"]
    assert (listed["complete"], listed["note"]) == (
        False,
        "1 order of a status that po-mcp does not know (Past Due) left out.",
    )
    assert isinstance(content, TextResourceContents)
    assert '"total_count":1,"complete":false' in content.text


@pytest.mark.parametrize(
    ("zone", "placed", "day"),
    [
        ("Pacific/Auckland", "2026-11-09T21:30:00Z", "2026-11-10"),
        ("America/Los_Angeles", "2026-11-10T03:30:00Z", "2026-11-09"),
        ("UTC", "2026-11-10T00:00:00Z", "2026-11-10"),
    ],
)
async def test_a_day_is_the_companys(connect: Any, zone: str, placed: str, day: str) -> None:
    """Case 36."""
    async with connect(SmallInventoryPro(orders=[order("PO-1", orderDate=placed)]), zone=zone) as client:
        same = outcome(await client.call_tool(LIST, {"ordered_from": day, "ordered_to": day}))

    assert same["total_count"] == 1
    assert same["orders"][0]["ordered_at"].startswith(day)


NO_DATES = (
    "0001-01-01T00:00:00Z",
    "0000-00-00",
    "1900-01-01T00:00:00Z",
    "1899-12-30T00:00:00Z",
    "1753-01-01",
    "1970-01-01T00:00:00Z",
    "",
)


@pytest.mark.parametrize("date", NO_DATES)
async def test_a_date_that_means_none_is_not_overdue(connect: Any, date: str) -> None:
    """Case 37, in both connectors."""
    for erp in (
        SmallExsited(orders=[exsited_order("PO-1", expected_completion_date=date)]),
        SmallInventoryPro(orders=[order("PO-1", expectedDate=date)]),
    ):
        async with connect(erp) as client:
            listed = outcome(await client.call_tool(LIST, {"overdue": True}))
            read = outcome(await client.call_tool(LIST, {}))

        assert listed["total_count"] == 0
        assert "expected_on" not in read["orders"][0]


@pytest.mark.parametrize("date", ["0000-00-00", "soon", "2026-13-45", "99999-01-01"])
async def test_one_odd_date_hides_no_order(connect: Any, date: str) -> None:
    """Case 39, in both connectors."""
    for erp in (
        SmallExsited(orders=[exsited_order("PO-1"), exsited_order("PO-2", expected_completion_date=date)]),
        SmallInventoryPro(orders=[order("PO-1"), order("PO-2", expectedDate=date)]),
    ):
        async with connect(erp) as client:
            listed = outcome(await client.call_tool(LIST, {}))

        shown = {one["number"] for one in listed["orders"]}
        assert shown == {"PO-1", "PO-2"}
        said = "1 order with a field that cannot be read, and is left out (PO-2: expected date)."
        assert listed.get("note") == (None if date == "0000-00-00" else said)


@pytest.mark.parametrize("most", [100, 7, 1])
async def test_a_catalog_in_small_pages_is_read_whole(connect: Any, most: int) -> None:
    """Case 41."""
    items = [
        {"partNo": place, "shortID": f"P{place}", "description": f"Part {place}"}
        for place in range(120 if most > 1 else 5)
    ]
    erp = SmallInventoryPro(items=items, largest_page=most)
    async with connect(erp) as client:
        found = outcome(await client.call_tool(SEARCH, {"kind": "item"}))
        made = outcome(await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, "item": "P3"}])))

    assert (found["known"], made["status"]) == (len(items), "done")


async def test_vendors_without_ids_are_found(connect: Any) -> None:
    """Case 13."""
    vendors = [
        {"shortID": "ACME", "name": "Acme Fasteners", "active": True},
        {"shortID": "CSC", "name": "Central Supply", "active": True},
    ]
    async with connect(SmallInventoryPro(vendors=vendors)) as client:
        listed = await client.call_tool(SEARCH, {"kind": "vendor"})
        found = await client.call_tool(SEARCH, {"kind": "vendor", "text": "acme"})

    assert not listed.is_error
    assert "no id|Acme Fasteners|ACME" in text(listed)
    assert "no id|Acme Fasteners|ACME" in text(found)


async def test_rows_that_cannot_be_ordered_are_counted(connect: Any) -> None:
    bolt = {"partNo": 1, "shortID": "BOLT-M8-30", "description": "M8 x 30mm Hex Bolt", "uOM": "EA"}
    items = [bolt, {"partNo": 2, "description": "Nut"}, {"partNo": 3, "shortID": "W1", "description": ["Washer"]}]
    vendors = [
        {"vendorID": 12, "shortID": "ACME", "name": "Acme Fasteners", "active": True},
        {"shortID": "CSC", "name": "Central Supply", "active": True},
    ]
    async with connect(SmallInventoryPro(items=items, vendors=vendors)) as client:
        listed = await client.call_tool(SEARCH, {"kind": "item"})
        again = await client.call_tool(SEARCH, {"kind": "item", "text": "Nut"})
        of_vendors = await client.call_tool(SEARCH, {"kind": "vendor", "text": "acme"})
        refused = await client.call_tool(CREATE, in_words(number="PO-1", lines=[{**BOLTS, "item": "Nut"}]))

    gap = "1 item row of the ERP's list cannot be used"
    nut = "1 item has no id here and cannot be ordered."
    for one in (gap, nut):
        assert one in text(listed)
        assert one in outcome(listed)["note"]
        assert one in text(again)
        assert one in text(refused)
    assert "no id|Nut|2|" in text(listed)
    assert "no id|Nut|2|same name" in text(again)
    assert outcome(listed)["known"] == 2
    assert "1 vendor has no id here" in outcome(of_vendors)["note"]
    assert "No item matches Nut." in text(refused)


async def test_suppliers_of_exsited_without_an_id_are_found_and_not_ordered_from(connect: Any) -> None:
    class WithoutIds(SmallExsited):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if path != "/accounts":
                return super().answer(method, path, query, body)
            rows = [{"id": None, "name": "Acme", "type": "SUPPLIER"}, {"id": "", "type": "SUPPLIER"}]
            rows += [{"id": None, "type": "CUSTOMER"}]
            return 200, {"accounts": rows, "pagination": {"records": 3, "next_page": "NULL"}}

    erp = WithoutIds()
    async with connect(erp) as client:
        found = await client.call_tool(SEARCH, {"kind": "vendor"})
        made = await client.call_tool(CREATE, {"vendor": "Acme", "lines": [BOLTS_OF_EXSITED], "number": "PO-1"})

    assert "no id|Acme|" in text(found)
    assert "1 vendor row of the ERP's list cannot be used" in text(found)
    assert "1 vendor has no id here" in text(found)
    assert "needs the vendor's account id. Nothing was sent." in text(made)
    assert erp.sent == []


async def test_items_of_exsited_without_an_id_are_found(connect: Any) -> None:
    class WithoutIds(SmallExsited):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if path != "/items":
                return super().answer(method, path, query, body)
            rows = [{"id": None, "name": "Nut"}, {"id": "", "display_name": "Washer"}, {"id": "B1", "name": "Bolt"}]
            return 200, {"items": rows, "pagination": {"records": 3, "next_page": "NULL"}}

    async with connect(WithoutIds()) as client:
        found = await client.call_tool(SEARCH, {"kind": "item"})

    assert [row.split("|")[:2] for row in text(found).splitlines()[-3:]] == [
        ["B1", "Bolt"],
        ["no id", "Nut"],
        ["no id", "Washer"],
    ]


async def test_missing_entries_of_a_list_are_reported_after_a_start(connect: Any) -> None:
    odd: list[Row] = [{"partNo": 2, "description": "Nut"}, {"shortID": ["W1"]}]
    erp = SmallInventoryPro(items=[*SmallInventoryPro.items, *odd])
    for _ in range(2):  # the second start takes the list that was kept on disk
        async with connect(erp) as client:
            found = outcome(await client.call_tool(SEARCH, {"kind": "item"}))
        erp.items = ()

        assert found["known"] == 2
        assert "1 item row of the ERP's list cannot be used" in found["note"]
        assert "1 item has no id here" in found["note"]


@pytest.mark.parametrize("kind", ["item", "vendor", "warehouse"])
@pytest.mark.parametrize("answer", [(204, None), (404, {"statusCode": 404, "error": "not_found", "message": "none"})])
async def test_an_empty_catalog_is_empty_however_it_is_answered(connect: Any, kind: str, answer: Any) -> None:
    class Empty(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            is_list = path in ("/Item", "/Item/All", "/Vendor/All", "/Location")
            return answer if is_list else super().answer(method, path, query, body)

    erp = Empty()
    async with connect(erp) as client:
        found = await client.call_tool(SEARCH, {"kind": kind})
        made = await client.call_tool(CREATE, in_words(number="PO-1"))

    assert text(found) == f"The ERP lists no {kind}s."
    assert outcome(found)["known"] == 0
    assert "The ERP lists no vendors, so nothing can be ordered by" in text(made)
    assert not erp.sent


async def test_a_404_in_the_place_of_a_page_is_not_the_end_of_a_catalog(connect: Any) -> None:
    class Broken(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if path == "/Item/All" and query["page"] != "1":
                return 404, {"statusCode": 404, "error": "not_found", "message": "none"}
            status, page = super().answer(method, path, query, body)
            if path == "/Item/All":
                page.pop("totalCount")
            return status, page

    items = [{"partNo": at, "shortID": f"P{at}", "description": f"Part {at}"} for at in range(5)]
    async with connect(Broken(items=items, largest_page=2)) as client:
        found = await client.call_tool(SEARCH, {"kind": "item"})

    assert found.is_error
    assert "incomplete list" in text(found)


async def test_orders_that_cannot_be_read_are_named(connect: Any) -> None:
    orders = [
        order("PO-1"),
        order("PO-2", vendor=["Acme"]),
        order("PO/3 a", status=["open"]),
        {**order("PO-4"), "poNo": None, "orderDate": 5},
    ]
    erp = SmallInventoryPro(orders=orders[:3])
    erp.book["odd"] = orders[3]
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, {}))
        overdue = outcome(await client.call_tool(LIST, {"overdue": True}))

    reported = "3 rows of the list could not be read (PO-2, PO/3 a, and 1 more); counts and totals leave them out."
    assert reported in listed["note"]
    assert reported in overdue["note"]
    assert [one["number"] for one in listed["orders"]] == ["PO-1"]


async def test_two_odd_orders_on_the_last_page_hide_no_other(connect: Any) -> None:
    orders = [order(f"PO-{at}") for at in range(50)] + [order(f"PO-{at}", vendor=["soon"]) for at in (50, 51)]
    async with connect(SmallInventoryPro(orders=orders)) as client:
        listed = outcome(await client.call_tool(LIST, {}))

    assert (listed["total_count"], listed["complete"]) == (50, False)
    assert "(PO-50, PO-51)" in listed["note"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("backorder", "Inventory Pro does not say whether the requested backorder was created; check there."),
        ("close", "Order PO-1 was closed. No backorder was requested."),
    ],
)
async def test_a_backorder_of_which_nothing_is_said_is_not_said_to_be_missing(
    connect: Any, wanted: str, said: str
) -> None:
    class Silent(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, made = super().answer(method, path, query, body)
            if path.endswith("/Finalize"):
                made = {"poNo": made["poNo"], "status": "Closed"}
            return status, made

    erp = Silent(orders=[order("PO-1", line(units=5, received=2), status="Partial")])
    async with connect(erp, ScriptedPerson(picks(wanted))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1"}))

    assert ended["message"].startswith(said)
    assert "No backorder was created" not in ended["message"]


@pytest.mark.parametrize(("there", "said"), [("2", "PO-1-BO1 or PO-1-BO2; check"), ("3", "backorder PO-1-BO2.")])
async def test_a_backorder_of_the_same_content_is_not_taken_for_the_new_one(
    connect: Any, there: str, said: str
) -> None:
    """An earlier finalize left PO-1-BO1, and the answer to this one is lost."""

    class Numbering(SmallInventoryPro):
        def _finalize(self, body: Row) -> tuple[int, Any]:
            before = self.book.pop("PO-1-BO1")
            answer = super()._finalize(body)
            self.book["PO-1-BO2"] = {**self.book["PO-1-BO1"], "poNo": "PO-1-BO2"}
            self.book["PO-1-BO1"] = before
            return answer

    orders = [order("PO-1", line(units=5, received=3), status="Partial"), order("PO-1-BO1", line(units=int(there)))]
    erp = Numbering(orders=orders, is_answer_lost=True)
    async with connect(erp, ScriptedPerson(picks("backorder"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1"}))

    assert ended["status"] == "done"
    assert said in ended["message"]


async def test_an_odd_answer_is_not_said_to_be_lost(connect: Any) -> None:
    class Odd(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, made = super().answer(method, path, query, body)
            return status, {"ok": 1} if path.endswith("/Finalize") else made

    erp = Odd(orders=[order("PO-1")])
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1"}))

    assert ended["status"] == "done"
    assert "(Inventory Pro gave no clear answer)" in ended["message"]


@pytest.mark.parametrize(
    "said",
    [
        {"backorderCreated": True, "backorderPoNo": None},
        {"backorderCreated": True, "backorderPoNo": "PO-1"},
        {"backorderCreated": "true", "backorderPoNo": "PO-1-BO1"},
        {"backorderCreated": False, "backorderPoNo": "PO-1-BO1"},
    ],
    ids=str,
)
async def test_an_impossible_word_on_a_backorder_is_not_passed_over(connect: Any, said: dict[str, object]) -> None:
    class Odd(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, made = super().answer(method, path, query, body)
            return status, {**made, **said} if path.endswith("/Finalize") else made

    erp = Odd(orders=[order("PO-1", line(units=5, received=3), status="Partial")])
    async with connect(erp, ScriptedPerson(picks("close"))) as client:
        ended = outcome(await client.call_tool(FINALIZE, {"number": "PO-1"}))

    assert ended["status"] == "done"
    assert "A backorder of the rest was not seen; whether there is one is not known." in ended["message"]


async def test_lines_whose_receipts_are_not_known_stand_beside_what_is_outstanding(connect: Any) -> None:
    lines = [line("A", units=5, received=2), line("B", received=None), line("C", received=None)]
    person = ScriptedPerson(picks("keep"))
    async with connect(SmallInventoryPro(orders=[order("PO-1", *lines, status="Partial")]), person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})

    [field] = person.asked[0].requested_schema["properties"].values()
    assert "1 of 3 lines outstanding, 2 not known" in person.asked[0].message
    assert field["description"] == "Outstanding (+2 not known): 3 \N{MULTIPLICATION SIGN} A"


async def test_a_number_that_a_declined_question_proposed_is_free(connect: Any) -> None:
    """Ten clients decline in passing: the next order still gets the next number."""
    erp = SmallInventoryPro(orders=[order("PO-1"), order("PO-2")])
    free = in_words(lines=[{**BOLTS, "unit_price": "0"}])
    async with connect(erp, ScriptedPerson(ElicitResult(action="decline"))) as client:
        declined = outcome(await client.call_tool(CREATE, free))
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, in_words(lines=[{**BOLTS, "quantity": "7"}])))

    assert declined["status"] == "declined"
    assert (made["status"], made["order"]["number"]) == ("done", "PO-3")


def test_every_case_is_held_by_a_test_of_this_file() -> None:
    rows = re.findall(r"^\| (\d\d) \| .* \| (test_\w+) \|$", __doc__ or "", re.MULTILINE)

    assert len({number for number, _ in rows}) == len(rows) == 30
    assert {name for _, name in rows} <= set(globals())
