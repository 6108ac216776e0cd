"""Two hosts on one computer start a server each, in working directories of their own, and have one journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .test_process import MODERN_META, server

LINES = [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]
CREATE = {"name": "create_purchase_order", "arguments": {"vendor": "12", "lines": LINES}, "_meta": MODERN_META}


@pytest.mark.parametrize(
    ("given", "is_at"),
    [
        ({}, ".local/share/po-mcp/journal.db"),
        ({"PO_MCP_JOURNAL": "~/po.db"}, "po.db"),
        ({"PO_MCP_JOURNAL": "po.db"}, ".local/share/po-mcp/po.db"),
    ],
    ids=str,
)
def test_an_order_that_two_hosts_ask_for_is_created_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], is_at: str
) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
    outcomes: list[Any] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with server(**home, PO_MCP_SANDBOX="~/book.db", **given) as client:
            outcomes.append(client.request("tools/call", CREATE)["result"]["structuredContent"])

    assert [(one["status"], one.get("replayed", False)) for one in outcomes] == [("done", False), ("done", True)]
    assert outcomes[0]["operation_id"] == outcomes[1]["operation_id"]
    assert (tmp_path / is_at).exists()
    assert [*(tmp_path / "a").iterdir(), *(tmp_path / "b").iterdir()] == []
