"""Each habit by HTTP, on the APIs where it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.sandbox import Book, create_app
from po_mcp.sandbox.habits import HABITS
from po_mcp.sandbox.records import Status
from tests.sandbox.conftest import Clock, exact
from tests.sandbox.habit_client import APIS, Erp

Serve = Callable[..., Awaitable[Erp]]

both_apis = pytest.mark.parametrize("api", APIS)


@pytest.fixture
async def serve(book: Book) -> AsyncIterator[Serve]:
    """Serve one API of an ERP with these habits, over the book of the test."""
    async with AsyncExitStack() as stack:

        async def start(api: str, *habits: str) -> Erp:
            erp = Erp(create_app(book, habits=habits), api)
            await stack.enter_async_context(erp.client)
            await erp.sign_in()
            return erp

        yield start


# What is stored


@both_apis
@pytest.mark.parametrize(
    ("habits", "asked", "stored", "total"),
    [
        (["rounds-prices"], ["3 bolt 0.335"], ["3 bolt 0.34"], "1.02"),
        (["rounds-prices:1"], ["3 bolt 0.34"], ["3 bolt 0.3"], "0.90"),
        (["rounds-quantities"], ["2.5 bolt 1", "0.2 nut 1"], ["3 bolt 1", "1 nut 1"], "4.00"),
        (["rounds-quantities:2"], ["1.234 bolt 1"], ["1.23 bolt 1"], "1.23"),
        (["own-prices"], ["2 bolt 9.99"], ["2 bolt 0.45"], "0.90"),
        (["adds-freight"], ["2 bolt 0.45"], ["2 bolt 0.45", "1 freight 25"], "25.90"),
        (["merges-lines"], ["2 bolt 1", "5 nut 1", "3 bolt 2"], ["5 bolt 1", "5 nut 1"], "10.00"),
        (["splits-lines"], ["5 bolt 2", "1 nut 1"], ["2 bolt 2", "3 bolt 2", "1 nut 1"], "11.00"),
        (["adds-freight", "splits-lines", "own-prices"], ["2 bolt 9"], ["1 bolt 0.45"] * 2 + ["1 freight 25"], "25.90"),
        (["own-prices", "splits-lines", "adds-freight"], ["2 bolt 9"], ["1 bolt 0.45"] * 2 + ["1 freight 25"], "25.90"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else value,
)
async def test_an_order_is_stored_otherwise_than_asked_for(
    serve: Serve, api: str, habits: list[str], asked: list[str], stored: list[str], total: str
) -> None:
    erp = await serve(api, *habits)

    answer = await erp.create("PO-1", *asked)

    order = await erp.read()
    assert answer.status_code == 201
    assert (erp.lines(order), erp.total(order)) == (stored, Decimal(total))
    assert erp.total(erp.order(answer)) == Decimal(total)


@both_apis
async def test_freight_is_added_to_every_order_as_the_same_item(serve: Serve, api: str) -> None:
    erp = await serve(api, "adds-freight")

    for number in ("PO-1", "PO-2"):
        await erp.create(number)

    assert [erp.lines(await erp.read(number))[-1] for number in ("PO-1", "PO-2")] == ["1 freight 25"] * 2


@both_apis
async def test_a_number_is_stored_in_capitals_and_found_in_any_case(serve: Serve, api: str) -> None:
    erp = await serve(api, "upper-numbers")

    created = await erp.create("rush-7")
    again = await erp.create("Rush-7")
    changed = await erp.change("ruSh-7")

    assert erp.number(erp.order(created)) == "RUSH-7"
    assert (again.status_code, changed.status_code) == (409, 200)
    assert [erp.number(await erp.read(number)) for number in ("rush-7", "RUSH-7")] == ["RUSH-7"] * 2


async def test_a_note_is_not_stored(serve: Serve) -> None:
    erp = await serve("exsited", "drops-note")

    answer = await erp.create(note="Ring the bell.")

    assert erp.order(answer)["purchase_order_note"] == ""


@pytest.mark.parametrize(
    ("habit", "stored"),
    [("upper-notes", "RING THE BELL, THEN WAIT."), ("cuts-notes", "Ring the bell, then "), ("cuts-notes:4", "Ring")],
)
async def test_a_note_is_stored_otherwise(serve: Serve, habit: str, stored: str) -> None:
    erp = await serve("exsited", habit)

    answer = await erp.create(note="Ring the bell, then wait.")

    assert erp.order(answer)["purchase_order_note"] == stored


# What a write does, and what is refused


@both_apis
async def test_a_taken_number_is_answered_with_the_order_that_stands_there(serve: Serve, api: str) -> None:
    erp = await serve(api, "upserts")
    first = await erp.create("PO-1", "40 bolt 0.45")

    answer = await erp.create("PO-1", "7 nut 0.22", vendor="central")

    assert (first.status_code, answer.status_code) == (201, 200)
    assert erp.order(answer) == erp.order(first)
    assert erp.lines(await erp.read()) == ["40 bolt 0.45"]


@both_apis
async def test_a_taken_number_is_given_to_the_new_order(serve: Serve, api: str) -> None:
    erp = await serve(api, "overwrites")
    await erp.create("PO-1", "40 bolt 0.45")

    answer = await erp.create("PO-1", "7 nut 0.22")

    assert answer.status_code == 200
    assert erp.lines(await erp.read()) == ["7 nut 0.22"]


@both_apis
async def test_an_order_that_goods_arrived_for_is_not_overwritten(serve: Serve, api: str) -> None:
    erp = await serve(api, "overwrites")

    answer = await erp.create("PO-2025-0041")

    assert answer.status_code == 409
    assert "is in use by item receipt" in erp.reason(answer)


@both_apis
async def test_a_taken_number_is_refused_with_400(serve: Serve, api: str) -> None:
    erp = await serve(api, "conflict-as-400")
    await erp.create()

    answer = await erp.create()

    assert answer.status_code == 400
    assert "already exists" in erp.reason(answer)


@both_apis
async def test_a_new_order_for_the_vendor_on_hold_is_refused(serve: Serve, api: str) -> None:
    erp = await serve(api, "holds-vendor")

    held, other = await erp.create("PO-1"), await erp.create("PO-2", vendor="central")

    assert (held.status_code, erp.reason(held)) == (409, "Vendor Acme Fasteners is on hold.")
    assert other.status_code == 201
    assert (await erp.get("PO-1")).status_code == 404


@both_apis
async def test_another_vendor_can_be_on_hold(serve: Serve, api: str) -> None:
    erp = await serve(api, "holds-vendor:7")

    statuses = [(await erp.create(vendor, vendor=vendor)).status_code for vendor in ("acme", "central")]

    assert statuses == [201, 409]


@both_apis
async def test_a_write_on_a_locked_order_is_refused_for_some_seconds(serve: Serve, clock: Clock, api: str) -> None:
    erp = await serve(api, "locks")
    await erp.create()

    refused = await erp.change()
    clock.time += timedelta(seconds=2.9)
    still = await erp.change()
    clock.time += timedelta(seconds=0.1)
    done = await erp.change()

    assert (refused.status_code, still.status_code, done.status_code) == (409, 409, 200)
    assert erp.reason(refused) == "Purchase order PO-1 is locked by another user."


async def test_a_locked_order_is_not_deleted(serve: Serve, clock: Clock) -> None:
    erp = await serve("exsited", "locks:10")
    await erp.create()

    refused = await erp.delete()
    clock.time += timedelta(seconds=10)
    done = await erp.delete()

    assert (refused.status_code, done.status_code) == (409, 204)


async def test_a_deleted_order_is_still_read(serve: Serve) -> None:
    erp = await serve("exsited", "soft-delete")
    await erp.create()

    first, second = await erp.delete(), await erp.delete()

    order = await erp.read()
    assert (first.status_code, second.status_code) == (204, 404)
    assert (order["status"], order["kpis"]["last_deleted_on"]) == ("DELETED", "2025-05-31T14:22:00Z")
    assert await erp.numbers(filter="purchase-orders/status eq 'DELETED'") == ["PO-1"]
    assert [(await erp.create()).status_code, (await erp.change()).status_code] == [409, 409]


async def test_an_order_deleted_by_the_other_api_is_read_but_not_listed(serve: Serve) -> None:
    exsited, inventory_pro = await serve("exsited", "soft-delete"), await serve("inventory-pro", "soft-delete")
    await exsited.create()

    await exsited.delete()

    assert (await inventory_pro.read())["status"] == "Deleted"
    assert "PO-1" not in await inventory_pro.numbers(pageSize=50)


async def test_a_wanted_backorder_is_not_made(serve: Serve) -> None:
    erp = await serve("inventory-pro", "backorder-not-made")

    answer = await erp.change("PO-2025-0037")

    assert answer.json() == {
        "poNo": "PO-2025-0037",
        "status": "Closed",
        "backorderCreated": False,
        "backorderPoNo": None,
    }
    assert (await erp.get("PO-2025-0037-BO1")).status_code == 404


# Delayed reads


@both_apis
async def test_reads_show_the_state_of_some_seconds_before(serve: Serve, clock: Clock, api: str) -> None:
    erp = await serve(api, "late-read")

    created = await erp.create()
    clock.time += timedelta(seconds=2.9)
    before = (await erp.get()).status_code, "PO-1" in await erp.numbers()
    again = await erp.create()
    clock.time += timedelta(seconds=0.1)
    after = (await erp.get()).status_code, "PO-1" in await erp.numbers()

    assert (created.status_code, again.status_code) == (201, 409)
    assert (before, after) == ((404, False), (200, True))


@both_apis
async def test_each_change_shows_late_on_its_own(serve: Serve, clock: Clock, api: str) -> None:
    erp = await serve(api, "late-read:10")
    await erp.create()
    clock.time += timedelta(seconds=6)
    await erp.change()

    shown = []
    for seconds in (3, 1, 5, 1):  # 9, 10, 15 and 16 seconds after the creation
        clock.time += timedelta(seconds=seconds)
        answer = await erp.get()
        shown.append(erp.order(answer)["status"] if answer.status_code == 200 else answer.status_code)

    live, ended = (("Open", "Closed"), ("ACTIVE", "INACTIVE"))[erp.column]
    assert shown == [404, live, live, ended]


@both_apis
async def test_a_list_alone_shows_the_state_of_some_seconds_before(serve: Serve, clock: Clock, api: str) -> None:
    erp = await serve(api, "stale-list")

    await erp.create()
    before = (await erp.get()).status_code, "PO-1" in await erp.numbers()
    clock.time += timedelta(seconds=3)
    after = "PO-1" in await erp.numbers()

    assert (before, after) == ((200, False), True)


@both_apis
async def test_a_new_order_shows_its_lines_later_than_its_header(serve: Serve, clock: Clock, api: str) -> None:
    erp = await serve(api, "late-lines")

    await erp.create()
    at_once = await erp.read()
    clock.time += timedelta(seconds=3)
    later = await erp.read()

    assert (erp.number(at_once), erp.lines(at_once)) == ("PO-1", [])
    assert erp.lines(later) == ["40 bolt 0.45"]


# Spelling of orders


async def test_an_order_names_its_vendor_otherwise_than_the_list_of_vendors(serve: Serve) -> None:
    erp = await serve("inventory-pro", "legal-names")

    created = erp.order(await erp.create())

    assert [order["vendor"] for order in (created, await erp.read())] == ["Acme Fasteners GmbH"] * 2
    assert (await erp.client.get("/Vendor/12")).json()["name"] == "Acme Fasteners"


@both_apis
@pytest.mark.parametrize(
    ("habits", "spell"),
    [
        (["lower-items"], lambda code: code.lower()),
        (["pads-items"], lambda code: f"{code}  "),
        (["pads-items", "lower-items"], lambda code: f"{code.lower()}  "),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_item_codes_are_shown_and_accepted_in_another_spelling(
    serve: Serve, api: str, habits: list[str], spell: Callable[[str], str]
) -> None:
    erp = await serve(api, *habits)
    code = spell(erp.code("bolt"))

    for number, asked in (("PO-1", ""), ("PO-2", code)):
        assert (await erp.create(number, code=asked)).status_code == 201

    assert [erp.codes(await erp.read(number)) for number in ("PO-1", "PO-2")] == [[code], [code]]


async def test_receipts_show_item_codes_as_the_lines_do(serve: Serve) -> None:
    erp = await serve("exsited", "lower-items")

    receipts = (await erp.client.get("/purchase-orders/PO-2025-0041/item-receipts")).json()

    shown = {row["item_id"] for one in receipts["purchase_order"]["item_receipts"] for row in one["receipts"]}
    assert shown
    assert all(code == code.lower() for code in shown)


async def test_inventory_pro_shows_the_creation_time(serve: Serve) -> None:
    erp = await serve("inventory-pro", "created-on")

    created, listed = erp.order(await erp.create()), (await erp.list_orders()).json()["value"][0]

    assert [order["created"] for order in (created, await erp.read(), listed)] == ["2025-05-31T14:22:00Z"] * 3


@pytest.mark.parametrize(("habit", "word"), [("", "Complete"), (":Received", "Received")])
async def test_a_closed_order_has_another_status(serve: Serve, book: Book, habit: str, word: str) -> None:
    erp = await serve("inventory-pro", f"closed-in-other-words{habit}")

    answer = await erp.change("PO-2025-0042")

    assert (answer.json()["status"], (await erp.read("PO-2025-0042"))["status"]) == (word, word)
    assert book.order("PO-2025-0042").status is Status.CLOSED


async def test_received_quantities_are_not_given(serve: Serve) -> None:
    erp = await serve("inventory-pro", "no-receipts")

    assert all("units" in line and "unitsReceived" not in line for line in (await erp.read("PO-2025-0037"))["lines"])


async def test_a_backorder_is_made_and_not_named(serve: Serve) -> None:
    erp = await serve("inventory-pro", "silent-backorder")

    assert (await erp.change("PO-2025-0037")).json() == {"poNo": "PO-2025-0037", "status": "Closed"}
    assert (await erp.get("PO-2025-0037-BO1")).status_code == 200


async def test_a_date_that_is_not_set_is_in_year_1(serve: Serve) -> None:
    exsited, inventory_pro = [await serve(api, "zero-dates") for api in reversed(APIS)]

    dates = (
        (await inventory_pro.read("PO-2025-0038"))["expectedDate"],
        (await exsited.read("PO-2025-0038"))["expected_completion_date"],
    )
    assert dates == ("0001-01-01T00:00:00",) * 2


async def test_unset_fields_are_null(serve: Serve) -> None:
    exsited, inventory_pro = [await serve(api, "nulls-for-missing") for api in reversed(APIS)]

    order = await exsited.read("PO-2025-0042")
    vendor = (await inventory_pro.client.get("/Vendor/12")).json()

    assert (order["due_date"], order["purchase_order_note"]) == (None, None)
    assert vendor["address2"] is None


@both_apis
async def test_every_object_has_fields_that_are_not_documented(serve: Serve, api: str) -> None:
    erp = await serve(api, "extra-fields")

    order = await erp.read("PO-2025-0042")

    assert {"rowVersion", "customFields"} <= order.keys() & order["lines"][0].keys()


async def test_amounts_are_texts(serve: Serve) -> None:
    erp = await serve("inventory-pro", "numbers-as-text")
    await erp.create("PO-1", "40 bolt 0.45")

    order = await erp.read()

    [line] = order["lines"]
    assert (order["totalValue"], order["totalLines"]) == ("18.00", 1)
    assert (line["units"], line["unitPrice"], line["unitsReceived"]) == ("40", "0.45", "0")


async def test_amounts_are_numbers(serve: Serve) -> None:
    erp = await serve("exsited", "text-as-numbers")
    await erp.create("PO-1", "40 bolt 0.45")

    order = await erp.read()

    [line] = order["lines"]
    assert (order["total"], line["item_quantity"]) == (Decimal("18.000000"), Decimal("40.000000"))
    assert line["item_price_snapshot"]["pricing_rule"]["price"] == Decimal("0.450000")
    assert order["id"] == "PO-1"


# Lists, and answers to writes


@both_apis
async def test_a_list_hides_its_size(serve: Serve, api: str) -> None:
    erp = await serve(api, "no-paging-info")

    answer = await erp.list_orders()

    assert answer.json().keys() == {("value", "purchase_orders")[erp.column]}
    assert not [name for name in answer.headers if name.startswith(("x-total", "x-page"))]


@both_apis
@pytest.mark.parametrize(("habit", "size"), [("small-pages", 10), ("small-pages:3", 3)])
@pytest.mark.parametrize("asked", [None, 50])
async def test_a_page_is_smaller_than_asked(serve: Serve, api: str, habit: str, size: int, asked: int | None) -> None:
    erp = await serve(api, habit)
    name = ("pageSize", "limit")[erp.column]

    answer = await erp.list_orders(**({name: asked} if asked else {}))

    content: Any = answer.json()
    assert len(content[("value", "purchase_orders")[erp.column]]) == size
    assert (content if api == "inventory-pro" else content["pagination"])[name] == size


@both_apis
async def test_a_page_that_is_small_anyway_stays_as_asked(serve: Serve, api: str) -> None:
    erp = await serve(api, "small-pages")

    assert len(await erp.numbers(**{("pageSize", "limit")[erp.column]: 4})) == 4


@both_apis
async def test_a_created_order_is_answered_with_200(serve: Serve, api: str) -> None:
    erp = await serve(api, "answers-200-for-201")

    answer = await erp.create()

    assert (answer.status_code, erp.number(erp.order(answer))) == (200, "PO-1")


@both_apis
async def test_a_write_that_succeeds_has_an_empty_answer(serve: Serve, api: str) -> None:
    erp = await serve(api, "empty-2xx")

    created, changed, read, refused = await erp.create(), await erp.change(), await erp.get(), await erp.create()

    assert [(one.status_code, one.content) for one in (created, changed)] == [(201, b""), (200, b"")]
    assert erp.number(erp.order(read)) == "PO-1"
    assert "already exists" in erp.reason(refused)


@both_apis
async def test_a_write_arrives_twice_and_the_second_answer_is_returned(serve: Serve, book: Book, api: str) -> None:
    erp = await serve(api, "repeats-posts")

    created, changed = await erp.create(), await erp.change("PO-2025-0042")

    assert (created.status_code, changed.status_code) == (409, 409)
    assert book.order("PO-1").status is Status.OPEN
    assert book.order("PO-2025-0042").status in (Status.CLOSED, Status.CANCELLED)


async def test_an_order_without_a_number_that_arrives_twice_is_two_orders(serve: Serve, book: Book) -> None:
    erp = await serve("exsited", "repeats-posts")

    answer = await erp.client.post(
        "/purchase-orders",
        json={"purchase_order": {"account_id": "LHROM9", "lines": [{"item_id": "ITEM-0055", "item_quantity": "1"}]}},
    )

    assert erp.number(erp.order(answer)) == "PO-LHROM9-0002"
    assert book.order("PO-LHROM9-0001").total == book.order("PO-LHROM9-0002").total == Decimal("0.45")


# Together


@both_apis
async def test_compatible_habits_work_together(serve: Serve, book: Book, clock: Clock, api: str) -> None:
    first_of_each_group = {habit.group or name: name for name, habit in reversed(list(HABITS.items()))}
    others = [name for name in first_of_each_group.values() if name not in ("empty-2xx", "holds-vendor", "locks")]
    erp = await serve(api, *others, "holds-vendor:7", "locks:0")

    created = await erp.create("rush-7", "2.5 bolt 9.999", "1 nut 9", note="Ring the bell.")
    again = await erp.create("rush-7")
    clock.time += timedelta(seconds=3)
    changed = await erp.change("rush-7")
    listed = await erp.list_orders()

    order = book.order("RUSH-7")
    assert {answer.status_code for answer in (created, again, listed)} == {200}
    assert changed.status_code == 409  # sent twice: the second finds it closed or cancelled
    assert order.status in (Status.CLOSED, Status.CANCELLED)
    assert [f"{line.quantity} {line.item.short_id} {line.price}" for line in order.lines] == [
        "3 BOLT-M8-30 0.45",
        "1 NUT-M8 0.22",
        "1 FREIGHT 25.00",
    ]
    shown = (await erp.read("Rush-7"))["lines"]
    assert shown[0][("shortID", "item_id")[erp.column]] == f"{erp.code('bolt').lower()}  "
    assert shown[0]["rowVersion"]


# Without habits


async def test_exsited_returns_the_note_and_the_creation_time(serve: Serve, clock: Clock) -> None:
    erp = await serve("exsited")

    created = erp.order(await erp.create(note="po-mcp 7f3a"))
    clock.time += timedelta(minutes=30)
    read = await erp.read()
    [listed] = exact(await erp.list_orders(filter="purchase-orders/code eq 'PO-1'"))["purchase_orders"]

    for order in (created, read, listed):
        assert (order["purchase_order_note"], order["created_on"]) == ("po-mcp 7f3a", "2025-05-31T14:22:00Z")


async def test_the_book_itself_has_no_habits(serve: Serve, book: Book) -> None:
    erp = await serve("inventory-pro", "late-read", "late-lines", "lower-items", "legal-names")

    await erp.create()

    order = book.order("PO-1")
    assert (order.vendor.name, order.lines[0].item.short_id) == ("Acme Fasteners", "BOLT-M8-30")


@both_apis
async def test_a_change_that_another_made_shows_late_too(serve: Serve, book: Book, clock: Clock, api: str) -> None:
    erp = await serve(api, "late-read")

    book.revise("PO-2025-0042", expected_at=clock.time)
    book.cancel("PO-2025-0042")
    before = await erp.read("PO-2025-0042")
    clock.time += timedelta(seconds=3)
    after = await erp.read("PO-2025-0042")

    assert (before["status"], after["status"]) == (("Open", "Canceled"), ("ACTIVE", "INACTIVE"))[erp.column]
