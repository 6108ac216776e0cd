"""What happens in Tryton between the question and the write: rights, users, companies and things change.

Every time nothing may be sent that a person did not see, and what is said must be so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitResult

from tests.harness import ScriptedPerson, outcome, text
from tests.tryton.book import PURCHASE
from tests.tryton.company import password
from tests.tryton.conftest import Book
from tests.tryton.harness import RpcWire, TrytonHarness, arguments_of
from tests.tryton.test_tools import CANCEL, CREATE, DELETE, says_yes

pytestmark = pytest.mark.tryton

DRAFT, NEW = "PM-2026-0001", "PM-2026-0042"
Change = Callable[[Book], object]


@pytest.fixture
def harness(book: Book, tmp_path: Path) -> Iterator[TrytonHarness]:
    yield TrytonHarness(tmp_path / "book", RpcWire(users=book.users), url=book.url, users=book.users)
    # In Tryton itself, which keeps in memory what a user may do: a reset of the database does not tell it.
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


def leave_the_group(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), groups=[["remove", [group_id(book, "Purchase")]]])


def become_a_reader(book: Book) -> None:
    """Move the user to a group that reads orders and writes none."""
    changed = [["remove", [group_id(book, "Purchase")]], ["add", [group_id(book, "Accounting")]]]
    book.users.admin.write("res.user", user_id(book), groups=changed)


def leave_the_company(book: Book) -> None:
    gone = {"companies": [["remove", [book.facts.company]]], "company": None}
    book.users.admin.write("res.user", user_id(book), **gone)


def get_another_password(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), password="another-secret-2")


def be_deactivated(book: Book) -> None:
    book.users.admin.write("res.user", user_id(book), active=False)


LOST: dict[str, tuple[Change, str]] = {
    "the group": (leave_the_group, "may not read orders"),
    "the right to write": (become_a_reader, "may not "),
    "the company": (leave_the_company, "lost the company"),
    "the password": (get_another_password, "rejected the client id or secret"),
    "the user": (be_deactivated, "rejected the client id or secret"),
}
EVERY_LOSS = pytest.mark.parametrize("lost", LOST)


async def ask(client: Client, tool: str) -> CallToolResult:
    """Ask for an order at the price of the list, which is put to a person, or for the end of one."""
    if tool != CREATE:
        return await client.call_tool(tool, {"number": DRAFT})
    asked = dict(arguments_of(NEW))
    asked["lines"] = [{**asked["lines"][0], "unit_price": None}]
    return await client.call_tool(tool, asked)


def show(book: Book) -> tuple[str, int]:
    """Return the state of the draft and how many new orders there are, read by the administrator."""
    admin = book.users.admin
    return (
        admin.read(PURCHASE, book.orders["draft"], "state")["state"],
        len(admin.search(PURCHASE, ["reference", "=", NEW])),
    )


@pytest.mark.parametrize("tool", [CREATE, CANCEL, DELETE])
@EVERY_LOSS
async def test_what_the_user_lost_while_the_person_read_is_told_and_nothing_is_changed(
    harness: TrytonHarness, book: Book, tool: str, lost: str
) -> None:
    lose, words = LOST[lost]

    def answer(params: ElicitRequestFormParams) -> ElicitResult:
        lose(book)
        return says_yes(params)

    person = ScriptedPerson(answer)
    async with harness.client(person=person) as client:
        told = await ask(client, tool)
        waiting = text(await client.call_tool("get_operation", {}))

    assert len(person.asked) == 1
    assert words in text(told)
    assert "Nothing was" in text(told) or outcome(told)["status"] == "unknown"
    assert not harness.wire.writes or lost == "the right to write" or tool == CREATE
    assert "not carried out yet" in waiting or harness.wire.writes
    assert show(book) == ("draft", 0)


@pytest.mark.parametrize("tool", [CREATE, CANCEL, DELETE])
@EVERY_LOSS
async def test_what_the_user_loses_at_the_moment_of_the_write_is_no_success(
    harness: TrytonHarness, book: Book, tool: str, lost: str
) -> None:
    async def lose_it_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        LOST[lost][0](book)
        return await wire.handle_async_request(request)

    harness.wire.on_write = lose_it_first
    async with harness.client(person=ScriptedPerson(says_yes)) as client:
        told = outcome(await ask(client, tool))

    assert (told["status"], len(harness.wire.writes)) == ("refused" if lost == "the right to write" else "unknown", 1)
    assert "no order (" not in told["message"]  # it is there, and this user is not shown it
    assert ", but The " not in told["message"]
    assert show(book) == ("draft", 0)


@EVERY_LOSS
async def test_an_order_that_the_user_may_no_longer_see_is_not_taken_for_deleted(
    harness: TrytonHarness, book: Book, lost: str
) -> None:
    """The request is lost, and so is the right: to this user the order looks as if it were gone."""

    async def lose_both(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        LOST[lost][0](book)
        raise httpx2.ReadError("lost")

    harness.wire.on_write = lose_both
    async with harness.client(person=ScriptedPerson(says_yes)) as client:
        told = [outcome(await client.call_tool(DELETE, {"number": DRAFT})) for _ in range(2)]

    assert [one["status"] for one in told] == ["unknown", "unknown"]
    assert len(harness.wire.writes) == 1
    assert show(book) == ("draft", 0)
