"""`po-mcp approve`: a person at a terminal, and nobody else."""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from types import MappingProxyType

import anyio
import anyio.to_thread
import pytest
from mcp.types import CallToolResult, ElicitResult
from rich.console import Console

from po_mcp.approvals import presentation
from po_mcp.commands import approve
from po_mcp.commands._result_tables import _lines, shown, text_of
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.writes.journal import ApproverPin, JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin
from tests.approvals import page_harness
from tests.approvals.page_harness import browser
from tests.approvals.test_approved_outside_client import CANCEL, DELETE, FINALIZE, NUMBER, approve_and_leave
from tests.approvals.test_page import HOSTILE
from tests.commands.pseudo_terminal import at_terminal
from tests.commands.test_doctor import real
from tests.harness import ScriptedPerson, ServerHarness, outcome, set_pin
from tests.sandbox.sandbox_server import serve_sandbox

PIN = "correct horse"
APPROVE = [sys.executable, "-m", "po_mcp", "approve"]


def environment(harness: ServerHarness, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    settings = {"PO_MCP_SANDBOX": str(harness.book), "PO_MCP_JOURNAL": str(harness.journal)}
    return {**kept, **settings, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", **more}


def run_in_terminal(
    harness: ServerHarness,
    answers: list[str],
    *arguments: str,
    meanwhile: Callable[[], object] = lambda: None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str]:
    """Run it in a terminal of its own, and give one answer to each prompt; do something before the first."""
    variables = environment(harness, **settings)
    return at_terminal(["approve", *arguments], answers, variables, meanwhile=meanwhile)


async def ask(harness: ServerHarness, *tools: str) -> str:
    """Have an assistant ask for it through a client that shows nothing; return the last operation's id."""
    async with harness.client() as client:
        for tool in tools:
            last = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
    found: str = last["operation_id"]
    return found


async def became(harness: ServerHarness, operation_id: str) -> str:
    async with harness.client() as client:
        result = await client.call_tool("get_operation", {"operation_id": operation_id})
    status: str = outcome(result)["operations"][0]["status"]
    return status


async def test_the_typed_number_approves_and_it_is_carried_out_at_once(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)

    status, screen = run_in_terminal(harness, ["PO-2025-0038"])

    assert status == 0
    assert "Sandbox: no real orders." in screen
    assert "Delete order PO-2025-0038 permanently?" in screen
    assert f"Where: sandbox {harness.book}" in screen.replace("\n", "")
    assert "Order PO-2025-0038 was deleted." in screen
    assert harness.order("PO-2025-0038") is None
    assert await became(harness, one) == "done"


async def test_one_of_several_is_chosen_and_its_backorder_is_asked_for(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE, FINALIZE)

    status, screen = run_in_terminal(harness, ["2", "y", "n"])

    assert status == 0
    assert "Which one?" in screen
    assert await became(harness, one) == "done"
    assert harness.order("PO-2025-0037-BO1") is None


async def test_a_cancel_is_approved_with_a_yes(harness: ServerHarness) -> None:
    one = await ask(harness, CANCEL)

    status, screen = run_in_terminal(harness, ["y"])

    assert status == 0
    assert "Cancel order PO-2025-0041?" in screen
    assert "The order stays in the sandbox as inactive and can be reactivated there." in " ".join(screen.split())
    assert harness.order("PO-2025-0041").status == "cancelled"
    assert await became(harness, one) == "done"


@pytest.mark.parametrize(
    ("tool", "answers"),
    [(DELETE, ["no"]), (FINALIZE, ["n"]), (CANCEL, ["n"])],
    ids=["delete", "finalize", "cancel"],
)
async def test_a_no_ends_it(harness: ServerHarness, tool: str, answers: list[str]) -> None:
    one = await ask(harness, tool)

    status, screen = run_in_terminal(harness, answers, NUMBER[tool])

    assert (status, "Declined. Nothing was changed." in screen) == (0, True)
    assert await became(harness, one) == "declined"


@pytest.mark.parametrize("answers", [["PO-2025-0042"] * 3, [""] * 3, ["\x03"], ["\x04"]], ids=ascii)
async def test_an_answer_of_another_form_decides_nothing(harness: ServerHarness, answers: list[str]) -> None:
    one = await ask(harness, DELETE)

    status, screen = run_in_terminal(harness, answers, one)

    assert status == 3
    assert "Traceback" not in screen
    assert await became(harness, one) == "approval_required"


async def test_a_mistyped_number_may_be_typed_again(harness: ServerHarness) -> None:
    await ask(harness, DELETE)

    status, screen = run_in_terminal(harness, ["PO-2025-0042", "", '"PO-2025-0038"'])

    assert status == 0
    assert screen.count("That is not the order number, PO-2025-0038. Nothing was changed.") == 2
    assert harness.order("PO-2025-0038") is None


async def test_the_pin_is_asked_for_and_not_shown(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)

    set_pin(harness.journal, PIN)
    wrong, reported = run_in_terminal(harness, ["PO-2025-0038", "guess", "", "guess"])
    between = await became(harness, one)
    right, screen = run_in_terminal(harness, ["PO-2025-0038", "a slip", PIN])

    assert (wrong, between, right) == (3, "approval_required", 0)
    reported = " ".join(reported.split())
    assert "Wrong PIN. Nothing was changed. 9 more tries within the hour, then one a minute." in reported
    assert "Enter your PIN. Nothing was changed. 9 more tries within the hour, then one a minute." in reported
    assert "No decision. It is still waiting." in reported
    assert "Wrong PINs in the last hour: 2 in a terminal." in screen
    assert harness.order("PO-2025-0038") is None
    assert "correct horse" not in screen


async def test_a_pin_that_the_caller_brings_along_approves_nothing(harness: ServerHarness) -> None:
    """A program that starts the command chooses its environment, and types what it likes."""
    await ask(harness, DELETE)
    set_pin(harness.journal, PIN)
    brought = {"PO_MCP_APPROVER_PIN": "111111"}

    status, reported = run_in_terminal(harness, ["y", *["111111"] * 3], settings=brought)

    reported = " ".join(reported.split())
    assert "It cannot be approved here. PO_MCP_APPROVER_PIN is not the approver PIN that was set." in reported
    assert "Wrong PIN." in reported
    assert (status, harness.order("PO-2025-0038") is None) == (3, False)


async def test_the_beginning_of_an_id_names_it(harness: ServerHarness) -> None:
    await ask(harness, DELETE)
    one = await ask(harness, CANCEL)

    status, screen = run_in_terminal(harness, ["y"], one[:12])

    assert status == 0
    assert "Order PO-2025-0041 was cancelled." in screen


@pytest.mark.parametrize(
    ("answer", "status", "said", "after", "is_there"),
    [
        ("take back", 0, "Approval taken back. Nothing was changed.", "declined", True),
        ("send", 0, "Order PO-2025-0038 was deleted.", "done", False),
        ("leave", 3, "No decision. It is still approved, and not sent yet.", "approved", True),
    ],
)
async def test_an_approved_operation_is_carried_out_or_taken_back(
    harness: ServerHarness, answer: str, status: int, said: str, after: str, is_there: bool
) -> None:
    one = await ask(harness, DELETE)
    approve_and_leave(harness, one)

    ended, screen = run_in_terminal(harness, [f"{answer}"], one)

    assert (ended, said in screen) == (status, True), screen
    assert await became(harness, one) == after
    assert (harness.order("PO-2025-0038") is not None) is is_there


async def test_an_operation_sent_while_the_person_read_it_cannot_be_taken_back(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)
    approve_and_leave(harness, one)

    def carry_out_elsewhere() -> None:
        with closing(JournalStore(harness.journal)) as store:
            found = store.find(one)
            assert found is not None
            assert store.claim(one, Sandbox(harness.book).connection) is not None

    ended, screen = run_in_terminal(harness, ["take back"], one, meanwhile=carry_out_elsewhere)

    assert ended == 1
    assert "It was sent already, so it cannot be taken back." in screen


async def test_an_operation_of_another_connection_is_not_approved_and_may_be_rejected(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)
    elsewhere = {"PO_MCP_SANDBOX": str(harness.book.with_name("another.db"))}

    left, screen = run_in_terminal(harness, ["n"], one, settings=elsewhere)
    between = await became(harness, one)
    rejected, _ = run_in_terminal(harness, ["y"], one, settings=elsewhere)

    assert (left, between, rejected) == (3, "approval_required", 0)
    assert "It cannot be approved here." in screen
    assert f"It was asked for on sandbox {harness.book}" in " ".join(screen.replace("\n", "").split())
    assert "Delete the order?" not in screen
    assert "Type PO" not in screen
    assert await became(harness, one) == "declined"


async def test_where_the_operator_lets_nothing_be_written_nothing_is_approved(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)

    left, screen = run_in_terminal(harness, ["n"], one, settings={"PO_MCP_READ_ONLY": "true"})

    assert (left, await became(harness, one)) == (3, "approval_required")
    assert "PO_MCP_READ_ONLY is set here" in screen


async def test_an_erp_that_cannot_be_reached_leaves_the_approval_as_it_is(harness: ServerHarness) -> None:
    async with serve_sandbox() as there:
        settings = real("inventory-pro", there.port, PO_MCP_JOURNAL=str(harness.journal))
        run = await anyio.run_process(
            [sys.executable, "-m", "po_mcp", "call", FINALIZE, "number=PO-2025-0037", "--json"],
            env=environment(harness, **settings),
            check=False,
        )
        one = json.loads(run.stdout)["operation_id"]

    ended, screen = await anyio.to_thread.run_sync(lambda: run_in_terminal(harness, ["y", "n"], one, settings=settings))

    assert ended == 3
    assert "Inventory Pro cannot be reached" in screen
    assert "It is still approved: send it, or take the approval back, with" in " ".join(screen.split())
    with closing(JournalStore(harness.journal)) as store:
        found = store.find(one)
        assert found is not None
        assert found.state == "APPROVED"
        assert [event.event for event in store.events(one)][-1] == "not carried out"


async def test_without_a_terminal_nobody_decides(harness: ServerHarness) -> None:
    one = await ask(harness, DELETE)

    run = await anyio.run_process([*APPROVE, one], env=environment(harness), input=b"PO-2025-0038\n", check=False)

    assert run.returncode == 3
    assert b"approve needs a terminal" in run.stderr
    assert await became(harness, one) == "approval_required"


@pytest.mark.parametrize("name", ["PO-1999-0001", "0" * 32, None], ids=str)
def test_where_nothing_waits_it_says_so(harness: ServerHarness, name: str | None) -> None:
    status, screen = run_in_terminal(harness, [], *([name] if name else []))

    assert status == 1
    assert "Nothing is waiting" in screen
    assert not harness.journal.exists()


def test_no_text_of_the_erp_adds_a_line_or_hides_a_figure() -> None:
    """What is printed of 200 hostile texts, as vendor and as a line, in a terminal of 200 columns."""
    from tests.approvals.test_view import present_order

    for text in HOSTILE:
        shown = present_order(vendor=text, text=text)
        facts = dict(approve.facts_of(shown))
        printed = io.StringIO()
        Console(file=printed, width=600, highlight=False).print(approve.lines_of(shown.order))

        assert "\n" not in facts["Vendor"]
        assert facts["Total"] == "4,800.00 EUR"
        assert len(printed.getvalue().splitlines()) == 5
        assert "4,250.00" in printed.getvalue()
        assert not any(ord(letter) < 32 and letter != "\n" for letter in printed.getvalue())


@pytest.mark.parametrize("figure", ["1.00", "999,999,999,999.123456"])
@pytest.mark.parametrize("text", ["A ball bearing of steel", "Bearing" * 17, ""])
def test_on_80_columns_no_code_and_no_figure_is_cut(text: str, figure: str) -> None:
    """In `po-mcp approve` and in `po-mcp call` alike; what has no room goes on below, letter for letter."""
    code, exact = "BRG-6205-2RS/C3-SERIES-B", figure.replace(",", "")
    one = {"item": code, "description": text, "quantity": exact, "unit_price": exact, "line_total": exact}
    content = {"number": "PO-1", "vendor": "A", "status": "open", "currency": "USD", "lines": [one]}
    line = page_harness.line(1, code, text, exact, "0", exact).model_copy(update={"line_total": Decimal(exact)})
    read = page_harness.order().model_copy(update={"lines": (line,), "currency": "USD"})
    lines = [approve.lines_of(presentation._read(read)), _lines([one], "USD")]
    for table in (*lines, shown(CallToolResult(content=[], structured_content=content))):
        printed = io.StringIO()
        Console(file=printed, width=80, highlight=False).print(table)
        seen = printed.getvalue()

        assert "…" not in seen
        assert max(map(len, seen.splitlines())) <= 80
        assert Counter(seen) >= Counter(f"{code}{text.replace(' ', '')}{figure}USD{figure}USD")


async def test_the_question_stays_in_sight_however_many_lines_an_order_has(harness: ServerHarness) -> None:
    await ask(harness, CANCEL)

    _, screen = await anyio.to_thread.run_sync(run_in_terminal, harness, ["n"])
    last = screen.partition("Cancel the order?")[0].splitlines()[-20:]

    for said in ("Cancel order PO-2025-0041?", "can be reactivated", "Central Supply Co.", "12,740.50"):
        assert said in "\n".join(last)


@pytest.mark.parametrize("total", ["1.00", "999999999999.123456"])
@pytest.mark.parametrize("number", ["PO-1", "PO-" + "7" * 61])
def test_on_80_columns_a_list_shows_each_number_vendor_and_total_whole(number: str, total: str) -> None:
    vendor = "Consolidated Northern Bearings and Fasteners Ltd"
    days = {"ordered_at": "2026-11-21T00:00:00Z", "expected_on": "2026-12-01"}
    read = {"number": number, "vendor": vendor, "status": "partial", "total": total, "currency": "USD", **days}
    printed = io.StringIO()
    Console(file=printed, width=80).print(shown(CallToolResult(content=[], structured_content=read)))
    seen = printed.getvalue()

    assert "…" not in seen
    assert max(map(len, seen.splitlines())) <= 80
    assert Counter(seen) >= Counter(f"{number}{vendor.replace(' ', '')}{Decimal(total):,}USD")


def set_a_pin(harness: ServerHarness, answers: list[str], how: str = "--set-pin") -> tuple[int, str]:
    return run_in_terminal(harness, answers, how)


def read_pin(harness: ServerHarness) -> ApproverPin:
    with closing(JournalStore(harness.journal)) as store:
        return store.approver_pin()


def test_a_pin_is_set_and_changed_with_the_one_before_it(harness: ServerHarness) -> None:
    first, _ = set_a_pin(harness, ["short", "short", PIN, PIN])
    refused, screen = set_a_pin(harness, ["a guess"] * 3)
    changed, _ = set_a_pin(harness, [PIN, "another one", "another one"])

    assert (first, refused, changed) == (0, 3, 0)
    assert "Wrong PIN. 8 more tries within the hour, then one a minute." in screen
    assert "Wrong PIN. The PIN was not changed." in screen
    assert (read_pin(harness).fits("another one"), read_pin(harness).reset_at) == (True, None)


async def test_a_pin_that_is_reset_is_mentioned_with_every_question(harness: ServerHarness) -> None:
    set_pin(harness.journal, PIN)
    kept, _ = run_in_terminal(harness, ["n"], "--reset-pin")
    was_kept = read_pin(harness).fits(PIN)
    status, _ = run_in_terminal(harness, ["y", "another one", "another one"], "--reset-pin")
    person = ScriptedPerson(ElicitResult(action="decline"))
    async with harness.client(person=person) as client:
        await client.call_tool(DELETE, {"number": NUMBER[DELETE]})
    shown = person.asked[0]
    _, screen = run_in_terminal(harness, ["no", "another one"])

    assert (kept, was_kept, status, read_pin(harness).fits("another one")) == (3, True, 0, True)
    assert "CAUTION: approver PIN reset on" in shown.message.split("\n")[3]
    assert "CAUTION: approver PIN reset on" in shown.requested_schema["properties"]["order_number"]["description"]
    assert "CAUTION: approver PIN reset on" in screen


@pytest.mark.parametrize("held", [None, "another one"])
async def test_a_server_with_another_pin_asks_nobody_and_keeps_the_pin(
    harness: ServerHarness, held: str | None
) -> None:
    if held is not None:
        set_pin(harness.journal, held)
    person = ScriptedPerson(ElicitResult(action="accept", content={"order_number": "PO-2025-0038"}))
    async with harness.client(person=person, approver_pin=PIN) as client:
        result = await client.call_tool(DELETE, {"number": "PO-2025-0038"})
        listed = await client.call_tool("list_purchase_orders", {})

    assert result.is_error
    assert "PO_MCP_APPROVER_PIN" in text_of(result)
    assert "po-mcp approve --set-pin" in text_of(result)
    assert (person.asked, harness.order("PO-2025-0038") is not None, listed.is_error) == ([], True, False)
    assert read_pin(harness).is_set == (held is not None)


async def test_a_page_of_a_server_with_another_pin_carries_nothing_out(harness: ServerHarness) -> None:
    set_pin(harness.journal, PIN)
    async with harness.client(approver_pin=PIN) as client:
        asked_for = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
        with closing(JournalStore(harness.journal)) as store:
            store.upkeep.set_approver_pin(hash_pin("another one"), store.approver_pin().hash, "PIN changed")
        async with browser(asked_for["approve_at"]) as person:
            answer = await person.send("approve", order_number="PO-2025-0038", pin="another one")

    assert answer.status_code == 409
    assert "PO_MCP_APPROVER_PIN is not the approver PIN that was set." in answer.text
    assert harness.order("PO-2025-0038") is not None
