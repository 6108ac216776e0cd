"""`po-mcp call`: a tool from a terminal, its question as prompts, and a status that a script can heed."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.office import Office
from tests.stdio.test_process import environment

CALL = [sys.executable, "-m", "po_mcp", "call"]
DELETE = ["delete_purchase_order", "number=PO-2025-0038"]


def piped(book: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it as a program would, without a terminal."""
    return subprocess.run(
        [*CALL, *arguments], env=environment(book), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def typed(book: Path, answers: str, *arguments: str) -> tuple[int, str]:
    """Run it in a terminal of its own, and type when it asks; return its status and what the screen showed."""
    process, keyboard = pty.fork()
    if process == 0:
        os.execve(sys.executable, [*CALL, *arguments], {**environment(book), "NO_COLOR": "1", "TERM": "dumb"})
    watchdog = threading.Timer(30, os.kill, (process, signal.SIGKILL))
    watchdog.start()
    screen = b""
    asked = False
    while chunk := read_screen(keyboard, b"\x03" if asked and answers == "\x03" else b""):
        screen += chunk
        if not asked and screen.endswith(b": "):
            asked = True
            os.write(keyboard, answers.encode())
    _, status = os.waitpid(process, 0)
    watchdog.cancel()
    os.close(keyboard)
    return os.waitstatus_to_exitcode(status), screen.decode(errors="replace")


def read_screen(keyboard: int, again: bytes = b"") -> bytes:
    """Read what the screen shows next; type `again` while nothing comes.

    A Ctrl-C between a prompt and the read of its answer is noticed at the next key only, as in any program.
    """
    while again and not select.select([keyboard], [], [], 1)[0]:
        os.write(keyboard, again)
    try:
        return os.read(keyboard, 65536)
    except OSError:  # the terminal is gone when its last process is
        return b""


def test_without_a_tool_it_lists_them(office: Office) -> None:
    run = piped(office.book)

    assert run.returncode == 0
    assert "create_purchase_order vendor=... lines=... [number=...]" in " ".join(run.stdout.split())


def test_a_person_reads_a_table(office: Office) -> None:
    run = piped(office.book, "list_purchase_orders", "limit=2")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[1].split() == [
        "PO-2025-0042",
        "Acme",
        "Fasteners",
        "open",
        "2025-05-15",
        "2025-06-01",
        "4250.00",
    ]
    assert "28 orders (20 open, 8 partial), worth 59776.67. 2 shown;" in run.stdout
    assert "cursor=" in run.stdout


def test_a_program_reads_json(office: Office) -> None:
    run = piped(office.book, "get_purchase_order", "number=PO-2025-0042", "--json")

    assert json.loads(run.stdout)["total"] == "4250.00"


def test_an_order_is_created_from_the_command_line(office: Office) -> None:
    lines = '[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]'
    run = piped(office.book, "create_purchase_order", "number=PO-2025-0043", "vendor=12", f"lines={lines}", "--json")

    assert run.returncode == 0
    assert json.loads(run.stdout)["status"] == "done"
    assert office.order("PO-2025-0043") is not None


def test_without_a_terminal_nobody_can_be_asked_and_nothing_is_sent(office: Office) -> None:
    run = piped(office.book, *DELETE)

    assert run.returncode == 3
    assert run.stdout.startswith("approval_required: ")
    assert office.order("PO-2025-0038") is not None


def test_the_typed_number_deletes_the_order(office: Office) -> None:
    status, screen = typed(office.book, "PO-2025-0038\n", *DELETE)

    assert status == 0
    assert "You are asked" in screen
    assert 'Delete purchase order "PO-2025-0038" for good?' in screen
    assert "done: SANDBOX: no real order. Deleted order" in screen
    assert office.order("PO-2025-0038") is None


@pytest.mark.parametrize("answers", ["PO-2025-0042\n", "\n", "\x03", "\x04"], ids=ascii)
def test_anything_else_that_is_typed_deletes_nothing(office: Office, answers: str) -> None:
    status, screen = typed(office.book, answers, *DELETE)

    assert status == 3
    assert "declined: " in screen
    assert "Traceback" not in screen
    assert office.order("PO-2025-0038") is not None


def test_a_finalize_asks_for_the_backorder_too(office: Office) -> None:
    status, screen = typed(office.book, "y\nn\n", "finalize_purchase_order", "number=PO-2025-0037")

    assert status == 0
    assert "No backorder was made." in " ".join(screen.split())
    assert office.order("PO-2025-0037").status == "closed"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["get_purchase_order", "number=PO-1999-0001"], 1, "knows no such order"),
        (["get_purchase_order", "number=../7"], 1, "Nothing was sent. number: write letters"),
        (["finalize_purchase_order", "number=PO-2025-0012"], 1, "is closed, so it cannot be finalized"),
        (["get_order", "number=1"], 2, "there is no tool get_order; there are list_purchase_orders,"),
        (["get_purchase_order", "PO-1"], 2, "write an argument as key=value"),
        (["list_purchase_orders", "limit=five"], 2, "limit is not written as JSON"),
        (["get_purchase_order", "number=PO-2025-0042", "yes=1"], 1, "yes: there is no such argument"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_told_by_the_status(
    office: Office, arguments: list[str], status: int, said: str
) -> None:
    run = piped(office.book, *arguments)

    assert run.returncode == status
    assert said in " ".join((run.stdout + run.stderr).split())
