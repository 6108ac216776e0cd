"""`po-mcp journal`: what real calls left in the journal, as a person and a program see it, settled and verified."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp.types import ElicitRequestFormParams, ElicitResult

from po_mcp.config import Settings, load
from po_mcp.connectors import connect
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import ERP
from po_mcp.orders import Snapshot
from po_mcp.sandbox import Book
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.kinds.cancel import Cancel
from po_mcp.writes.operation import Operation, Requester, WriteOutcome
from tests.approvals.page_harness import order
from tests.commands.pseudo_terminal import at_terminal
from tests.commands.test_doctor import real
from tests.harness import Reply, ScriptedPerson, ServerHarness, accept, outcome, set_pin, yes
from tests.sandbox.sandbox_server import serve_sandbox
from tests.stdio.test_process import environment

JOURNAL = [sys.executable, "-m", "po_mcp", "journal"]
LINES = [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]
TEST_ORDER = {"number": "PO-2025-0038"}
UNDECIDED = {"PO_MCP_READ_LAG": "86400"}
"""Settings under which an effect that is absent decides nothing for a day, so that a person is asked."""
TYPED = accept(order_number="PO-2025-0038")


def settings_of(harness: ServerHarness, **changes: str) -> dict[str, str]:
    return environment(harness.book, PO_MCP_JOURNAL=str(harness.journal), **changes)


def run(harness: ServerHarness, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it as a program would, without a terminal."""
    return subprocess.run(
        [*JOURNAL, *arguments],
        env=settings_of(harness, **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def in_terminal(
    harness: ServerHarness,
    answers: list[str],
    *arguments: str,
    meanwhile: Callable[[], object] = lambda: None,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str]:
    """Run it in a terminal, and give one answer to each prompt; return its status and the screen on one line."""
    variables = settings_of(harness, NO_COLOR="1", TERM="dumb", **{"COLUMNS": "120", **UNDECIDED, **changes})
    status, screen = at_terminal(["journal", *arguments], answers, variables, meanwhile=meanwhile)
    return status, " ".join(screen.split())


async def lose_answer(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("gone")


async def call(
    harness: ServerHarness,
    tool: str,
    arguments: dict[str, Any],
    reply: Reply | Callable[[ElicitRequestFormParams], Reply] = TYPED,
    ago: float = 0.0,
) -> str:
    """Have a tool called, `ago` seconds ago, by a client whose person replies so; return the operation's id."""
    async with harness.client(person=ScriptedPerson(reply), clock=lambda: time.time() - ago) as client:
        operation_id: str = outcome(await client.call_tool(tool, arguments))["operation_id"]
    return operation_id


async def delete(harness: ServerHarness, ago: float = 0.0) -> str:
    return await call(harness, "delete_purchase_order", TEST_ORDER, ago=ago)


async def create(harness: ServerHarness, number: str = "PO-2025-0043", **line: str) -> str:
    arguments = {"number": number, "vendor": "12", "lines": [{**LINES[0], **line}]}
    return await call(harness, "create_purchase_order", arguments)


async def unknown(harness: ServerHarness, ago: float = 300.0) -> str:
    """Leave a delete behind that never arrived, and of which nothing is known."""
    harness.wire.on_write = lose_answer
    try:
        return await delete(harness, ago)
    finally:
        harness.wire.on_write = None


async def unknown_cancel(harness: ServerHarness, ago: float = 0.0) -> str:
    harness.wire.on_write = lose_answer
    try:
        return await call(harness, "cancel_purchase_order", {"number": "PO-2025-0036"}, yes, ago)
    finally:
        harness.wire.on_write = None


def state(harness: ServerHarness, operation_id: str) -> str:
    with closing(JournalStore(harness.journal)) as journal:
        recorded = journal.find(operation_id)
    assert recorded is not None
    return recorded.state


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("arguments", [[], ["list"], ["list", "--all"]], ids=str)
def test_where_nothing_was_written_yet_the_list_says_so_and_makes_no_file(
    harness: ServerHarness, arguments: list[str]
) -> None:
    listed = run(harness, *arguments)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.startswith(f"No operations yet. The journal will be {harness.journal}.")
    assert not harness.journal.exists()


@pytest.mark.parametrize("arguments", [["show", "ab"], ["settle", "ab"], ["verify"]], ids=str)
def test_where_nothing_was_written_yet_nothing_can_be_shown_settled_or_vouched_for(
    harness: ServerHarness, arguments: list[str]
) -> None:
    shown = run(harness, *arguments)

    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("po-mcp: No operations yet")
    assert not harness.journal.exists()


def test_a_program_reads_an_empty_list_where_nothing_was_written_yet(harness: ServerHarness) -> None:
    assert json.loads(run(harness, "list", "--json").stdout) == {"operations": [], "totals": {}}


async def test_the_list_tells_each_operation_and_what_came_of_it_the_newest_last(harness: ServerHarness) -> None:
    first, second, third = await create(harness), await delete(harness), await unknown_finalize(harness)

    listed = run(harness)

    assert (listed.returncode, listed.stderr) == (0, "")
    rows = listed.stdout.splitlines()
    assert [row[:12] for row in rows[1:4]] == [first[:12], second[:12], third[:12]]
    assert "Create order PO-2025-0043" in rows[1]
    assert "Done           Order PO-2025-0043 for Acme Fasteners was created: 1 line, total 0.66." in rows[1]
    assert "Order PO-2025-0038 was deleted." in rows[2]
    assert "Not confirmed  It is not known whether order PO-2025-0037 was closed" in rows[3]
    assert rows[-1] == "3 operations: 2 done, 1 not confirmed."


async def test_on_a_narrow_screen_what_came_of_it_stands_below(harness: ServerHarness) -> None:
    operation_id = await create(harness)

    status, screen = in_terminal(harness, [], changes={"COLUMNS": "80"})

    assert status == 0
    assert f"{operation_id[:12]} " in screen
    assert re.search(r"Create order PO-2025-0043: Done Order PO-2025-0043 for", screen)


async def unknown_finalize(harness: ServerHarness) -> str:
    harness.wire.on_write = lose_answer
    arguments = {"number": "PO-2025-0037", "create_backorder": False}
    operation_id = await call(harness, "finalize_purchase_order", arguments, yes)
    harness.wire.on_write = None
    return operation_id


async def test_the_list_holds_the_open_ones_and_the_latest_twenty_and_all_when_asked(harness: ServerHarness) -> None:
    left = await unknown(harness)
    at_an_end = [await create(harness, f"PO-2026-{place:04}", quantity=str(place)) for place in range(1, 23)]

    listed = json.loads(run(harness, "list", "--json").stdout)
    everything = json.loads(run(harness, "list", "--all", "--json").stdout)

    assert [one["id"] for one in listed["operations"]] == [left, *at_an_end[2:]]
    assert [one["id"] for one in everything["operations"]] == [left, *at_an_end]
    assert listed["totals"] == everything["totals"] == {"UNKNOWN": 1, "DONE": 22}
    assert "2 more: po-mcp journal list --all" in run(harness).stdout


async def test_a_proposal_whose_time_is_over_is_shown_expired_and_looking_does_not_write(
    harness: ServerHarness,
) -> None:
    asked = await call(harness, "delete_purchase_order", TEST_ORDER, ElicitResult(action="decline"))
    with (
        closing(JournalStore(harness.journal, clock=lambda: 0.0)) as journal,
        closing(sqlite3.connect(harness.journal)) as db,
    ):
        db.execute("UPDATE write_operations SET expires_at = 1")
        db.commit()
        before = journal.counts()

        assert json.loads(run(harness, "list", "--json").stdout)["totals"] == {"EXPIRED": 1}
        shown = " ".join(run(harness, "show", asked).stdout.split())
        assert "Expired. Nothing was changed." in shown
        assert journal.counts() == before


async def test_the_events_of_an_operation_are_shown_in_order(harness: ServerHarness) -> None:
    operation_id = await delete(harness)

    shown = run(harness, "show", operation_id[:6])

    assert (shown.returncode, shown.stderr) == (0, "")
    text = flat(shown.stdout)
    assert re.search(r"Requested by mcp \S+, MCP 2026-07-28", text)
    assert "Delete order PO-2025-0038 permanently? This cannot be undone." in text
    reported = [
        " requested",
        " approved in the chat",
        " sent ",
        " done answer",
    ]
    places = [text.index(each) for each in reported]
    assert places == sorted(places)
    assert "answer: success, verified" in text


async def test_a_program_reads_the_exact_question_and_the_events_with_their_times(harness: ServerHarness) -> None:
    person = ScriptedPerson(TYPED)
    async with harness.client(person=person) as client:
        operation_id = outcome(await client.call_tool("delete_purchase_order", TEST_ORDER))["operation_id"]

    shown = json.loads(run(harness, "show", operation_id, "--json").stdout)

    assert shown["question"] == person.asked[0].message == shown["events"][0]["detail"]["shown"]
    assert [event["event"] for event in shown["events"]] == ["PROPOSED", "APPROVED", "SENT", "DONE"]
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in shown["events"])
    assert shown["outcome"]["status"] == "done"
    assert shown["payload"]["snapshot"]["order"]["number"] == "PO-2025-0038"


async def test_of_a_create_it_shows_what_was_to_be_ordered(harness: ServerHarness) -> None:
    text = flat(run(harness, "show", await create(harness)).stdout)

    assert "Order PO-2025-0043 for Acme Fasteners" in text
    assert (
        text.count("Ordered: 3 EA of NUT-M8 (M8 Hex Nut) at 0.22. Deliver to: Main.") == 2
    )  # the outcome, and the order
    assert "requested, no approval needed" in text


async def test_text_that_steers_a_terminal_is_written_out(harness: ServerHarness) -> None:
    operation_id = await create(harness)
    rewritten = {"draft": {"number": "PO\x1b[2J", "vendor": {"id": None, "name": "[red]A\u202e"}, "lines": []}}
    edit(harness.journal, "UPDATE write_operations SET payload = ?", json.dumps(rewritten))

    text = run(harness, "show", operation_id).stdout

    assert "\x1b" not in text
    assert r"Order «PO\u{001B}[2J» for «[red]A\u{202E}»" in text


@pytest.mark.parametrize("which", ["show", "settle"])
async def test_an_id_must_begin_one_operation(harness: ServerHarness, which: str) -> None:
    await create(harness)
    await delete(harness)

    for beginning, said in (("", "2 operations have an id that starts like this."), ("xyz", "No operation has an id")):
        shown = run(harness, which, beginning)
        assert (shown.returncode, shown.stdout) == (1, "")
        assert said in shown.stderr
        assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["list"], ["show", "ab"], ["settle", "ab"], ["verify"]], ids=str)
def test_a_file_that_is_no_journal_ends_it_with_one_line(harness: ServerHarness, arguments: list[str]) -> None:
    harness.journal.write_text("not a database, and long enough to be told from an empty one\n" * 40)

    ended = run(harness, *arguments)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("po-mcp: po-mcp cannot record operations right now")
    assert ended.stderr.count("\n") == 1


# settle


async def test_an_effect_that_a_reading_shows_is_settled_without_asking(harness: ServerHarness) -> None:
    operation_id = await unknown(harness)
    harness.change(lambda book: book.delete("PO-2025-0038"))

    settled = run(harness, "settle", operation_id)

    assert settled.returncode == 0
    assert "Settled. SANDBOX: Order PO-2025-0038 was deleted, confirmed by reading it back" in settled.stdout
    assert state(harness, operation_id) == "DONE"


@pytest.mark.parametrize(
    ("meanwhile", "after", "said"),
    [
        ("cancelled", "DONE", "was cancelled, confirmed by reading it back"),
        ("closed", "CONFLICT", "was not cancelled: the order is closed."),
        ("deleted", "UNKNOWN", "Not clear yet: the order cannot be found."),
    ],
)
async def test_a_cancel_that_was_lost_is_settled_by_how_the_order_reads(
    harness: ServerHarness, meanwhile: str, after: str, said: str
) -> None:
    operation_id = await unknown_cancel(harness)
    listed = run(harness).stdout
    changes: dict[str, Callable[[Book], object]] = {
        "cancelled": lambda book: book.cancel("PO-2025-0036"),
        "closed": lambda book: book.finalize("PO-2025-0036", create_backorder=False),
        "deleted": lambda book: book.delete("PO-2025-0036"),
    }
    harness.change(changes[meanwhile])

    settled = run(harness, "settle", operation_id)

    assert "Cancel order PO-2025-0036" in listed
    assert "It is not known whether order PO-2025-0036 was cancelled" in listed
    assert said in settled.stdout
    assert state(harness, operation_id) == after


async def test_an_effect_that_is_absent_decides_once_it_cannot_come_late(harness: ServerHarness) -> None:
    operation_id = await claim_and_die(harness, 7200)

    early = run(harness, "settle", operation_id, PO_MCP_LATE_APPLY="7200", PO_MCP_READ_LAG="60")
    settled = run(harness, "settle", operation_id, PO_MCP_LATE_APPLY="3600", PO_MCP_READ_LAG="60")

    assert (early.returncode, settled.returncode) == (3, 0)
    assert "was not deleted: the order is still there. It can be requested again." in settled.stdout
    assert state(harness, operation_id) == "NOT_APPLIED"


async def test_without_a_terminal_nobody_can_settle_what_reading_does_not(harness: ServerHarness) -> None:
    operation_id = await unknown(harness)

    settled = run(harness, "settle", operation_id, **UNDECIDED)

    assert settled.returncode == 3
    assert "Your answer is needed; run this in a terminal. Nothing was recorded." in settled.stdout
    assert state(harness, operation_id) == "UNKNOWN"


@pytest.mark.parametrize(("said", "after", "status"), [("yes", "DONE", "done"), ("no", "NOT_APPLIED", "refused")])
async def test_a_person_tells_what_happened_and_it_is_recorded(
    harness: ServerHarness, said: str, after: str, status: str
) -> None:
    operation_id = await unknown(harness)

    ended, screen = in_terminal(harness, [said, "PO-2025-0038"], "settle", operation_id[:8])

    assert ended == 0, screen
    assert "Not clear yet: the order is still there." in screen
    assert "Recorded. SANDBOX: " in screen
    shown = json.loads(run(harness, "show", operation_id, "--json").stdout)
    assert (shown["state"], shown["outcome"]["status"]) == (after, status)
    assert shown["events"][-1]["event"] == after
    assert shown["events"][-1]["detail"] == {
        "by": "terminal",
        "said": said,
        "observed": "the order is still there",
    }
    assert run(harness, "verify").returncode == 0


async def test_a_write_settled_as_not_applied_can_be_asked_for_again(harness: ServerHarness) -> None:
    first = await unknown(harness)
    in_terminal(harness, ["no", "PO-2025-0038"], "settle", first)

    second = await delete(harness)

    assert second != first
    assert state(harness, second) == "DONE"
    assert harness.order("PO-2025-0038") is None


@pytest.mark.parametrize(
    "answers",
    [["leave"], ["yes", *3 * ["PO-2025-0039"]], ["yes", *3 * ["yes"]], ["no", "\x04"], ["\x03"], ["\x04"]],
    ids=ascii,
)
async def test_an_unclear_answer_leaves_the_operation_unknown(harness: ServerHarness, answers: list[str]) -> None:
    operation_id = await unknown(harness)

    ended, screen = in_terminal(harness, answers, "settle", operation_id)

    assert ended == 3, screen
    assert "Left as not confirmed. Nothing was recorded." in screen
    assert "Traceback" not in screen
    assert state(harness, operation_id) == "UNKNOWN"


async def test_an_operation_that_another_process_settled_stays_as_recorded(harness: ServerHarness) -> None:
    operation_id = await unknown(harness)

    def settle_elsewhere() -> None:
        with closing(JournalStore(harness.journal)) as journal:
            recorded = journal.find(operation_id)
            assert recorded is not None
            assert recorded.outcome is not None
            ended = recorded.outcome.model_copy(update={"status": "done", "message": "Done."})
            assert journal.finish(operation_id, "UNKNOWN", "DONE", ended, {})

    ended, screen = in_terminal(harness, ["no", "PO-2025-0038"], "settle", operation_id, meanwhile=settle_elsewhere)

    assert ended == 0, screen
    assert "Another process settled it first; your answer was not recorded. Done." in screen
    assert "Recorded." not in screen
    assert state(harness, operation_id) == "DONE"


async def test_only_what_is_not_known_is_settled(harness: ServerHarness) -> None:
    settled = run(harness, "settle", await delete(harness))

    assert settled.returncode == 1
    assert "is done; only one that is not confirmed can be settled." in settled.stderr


def elsewhere(harness: ServerHarness) -> dict[str, str]:
    """Settings that do not lead to the ERP that an operation was sent to."""
    return {"PO_MCP_SANDBOX": str(harness.book.with_name("another.db"))}


async def test_without_the_erps_settings_a_terminal_is_needed_and_nothing_is_looked_up(harness: ServerHarness) -> None:
    operation_id = await unknown(harness)
    harness.change(lambda book: book.delete("PO-2025-0038"))

    settled = run(harness, "settle", operation_id, **elsewhere(harness))

    assert settled.returncode == 3
    assert "so po-mcp cannot check it with these settings." in flat(settled.stdout)
    assert state(harness, operation_id) == "UNKNOWN"


@pytest.mark.parametrize(("said", "after"), [("yes", "DONE"), ("no", "NOT_APPLIED")])
async def test_without_the_erps_settings_a_second_word_is_wanted(harness: ServerHarness, said: str, after: str) -> None:
    operation_id = await unknown(harness)

    without, screen = in_terminal(
        harness,
        [said, "PO-2025-0039", "PO-2025-0038", *["yes"] * 3],
        "settle",
        operation_id,
        changes=elsewhere(harness),
    )
    between = state(harness, operation_id)
    with_it, _ = in_terminal(
        harness, [said, "PO-2025-0038", "I looked"], "settle", operation_id, changes=elsewhere(harness)
    )

    assert (without, between) == (3, "UNKNOWN")
    assert "That is not PO-2025-0038." in screen
    assert "po-mcp could not check. Type: I looked" in screen
    assert (with_it, state(harness, operation_id)) == (0, after)
    assert run(harness, "verify").returncode == 0


@pytest.mark.parametrize("is_seeing", [True, False])
async def test_a_verdict_of_no_effect_is_not_taken_before_two_minutes_are_over(
    harness: ServerHarness, is_seeing: bool
) -> None:
    operation_id = await unknown(harness, ago=0.0)
    changes: dict[str, str] = {} if is_seeing else elsewhere(harness)

    answers = ["no", "PO-2025-0038", *([] if is_seeing else ["I looked"])]
    early, screen = in_terminal(harness, answers, "settle", operation_id, changes=changes)

    assert (early, state(harness, operation_id)) == (1, "UNKNOWN")
    assert "It may still happen. Say that it did not after" in screen


async def test_a_look_at_the_erp_counts_more_than_the_word_of_a_person(harness: ServerHarness) -> None:
    operation_id = await unknown_cancel(harness, ago=300.0)

    def cancel_it() -> None:
        harness.change(lambda book: book.cancel("PO-2025-0036"))

    answers = ["no", "PO-2025-0036"]
    ended, screen = in_terminal(harness, answers, "settle", operation_id, meanwhile=cancel_it)

    assert (ended, state(harness, operation_id)) == (0, "DONE")
    assert "Another process settled it first; your answer was not recorded." in screen
    assert "was cancelled, confirmed by reading it back" in " ".join(screen.split())


async def test_settling_wants_the_pin_where_one_is_set(harness: ServerHarness) -> None:
    operation_id = await unknown(harness)
    set_pin(harness.journal, "correct horse")
    answers = ["no", "PO-2025-0038"]

    wrong, reported = in_terminal(harness, [*answers, *["a guess"] * 3], "settle", operation_id)
    between = state(harness, operation_id)
    right, screen = in_terminal(harness, [*answers, "a slip", "correct horse"], "settle", operation_id)

    assert (wrong, between, "Wrong PIN. Nothing was recorded." in reported) == (3, "UNKNOWN", True)
    assert (right, state(harness, operation_id)) == (0, "NOT_APPLIED")
    assert "correct horse" not in screen


@pytest.mark.parametrize(("seconds", "after"), [(0, "SENT"), (7200, "DONE")], ids=["under way", "left behind"])
async def test_blindly_only_what_nobody_sends_any_more_is_settled(
    harness: ServerHarness, seconds: float, after: str
) -> None:
    operation_id = await claim_and_die(harness, seconds)

    answers = ["yes", "PO-2025-0038", "I looked"]
    ended, screen = in_terminal(harness, answers, "settle", operation_id, changes=elsewhere(harness))

    assert (ended, state(harness, operation_id)) == (0 if seconds else 1, after), screen


# adopt


@pytest.fixture
async def inventory_pro(harness: ServerHarness) -> AsyncIterator[dict[str, str]]:
    """Settings of a real ERP, whose journal knows one unknown cancel under other credentials."""
    async with serve_sandbox() as there:
        settings = real("inventory-pro", there.port, PO_MCP_JOURNAL=str(harness.journal))
        leave_known(harness.journal, connect(Settings(**read_settings(settings)), None))  # type: ignore[arg-type]
        yield settings


def read_settings(settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        name.removeprefix("PO_MCP_").lower(): value
        for name, value in settings.items()
        if name.removeprefix("PO_MCP_").lower() in ("erp", "base_url", "client_id", "client_secret", "journal")
    }


def leave_known(journal: Path, erp: ERP) -> None:
    """Record, under other credentials, a cancel that waits and one of which nothing is known."""
    former = replace(erp.connection, credentials="another")
    with closing(JournalStore(journal)) as store:
        name = store.join(former)
        for number, is_sent in (("PO-2025-0036", True), ("PO-2025-0037", False)):
            shown = order(number)
            payload, question = Cancel().propose(erp, Snapshot(order=shown), {})
            operation = Operation(name, "cancel", number, "{}", payload, Requester("somebody"), question)
            store.propose(operation, {})
            if is_sent:
                assert store.approve(operation.id, payload, {})
                assert store.claim(operation.id, former) is not None
                lost = WriteOutcome(status="unknown", operation_id=operation.id, message="Not known.")
                assert store.finish(operation.id, "SENT", "UNKNOWN", lost, {})


def adopt(settings: Mapping[str, str], answers: list[str], **changes: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    shown = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}
    status, screen = at_terminal(["journal", "adopt"], answers, {**kept, **settings, **changes, **shown})
    return status, " ".join(screen.split())


def states(journal: Path) -> dict[str, str]:
    with closing(JournalStore(journal)) as store:
        return {one.operation.number: one.state for one in store.all()}


def connections(journal: Path) -> set[str]:
    with closing(JournalStore(journal)) as store:
        return {one.operation.connection for one in store.all() if one.state == "UNKNOWN"}


async def test_credentials_of_the_same_company_take_what_was_sent_and_end_what_waits(
    harness: ServerHarness, inventory_pro: dict[str, str]
) -> None:
    before = connections(harness.journal)
    status, screen = await anyio.to_thread.run_sync(adopt, inventory_pro, ["the same company"])
    again, said = await anyio.to_thread.run_sync(adopt, inventory_pro, [])

    assert status == 0, screen
    assert "PO-2025-0036 is there:" in screen or "PO-2025-0037 is there:" in screen
    assert states(harness.journal) == {"PO-2025-0036": "UNKNOWN", "PO-2025-0037": "EXPIRED"}
    assert connections(harness.journal) == before
    assert (again, "The journal knows these credentials. Nothing else is to adopt." in said) == (0, True)


async def test_credentials_of_another_company_leave_what_is_there_and_use_nothing_of_it(
    harness: ServerHarness, inventory_pro: dict[str, str]
) -> None:
    status, screen = await anyio.to_thread.run_sync(adopt, inventory_pro, ["another company"])

    assert (status, "never used here" in screen) == (0, True), screen
    assert states(harness.journal) == {"PO-2025-0036": "UNKNOWN", "PO-2025-0037": "PROPOSED"}


@pytest.mark.parametrize("answer", ["leave", "\x03", "\x04"], ids=ascii)
async def test_credentials_left_undecided_change_nothing_and_can_be_asked_about_again(
    harness: ServerHarness, inventory_pro: dict[str, str], answer: str
) -> None:
    status, screen = await anyio.to_thread.run_sync(adopt, inventory_pro, [answer])
    again, _ = await anyio.to_thread.run_sync(adopt, inventory_pro, ["the same company"])

    assert (status, again) == (3, 0), screen
    assert "Nothing was changed." in screen
    assert "Traceback" not in screen


async def test_another_company_of_the_same_name_needs_another_name(
    harness: ServerHarness, inventory_pro: dict[str, str]
) -> None:
    same_name = {"PO_MCP_COMPANY": "Acme"}
    await anyio.to_thread.run_sync(lambda: adopt(inventory_pro, ["another company"], **same_name))
    other = {**same_name, "PO_MCP_CLIENT_ID": "rotated"}
    status, screen = await anyio.to_thread.run_sync(lambda: adopt(inventory_pro, ["another company"], **other))

    assert status == 3, screen
    assert "Set PO_MCP_COMPANY to another one" in screen


async def test_without_a_terminal_nothing_is_adopted(harness: ServerHarness, inventory_pro: dict[str, str]) -> None:
    left = await anyio.run_process(
        [*JOURNAL, "adopt"], env={**settings_of(harness), **inventory_pro}, input=b"the same company\n", check=False
    )

    assert (left.returncode, b"Your answer is needed; run this in a terminal." in left.stdout) == (3, True)


async def test_a_journal_that_was_put_back_is_taken_once_a_person_says_so(harness: ServerHarness) -> None:
    await create(harness)
    shutil.copy(harness.journal, harness.journal.with_name("backup.db"))
    await create(harness, "PO-2025-0044", quantity="4")
    for beside in ("", "-wal", "-shm"):
        harness.journal.with_name(f"journal.db{beside}").unlink(missing_ok=True)
    shutil.copy(harness.journal.with_name("backup.db"), harness.journal)
    before = run(harness, "list")

    status, screen = in_terminal(harness, [], "adopt")

    after = run(harness, "list")
    assert (before.returncode, "po-mcp journal adopt" in before.stdout.splitlines()[0]) == (0, True)
    assert status == 0, screen
    assert "Look in the ERP at the orders that were sent last" in screen
    assert (after.returncode, "older copy" in after.stdout) == (0, False)
    assert await delete(harness)


@pytest.mark.parametrize("seconds", [0, 7200], ids=["under way", "left behind by a process that died"])
async def test_a_sent_operation_is_settled_once_its_sender_is_gone(harness: ServerHarness, seconds: float) -> None:
    operation_id = await claim_and_die(harness, seconds)

    settled = run(harness, "settle", operation_id)

    if seconds:
        assert (settled.returncode, state(harness, operation_id)) == (0, "NOT_APPLIED"), settled.stderr
    else:
        assert (settled.returncode, state(harness, operation_id)) == (1, "SENT")
        assert "It may still be in progress." in settled.stderr


async def claim_and_die(harness: ServerHarness, seconds: float) -> str:
    """Claim what a person was asked about, as a process would that then died so many seconds ago."""
    declined = ElicitResult(action="decline")
    asked = await call(harness, "delete_purchase_order", TEST_ORDER, declined, ago=seconds)
    with closing(JournalStore(harness.journal, clock=lambda: time.time() - seconds)) as journal:
        found = journal.find(asked)
        assert found is not None
        assert journal.approve(asked, found.operation.payload, {"through": "form"})
        assert journal.claim(asked, Sandbox(harness.book).connection) is not None
    return asked


# verify


async def test_where_nothing_was_edited_verify_says_what_it_checked(harness: ServerHarness) -> None:
    await create(harness)
    await delete(harness)
    await unknown_finalize(harness)

    verified = run(harness, "verify")

    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout == "3 operations and 11 events checked, no changes found.\n"


CALL_COLUMNS = ("id", "connection", "kind", "number", "arguments", "payload")
REQUESTER_COLUMNS = ("requested_by", "client", "protocol", "session")
SHOWN_COLUMNS = ("question", "order_digest", "content_digest", "vendor", "items")
TIME_COLUMNS = ("proposed_at", "expires_at", "declined_at", "sent_at", "counts_from", "watched_until", "foreign_since")
END_COLUMNS = ("settled_at", "outcome", "is_untold", "last_event")
LOG_COLUMNS = ("place", "operation_id", "at", "event", "detail", "row", "previous", "hash")
NUMBERS = {*TIME_COLUMNS, "settled_at", "place", "at", "is_untold"}
OPERATION_COLUMNS = (*CALL_COLUMNS, *REQUESTER_COLUMNS, *SHOWN_COLUMNS, "state", *TIME_COLUMNS, *END_COLUMNS)
EVERY_COLUMN = [
    *(("write_operations", column) for column in OPERATION_COLUMNS),
    *(("audit_log", column) for column in LOG_COLUMNS),
]
NOTES_TO_OURSELVES = {("write_operations", "is_untold")}
"""What moves without an event: whether a late effect was reported."""


def edit(file: Path, statement: str, *values: object) -> None:
    """Do what somebody would who has the file and knows SQLite."""
    with closing(sqlite3.connect(file)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement, values)
        for _, sql in triggers:
            db.execute(sql)
        db.commit()


async def test_every_column_there_is_is_edited_below(harness: ServerHarness) -> None:
    await create(harness)

    with closing(sqlite3.connect(harness.journal)) as db:
        there = [
            (table, row[1])
            for table in ("write_operations", "audit_log")
            for row in db.execute(f"PRAGMA table_info({table})")
        ]

    assert there == EVERY_COLUMN


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two operations, made once: every test edits a copy."""
    harness = ServerHarness(tmp_path_factory.mktemp("kept") / "book.db")

    async def two() -> None:
        await delete(harness)
        await create(harness)

    anyio.run(two)
    return harness.journal


@pytest.mark.parametrize(
    ("table", "column"), [one for one in EVERY_COLUMN if one not in NOTES_TO_OURSELVES], ids="-".join
)
def test_whichever_column_is_edited_verify_finds_it(
    harness: ServerHarness, kept: Path, table: str, column: str
) -> None:
    value = 4711 if column in NUMBERS else "edited"
    for place in ("MAX", "MIN"):  # the last row, then the first
        shutil.copy(kept, harness.journal)
        edit(
            harness.journal,
            f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT {place}(rowid) FROM {table})",
            value,
        )
        with closing(JournalStore(harness.journal)) as journal:
            faults = journal.upkeep.verify()
        assert faults, place

    verified = run(harness, "verify")

    assert (verified.returncode, verified.stderr) == (1, "")
    assert verified.stdout.splitlines() == faults


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM audit_log WHERE place = 2", "event 3: an earlier event is missing"),
        ("DELETE FROM audit_log WHERE place = (SELECT MAX(place) FROM audit_log)", "last event missing"),
        ("DELETE FROM write_operations WHERE kind = 'delete'", ": removed"),
        ("UPDATE write_operations SET state = 'REFUSED', settled_at = 1 WHERE kind = 'delete'", ": edited"),
    ],
)
def test_an_event_that_was_cut_out_is_noticed(harness: ServerHarness, kept: Path, statement: str, said: str) -> None:
    shutil.copy(kept, harness.journal)
    edit(harness.journal, statement)

    verified = run(harness, "verify")

    assert verified.returncode == 1
    assert said in verified.stdout


@pytest.mark.parametrize("column", ["question", "outcome", "payload"])
async def test_a_row_edited_into_nonsense_is_no_crash(harness: ServerHarness, column: str) -> None:
    operation_id = await delete(harness)
    edit(harness.journal, f"UPDATE write_operations SET {column} = '[]'")

    for arguments in (["list"], ["show", operation_id], ["show", operation_id, "--json"]):
        shown = run(harness, *arguments)
        assert "Traceback" not in shown.stderr
        assert "po-mcp journal verify" in shown.stderr
        assert shown.returncode == (0 if arguments == ["list"] else 1)


def test_the_operator_lists_who_gave_credentials_and_removes_them(tmp_path: Path) -> None:
    variables = {
        "PO_MCP_ERP": "inventory-pro",
        "PO_MCP_BASE_URL": "https://erp.example.com",
        "PO_MCP_CLIENT_ID": "service",
        "PO_MCP_CLIENT_SECRET": "s",
        "PO_MCP_COMPANY": "Acme",
        "PO_MCP_TIME_ZONE": "Europe/Berlin",
        "PO_MCP_JOURNAL": str(tmp_path / "journal.db"),
    }
    (tmp_path / "config.toml").touch()
    settings = load(variables, tmp_path / "config.toml")

    def run_it(*arguments: str) -> tuple[int, str]:
        command = [*JOURNAL, "credentials", *arguments]
        ended = subprocess.run(
            command, env={**environment(tmp_path / "book.db"), **variables}, capture_output=True, text=True, timeout=120
        )
        return ended.returncode, ended.stdout + ended.stderr

    nobody = run_it()
    with closing(JournalStore(tmp_path / "journal.db", clock=lambda: 1_764_316_800.0)) as store:
        rows = store.credential_rows(connect(settings, store.shared_token).connection.key)
        for who in ("alice", "bob"):
            rows.keep(f"https://issuer {who}", "v1.canary", who)
    both = run_it()
    one = run_it("--remove", "https://issuer alice")
    again = run_it("--remove", "https://issuer alice")

    assert nobody == (0, "")
    assert both == (0, "2025-11-28 09:00 CET  https://issuer alice\n2025-11-28 09:00 CET  https://issuer bob\n")
    assert one == (0, "2025-11-28 09:00 CET  https://issuer bob\n")
    assert again[0] == 1
    assert "That person has given none. Nothing was changed." in again[1]
    with closing(JournalStore(tmp_path / "journal.db")) as store:
        last = store.events("")[-1]
    assert (last.event, last.detail) == ("ERP credentials removed", {"of": "https://issuer alice", "by": "operator"})


# An older copy


async def test_an_older_copy_is_read_and_its_first_line_says_so(harness: ServerHarness) -> None:
    await create(harness)
    older = harness.journal.read_bytes()
    await delete(harness)
    before = run(harness, "verify")
    for left in harness.journal.parent.glob(f"{harness.journal.name}-*"):
        left.unlink()
    harness.journal.write_bytes(older)

    listed, verified, as_json = run(harness, "list"), run(harness, "verify"), run(harness, "list", "--json")
    shown = run(harness, "show", json.loads(as_json.stdout)["operations"][0]["id"])
    old = str(harness.journal.parent / "old.jsonl")
    pruned = run(harness, "prune", "--before", "2025-01-01", "--into", old)

    assert before.returncode == 0
    for one in (listed, verified, shown):
        assert one.stdout.startswith("This journal is an older copy, or another one, than was used here before")
    assert (listed.returncode, verified.returncode, as_json.returncode) == (0, 1, 0)
    assert "NUT-M8" in shown.stdout
    assert "1 operation and 3 events of this copy checked." in verified.stdout
    assert as_json.stderr.startswith("This journal is an older copy")
    assert (pruned.returncode, pruned.stdout) == (1, "")
    assert "The journal is an older copy, or another one, than was used here before." in pruned.stderr
    assert harness.journal.read_bytes() == older
