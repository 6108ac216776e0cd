from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import ERP
from po_mcp.errors import ConfigurationError
from po_mcp.orders import OrderQuery


async def test_the_notice_says_that_no_order_is_real() -> None:
    sandbox: ERP = Sandbox()

    assert sandbox.notice == "Sandbox: no real orders."
    assert sandbox.capabilities == {"list", "get", "create", "finalize", "delete", "cancel", "catalog"}
    await sandbox.aclose()


async def test_the_book_is_opened_by_the_first_call(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "book.db"
    sandbox = Sandbox(path)
    assert not path.exists()

    await sandbox.probe()
    await sandbox.aclose()

    assert path.exists()


async def test_the_book_outlives_the_connection(tmp_path: Path) -> None:
    first = Sandbox(tmp_path / "book.db")
    await first.delete_order("PO-2025-0042")
    await first.aclose()
    second = Sandbox(tmp_path / "book.db")

    found = await second.scan_orders(OrderQuery())

    await second.aclose()
    assert "PO-2025-0042" not in {order.number for order in found.orders}
    assert first.connection == second.connection


async def test_two_books_in_memory_are_two_connections() -> None:
    assert Sandbox().connection != Sandbox().connection


async def test_a_file_that_is_no_book_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are not orders")
    sandbox = Sandbox(path)

    with pytest.raises(ConfigurationError, match="PO_MCP_SANDBOX"):
        await sandbox.probe()

    await sandbox.aclose()
    assert path.read_text() == "these are not orders"


def test_the_sandbox_declares_what_its_two_connectors_do() -> None:
    assert Sandbox.capabilities == InventoryPro.capabilities | {"delete", "cancel"}
    assert Sandbox.listed_statuses == InventoryPro.listed_statuses
    assert Sandbox.cancellable_statuses == Exsited.cancellable_statuses


def test_no_web_framework_is_imported_before_the_first_call() -> None:
    look = "import sys; import po_mcp.connectors.sandbox as s; s.Sandbox(); print('starlette' in sys.modules)"

    seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == "False"
