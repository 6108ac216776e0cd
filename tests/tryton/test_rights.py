"""Users who lack one right each: what they may do is done, and what they may not says which right to grant."""

from __future__ import annotations

import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.errors import NotPermitted
from tests.harness import ScriptedPerson, text
from tests.tryton.book import PURCHASE
from tests.tryton.company import password
from tests.tryton.conftest import Book, Connect
from tests.tryton.harness import TrytonHarness, approve
from tests.tryton.test_tools import DELETE

pytestmark = pytest.mark.tryton

DRAFT, NEW = "PM-2026-0001", "PM-2026-0042"


def make_user(book: Book, lacks: str) -> str:
    """Make a user of a group that has every right of the group Purchase but one on orders; return their login."""
    admin, login = book.users.admin, f"without-{lacks}"
    of_purchase = admin.on("ir.model.data", "get_id", "purchase", "group_purchase")
    (group,) = admin.create("res.group", {"name": login})
    names = ("perm_read", "perm_write", "perm_create", "perm_delete")
    for row in admin.search_read("ir.model.access", ["model", *names], ["group", "=", of_purchase]):
        rights = {name: bool(row[name]) for name in names}
        if row["model"] == PURCHASE:
            rights[f"perm_{lacks}"] = False
        admin.create("ir.model.access", {"model": row["model"], "group": group, **rights})
    company = book.facts.company
    who = {"name": login, "login": login, "password": password(login), "groups": [["add", [group]]]}
    admin.create("res.user", {**who, "companies": [["add", [company]]], "company": company})
    return login


async def write(erp: Tryton, book: Book, kind: str) -> None:
    """Create, cancel or delete an order."""
    if kind == "create":
        await erp.create_order(book.draft(NEW))
    elif kind == "cancel":
        await erp.cancel_order(DRAFT)
    else:
        await erp.delete_order("(2)")


@pytest.mark.parametrize("lacks", ["create", "write", "delete"])
async def test_a_right_that_is_missing_is_named_and_all_others_are_used(
    connect: Connect, book: Book, lacks: str
) -> None:
    erp = connect(make_user(book, lacks))
    kinds = {"create": "create", "cancel": "write", "delete": "delete"}

    assert await erp.read_rights() == {kind for kind, right in kinds.items() if right != lacks}
    for kind, right in kinds.items():
        if right != lacks:
            await write(erp, book, kind)
            continue
        with pytest.raises(NotPermitted, match=f"the right to {kind} orders: the group Purchase has it") as refused:
            await write(erp, book, kind)
        assert refused.value.effect == ("nothing_sent" if kind == "create" else "nothing_changed")


async def test_a_user_who_may_not_read_orders_gets_the_name_of_that_right(connect: Connect, book: Book) -> None:
    erp = connect(make_user(book, "read"))

    for call in (erp.get_order(DRAFT), erp.create_order(book.draft(NEW)), erp.delete_order(DRAFT)):
        with pytest.raises(NotPermitted, match="the right to read orders"):
            await call


async def test_a_delete_that_the_user_may_not_make_is_not_put_to_a_person(harness: TrytonHarness, book: Book) -> None:
    person = ScriptedPerson(approve)
    harness.login = make_user(book, "delete")

    async with harness.client(person=person) as client:
        reported = text(await client.call_tool(DELETE, {"number": DRAFT}))

    assert "may not delete orders" in reported
    assert (person.asked, harness.wire.writes) == ([], [])
