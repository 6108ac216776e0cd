"""`po-mcp call`: a tool from a terminal, its question as prompts, and a status that a script can heed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from mcp.types import CallToolResult

from po_mcp.commands import _interrupted, call
from po_mcp.config import Settings
from po_mcp.sandbox import Book
from tests.commands.pseudo_terminal import at_terminal
from tests.commands.slow_erp import slow_erp
from tests.harness import ServerHarness, set_pin
from tests.stdio.test_process import environment

CALL = [sys.executable, "-m", "po_mcp", "call"]
DELETE = ["delete_purchase_order", "number=PO-2025-0038"]


def run_in_pipe(book: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it as a program would, without a terminal."""
    Book.open(book).close()  # with the dates of the samples; the program would make one of today
    return subprocess.run(
        [*CALL, *arguments],
        env=environment(book),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def run_in_terminal(book: Path, answers: list[str], *arguments: str, **settings: str) -> tuple[int, str]:
    """Run it in a terminal of its own, and give one answer to each prompt; return its status and what was shown."""
    Book.open(book).close()
    variables = environment(book, NO_COLOR="1", TERM="dumb", **settings)
    return at_terminal(["call", *arguments], answers, variables)


def test_without_a_tool_it_lists_them(harness: ServerHarness) -> None:
    run = run_in_pipe(harness.book)

    assert run.returncode == 0
    assert "create_purchase_order vendor=... lines=... [number=...]" in " ".join(run.stdout.split())


@pytest.mark.parametrize(
    "arguments", [["call"], ["call", "list_purchase_orders"], ["demo"], ["doctor"], ["install"], ["journal"]]
)
def test_a_reader_of_the_output_may_leave(harness: ServerHarness, arguments: list[str]) -> None:
    """As `head` does: what is printed then is of no use to anybody, and no reason to fall over."""
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-m", "po_mcp", *arguments],
        env=environment(harness.book),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    os.close(write)

    assert (run.returncode in (0, 1), run.stderr) == (True, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search_catalog", "kind=vendor", "text=zzzzz"], "No vendor matches (10 exist)."),
        (["list_purchase_orders", "ordered_from=2031-01-01"], "No matching orders."),
    ],
)
def test_a_search_without_a_match_is_a_sentence_without_a_table(
    harness: ServerHarness, arguments: list[str], said: str
) -> None:
    run = run_in_pipe(harness.book, *arguments)

    assert said in " ".join(run.stdout.split())
    assert run.stdout.startswith("Sandbox: no real orders.")


def test_a_person_reads_a_table(harness: ServerHarness) -> None:
    run = run_in_pipe(harness.book, "list_purchase_orders", "limit=2")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[1].split() == [
        "PO-2025-0042",
        "Acme",
        "Fasteners",
        "open",
        "2025-05-15",
        "2025-06-01",
        "4,250.00",
    ]
    said = " ".join(run.stdout.split())
    assert "28 orders (20 open, 8 partial), total 59,776.67. 2 shown. The next: run it again with cursor=2-2-" in said
    assert "next page" not in said


def test_a_program_reads_json(harness: ServerHarness) -> None:
    run = run_in_pipe(harness.book, "get_purchase_order", "number=PO-2025-0042", "--json")

    assert json.loads(run.stdout)["total"] == "4250.00"


def test_an_order_is_created_from_the_command_line(harness: ServerHarness) -> None:
    lines = '[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]'
    run = run_in_pipe(
        harness.book, "create_purchase_order", "number=PO-2025-0043", "vendor=12", f"lines={lines}", "--json"
    )

    assert run.returncode == 0
    assert json.loads(run.stdout)["status"] == "done"
    assert harness.order("PO-2025-0043") is not None


def test_without_a_terminal_nobody_can_be_asked_and_nothing_is_sent(harness: ServerHarness) -> None:
    run = run_in_pipe(harness.book, *DELETE)

    assert run.returncode == 3
    assert run.stdout.startswith("Needs approval: ")
    assert harness.order("PO-2025-0038") is not None


def test_the_typed_number_deletes_the_order(harness: ServerHarness) -> None:
    status, screen = run_in_terminal(harness.book, ["PO-2025-0038"], *DELETE)

    assert status == 0
    assert "Approval needed" in screen
    assert "Delete order PO-2025-0038 permanently?" in screen
    assert "Done: SANDBOX: Order PO-2025-0038 was deleted." in screen
    assert harness.order("PO-2025-0038") is None


@pytest.mark.parametrize(
    ("pin", "ended", "said"),
    [
        ("correct horse", 0, "Done: SANDBOX: Order PO-2025-0038 was deleted."),
        ("battery staple", 3, "Wrong PIN. Not approved. Nothing was changed."),
        ("", 3, "Enter the approver PIN. Not approved. Nothing was changed."),
    ],
)
def test_where_a_pin_is_set_the_terminal_asks_for_it(harness: ServerHarness, pin: str, ended: int, said: str) -> None:
    set_pin(harness.journal, "correct horse")

    answers = ["PO-2025-0038", "a slip", *[f"{pin}"] * 2]
    status, screen = run_in_terminal(harness.book, answers, *DELETE, PO_MCP_JOURNAL=str(harness.journal))

    assert (status, said in " ".join(screen.split())) == (ended, True), screen
    assert "Approver PIN: " in screen
    assert "correct horse" not in screen
    assert (harness.order("PO-2025-0038") is None) is (ended == 0)


def test_a_number_that_was_mistyped_may_be_typed_again(harness: ServerHarness) -> None:
    status, screen = run_in_terminal(harness.book, ["PO-2025-0042", "PO-2025-0038"], *DELETE)

    assert status == 0, screen
    assert "That was not the order number (try 2 of 3)." in screen
    assert harness.order("PO-2025-0038") is None


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["PO-2025-0042"] * 3, "Needs approval: SANDBOX: PO-2025-0042 is not the order number."),
        ([""] * 3, "Needs approval: SANDBOX: Order PO-2025-0038 was not deleted. Nothing was decided in 3 tries."),
        (["no"], "Declined: SANDBOX: You said no. Order PO-2025-0038 was not deleted."),
        (["x", ' "No"'], "Declined: SANDBOX: You said no. Order PO-2025-0038 was not deleted."),
        (["\x03"], "Needs approval: "),
        (["\x04"], "Needs approval: "),
    ],
    ids=ascii,
)
def test_a_typed_text_other_than_the_number_deletes_nothing(
    harness: ServerHarness, answers: list[str], said: str
) -> None:
    status, screen = run_in_terminal(harness.book, answers, *DELETE)

    assert status == 3
    assert 'Type PO-2025-0038 to delete it, or "no" to keep it: ' in screen
    assert said in " ".join(screen.split())
    assert "Traceback" not in screen
    assert harness.order("PO-2025-0038") is not None


def test_a_finalize_asks_what_becomes_of_the_rest(harness: ServerHarness) -> None:
    status, screen = run_in_terminal(harness.book, ["3"], "finalize_purchase_order", "number=PO-2025-0037")

    assert status == 0
    assert "No backorder was created." in " ".join(screen.split())
    assert harness.order("PO-2025-0037").status == "closed"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["get_purchase_order", "number=PO-1999-0001"], 1, "has no order"),
        (["get_purchase_order", "number=.."], 2, "number: cannot stand in an address"),
        (
            ["get_purchase_order", "number=../7"],
            1,
            "If there is such an order, it cannot be opened or changed here: an address with its number may lead",
        ),
        (["finalize_purchase_order", "number=PO-2025-0012"], 1, "is already closed"),
        (["get_purchase_order"], 2, "number: is required. Nothing was sent."),
        (["get_operation", "operation_id=abcd"], 1, "no operations have an id that starts with abcd"),
        (["get_order", "number=1"], 2, "no tool named get_order. Tools: list_purchase_orders,"),
        (["get_purchase_order", "PO-1"], 2, "write PO-1 as key=value. get_purchase_order takes: number"),
        (["list_purchase_orders", "limit=five"], 2, "limit must be JSON, such as 5"),
        (["get_purchase_order", "number=PO-2025-0042", "yes=1"], 2, "yes: unknown argument, leave it out."),
    ],
    ids=str,
)
def test_a_fault_is_named_and_shows_in_the_exit_status(
    harness: ServerHarness, arguments: list[str], status: int, said: str
) -> None:
    run = run_in_pipe(harness.book, *arguments)

    assert run.returncode == status
    assert said in " ".join((run.stdout + run.stderr).split())


# What became of an operation


def with_journal(harness: ServerHarness, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = environment(harness.book, PO_MCP_JOURNAL=str(harness.journal))
    return subprocess.run(
        [*CALL, *arguments], env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def test_every_operation_is_reported_and_the_worst_decides_the_status(harness: ServerHarness) -> None:
    nothing = with_journal(harness, "get_operation")
    asked = json.loads(with_journal(harness, *DELETE, "--json").stdout)
    [one, whole] = [with_journal(harness, "get_operation", *more) for more in ([], ["--json"])]

    quiet = "Sandbox: no real orders. Nothing is waiting for approval, and nothing is unconfirmed."
    assert (nothing.returncode, " ".join(nothing.stdout.split())) == (0, quiet)
    assert (one.returncode, whole.returncode) == (3, 3)
    assert one.stdout.startswith("Needs approval: SANDBOX: ")
    assert asked["operation_id"] in one.stdout
    assert json.loads(whole.stdout)["operations"][0]["operation_id"] == asked["operation_id"]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], 0),
        (["done"], 0),
        (["done", "refused"], 1),
        (["refused", "approval_required"], 3),
        (["stale", "unknown"], 4),
    ],
    ids=str,
)
def test_of_several_outcomes_the_worst_is_the_status(statuses: list[str], status: int) -> None:
    outcomes = [{"status": one, "message": "", "do_not_repeat": False} for one in statuses]
    result = CallToolResult(content=[], structured_content={"operations": outcomes})

    assert call._exit_status(result) == status


def test_the_beginning_of_an_id_is_enough(harness: ServerHarness) -> None:
    asked = json.loads(with_journal(harness, *DELETE, "--json").stdout)
    named = with_journal(harness, "get_operation", f"operation_id={asked['operation_id'][:6].upper()}")
    other = with_journal(harness, "get_operation", "operation_id=zzzzzz")

    assert (named.returncode, asked["operation_id"] in named.stdout) == (3, True)
    assert (other.returncode, other.stderr) == (1, "po-mcp: no operations have an id that starts with zzzzzz\n")


def test_a_repeat_is_said_to_be_one(harness: ServerHarness) -> None:
    lines = '[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]'
    create = ["create_purchase_order", "number=PO-2025-0043", "vendor=12", f"lines={lines}"]
    first, again = with_journal(harness, *create), with_journal(harness, *create)

    assert (first.returncode, again.returncode) == (0, 0)
    assert "earlier call" not in " ".join(first.stdout.split())
    assert "Already done by an earlier call; nothing was sent again." in " ".join(again.stdout.split())


def test_a_short_order_is_shown_by_its_sentence_and_no_empty_table(harness: ServerHarness) -> None:
    shown = run_in_pipe(harness.book, "get_purchase_order", "number=PO-2025-0037", "detail=short").stdout

    assert "3 lines, 2 outstanding; detail=full lists them." in shown
    assert "Unit price" not in shown


def test_the_help_of_a_tool_shows_the_shape_of_what_is_written_as_json(harness: ServerHarness) -> None:
    shown = " ".join(run_in_pipe(harness.book, "create_purchase_order", "--help").stdout.split())
    general = " ".join(run_in_pipe(harness.book, "--help").stdout.split())
    unknown = run_in_pipe(harness.book, "get_order", "--help")

    assert "lines (JSON list, needed)" in shown
    assert """such as: '[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]'""" in shown
    assert "What a tool takes, with an example: po-mcp call create_purchase_order --help" in general
    assert (unknown.returncode, "no tool named get_order" in unknown.stderr) == (2, True)


# Ctrl-C


CREATE = [
    "create_purchase_order",
    "number=PO-2025-0050",
    "vendor=12",
    'lines=[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]',
]


async def interrupt(harness: ServerHarness, *, twice: bool) -> tuple[int, str]:
    """Press Ctrl-C while the ERP, which has done the write, keeps its answer back; once, or a second time too."""
    async with slow_erp(harness.book) as erp:
        settings = environment(PO_MCP_JOURNAL=str(harness.journal), **erp.settings)
        async with await anyio.open_process(
            [*CALL, *CREATE], env=settings, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        ) as process:
            with anyio.fail_after(60):
                await erp.has_written.wait()
                process.send_signal(signal.SIGINT)
                assert process.stdout is not None
                said = await process.stdout.receive()
                if twice:
                    process.send_signal(signal.SIGINT)
                else:
                    erp.may_answer.set()
                async for chunk in process.stdout:
                    said += chunk
                status = await process.wait()
            erp.may_answer.set()
    return status, " ".join(said.decode().split())


async def test_ctrl_c_during_a_write_waits_until_its_outcome_is_recorded_and_says_it(harness: ServerHarness) -> None:
    status, said = await interrupt(harness, twice=False)

    assert status == 130
    assert "Stopping. What was sent is being recorded; Ctrl-C again leaves at once." in said
    assert "Stopped. Creating order PO-2025-0050: Order PO-2025-0050" in said


async def test_a_second_ctrl_c_leaves_and_says_that_the_order_was_sent(harness: ServerHarness) -> None:
    status, said = await interrupt(harness, twice=True)

    assert status == 4
    assert "Stopped. Creating order PO-2025-0050: Sent, no answer yet." in said
    assert "po-mcp journal show" in said


def test_ctrl_c_before_anything_was_sent_says_so(harness: ServerHarness) -> None:
    stopped = _interrupted.Call("delete_purchase_order", "PO-2025-0038", time.time())
    settings = Settings(sandbox=str(harness.book), journal=str(harness.journal))

    without_a_journal = _interrupted.known_of(settings, stopped)
    asked = json.loads(with_journal(harness, *DELETE, "--json").stdout)
    waiting, status = _interrupted.known_of(settings, stopped)
    later = _interrupted.known_of(settings, replace(stopped, began=time.time()))
    of_another = _interrupted.known_of(settings, replace(stopped, number="PO-2025-0037"))

    assert without_a_journal == later == of_another == ("Stopped. Nothing was sent.", 130)
    assert status == 130
    assert waiting.endswith(f"needs approval: po-mcp approve {asked['operation_id'][:12]}")


async def test_an_argument_that_may_be_left_out_is_text_as_it_stands(harness: ServerHarness) -> None:
    """A schema with null beside the text is no reason to want JSON."""
    async with harness.client() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    typed = call._parse_pairs(tools, "create_purchase_order", ("number=PO-2025-0077", "vendor=12", "lines=[]"))

    assert typed == {"number": "PO-2025-0077", "vendor": "12", "lines": []}
