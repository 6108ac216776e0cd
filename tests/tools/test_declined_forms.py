"""A form that was declined waits for nobody in the chat: what is said of it later says that it was declined."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, Literal

import pytest
from mcp.types import ElicitResult

from tests.harness import ERAS, ScriptedPerson, ServerHarness, outcome, text

both_eras = pytest.mark.parametrize("era", ERAS)
LINE = {"item": "NUT-M8", "quantity": "3", "unit_price": "0", "warehouse": "1"}
CREATE, FINALIZE, CLOSE = "create_purchase_order", "finalize_purchase_order", {"number": "PO-2025-0037"}


def declining() -> ScriptedPerson:
    return ScriptedPerson(ElicitResult(action="decline"))


def order(number: str) -> dict[str, Any]:
    return {"number": number, "vendor": "12", "lines": [LINE]}


@both_eras
async def test_declined_orders_do_not_wait_and_are_named_once(harness: ServerHarness, era: str) -> None:
    person = declining()
    async with harness.client(era, person) as client:
        for number in ("PO-2025-0050", "PO-2025-0060", "PO-2025-0070"):
            await client.call_tool(CREATE, order(number))

    assert not any("waiting for approval" in one.message for one in person.asked)
    assert person.asked[-1].message.count("It may be a duplicate of") == 1
    assert "It may be a duplicate of PO-2025-0060, which was declined." in person.asked[-1].message
    assert harness.wire.writes == []


async def test_an_order_that_waits_is_still_said_to_wait(harness: ServerHarness) -> None:
    person = declining()
    async with harness.client() as client:
        await client.call_tool(CREATE, order("PO-2025-0050"))
    async with harness.client(person=person) as client:
        await client.call_tool(CREATE, order("PO-2025-0060"))

    assert "It may be a duplicate of PO-2025-0050, which is waiting for approval." in person.asked[0].message


@both_eras
@pytest.mark.parametrize(("tool", "call"), [(FINALIZE, CLOSE), (CREATE, order("PO-2025-0050"))])
async def test_a_declined_question_is_listed_as_declined_and_without_a_link(
    harness: ServerHarness, era: str, tool: str, call: dict[str, Any]
) -> None:
    async with harness.client(era, declining()) as client:
        first = outcome(await client.call_tool(tool, call))
        listed = await client.call_tool("get_operation", {})
        [later] = outcome(listed)["operations"]
        one = outcome(await client.call_tool("get_operation", {"operation_id": first["operation_id"]}))

    assert [first["status"], later["status"]] == ["declined", "declined"]
    assert one["operations"] == [later]
    assert "This was declined (" in later["message"]
    assert "Its question stays open on the approval page until " in later["message"]
    for untrue in ("requested again", "needs approval", "http"):
        assert untrue not in text(listed)
    assert "approve_at" not in later


@both_eras
@pytest.mark.parametrize(("tool", "call"), [(FINALIZE, CLOSE), (CREATE, order("PO-2025-0050"))])
async def test_a_declined_question_that_is_requested_again_waits_again(
    harness: ServerHarness, era: str, tool: str, call: dict[str, Any]
) -> None:
    async with harness.client(era, declining()) as client:
        await client.call_tool(tool, call)
    async with harness.client(era) as client:
        again = outcome(await client.call_tool(tool, call))
        [waits] = outcome(await client.call_tool("get_operation", {}))["operations"]
    async with harness.client(era, declining()) as client:
        await client.call_tool(tool, call)
        [declined] = outcome(await client.call_tool("get_operation", {}))["operations"]

    assert [again["status"], waits["status"], declined["status"]] == ["approval_required"] * 2 + ["declined"]
    assert "; it was requested again." in again["message"]
    assert "; it was requested again." in waits["message"]
    assert "requested again" not in declined["message"]


@pytest.mark.parametrize("how", ["decline", "cancel"])
async def test_of_a_question_that_the_journal_lost_nobody_says_that_nothing_was_changed(
    harness: ServerHarness, how: Literal["decline", "cancel"]
) -> None:
    """As where an old copy of the journal is put back while a form is open: it may have been approved elsewhere."""

    def lose(form: Any) -> ElicitResult:
        with closing(sqlite3.connect(harness.journal)) as journal, journal:
            journal.execute("DELETE FROM write_operations")
        return ElicitResult(action=how)

    async with harness.client(ERAS[1], ScriptedPerson(lose)) as client:
        reported = outcome(await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"}))

    assert (reported["status"], reported["do_not_repeat"]) == ("unknown", True)
    assert "it is not known whether anything was changed" in reported["message"]
