"""`po-mcp approve`: a person at a terminal, and nobody else."""

from __future__ import annotations

import os
import pty
import signal
import sys
import threading

import anyio
import pytest

from tests.approvals.test_carrying_through import CANCEL, DELETE, FINALIZE, NUMBER
from tests.approvals.test_page import HOSTILE
from tests.commands.test_call import read_screen
from tests.office import Office, outcome

APPROVE = [sys.executable, "-m", "po_mcp", "approve"]


def environment(office: Office, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    settings = {"PO_MCP_SANDBOX": str(office.book), "PO_MCP_JOURNAL": str(office.journal)}
    return {**kept, **settings, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", **more}


def typed(office: Office, answers: list[str], *arguments: str, **settings: str) -> tuple[int, str]:
    """Run it in a terminal of its own, and give one answer to each prompt."""
    process, keyboard = pty.fork()
    if process == 0:
        os.execve(sys.executable, [*APPROVE, *arguments], environment(office, **settings))
    watchdog = threading.Timer(30, os.kill, (process, signal.SIGKILL))
    watchdog.start()
    screen, left = b"", list(answers)
    while chunk := read_screen(keyboard, b"\x03" if not left and answers[-1:] == ["\x03"] else b""):
        screen += chunk
        if left and screen.rstrip(b" ").endswith(b":"):
            os.write(keyboard, left.pop(0).encode())
    _, status = os.waitpid(process, 0)
    watchdog.cancel()
    os.close(keyboard)
    return os.waitstatus_to_exitcode(status), screen.decode(errors="replace")


async def asked(office: Office, *tools: str) -> str:
    """Have an assistant ask for it through a client that shows nothing; return the last operation's id."""
    async with office.client() as client:
        for tool in tools:
            last = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
    found: str = last["operation_id"]
    return found


async def became(office: Office, operation_id: str) -> str:
    async with office.client() as client:
        result = await client.call_tool("get_operation", {"operation_id": operation_id})
    status: str = outcome(result)["operations"][0]["status"]
    return status


async def test_the_typed_number_approves_and_the_assistant_carries_it_through(office: Office) -> None:
    one = await asked(office, DELETE)

    status, screen = typed(office, ["PO-2025-0038\n"])

    assert status == 0
    assert "SANDBOX: no real order." in screen
    assert "Delete purchase order PO-2025-0038 for good?" in screen
    assert "Approved. Nothing was sent yet" in screen
    assert office.order("PO-2025-0038") is not None
    assert await became(office, one) == "done"
    assert office.order("PO-2025-0038") is None


async def test_one_of_several_is_chosen_and_its_backorder_is_asked_for(office: Office) -> None:
    one = await asked(office, DELETE, FINALIZE)

    status, screen = typed(office, ["2\n", "y\n", "n\n"])

    assert status == 0
    assert "Which one" in screen
    assert await became(office, one) == "done"
    assert office.order("PO-2025-0037-BO1") is None


async def test_a_cancel_is_approved_with_a_yes(office: Office) -> None:
    one = await asked(office, CANCEL)

    status, screen = typed(office, ["y\n"])

    assert status == 0
    assert "Cancel purchase order PO-2025-0041?" in screen
    assert "It is then inactive. The ERP keeps it, and can make it active again." in " ".join(screen.split())
    assert office.order("PO-2025-0041").status == "partial"
    assert await became(office, one) == "done"
    assert office.order("PO-2025-0041").status == "cancelled"


@pytest.mark.parametrize(
    ("tool", "answers"),
    [(DELETE, ["reject\n"]), (FINALIZE, ["n\n"]), (CANCEL, ["n\n"])],
    ids=["delete", "finalize", "cancel"],
)
async def test_a_no_ends_it(office: Office, tool: str, answers: list[str]) -> None:
    one = await asked(office, tool)

    status, screen = typed(office, answers, NUMBER[tool])

    assert (status, "Rejected." in screen) == (0, True)
    assert await became(office, one) == "declined"


@pytest.mark.parametrize("answer", ["PO-2025-0042\n", "\n", "\x03", "\x04"], ids=ascii)
async def test_anything_else_decides_nothing(office: Office, answer: str) -> None:
    one = await asked(office, DELETE)

    status, screen = typed(office, [answer], one)

    assert status == 3
    assert "Traceback" not in screen
    assert await became(office, one) == "approval_required"


async def test_the_pin_is_asked_for_and_not_shown(office: Office) -> None:
    one = await asked(office, DELETE)

    wrong, _ = typed(office, ["PO-2025-0038\n", "guess\n"], PO_MCP_APPROVER_PIN="correct horse")
    between = await became(office, one)
    right, screen = typed(office, ["PO-2025-0038\n", "correct horse\n"], PO_MCP_APPROVER_PIN="correct horse")

    assert (wrong, between, right) == (3, "approval_required", 0)
    assert "correct horse" not in screen


async def test_without_a_terminal_nobody_decides(office: Office) -> None:
    one = await asked(office, DELETE)

    run = await anyio.run_process([*APPROVE, one], env=environment(office), input=b"PO-2025-0038\n", check=False)

    assert run.returncode == 3
    assert b"a person decides in a terminal" in run.stderr
    assert await became(office, one) == "approval_required"


@pytest.mark.parametrize("name", ["PO-1999-0001", "0" * 32, None], ids=str)
def test_where_nothing_waits_it_says_so(office: Office, name: str | None) -> None:
    status, screen = typed(office, [], *([name] if name else []))

    assert status == 1
    assert "waits" in screen
    assert not office.journal.exists()


def test_no_text_of_the_erp_adds_a_line_or_hides_a_figure() -> None:
    """What is printed of 200 hostile texts, as vendor and as a line, in a terminal of 200 columns."""
    import io

    from rich.console import Console

    from po_mcp.commands import approve
    from tests.approvals.test_view import sheet

    for text in HOSTILE:
        shown = sheet(vendor=text, text=text)
        facts = dict(approve.facts_of(shown))
        printed = io.StringIO()
        Console(file=printed, width=600, highlight=False).print(approve.lines_of(shown.order))

        assert "\n" not in facts["Vendor"]
        assert facts["Total"] == "4,800.00 EUR"
        assert len(printed.getvalue().splitlines()) == 3
        assert "4,250.00" in printed.getvalue()
        assert not any(ord(letter) < 32 and letter != "\n" for letter in printed.getvalue())
