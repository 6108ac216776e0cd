"""A client calls our tools on a real Tryton, and what Tryton then holds is read past the connector."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitResult

from tests.harness import ERAS, ScriptedPerson, outcome, text
from tests.stdio.test_process import environment
from tests.tryton.book import PURCHASE
from tests.tryton.company import password
from tests.tryton.conftest import Book
from tests.tryton.harness import TrytonHarness, approve, arguments_of, find_orders

pytestmark = pytest.mark.tryton

CREATE, CANCEL, DELETE = "create_purchase_order", "cancel_purchase_order", "delete_purchase_order"
NEXT = "PM-2026-0011"
"""The number that continues the references of the book."""


async def test_an_order_without_a_number_continues_the_references_that_people_gave(
    harness: TrytonHarness, book: Book
) -> None:
    async with harness.client() as client:
        done = outcome(await client.call_tool(CREATE, dict(arguments_of(note="Ring the bell."))))

    assert (done["status"], done["order"]["number"], done["order"]["status"]) == ("done", NEXT, "draft")
    (row,) = book.users.buyer.search_read(
        PURCHASE, ["state", "number", "description", "comment"], ["reference", "=", NEXT]
    )
    assert (row["state"], row["number"]) == ("draft", None)
    assert row["comment"] == "Ring the bell."
    assert row["description"] == f"po-mcp {done['operation_id']}"
    assert [name for name, _ in harness.wire.writes] == ["create"]


async def test_trytons_own_numbers_are_not_continued(harness: TrytonHarness, book: Book) -> None:
    """A series of its own that looks as ours does, further on, is left alone."""
    (sequence,) = book.users.admin.search("ir.sequence", ["name", "=", "Purchase"])
    book.users.admin.write("ir.sequence", sequence, prefix="PO-2026-", padding=4)
    for key in ("draft", "nameless"):
        book.users.press(book.orders[key], "quote")

    async with harness.client() as client:
        done = outcome(await client.call_tool(CREATE, dict(arguments_of())))

    assert done["order"]["number"] == NEXT


async def test_orders_without_a_number_that_are_asked_for_at_once_get_one_each(
    harness: TrytonHarness, book: Book
) -> None:
    made: list[Any] = []

    async def ask(client: Client, item: str) -> None:
        asked = dict(arguments_of())
        asked["lines"] = [{**asked["lines"][0], "item": item}]
        made.append(outcome(await client.call_tool(CREATE, asked)))

    async with harness.client() as client, anyio.create_task_group() as calls:
        for item in ("BOLT-M8-30", "NUT-M8", "OIL-1"):
            calls.start_soon(ask, client, item)

    assert [one["status"] for one in made] == ["done"] * 3, made
    numbers = [one["order"]["number"] for one in made]
    assert sorted(numbers) == [NEXT, "PM-2026-0012", "PM-2026-0013"]
    for number in numbers:
        assert len(find_orders(book.users, number)) == 1


async def test_the_same_order_without_a_number_is_created_once(harness: TrytonHarness, book: Book) -> None:
    async with harness.client() as client:
        first, second = [outcome(await client.call_tool(CREATE, dict(arguments_of()))) for _ in range(2)]

    assert (first["replayed"], second["replayed"]) == (False, True)
    assert second["order"]["number"] == first["order"]["number"] == NEXT
    assert [name for name, _ in harness.wire.writes] == ["create"]


async def test_a_total_with_taxes_is_reported_once(harness: TrytonHarness) -> None:
    async with harness.client() as client:
        reported = text(await client.call_tool(CREATE, dict(arguments_of("PM-2026-0042"))))

    assert "1 line, total 8.98 EUR. Ordered: 88 u of BOLT-M8-30 (M8 x 30mm Hex Bolt) at 0.085 EUR. " in reported
    assert "Deliver to: Main. Its total includes" in reported
    assert "Its total includes 1.50 EUR tax." in reported
    assert "in its own way" not in reported


def make_item_without_code(book: Book, name: str) -> int:
    """Make an item that is bought by the kilogram, as the oil is, and return its id."""
    admin = book.users.admin
    template = admin.read("product.product", book.facts.items["oil"], "template")["template"]
    kept = ("type", "default_uom", "purchase_uom", "purchasable", "account_category", "cost_price_method")
    values = {key: value for key, value in admin.read("product.template", template, *kept).items() if key in kept}
    (made,) = admin.create(
        "product.template", {**values, "name": name, "list_price": None, "products": [["create", [{}]]]}
    )
    (item,) = admin.search("product.product", ["template", "=", made])
    return item


async def test_no_id_stands_where_people_read_the_name_of_an_item(harness: TrytonHarness, book: Book) -> None:
    """An item that has no code is called by its name."""
    grease = make_item_without_code(book, "Grease")
    line = {"quantity": "1", "unit_price": "0", "warehouse": "Main"}
    asked = [{**line, "item": "Grease"}, {**line, "item": "NUT-M8", "unit_price": None}]
    person = ScriptedPerson(approve)

    async with harness.client(person=person) as client:
        # The list of another test may still be fresh, and lack the new item.
        await client.call_tool("search_catalog", {"kind": "item", "refresh": True})
        created = text(await client.call_tool(CREATE, dict(arguments_of("PM-2026-0042", lines=asked))))
        read = text(await client.call_tool("get_purchase_order", {"number": "PM-2026-0042"}))
        await client.call_tool(DELETE, {"number": "PM-2026-0042"})

    assert len(person.asked) == 2, created
    create, delete = person.asked
    assert "The price of Grease is 0 EUR: it is ordered for nothing." in create.message
    assert "1) 1 kg at 0.00 EUR = 0.00 EUR: Grease" in create.message
    assert "2) 1 u at 0.12 EUR = 0.12 EUR: NUT-M8, M8 Nut" in create.message
    assert "Ordered: 1 kg of Grease at 0.00 EUR; 1 u of NUT-M8 (M8 Nut) at 0.12 EUR." in created
    assert "1|Grease|-|1 kg|" in read
    assert "2|NUT-M8|M8 Nut|1 u|" in read
    assert "1) 1 kg at 0.00 EUR, none received: Grease" in delete.message
    assert "Total 0.14 EUR" in delete.message
    assert "with 0.02 EUR tax" in delete.message
    assert not re.search(rf"( of|:) {grease}\b", f"{create.message} {created} {delete.message}")


OFFERS = "It can be cancelled instead"
REFUSED = {
    "quotation": ("PM-2026-0002", "its state is quotation", True),
    "waiting": ("PM-2026-0003", "its state is processing", False),
    "partial": ("PM-2026-0004", "its state is processing", False),
    "received": ("PM-2026-0005", "its state is processing", False),
    "done": ("PM-2026-0007", "its state is done", False),
    "exception": ("PM-2026-0010", "its state is processing", False),
}


@pytest.mark.parametrize("key", REFUSED)
async def test_a_delete_that_is_refused_offers_a_cancel_only_where_tryton_takes_one(
    harness: TrytonHarness, book: Book, key: str
) -> None:
    number, why, is_offered = REFUSED[key]
    async with harness.client(person=ScriptedPerson(approve)) as client:
        refused = outcome(await client.call_tool(DELETE, {"number": number}))
        cancelled = outcome(await client.call_tool(CANCEL, {"number": number}))

    assert refused["status"] == "refused"
    assert f"Order {number} cannot be deleted: {why}, and Tryton deletes" in refused["message"]
    assert (OFFERS in (refused["next_step"] or "")) is is_offered
    assert cancelled["status"] == ("done" if is_offered else "refused")
    assert (book.users.buyer.read(PURCHASE, book.orders[key], "state")["state"] == "cancelled") is is_offered


async def test_a_quotation_is_cancelled_and_then_deleted(harness: TrytonHarness, book: Book) -> None:
    person = ScriptedPerson(approve)
    async with harness.client(person=person) as client:
        ends = [outcome(await client.call_tool(tool, {"number": "PM-2026-0002"})) for tool in (CANCEL, DELETE)]

    assert [end["status"] for end in ends] == ["done", "done"]
    assert len(person.asked) == 2
    assert book.users.buyer.search(PURCHASE, ["id", "=", book.orders["quotation"]]) == []


async def test_a_change_while_the_person_reads_is_stale(harness: TrytonHarness, book: Book) -> None:
    def change_and_approve(params: ElicitRequestFormParams) -> ElicitResult:
        book.users.buyer.write(PURCHASE, book.orders["draft"], comment="Now by train.")
        return approve(params)

    async with harness.client(person=ScriptedPerson(change_and_approve)) as client:
        ended = outcome(await client.call_tool(DELETE, {"number": "PM-2026-0001"}))

    assert (ended["status"], harness.wire.writes) == ("stale", [])
    assert book.users.buyer.search(PURCHASE, ["id", "=", book.orders["draft"]]) == [book.orders["draft"]]


@pytest.mark.parametrize("tool", [CANCEL, DELETE])
async def test_a_change_of_the_same_moment_that_tryton_refuses_is_stale(
    harness: TrytonHarness, book: Book, tool: str
) -> None:
    """The order is read again: a cancel is not offered in the place of the delete."""

    async def change_it_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        book.users.buyer.write(PURCHASE, book.orders["draft"], comment="Now by train.")
        return await wire.handle_async_request(request)

    harness.wire.on_write = change_it_first
    async with harness.client(person=ScriptedPerson(approve)) as client:
        ended = outcome(await client.call_tool(tool, {"number": "PM-2026-0001"}))

    assert (ended["status"], len(harness.wire.writes)) == ("stale", 1)
    assert "it was changed since it was read). Nothing was changed." in ended["message"]
    assert ended["next_step"] == "Check the order with get_purchase_order, then ask again."
    assert book.users.buyer.read(PURCHASE, book.orders["draft"], "state")["state"] == "draft"


@pytest.mark.parametrize("tool", [CANCEL, DELETE])
@pytest.mark.parametrize("is_copied", [False, True])
async def test_an_order_that_gets_another_reference_in_the_same_moment_is_not_reported_as_gone(
    harness: TrytonHarness, book: Book, tool: str, is_copied: bool
) -> None:
    """No order goes by its old name, or another one does."""

    async def rename_it_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        book.users.buyer.write(PURCHASE, book.orders["draft"], reference="PM-ELSE")
        if is_copied:
            book.users.make_order("PM-2026-0001", ("nut", "5", "0.12"))
        return await wire.handle_async_request(request)

    harness.wire.on_write = rename_it_first
    async with harness.client(person=ScriptedPerson(approve)) as client:
        ended = outcome(await client.call_tool(tool, {"number": "PM-2026-0001"}))

    assert ended["status"] == "stale", ended
    assert book.users.buyer.read(PURCHASE, book.orders["draft"], "state")["state"] == "draft"


@pytest.mark.parametrize("tool", [CANCEL, DELETE])
async def test_an_order_that_gets_another_reference_while_the_person_reads_still_exists(
    harness: TrytonHarness, book: Book, tool: str
) -> None:
    def rename_and_approve(params: ElicitRequestFormParams) -> ElicitResult:
        book.users.buyer.write(PURCHASE, book.orders["draft"], reference="PM-ELSE")
        return approve(params)

    async with harness.client(person=ScriptedPerson(rename_and_approve)) as client:
        ended = outcome(await client.call_tool(tool, {"number": "PM-2026-0001"}))

    assert (ended["status"], harness.wire.writes) == ("stale", [])
    assert "no longer exists" not in ended["message"]
    assert ended["order"]["number"] == "PM-ELSE"


@pytest.mark.parametrize("how", ["added", "removed"])
async def test_a_line_that_comes_or_goes_on_its_own_in_the_same_moment_is_not_seen_by_tryton(
    harness: TrytonHarness, book: Book, how: str
) -> None:
    """What docs/tryton.md says: no stamp of ours is of such a line, and the order's does not move."""
    line = book.users.buyer.read(PURCHASE, book.orders["draft"], "lines")["lines"][0]
    kept = {"product": book.facts.items["nut"], "unit": book.facts.units["Unit"], "quantity": 3, "unit_price": None}

    async def change_lines_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        if how == "added":
            book.users.buyer.create("purchase.line", {"purchase": book.orders["draft"], **kept})
        else:
            book.users.buyer.on("purchase.line", "delete", [line])
        return await wire.handle_async_request(request)

    harness.wire.on_write = change_lines_first
    async with harness.client(person=ScriptedPerson(approve)) as client:
        ended = outcome(await client.call_tool(DELETE, {"number": "PM-2026-0001"}))

    assert ended["status"] == "done"
    assert book.users.buyer.search(PURCHASE, ["id", "=", book.orders["draft"]]) == []


async def test_a_cancel_reports_the_change_of_the_same_moment_that_tryton_let_pass(
    harness: TrytonHarness, book: Book
) -> None:
    async def change_a_line_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        line = book.users.buyer.read(PURCHASE, book.orders["draft"], "lines")["lines"][0]
        book.users.buyer.write("purchase.line", line, quantity=999)
        return await wire.handle_async_request(request)

    harness.wire.on_write = change_a_line_first
    async with harness.client(person=ScriptedPerson(approve)) as client:
        done = outcome(await client.call_tool(CANCEL, {"number": "PM-2026-0001"}))

    assert done["status"] == "done"
    assert (
        "It is no longer what was approved: its total is 803.46 EUR, not 804.00 EUR; its lines differ."
        in (done["message"])
    )


async def test_finalize_is_not_listed_and_the_instructions_say_why(harness: TrytonHarness) -> None:
    async with harness.client(ERAS[1]) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        connection = client.instructions or ""

    assert "finalize_purchase_order" not in listed
    assert {CREATE, CANCEL, DELETE, "list_purchase_orders", "get_purchase_order", "search_catalog"} <= listed
    assert "no finalize" in connection


# `po-mcp doctor`


async def examine(book: Book, login: str, tmp_path: Path) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """Run `po-mcp doctor` as a user; return its status, and each finding's mark, words and next step."""
    settings = {
        "PO_MCP_ERP": "tryton",
        "PO_MCP_BASE_URL": book.url,
        "PO_MCP_CLIENT_ID": login,
        "PO_MCP_CLIENT_SECRET": password(login),
        "PO_MCP_JOURNAL": str(tmp_path / "journal.db"),
    }
    command = [sys.executable, "-m", "po_mcp", "doctor", "--json"]
    run = await anyio.run_process(command, env=environment(**settings), check=False, stderr=subprocess.STDOUT)
    found = json.loads(run.stdout)
    return run.returncode, {one["what"]: (one["mark"], one["text"], one["next_step"]) for one in found}


async def test_the_doctor_sees_that_a_buyer_may_write(book: Book, tmp_path: Path) -> None:
    status, found = await examine(book, "buyer", tmp_path)

    assert (status, found["writing"][:2]) == (0, ("pass", "the ERP's user may cancel, create, delete"))
    assert {mark for mark, _, _ in found.values()} <= {"pass", "note"}


async def test_the_doctor_names_what_a_clerk_may_not_do_and_the_group_that_is_missing(
    book: Book, tmp_path: Path
) -> None:
    status, found = await examine(book, "clerk", tmp_path)

    assert (status, found["reading"][0]) == (1, "pass")
    assert found["writing"] == (
        "fail",
        "the ERP's user may not cancel or create or delete orders",
        "needs the group Purchase.",
    )


@pytest.mark.parametrize(("login", "words"), [("nobody", "group Purchase"), ("homeless", "company")])
async def test_the_doctor_says_why_orders_cannot_be_read(book: Book, tmp_path: Path, login: str, words: str) -> None:
    status, found = await examine(book, login, tmp_path)

    assert (status, found["reading"][0]) == (1, "fail")
    assert words in found["reading"][2]
