"""`po-mcp sandbox` as a process: what it prints, what it serves, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.orders import OrderQuery
from po_mcp.sandbox import Book
from tests.sandbox.sandbox_server import make_older_book

TOKEN = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}


@dataclass
class Running:
    """The process, what it printed before it served, and the address in it."""

    process: subprocess.Popen[str]
    printed: str

    @property
    def url(self) -> str:
        found = re.search(r"PO_MCP_BASE_URL=(\S+)", self.printed)
        assert found
        return found[1]

    def line(self) -> list[str]:
        """The next line that it prints, in words."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def end(self, signum: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(signum)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "po_mcp", "sandbox", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    with start(*arguments) as process:
        assert process.stdout is not None
        printed = "".join(iter(process.stdout.readline, "Requests:\n"))
        try:
            yield Running(process, printed)
        finally:
            process.kill()


def run_refused(*arguments: str) -> str:
    """What stands on standard error after a start that fails with status 2."""
    with start(*arguments) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    return errors


async def test_the_printed_settings_lead_each_connector_to_its_api() -> None:
    with running("--client-id", "me", "--client-secret", "mine") as sandbox:
        inventory_pro = InventoryPro(sandbox.url, "me", "mine")
        exsited = Exsited(sandbox.url, "me", "mine", f"{sandbox.url}/back")
        found = await inventory_pro.scan_orders(OrderQuery())
        order = await exsited.get_order("PO-2025-0042")
        await inventory_pro.aclose()
        await exsited.aclose()

    assert (len(found.orders), order.number) == (28, "PO-2025-0042")
    for line in ("PO_MCP_ERP=inventory-pro", "PO_MCP_ERP=exsited", "PO_MCP_CLIENT_ID=me", "PO_MCP_CLIENT_SECRET=mine"):
        assert f"  {line}\n" in sandbox.printed
    assert f"  PO_MCP_REDIRECT_URI={sandbox.url}/back\n" in sandbox.printed


def test_one_api_alone_is_served_and_printed() -> None:
    with running("--api", "exsited") as sandbox:
        status = httpx2.get(f"{sandbox.url}/api/v1/PurchaseOrder", timeout=60, trust_env=False).status_code

    assert status == 404
    assert "inventory-pro" not in sandbox.printed


def test_a_fault_strikes_the_second_request_only_and_each_is_a_line() -> None:
    with (
        running("--fault", "500@2") as sandbox,
        httpx2.Client(base_url=sandbox.url, timeout=60, trust_env=False) as client,
    ):
        statuses = [client.get(f"/api/v1/Location?wid={wid}").status_code for wid in range(3)]
        lines = [sandbox.line() for _ in range(3)]

    assert statuses == [401, 500, 401]
    assert lines == [
        ["1", "GET", "/api/v1/Location?wid=0", "401"],
        ["2", "GET", "/api/v1/Location?wid=1", "500", "500@2"],
        ["3", "GET", "/api/v1/Location?wid=2", "401"],
    ]
    assert "500@2  500 Internal Server Error" in sandbox.printed


def test_a_request_without_a_fault_plan_is_a_line_too() -> None:
    with running() as sandbox:
        httpx2.post(f"{sandbox.url}/api/v1/Token?a=b", data=TOKEN, timeout=60, trust_env=False)
        line = sandbox.line()

    assert line == ["1", "POST", "/api/v1/Token?a=b", "200"]


def test_a_request_that_gets_no_answer_is_a_line_that_says_so() -> None:
    with running("--fault", "reset-before-read@1") as sandbox:
        with pytest.raises(httpx2.ReadError):
            httpx2.get(sandbox.url, trust_env=False)
        line = sandbox.line()

    assert line == ["1", "(not", "read)", "no", "answer", "reset-before-read@1"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [[], ["--fault", "hang"]], ids=["plain", "with a fault"])
def test_a_signal_ends_it_at_once_though_clients_are_connected(arguments: list[str], signum: signal.Signals) -> None:
    with running(*arguments) as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: erp\r\n\r\n")
            sandbox.line()
            assert sandbox.end(signum) == (0, "")


def test_a_large_book_is_kept_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with running("--book", str(path), "--orders", "100") as sandbox:
        sandbox.end(signal.SIGTERM)

    with closing(Book.open(path)) as book:
        assert book.order("PO-2024-00072").number == "PO-2024-00072"


@pytest.mark.parametrize("arguments", [[], ["--fault", "500@1"]], ids=["plain", "with a fault"])
def test_a_port_that_is_taken_is_one_line_and_status_2(arguments: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        errors = run_refused("--port", str(port), *arguments)

    assert errors == f"Error: Port {port} is in use.\n"


def test_a_book_that_cannot_be_opened_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is no order book, but somebody's notes. " * 50)

    errors = run_refused("--book", str(path))

    assert errors.startswith(f"Error: Cannot open {path}: ")
    assert errors.count("\n") == 1


def test_an_unknown_fault_is_refused_with_what_is_near() -> None:
    assert "No fault named 'late-aply'. Similar: late-apply" in run_refused("--fault", "late-aply@2")


def test_the_faults_are_listed_each_with_its_sentence() -> None:
    from po_mcp.sandbox.faults import FAULTS

    with start("--list-faults") as process:
        printed, _ = process.communicate(timeout=60)

    lines = printed.splitlines()
    assert [line.split()[0] for line in lines] == list(FAULTS)
    assert all(fault.description in line for line, fault in zip(lines, FAULTS.values(), strict=True))


def test_the_habits_that_are_named_are_served_and_printed() -> None:
    line = {"shortID": "BOLT-M8-30", "units": 2, "unitPrice": 0.335, "warehouse": 1}
    draft = {"poNumber": "rush-7", "vendorID": 12, "lines": [line]}
    with (
        running("--habit", "rounds-prices, upper-numbers", "--habit", "late-read:0.5") as sandbox,
        httpx2.Client(base_url=f"{sandbox.url}/api/v1", timeout=60, trust_env=False) as client,
    ):
        client.headers["Authorization"] = f"Bearer {client.post('/Token', data=TOKEN).json()['access_token']}"
        created = client.post("/PurchaseOrder", json=draft).json()

    assert (created["poNo"], created["totalValue"]) == ("RUSH-7", 0.68)
    printed = sandbox.printed.partition("Habits:\n")[2].splitlines()
    assert [row.split()[0] for row in printed if row] == ["upper-numbers", "rounds-prices:2", "late-read:0.5"]


def test_habits_are_served_behind_a_fault() -> None:
    with (
        running("--fault", "500@2", "--habit", "small-pages:3") as sandbox,
        httpx2.Client(base_url=f"{sandbox.url}/api/v1", timeout=60, trust_env=False) as client,
    ):
        client.headers["Authorization"] = f"Bearer {client.post('/Token', data=TOKEN).json()['access_token']}"
        struck, listed = client.get("/PurchaseOrder"), client.get("/PurchaseOrder")

    assert (struck.status_code, len(listed.json()["value"])) == (500, 3)


def test_without_habits_none_are_printed() -> None:
    with running() as sandbox:
        assert "habits" not in sandbox.printed


@pytest.mark.parametrize(
    ("habits", "reason"),
    [
        ("late-raed", "No habit named 'late-raed'. Similar: late-read, "),
        ("drops-note,", "'' is no habit: "),
        ("upserts,overwrites", "The habits 'upserts' and 'overwrites' exclude each other."),
    ],
)
def test_a_habit_that_cannot_be_had_is_one_line_and_status_2(habits: str, reason: str) -> None:
    errors = run_refused("--habit", habits)

    assert errors.startswith(f"Error: {reason}")
    assert errors.count("\n") == 1


def test_a_habit_that_an_older_book_cannot_have_is_one_line_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    make_older_book(path)

    errors = run_refused("--book", str(path), "--habit", "soft-delete")

    assert errors == "Error: The habit 'soft-delete' needs a new book: this one is of an older version.\n"


def test_the_habits_are_listed_each_with_its_sentence() -> None:
    from po_mcp.sandbox.habits import HABITS

    with start("--list-habits") as process:
        printed, _ = process.communicate(timeout=60)

    lines = printed.splitlines()
    assert [line.split()[0] for line in lines] == list(HABITS)
    assert all(habit.description in line for line, habit in zip(lines, HABITS.values(), strict=True))


def test_listing_the_commands_does_not_import_what_this_one_runs_on() -> None:
    code = (
        "import sys, po_mcp.commands.sandbox; print({'uvicorn', 'rich', 'starlette', 'h11', 'anyio'} & {*sys.modules})"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed == "set()\n"
