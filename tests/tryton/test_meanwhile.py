"""Rights, users, companies, vendors and items change in Tryton between the question and the write.

Nothing may be sent that a person did not see, and every report must be true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitResult

from po_mcp.writes import executor, reconcile
from po_mcp.writes.journal.store import JournalStore
from tests.harness import ScriptedPerson, outcome, text
from tests.tryton.book import PURCHASE, today
from tests.tryton.company import password
from tests.tryton.conftest import Book
from tests.tryton.harness import RpcWire, TrytonHarness, approve, arguments_of
from tests.tryton.rpc import RpcError, day, money
from tests.tryton.test_tools import CANCEL, CREATE, DELETE

pytestmark = pytest.mark.tryton

DRAFT, NEW = "PM-2026-0001", "PM-2026-0042"
Change = Callable[[Book], object]


@pytest.fixture(autouse=True)
def rights_given_back(book: Book) -> Iterator[None]:
    """Give the buyer back, after each test, what it takes away."""
    yield
    # Through Tryton, which keeps in memory what a user may do, whatever its database is put back to.
    groups = [["remove", [group_id(book, "Accounting")]], ["add", [group_id(book, "Purchase")]]]
    company = {"companies": [["add", [book.facts.company]]], "company": book.facts.company}
    for kept in ({"active": True}, {"password": password("buyer"), "groups": groups, **company}):
        book.users.admin.write("res.user", user_id(book), **kept)


def user_id(book: Book, login: str = "buyer") -> int:
    (found,) = book.users.admin.search("res.user", ["login", "=", login], ["active", "in", [True, False]])
    return found


def group_id(book: Book, name: str) -> int:
    (found,) = book.users.admin.search("res.group", ["name", "=", name])
    return found


def take_away_the_group(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), groups=[["remove", [group_id(book, "Purchase")]]])


def take_away_the_right_to_write(book: Book) -> None:
    """Move the user to a group that reads orders and writes none."""
    changed = [["remove", [group_id(book, "Purchase")]], ["add", [group_id(book, "Accounting")]]]
    book.users.admin.write("res.user", user_id(book), groups=changed)


def take_away_the_company(book: Book) -> None:
    gone = {"companies": [["remove", [book.facts.company]]], "company": None}
    book.users.admin.write("res.user", user_id(book), **gone)


def change_the_password(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), password="another-secret-2")


def deactivate_the_user(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), active=False)


LOST: dict[str, tuple[Change, str]] = {
    "the group": (take_away_the_group, "may not "),
    "the right to write": (take_away_the_right_to_write, "may not "),
    "the company": (take_away_the_company, "lost the company"),
    "the password": (change_the_password, "rejected the client id or secret"),
    "the user": (deactivate_the_user, "rejected the client id or secret"),
}
EVERY_LOSS = pytest.mark.parametrize("lost", LOST)


async def ask(client: Client, tool: str) -> CallToolResult:
    """Ask for a new order at the price of the list, which a person must approve, or to cancel or delete the draft."""
    if tool != CREATE:
        return await client.call_tool(tool, {"number": DRAFT})
    asked = dict(arguments_of(NEW))
    asked["lines"] = [{**asked["lines"][0], "unit_price": None}]
    return await client.call_tool(tool, asked)


def read_effects(book: Book) -> tuple[str, int]:
    """Return the state of the draft and the number of new orders, read by the administrator past the connector."""
    admin = book.users.admin
    return (
        admin.read(PURCHASE, book.orders["draft"], "state")["state"],
        len(admin.search(PURCHASE, ["reference", "=", NEW])),
    )


@pytest.mark.parametrize("tool", [CREATE, CANCEL, DELETE])
@EVERY_LOSS
async def test_rights_lost_while_the_person_reads_are_reported_and_nothing_is_changed(
    harness: TrytonHarness, book: Book, tool: str, lost: str
) -> None:
    lose, words = LOST[lost]

    def answer(params: ElicitRequestFormParams) -> ElicitResult:
        lose(book)
        return approve(params)

    person = ScriptedPerson(answer)
    async with harness.client(person=person) as client:
        reported = await ask(client, tool)
        waiting = text(await client.call_tool("get_operation", {}))

    assert len(person.asked) == 1
    assert words in text(reported)
    assert "Nothing was" in text(reported)
    # Where only the right to write is lost, a create and a cancel are refused for good; else the yes stays.
    is_refused = lost == "the right to write" and tool != DELETE
    assert text(reported).startswith("refused: ") is is_refused
    assert ("not carried out yet" in waiting) is not is_refused
    assert [method for method, _ in harness.wire.writes] == (["cancel"] if is_refused and tool == CANCEL else [])
    assert read_effects(book) == ("draft", 0)


@pytest.mark.parametrize("tool", [CREATE, CANCEL, DELETE])
@EVERY_LOSS
async def test_rights_lost_at_the_moment_of_the_write_give_no_success(
    harness: TrytonHarness, book: Book, tool: str, lost: str
) -> None:
    async def lose_it_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        LOST[lost][0](book)
        return await wire.handle_async_request(request)

    harness.wire.on_write = lose_it_first
    async with harness.client(person=ScriptedPerson(approve)) as client:
        reported = outcome(await ask(client, tool))

    assert (reported["status"], len(harness.wire.writes)) == (
        "refused" if lost == "the right to write" else "unknown",
        1,
    )
    assert "no order (" not in reported["message"]  # it is there, and this user is not shown it
    assert ", but The " not in reported["message"]
    assert read_effects(book) == ("draft", 0)


@EVERY_LOSS
async def test_an_order_that_the_user_may_no_longer_see_is_not_taken_for_deleted(
    harness: TrytonHarness, book: Book, lost: str
) -> None:
    """The request is lost, and so is the right: to this user the order looks as if it were gone."""

    async def lose_both(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        LOST[lost][0](book)
        raise httpx2.ReadError("lost")

    harness.wire.on_write = lose_both
    async with harness.client(person=ScriptedPerson(approve)) as client:
        reported = [outcome(await client.call_tool(DELETE, {"number": DRAFT})) for _ in range(2)]

    assert [one["status"] for one in reported] == ["unknown", "unknown"]
    assert len(harness.wire.writes) == 1
    assert read_effects(book) == ("draft", 0)


# Vendors, items and warehouses


def archive_the_vendor(book: Book) -> None:
    book.users.admin.write("party.party", book.facts.vendors["acme"], active=False)


def archive_the_item(book: Book) -> None:
    admin, item = book.users.admin, book.facts.items["bolt"]
    try:
        admin.write("product.product", item, active=False)
    except RpcError as exc:  # some are still in stock, and a person says that it is meant so
        admin.on("res.user.warning", "skip", exc.args[1][0], False)
        admin.write("product.product", item, active=False)


def make_the_item_unpurchasable(book: Book) -> None:
    admin = book.users.admin
    template = admin.read("product.product", book.facts.items["bolt"], "template")["template"]
    admin.write("product.template", template, purchasable=False)


def archive_the_warehouse(book: Book) -> None:
    book.users.admin.write("stock.location", book.facts.warehouses["north"], active=False)


GONE: dict[str, tuple[Change, str]] = {
    "the vendor": (archive_the_vendor, "no active vendor of this id"),
    "the item": (archive_the_item, "no item of this id that can be bought (line 1)"),
    "what is bought": (make_the_item_unpurchasable, "no item of this id that can be bought (line 1)"),
    "the warehouse": (archive_the_warehouse, "no active warehouse of this id"),
}


@pytest.mark.parametrize("what", GONE)
async def test_an_archived_item_is_not_ordered_and_a_standing_order_of_it_is_read_and_ended(
    harness: TrytonHarness, book: Book, what: str
) -> None:
    archive, words = GONE[what]
    asked = dict(arguments_of(NEW))
    asked["lines"] = [{**asked["lines"][0], "unit_price": None, "warehouse": "North"}]
    stands = book.users.make_order("STANDS-1", ("bolt", "1", "1"), warehouse=book.facts.warehouses["north"])

    def answer(params: ElicitRequestFormParams) -> ElicitResult:
        archive(book)
        return approve(params)

    async with harness.client(person=ScriptedPerson(answer)) as client:
        reported = text(await client.call_tool(CREATE, asked))
        read = text(await client.call_tool("get_purchase_order", {"number": "STANDS-1"}))
        ended = outcome(await client.call_tool(DELETE, {"number": "STANDS-1"}))

    assert words in reported
    assert "Nothing was sent" in reported
    assert book.users.admin.search(PURCHASE, ["reference", "=", NEW]) == []
    assert "STANDS-1|Acme Fasteners|draft" in read
    assert "|BOLT-M8-30|M8 x 30mm Hex Bolt|" in read
    assert "|North" in read
    assert ended["status"] == "done"
    assert book.users.admin.search(PURCHASE, ["id", "=", stands]) == []


# Several companies


@pytest.fixture
def second(book: Book, restart_after: None) -> int:
    """Make another company, in which the buyer may work as well; it has an order under the draft's number."""
    admin, dollar = book.users.admin, book.facts.currencies["USD"]
    (party,) = admin.create("party.party", {"name": "Second Works Ltd"})
    (company,) = admin.create("company.company", {"party": party, "currency": dollar})
    for user in (admin.user, user_id(book)):
        admin.write("res.user", user, companies=[["add", [company]]], company_filter="all")
    order = {"party": book.facts.vendors["acme"], "company": company, "currency": dollar}
    admin.create(PURCHASE, *({**order, "reference": name} for name in (DRAFT, "OTHER-1")))
    return company


def ids_of(book: Book, company: int) -> list[int]:
    return book.users.admin.search(PURCHASE, ["company", "=", company])


async def test_an_order_of_another_company_is_neither_listed_nor_found_nor_ended(
    harness: TrytonHarness, book: Book, second: int
) -> None:
    others = ids_of(book, second)

    async with harness.client(person=ScriptedPerson(approve)) as client:
        listed = text(await client.call_tool("list_purchase_orders", {"status": "draft"}))
        missed = [
            text(await client.call_tool(tool, {"number": f"({one})"}))
            for tool in ("get_purchase_order", CANCEL, DELETE)
            for one in others
        ]
        created = outcome(await client.call_tool(CREATE, dict(arguments_of("OTHER-1"))))
        deleted = outcome(await client.call_tool(DELETE, {"number": DRAFT}))

    assert (len(others), "OTHER-1" in listed) == (2, False)
    assert all("no order (" in reported for reported in missed)
    assert (created["status"], deleted["status"]) == ("done", "done")
    assert len(book.users.admin.search(PURCHASE, ["reference", "=", "OTHER-1"], ["company", "!=", second])) == 1
    assert ids_of(book, second) == others


def move_the_user(book: Book, company: int) -> None:
    """Move the user to another company's books, who may go back by themselves."""
    book.users.admin.write("res.user", user_id(book), company=company)


def take_the_user_out_of_the_company(book: Book, company: int) -> None:
    """Take the user out of the company, so that its orders look as if there were none."""
    companies = [["remove", [book.facts.company]]]
    book.users.admin.write("res.user", user_id(book), companies=companies, company=company)


def bring_the_user_back(book: Book) -> None:
    companies = [["add", [book.facts.company]]]
    book.users.admin.write("res.user", user_id(book), companies=companies, company=book.facts.company)


async def skip_the_check(*given: object) -> None:
    """Take the books of every company for the same."""


MOVES: dict[str, Callable[[Book, int], None]] = {"as well": move_the_user, "alone": take_the_user_out_of_the_company}


async def lose_the_write(harness: TrytonHarness, tool: str) -> str:
    """Ask for a write whose answer is lost: a create is carried out, a cancel or delete is not; return its id."""
    network = harness.wire
    assert isinstance(network, RpcWire)

    async def lose(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        if tool == CREATE:
            await (await wire.handle_async_request(request)).aread()
        network.on_read_rpc = out_of_reach
        raise httpx2.ReadError("lost")

    async def out_of_reach(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("gone")

    harness.wire.on_write = lose
    async with harness.client(person=ScriptedPerson(approve)) as client:
        first = outcome(await ask(client, tool))
    network.on_read_rpc = network.on_write = None
    assert first["status"] == "unknown"
    return str(first["operation_id"])


async def look_at(harness: TrytonHarness, operation_id: str) -> str:
    """Start a second server, and ask for an operation; return the text of the answer."""
    async with harness.client() as client:
        return text(await client.call_tool("get_operation", {"operation_id": operation_id}))


@pytest.mark.parametrize("tool", [CREATE, CANCEL, DELETE])
@pytest.mark.parametrize("move", MOVES)
async def test_a_lost_answer_is_not_settled_in_the_books_of_another_company(
    harness: TrytonHarness, book: Book, second: int, tool: str, move: str
) -> None:
    """The user's current company is changed, and the server started again: there, no such order stands."""
    operation_id = await lose_the_write(harness, tool)
    MOVES[move](book, second)

    reported = await look_at(harness, operation_id)
    bring_the_user_back(book)
    settled = await look_at(harness, operation_id)

    assert reported.startswith("unknown"), reported
    assert "another company in Tryton" in reported
    assert settled.startswith("done") if tool == CREATE else "Seen now: the order is " in settled, settled
    assert read_effects(book) == ("draft", tool == CREATE)


async def test_a_draft_that_stands_would_be_called_deleted_without_the_pinned_company(
    harness: TrytonHarness, book: Book, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = await lose_the_write(harness, DELETE)
    take_the_user_out_of_the_company(book, second)
    monkeypatch.setattr(reconcile, "need_same_books", skip_the_check)

    reported = await look_at(harness, operation_id)

    assert reported.startswith("done"), reported
    assert read_effects(book) == ("draft", 0)


def say_yes_elsewhere(harness: TrytonHarness, operation_id: str) -> None:
    """Approve on a page whose process ends before anything is sent."""
    with closing(JournalStore(harness.journal)) as store:
        found = store.find(operation_id)
        assert found is not None
        assert store.approve(operation_id, found.operation.payload, {"through": "page"})


@pytest.mark.parametrize("is_pinned", [True, False])
async def test_an_order_is_not_created_in_another_company_than_the_person_was_asked_in(
    harness: TrytonHarness, book: Book, second: int, monkeypatch: pytest.MonkeyPatch, is_pinned: bool
) -> None:
    """The question waits, a person says yes, the user is moved, and the server started again."""
    admin = book.users.admin
    async with harness.client() as client:
        waits = outcome(await ask(client, CREATE))
    say_yes_elsewhere(harness, waits["operation_id"])
    rate = {"currency": book.facts.currencies["USD"], "date": day(today()), "rate": money("1")}
    admin.create("currency.currency.rate", rate, {**rate, "currency": book.facts.currencies["EUR"]})
    admin.write("party.party", book.facts.vendors["acme"], supplier_currency=book.facts.currencies["EUR"])
    take_the_user_out_of_the_company(book, second)
    if not is_pinned:
        monkeypatch.setattr(executor, "need_same_books", skip_the_check)

    async with harness.client() as client:
        reported = text(await ask(client, CREATE))
        made = admin.search_read(PURCHASE, ["company"], ["reference", "=", NEW])
        bring_the_user_back(book)

    assert waits["status"] == "approval_required"
    assert made == [] if is_pinned else [row["company"] for row in made] == [second], reported
    assert ("another company in Tryton" in reported) is is_pinned, reported


async def test_a_user_who_sees_one_company_at_a_time_is_refused_and_not_shown_an_empty_book(
    harness: TrytonHarness, book: Book, second: int
) -> None:
    """Which one that is depends on who called first: a missing order proves nothing."""
    book.users.admin.write("res.user", user_id(book), company_filter="one")

    async with harness.client(person=ScriptedPerson(approve)) as client:
        reported = text(await client.call_tool(DELETE, {"number": "PM-2026-9999"}))
        created = text(await client.call_tool(CREATE, dict(arguments_of(NEW))))

    assert "sees one of them at a time" in reported
    assert "sees one of them at a time" in created
    assert harness.wire.writes == []
