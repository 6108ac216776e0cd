"""`po-mcp doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from po_mcp.commands import doctor
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.writes.journal import JournalStore
from tests.harness import ServerHarness, outcome
from tests.ports import free_port
from tests.relays import behind_tls, tunnelling
from tests.sandbox.sandbox_server import serve_sandbox
from tests.sign_in.issuer import issuing
from tests.stdio.test_process import environment

DOCTOR = [sys.executable, "-m", "po_mcp", "doctor"]


async def run_doctor(tmp_path: Path, *options: str, **changes: str) -> tuple[int, str]:
    """Run it in a process of its own; return its status and what it printed."""
    changes = {"PO_MCP_JOURNAL": str(tmp_path / "journal.db"), **changes}
    run = await anyio.run_process(
        [*DOCTOR, *options], env=environment(**changes), check=False, stderr=subprocess.STDOUT
    )
    return run.returncode, run.stdout.decode()


def real(erp: str, port: int, **changes: str) -> dict[str, str]:
    return {
        "PO_MCP_ERP": erp,
        "PO_MCP_BASE_URL": f"http://127.0.0.1:{port}",
        "PO_MCP_CLIENT_ID": "sandbox",
        "PO_MCP_CLIENT_SECRET": "sandbox",
        "PO_MCP_REDIRECT_URI": "https://redirect",
        **changes,
    }


async def test_a_sandbox_that_is_well_passes(tmp_path: Path) -> None:
    status, said = await run_doctor(tmp_path)

    assert status == 0
    assert "✗" not in said
    assert "✓ reading   signed in; orders can be read" in said


@pytest.mark.parametrize("erp", ["inventory-pro", "exsited"])
async def test_a_real_erp_that_is_well_passes_and_the_right_that_writing_needs_is_named(
    tmp_path: Path, erp: str
) -> None:
    async with serve_sandbox() as there:
        status, said = await run_doctor(tmp_path, **real(erp, there.port))

    assert (status, "✗" in said) == (0, False)
    assert "only a real write can show whether it is granted" in said
    assert ("SecurityID 42" in said) == (erp == "inventory-pro")
    assert ("receipts and invoices can be checked before a delete" in said) == (erp == "exsited")


@pytest.mark.parametrize("erp", ["inventory-pro", "exsited"])
async def test_wrong_credentials_are_named_with_the_settings_to_check(tmp_path: Path, erp: str) -> None:
    async with serve_sandbox() as there:
        status, said = await run_doctor(tmp_path, **real(erp, there.port, PO_MCP_CLIENT_SECRET="a-wrong-secret"))

    assert status == 1
    assert "✗ reading" in said
    assert "PO_MCP_CLIENT_SECRET" in said
    assert "a-wrong-secret" not in said


async def test_an_erp_that_is_not_there_is_reported_with_the_setting_to_check(tmp_path: Path) -> None:
    status, said = await run_doctor(tmp_path, **real("inventory-pro", 9))

    assert status == 1
    assert "✗ reading   Inventory Pro cannot be reached: " in said
    assert "PO_MCP_BASE_URL" in said


@pytest.mark.parametrize(
    ("address", "cause", "setting"),
    [
        ("https://erp.invalid", "unknown host erp.invalid", "PO_MCP_BASE_URL"),
        ("http://127.0.0.1:{free}", "connection refused", "PO_MCP_BASE_URL"),
        ("https://127.0.0.1:{tls}", "its certificate is not trusted", "PO_MCP_CA_FILE"),
        ("https://127.0.0.1:{plain}", "it does not speak https", "PO_MCP_BASE_URL"),
        ("http://127.0.0.1:{plain}/no/such/path", "failed (HTTP 404)", "PO_MCP_BASE_URL"),
    ],
    ids=["unknown host", "refused", "certificate", "no TLS", "wrong path"],
)
async def test_each_cause_of_no_connection_is_named(tmp_path: Path, address: str, cause: str, setting: str) -> None:
    async with serve_sandbox() as there, behind_tls(there.port, tmp_path) as (tls, _):
        url = address.format(free=free_port(), tls=tls, plain=there.port)
        status, said = await run_doctor(tmp_path, **real("inventory-pro", there.port, PO_MCP_BASE_URL=url))

    said = " ".join(said.split())
    assert status == 1
    assert cause in said
    assert setting in said


async def test_an_erp_behind_a_proxy_and_an_authority_of_ones_own_is_well(tmp_path: Path) -> None:
    async with (
        serve_sandbox() as there,
        behind_tls(there.port, tmp_path) as (tls, authority),
        tunnelling() as (proxy, asked),
    ):
        given = real("inventory-pro", there.port, PO_MCP_BASE_URL=f"https://127.0.0.1:{tls}")
        given |= {"PO_MCP_PROXY": f"http://127.0.0.1:{proxy}", "PO_MCP_CA_FILE": str(authority)}
        status, said = await run_doctor(tmp_path, **given)

    assert (status, "✗" in said) == (0, False)
    assert set(asked) == {f"CONNECT 127.0.0.1:{tls}"}


async def test_a_journal_with_operations_that_is_whole_passes(harness: ServerHarness) -> None:
    async with harness.client() as client:
        outcome(await client.call_tool("finalize_purchase_order", {"number": "PO-2025-0036"}))

    status, said = await run_doctor(harness.book.parent, PO_MCP_SANDBOX=str(harness.book))

    assert status == 0, said
    assert ": intact, nothing unconfirmed" in said
    assert "cannot be read" not in said


async def test_an_edited_journal_fails_with_the_next_step(harness: ServerHarness) -> None:
    async with harness.client() as client:
        outcome(await client.call_tool("finalize_purchase_order", {"number": "PO-2025-0036"}))
    with closing(sqlite3.connect(harness.journal)) as db, db:
        db.execute("UPDATE write_operations SET number = 'PO-1'")

    status, said = await run_doctor(harness.book.parent, "--json", PO_MCP_SANDBOX=str(harness.book))
    journal: Any = next(finding for finding in json.loads(said) if finding["what"] == "journal")

    assert status == 1
    assert (journal["mark"], journal["next_step"]) == ("fail", "See: po-mcp journal verify")


async def test_a_journal_that_cannot_be_used_fails_with_the_setting_to_check(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("no database " * 400)

    status, said = await run_doctor(tmp_path)

    assert status == 1
    assert "✗ journal" in said
    assert "PO_MCP_JOURNAL" in said


async def test_an_issuer_is_asked_for_its_keys(tmp_path: Path) -> None:
    said = []
    async with issuing() as issuer:
        for name in (issuer.url, f"{issuer.url}/"):
            team = {"PO_MCP_ISSUER": name, "PO_MCP_PUBLIC_URL": "https://po.example.com"}
            said.append(await run_doctor(tmp_path, **team))

    (well, right), (ill, wrong) = said
    assert (well, ill) == (0, 1)
    assert f"✓ sign-in   the keys of {issuer.url} can be read" in right
    assert f"✗ sign-in   the keys of {issuer.url}/ cannot be read: The issuer's metadata names another issuer." in wrong
    assert "Check PO_MCP_ISSUER" in wrong


async def test_a_read_only_server_is_reported_as_one(tmp_path: Path) -> None:
    status, said = await run_doctor(tmp_path, PO_MCP_READ_ONLY="true")

    assert status == 0
    assert "no tool can change anything" in said
    assert "approval" not in said


async def test_credentials_that_nobody_adopted_fail_with_the_next_step(tmp_path: Path) -> None:
    async with serve_sandbox() as there:
        settings = real("inventory-pro", there.port, PO_MCP_JOURNAL=str(tmp_path / "journal.db"))
        connection = InventoryPro(settings["PO_MCP_BASE_URL"], "another client", "its secret").connection
        with closing(JournalStore(tmp_path / "journal.db")) as store:
            store.join(connection)

        status, said = await run_doctor(tmp_path, **settings)

    assert status == 1
    assert "✗ journal   it knows this address with other credentials" in said
    assert "Run po-mcp journal adopt." in said


@pytest.mark.parametrize(
    ("mode", "text", "is_noted"),
    [
        (0o644, "client_secret = 'x'", True),
        (0o604, "approver_pin = '123456'", True),
        (0o600, "client_secret = 'x'", False),
        (0o644, "timeout = 30", False),
    ],
)
def test_a_secret_that_others_can_read_is_noted(tmp_path: Path, mode: int, text: str, is_noted: bool) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    file.chmod(mode)

    found = doctor._secret_file(file)

    # Windows has no such modes: there nothing is to be noted.
    assert (found is not None) is (is_noted and sys.platform != "win32")
    if found is not None:
        assert (found.mark, found.next_step) == ("note", f"Run: chmod 600 {file}")


async def test_where_the_settings_come_from_is_reported_without_their_values(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("approver_pin = 'a secret number'")

    run = await anyio.run_process(
        [sys.executable, "-m", "po_mcp", "--config", str(file), "doctor"],
        env=environment(PO_MCP_TIMEOUT="7"),
        check=False,
    )
    said = run.stdout.decode()

    assert f"from {file}; environment: PO_MCP_SANDBOX, PO_MCP_TIMEOUT" in said
    assert "secrets" in said
    assert "a secret number" not in said
